//! What programs are held against: the best tree of equality and ordering tests, and a bound no program can
//! be below. Written apart from the compiler, which it judges.

use super::mix::Event;
use crate::files::Result;
use callgate::abi::Word;
use callgate::{Action, Arch, Filter, Syscall};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

/// What every path begins with: the architecture loaded and tested, the number loaded.
const ENTRY: f64 = 3.0;

/// Values of `nr` that lead to one place: first, last, place, weight.
struct Stretch {
    first: u32,
    last: u32,
    place: usize,
    weight: f64,
}

/// Instructions executed a call by the best tree over `nr`, with what follows it compiled as the compiler
/// does. For filters of x86_64 alone.
pub(super) fn optimum(filter: &Filter, events: &[Event]) -> Result<f64> {
    let here = filter.restrict(Word::ARCH, Arch::X86_64.token());
    let mut places: Vec<Filter> = Vec::new();
    let mut stretches: Vec<Stretch> = Vec::new();
    let last = Syscall::last_number(Arch::X86_64).unwrap_or(0);
    let edges = (0..=last + 1).chain(std::iter::once(Arch::X32_BIT));
    for nr in edges {
        let behind = here.restrict(Word::NR, nr);
        let place = places.iter().position(|p| *p == behind).unwrap_or(places.len());
        if place == places.len() {
            places.push(behind);
        }
        match stretches.last_mut() {
            Some(last) if last.place == place => last.last = nr,
            _ => stretches.push(Stretch { first: nr, last: nr, place, weight: 0.0 }),
        }
    }
    if let Some(last) = stretches.last_mut() {
        last.last = u32::MAX;
    }
    let whole: f64 = events.iter().map(|e| e.weight).sum();
    let mut behind = 0.0;
    let mut bodies = HashMap::new();
    for event in events {
        let at = stretches.iter().position(|s| (s.first..=s.last).contains(&event.data.nr));
        let at = at.ok_or("a number outside the line")?;
        stretches[at].weight += event.weight;
        let place = stretches[at].place;
        let body = match bodies.entry(place) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(places[place].emit().map_err(|e| e.to_string())?),
        };
        behind += event.weight * f64::from(body.run(&event.data).steps);
    }
    let tests = Tests { stretches: &stretches, known: HashMap::new() }.least(0, stretches.len(), 0);
    Ok(ENTRY + (tests + behind) / whole)
}

/// The least weight of tests by stretch and by how many of its heaviest single values are already known.
struct Tests<'a> {
    stretches: &'a [Stretch],
    known: HashMap<(usize, usize, usize), f64>,
}

impl Tests<'_> {
    fn least(mut self, start: usize, end: usize, gone: usize) -> f64 {
        self.solve(start, end, gone)
    }

    fn singles(&self, start: usize, end: usize) -> Vec<usize> {
        let mut found: Vec<usize> =
            (start..end).filter(|&i| self.stretches[i].first == self.stretches[i].last).collect();
        found.sort_by(|&a, &b| self.stretches[b].weight.total_cmp(&self.stretches[a].weight).then(a.cmp(&b)));
        found
    }

    fn solve(&mut self, start: usize, end: usize, gone: usize) -> f64 {
        if let Some(&cost) = self.known.get(&(start, end, gone)) {
            return cost;
        }
        let singles = self.singles(start, end);
        let out = &singles[..gone];
        let left: Vec<&Stretch> =
            (start..end).filter(|i| !out.contains(i)).map(|i| &self.stretches[i]).collect();
        let mut cost = 0.0;
        if left.windows(2).any(|pair| pair[0].place != pair[1].place) {
            let weight: f64 = left.iter().map(|s| s.weight).sum();
            let mut least = f64::INFINITY;
            // Beyond this many, the rest weighs nothing and order no longer matters.
            if gone < singles.len().min(24) {
                least = self.solve(start, end, gone + 1);
            }
            for at in start + 1..end {
                let below = out.iter().filter(|i| **i < at).count();
                least = least.min(self.solve(start, at, below) + self.solve(at, end, gone - below));
            }
            cost = least + weight;
        }
        self.known.insert((start, end, gone), cost);
        cost
    }
}

/// What no program can be below on these calls: the entry, the tests a Huffman code needs to tell where
/// they lead, a load and a test for every word of arguments that must be looked at, and the return.
pub(super) fn bound(filter: &Filter, events: &[&Event]) -> f64 {
    let mut classes: Vec<(Filter, f64)> = Vec::new();
    let mut words = 0.0;
    let whole: f64 = events.iter().map(|e| e.weight).sum();
    let mut of_number: BTreeMap<(u32, u32), Filter> = BTreeMap::new();
    for event in events {
        let behind = of_number.entry((event.data.arch, event.data.nr)).or_insert_with(|| {
            filter.restrict(Word::ARCH, event.data.arch).restrict(Word::NR, event.data.nr)
        });
        words += event.weight * looked_at(behind, event) as f64;
        match classes.iter_mut().find(|(class, _)| class == behind) {
            Some((_, weight)) => *weight += event.weight,
            None => classes.push((behind.clone(), event.weight)),
        }
    }
    let mut weights: Vec<f64> = classes.iter().map(|c| c.1).collect();
    // The calls in the cache lead elsewhere, too.
    if filter.leaves().contains(&Action::ALLOW) && !classes.iter().any(|c| c.0.leaves() == [Action::ALLOW]) {
        weights.push(0.0);
    }
    ENTRY + (huffman(weights) + 2.0 * words) / whole + 1.0
}

/// The fewest words of arguments that decide the call.
fn looked_at(behind: &Filter, event: &Event) -> usize {
    let words: Vec<Word> =
        (0..16).filter_map(Word::from_index).filter(|w| *w != Word::ARCH && *w != Word::NR).collect();
    let value = |word: Word| {
        let at = word.offset(callgate::abi::Endian::Little) as usize;
        // The instruction pointer lies before the arguments.
        let whole = at.checked_sub(16).and_then(|at| event.data.args.get(at / 8)).copied();
        let whole = whole.unwrap_or(event.data.ip);
        if at.is_multiple_of(8) { whole as u32 } else { (whole >> 32) as u32 }
    };
    let mut known: Vec<(usize, Filter)> = vec![(0, behind.clone())];
    for count in 0..=words.len() {
        if known.iter().any(|(_, f)| f.leaves().len() == 1) {
            return count;
        }
        let more = |(from, f): &(usize, Filter)| {
            let with = |i: usize| (i + 1, f.restrict(words[i], value(words[i])));
            (*from..words.len()).map(with).collect::<Vec<_>>()
        };
        known = known.iter().flat_map(more).collect();
    }
    words.len()
}

fn huffman(mut weights: Vec<f64>) -> f64 {
    let mut sum = 0.0;
    while weights.len() > 1 {
        weights.sort_by(|a, b| b.total_cmp(a));
        let pair = weights.pop().unwrap_or(0.0) + weights.pop().unwrap_or(0.0);
        sum += pair;
        weights.push(pair);
    }
    sum
}
