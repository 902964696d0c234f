//! Bits asked for all at once, laid over a function.

use super::{Ref, Store, TooLarge};
use crate::hash::FastMap;
use callgate_abi::Word;

/// As many nodes are kept at first where a cube meets other conditions: about those of an argument's bits, of either.
const FREE: usize = 112;

/// Some bits of some words, and what they must be.
#[derive(Clone, Default)]
pub(crate) struct Cube {
    /// By word: the bits, and their values.
    words: [(u32, u32); Word::COUNT as usize],
}

impl Cube {
    /// Also asks for `word & mask == value`; whether that can hold together with the rest.
    pub(crate) fn ask(&mut self, word: Word, mask: u32, value: u32) -> bool {
        let (known, values) = &mut self.words[usize::from(word.index())];
        let agree = (*values ^ value) & *known & mask == 0 && value & !mask == 0;
        *known |= mask;
        *values |= value;
        agree
    }

    /// The first level from this one on that is asked for, and whether its bit must be one.
    fn next(&self, level: u16) -> Option<(u16, bool)> {
        let mut bits = u32::MAX >> (level % 32);
        for word in usize::from(level / 32)..self.words.len() {
            let (mask, values) = self.words[word];
            if mask & bits != 0 {
                let place = (mask & bits).leading_zeros();
                return Some((word as u16 * 32 + place as u16, values >> (31 - place) & 1 == 1));
            }
            bits = u32::MAX;
        }
        None
    }
}

impl Store {
    /// The leaf `then` where all bits are as the cube says, and `otherwise` elsewhere.
    pub(crate) fn overlay(&mut self, cube: &Cube, then: Ref, otherwise: Ref) -> Result<Ref, TooLarge> {
        debug_assert!(then.is_leaf());
        self.overlay_from(0, cube, then, otherwise, None)
    }

    /// The same from a level on. `done` is what has been made, by what it was made of and the level asked for next: once
    /// both sides of a bit are followed that the cube leaves free, they come together again.
    fn overlay_from(
        &mut self,
        level: u16,
        cube: &Cube,
        then: Ref,
        at: Ref,
        mut done: Option<&mut FastMap<(Ref, u16), Ref>>,
    ) -> Result<Ref, TooLarge> {
        let Some((next, one)) = cube.next(level) else { return Ok(then) };
        if at == then {
            return Ok(at);
        }
        if let Some(&made) = done.as_ref().and_then(|done| done.get(&(at, next))) {
            return Ok(made);
        }
        self.spend(1)?;
        let free = self.level(at);
        let made = if free >= next {
            let (lo, hi) = self.split(at, next);
            let on = if one { hi } else { lo };
            let inside = self.overlay_from(next + 1, cube, then, on, done.as_deref_mut())?;
            if one { self.mk(next, lo, inside)? } else { self.mk(next, inside, hi)? }
        } else {
            let (lo, hi) = self.split(at, free);
            let mut first = FastMap::with_capacity_and_hasher(FREE, Default::default());
            let done = done.as_deref_mut().unwrap_or(&mut first);
            let lo = self.overlay_from(free + 1, cube, then, lo, Some(done))?;
            let hi = self.overlay_from(free + 1, cube, then, hi, Some(done))?;
            self.mk(free, lo, hi)?
        };
        if let Some(done) = done {
            done.insert((at, next), made);
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagram::Limits;
    use callgate_abi::SeccompData;

    /// Numbers that look random, the same each time.
    fn numbers() -> impl FnMut(u64) -> u64 {
        let mut state = 1_u64;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        }
    }

    /// Cubes one upon the other, held against a look at each of them; the bits are few, so that cubes meet.
    #[test]
    fn the_last_one_that_holds_decides() {
        let mut number = numbers();
        let words = [Word::NR, Word::arg_hi(0), Word::arg_lo(0), Word::arg_lo(2)];
        for _ in 0..300 {
            let mut store = Store::new(Limits::default());
            let mut at = Ref::leaf(0);
            let mut cubes: Vec<(Cube, u32)> = Vec::new();
            for leaf in 1..=number(6) as u32 {
                let mut cube = Cube::default();
                for word in words {
                    let mask = number(8) as u32 * 0x0101;
                    assert!(cube.ask(word, mask, (number(8) as u32 * 0x0101) & mask));
                }
                at = store.overlay(&cube, Ref::leaf(leaf % 3), at).unwrap();
                cubes.push((cube, leaf % 3));
            }
            let diagram = store.finish(at, &[0, 1, 2]);
            for _ in 0..200 {
                let mut data = SeccompData::default();
                words.iter().for_each(|word| word.set(&mut data, number(8) as u32 * 0x0101));
                let holds = |cube: &Cube| {
                    words.iter().all(|word| {
                        let (mask, values) = cube.words[usize::from(word.index())];
                        word.of(&data) & mask == values
                    })
                };
                let expected = cubes.iter().rev().find(|(cube, _)| holds(cube)).map_or(0, |(_, leaf)| *leaf);
                assert_eq!(*diagram.eval(&data), expected);
            }
        }
    }

    #[test]
    fn what_cannot_hold_is_told() {
        let mut cube = Cube::default();
        assert!(cube.ask(Word::NR, 3, 1));
        assert!(cube.ask(Word::NR, 6, 0));
        assert!(!cube.ask(Word::NR, 4, 4));
        assert!(!Cube::default().ask(Word::NR, 1, 2));
    }
}
