//! What stretches of a program have been found to return.

use super::solve::{Key, Known};
use super::value::{State, Value};
use crate::diagram::Ref;
use crate::hash::FastMap;

/// The diagrams of keys. Hardly any program keeps anything but the accumulator from one test to the next, and few come
/// to one place with two values in it: the first such key at each instruction is found without hashing.
pub(super) struct Solved {
    first: Vec<Option<(Value, Ref)>>,
    others: FastMap<Key, Ref>,
    len: usize,
}

impl Solved {
    /// For a program of so many instructions.
    pub(super) fn new(insns: usize) -> Solved {
        Solved { first: vec![None; insns], others: FastMap::default(), len: 0 }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Ref> {
        match self.first[key.pc] {
            Some((a, made)) if is_plain(key) && a == key.state.a => Some(made),
            _ if self.others.is_empty() => None,
            _ => self.others.get(key).copied(),
        }
    }

    pub(super) fn insert(&mut self, key: Key, made: Ref) {
        self.len += 1;
        match &mut self.first[key.pc] {
            first @ None if is_plain(&key) => *first = Some((key.state.a, made)),
            _ => drop(self.others.insert(key, made)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}

fn is_plain(key: &Key) -> bool {
    const NOTHING: Known = Known { arch: None, nr: None };
    key.state.x == State::START.x && key.state.mem == State::START.mem && key.known == NOTHING
}
