//! Dead bytes between functions.
//!
//! Where functions begin and end is what `.eh_frame` says, through the table of `.eh_frame_hdr`; what lies between
//! must also be nothing but instructions that do nothing, as compilers put there.
//!
//! Source: Linux Standard Base Core, "Exception Frames"; `elf(5)`.

use std::ops::Range;

use crate::memory;

/// What a jump takes.
const JUMP: u64 = 5;
/// `PT_GNU_EH_FRAME`.
const EH_FRAME: u32 = 0x6474_e550;
/// Padding is shorter than what functions are aligned to.
const LONGEST: u64 = 64;

/// The address of a jump's worth of them within a range, in the file mapped at `base`.
pub(super) fn find(tid: i32, base: u64, near: Range<u64>) -> Option<u64> {
    let table = Table::of(tid, base)?;
    let (low, high) = (near.start.saturating_sub(LONGEST), near.end);
    // Functions that end within the range may begin long before: the last one that does so counts.
    let first = table.starts.partition_point(|(start, _)| *start < low).saturating_sub(1);
    for pair in table.starts[first..].windows(2) {
        let [(start, description), (next, _)] = pair else { break };
        if *start >= high {
            break;
        }
        let Some(end) = ends(tid, *start, *description) else { continue };
        if end > *next || next - end > LONGEST {
            continue;
        }
        let mut bytes = vec![0; usize::try_from(next - end).ok()?];
        if memory::read_exact(tid, end, &mut bytes).is_err() || !does_nothing(&bytes) {
            continue;
        }
        let at = end.max(near.start);
        if at.saturating_add(JUMP) <= *next.min(&near.end) {
            return Some(at);
        }
    }
    None
}

/// Where functions begin, and where they are described.
struct Table {
    starts: Vec<(u64, u64)>,
}

impl Table {
    fn of(tid: i32, base: u64) -> Option<Table> {
        let mut header = [0; 64];
        memory::read_exact(tid, base, &mut header).ok()?;
        if header[..5] != *b"\x7fELF\x02" {
            return None;
        }
        let (offset, size, count) = (double(&header, 32)?, half(&header, 54)?, half(&header, 56)?);
        if size != 56 {
            return None;
        }
        let mut segments = vec![0; usize::from(count) * usize::from(size)];
        memory::read_exact(tid, base.checked_add(offset)?, &mut segments).ok()?;
        let segments: Vec<&[u8]> = segments.chunks_exact(56).collect();
        let of_kind = |kind: u32| segments.iter().find(move |s| word(s, 0) == Some(kind));
        // The first loaded segment says what addresses count from.
        let bias = base.wrapping_sub(double(of_kind(1)?, 16)?);
        let frames = of_kind(EH_FRAME)?;
        let (at, len) = (bias.wrapping_add(double(frames, 16)?), double(frames, 40)?);
        let mut table = vec![0; usize::try_from(len).ok().filter(|len| *len < 1 << 22)?];
        memory::read_exact(tid, at, &mut table).ok()?;
        // Version 1; then how three things are written: here, as linkers do.
        if table.first_chunk() != Some(&[1, 0x1b, 0x03, 0x3b]) {
            return None;
        }
        let relative = |bytes: &[u8], from: usize| {
            let distance = word(bytes, from)?.cast_signed();
            Some(at.wrapping_add_signed(i64::from(distance)))
        };
        let count = usize::try_from(word(&table, 8)?).ok()?;
        let rows = table.get(12..)?.chunks_exact(8).take(count);
        let starts: Vec<_> = rows.filter_map(|row| Some((relative(row, 0)?, relative(row, 4)?))).collect();
        starts.is_sorted().then_some(Table { starts })
    }
}

/// Where a function ends.
fn ends(tid: i32, start: u64, description: u64) -> Option<u64> {
    let mut bytes = [0; 16];
    memory::read_exact(tid, description, &mut bytes).ok()?;
    // Its length, what it belongs to, where it begins as counted from here, how long it is.
    let distance = i64::from(word(&bytes, 8)?.cast_signed());
    if description.wrapping_add(8).wrapping_add_signed(distance) != start {
        return None;
    }
    start.checked_add(u64::from(word(&bytes, 12)?))
}

/// Whether bytes are nothing but `nop`, in all its lengths, and `int3`.
fn does_nothing(mut bytes: &[u8]) -> bool {
    while let Some(first) = bytes.first() {
        let len = if *first == 0xcc { Some(1) } else { nop(bytes) };
        match len.and_then(|len| bytes.get(len..)) {
            Some(rest) => bytes = rest,
            None => return false,
        }
    }
    true
}

/// The length of the `nop` that bytes begin with.
fn nop(bytes: &[u8]) -> Option<usize> {
    let prefixes = bytes.iter().take_while(|b| matches!(b, 0x66 | 0x2e)).count();
    match bytes.get(prefixes..)? {
        [0x90, ..] => Some(prefixes + 1),
        [0x0f, 0x1f, mode, ..] => {
            let scaled = usize::from(mode & 7 == 4);
            let displacement = match mode >> 6 {
                0 => 0,
                1 => 1,
                2 => 4,
                _ => return None,
            };
            Some(prefixes + 3 + scaled + displacement)
        }
        _ => None,
    }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_le_bytes(*b))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

fn double(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing() {
        for bytes in [
            &[0x90, 0x66, 0x90][..],
            &[0x0f, 0x1f, 0x40, 0x00, 0xcc],
            &[0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
            &[0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0x0f, 0x1f, 0x80, 0, 0, 0, 0],
        ] {
            assert!(does_nothing(bytes), "{bytes:x?}");
        }
        for bytes in [&[0xc3][..], &[0x0f, 0x1f, 0x40], &[0x66], &[0x90, 0xe9, 0, 0, 0, 0], &[0, 0]] {
            assert!(!does_nothing(bytes), "{bytes:x?}");
        }
    }

    #[test]
    fn of_this_program() {
        let own = std::process::id().cast_signed();
        let maps = super::super::maps::Maps::of(own).unwrap();
        let here = find as *const () as u64;
        let base = maps.base(maps.at(here).unwrap()).unwrap();
        // Somewhere in a hundred thousand bytes around here.
        let found = find(own, base, here.saturating_sub(50_000)..here + 50_000);
        let table = Table::of(own, base).unwrap();
        let at = found.unwrap();
        let (start, description) = table.starts[table.starts.partition_point(|(s, _)| *s <= at) - 1];
        assert!(ends(own, start, description).unwrap() <= at);
    }
}
