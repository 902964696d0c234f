//! Where things lie in the attached memory.
//!
//! It is attached at [`CODE`] in every program, low enough for what address sanitizers leave free, and, for code
//! that is far from there, a second time near that code, for jumps that reach 2 GiB.

use crate::memory;

/// Where the memory with code is attached, to be read and executed.
pub(super) const CODE: u64 = 0x7000_0000;
/// Its length.
pub(super) const CODE_LEN: u64 = 0x4_0000;
/// How much of it, from the start, is the window from which calls do not stop.
pub(super) const WINDOW: u64 = 0x3_0000;
/// Where the memory with counts is attached, to be read and written.
pub(super) const DATA: u64 = CODE + CODE_LEN;
/// Its length.
pub(super) const DATA_LEN: u64 = 0x1_0000;
/// How many counts there is room for.
pub(super) const COUNTS: usize = DATA_LEN as usize / 8;

/// Behind the window: two words by which the memory is recognised, and records of one site each.
const MAGIC: u64 = u64::from_ne_bytes(*b"callgate");
const RECORDS: u64 = WINDOW + 16;
const RECORD: u64 = 32;
/// How many sites there is room for.
pub(super) const SITES: usize = ((CODE_LEN - RECORDS) / RECORD) as usize;

/// In a record: a jump to the code in the window that [`TARGET`] holds, the address behind the call, and the call
/// itself, for when it is to stop.
pub(super) const ENTRY: u64 = 0;
pub(super) const TARGET: u64 = 8;
pub(super) const BACK: u64 = 16;
pub(super) const SLOW: u64 = 24;

/// The place of a site's record in the memory.
pub(super) fn record(index: usize) -> u64 {
    RECORDS + RECORD * index as u64
}

/// The site whose record holds this place in the memory, and the place in the record.
pub(super) fn site_at(offset: u64) -> Option<(usize, u64)> {
    let within = offset.checked_sub(RECORDS).filter(|_| offset < CODE_LEN)?;
    Some(((within / RECORD) as usize, within % RECORD))
}

/// Whether an address is in the memory with code, where it is attached in every program.
pub(super) fn holds(address: u64) -> bool {
    (CODE..CODE + CODE_LEN).contains(&address)
}

/// The words by which the memory is recognised.
pub(super) fn header(id: u64) -> [u64; 2] {
    [MAGIC, id]
}

/// The number of what is attached to a thread's memory at `base`, if that is ours.
pub(super) fn id_at(tid: i32, base: u64) -> Option<u64> {
    let mut words = [0; 16];
    memory::read_exact(tid, base + WINDOW, &mut words).ok()?;
    let (magic, id) = words.split_first_chunk::<8>()?;
    let id = u64::from_ne_bytes(*id.first_chunk()?);
    (u64::from_ne_bytes(*magic) == MAGIC).then_some(id)
}

const _: () = assert!(DATA + DATA_LEN < 0x7fff_0000);
const _: () = assert!(WINDOW.is_multiple_of(4096) && CODE.is_multiple_of(4096));
