//! How a jump can take the place of a call.
//!
//! Most calls follow `mov eax, number`, five bytes, which a jump can replace: the `syscall` instruction stays where
//! it is, for whoever jumps there, and stops. Others are replaced themselves, two bytes, by a jump to dead bytes
//! between functions, where a longer one stands.

use super::padding;
use crate::memory;

/// The longest jump of two bytes.
const REACH: u64 = 127;

/// How a site's jump is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// Instead of the five bytes in front of the call, which load this number.
    Load(u32),
    /// Instead of the call, to a jump at this address.
    Hop(u64),
}

/// The site of the call of number `nr` at `at`; `None` where nothing can be replaced. `base` is where its file
/// begins in memory.
pub(super) fn form(tid: i32, at: u64, nr: u32, base: Option<u64>) -> Option<Form> {
    let mut bytes = [0; 10];
    let start = at.checked_sub(8)?;
    memory::read_exact(tid, start, &mut bytes).ok()?;
    if bytes[8..] != [0x0f, 0x05] {
        return None;
    }
    if loads(&bytes[..8], nr) {
        return Some(Form::Load(nr));
    }
    // The two bytes are fetched together, if they do not lie on both sides of such a boundary.
    if at % 16 == 15 {
        return None;
    }
    let near = at + 2 - REACH..at + 2 + REACH;
    padding::find(tid, base?, near).map(Form::Hop)
}

/// Whether the last five of these bytes are `mov eax, nr`, and not the end of a longer instruction.
///
/// Of the instructions that end in four bytes of a constant, those that can have `b8` in front of it are, beside
/// this one: with a prefix, `mov` to another register or of another size; with `b8` as a displacement of one byte,
/// the operations with a constant (`c7`, `81`, `69`, `f7`), behind a byte of addressing or two. Where `b8` is the
/// byte of addressing, the constant is a displacement, and `rax`, which holds the number, its base. Zero is seldom
/// loaded this way, and often stored.
fn loads(bytes: &[u8], nr: u32) -> bool {
    let [before @ .., a, b, c, d] = bytes else { return false };
    let [.., o3, o2, o1, 0xb8] = before else { return false };
    let constant = |byte: &u8| matches!(byte, 0xc7 | 0x81 | 0x69 | 0xf7);
    let prefix = |byte: &u8| matches!(byte, 0x40..=0x4f | 0x66);
    nr != 0 && u32::from_le_bytes([*a, *b, *c, *d]) == nr && !prefix(o1) && !constant(o2) && !constant(o3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let plain = [0x0f, 0x1f, 0x00, 0xb8, 0xe7, 0, 0, 0];
        assert!(loads(&plain, 0xe7) && !loads(&plain, 0xe6));
        // mov r8d, 1; movabs ends; mov dword [rbp - 72], 1; mov dword [rsp - 72], 1.
        assert!(!loads(&[0x90, 0x90, 0x41, 0xb8, 1, 0, 0, 0], 1));
        assert!(!loads(&[0x90, 0xc7, 0x45, 0xb8, 1, 0, 0, 0], 1));
        assert!(!loads(&[0xc7, 0x44, 0x24, 0xb8, 1, 0, 0, 0], 1));
        assert!(!loads(&[0x90, 0x90, 0x90, 0xb8, 0, 0, 0, 0], 0));
    }
}
