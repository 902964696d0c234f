//! Filling the hash tables that the library searches by name.

use crate::files::Result;

/// The library's own search, so that both sides agree.
#[path = "../../../crates/callgate-abi/src/tables/slots.rs"]
mod search;

/// The slots for these names, each holding an index into them: at most half full.
pub(crate) fn fill<S: AsRef<str>>(names: &[S]) -> Result<Vec<u16>> {
    let mut slots = vec![search::EMPTY; (names.len() * 2).next_power_of_two()];
    for (index, name) in names.iter().enumerate() {
        let mut at = search::first(slots.len(), name.as_ref());
        while slots[at] != search::EMPTY {
            at = (at + 1) % slots.len();
        }
        slots[at] = u16::try_from(index).map_err(|_| format!("{} names are too many", names.len()))?;
    }
    let name_of = |index: u16| names[usize::from(index)].as_ref();
    match names
        .iter()
        .enumerate()
        .find(|(i, n)| search::find(&slots, n.as_ref(), name_of).map(usize::from) != Some(*i))
    {
        Some((_, name)) => Err(format!("{} is there twice", name.as_ref())),
        None => Ok(slots),
    }
}
