//! Finding a name through a table of slots: an open-addressed hash table, filled by the generator.

/// A slot without an index.
pub(crate) const EMPTY: u16 = 0xffff;

/// The index of `name`, where `name_of` gives the name of an index.
///
/// `slots` is a power of two long and has an empty slot.
pub(crate) fn find<'a>(slots: &[u16], name: &str, name_of: impl Fn(u16) -> &'a str) -> Option<u16> {
    let mut at = first(slots.len(), name);
    loop {
        let index = slots[at];
        if index == EMPTY {
            return None;
        }
        if name_of(index) == name {
            return Some(index);
        }
        at = (at + 1) & (slots.len() - 1);
    }
}

/// The slot where the search for `name` begins, by its FNV-1a hash.
pub(crate) fn first(slots: usize, name: &str) -> usize {
    let hash =
        name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    // The high bits are the better mixed ones.
    (hash ^ (hash >> 15)) as usize & (slots - 1)
}
