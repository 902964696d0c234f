//! The machine code that makes a site's calls.
//!
//! It changes `rcx` and the flags, which the `syscall` instruction loses anyway, and uses no stack, for there may be
//! something below the stack pointer (the red zone of the ABI).
//!
//! Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.

/// A call that may be made without stopping.
pub(super) struct Entry {
    pub(super) nr: u32,
    /// Position, bits (32 or 64) and value of the arguments that matter.
    pub(super) arguments: Vec<(usize, u32, u64)>,
    /// Where it is counted.
    pub(super) count: u64,
}

/// The code of a site.
pub(super) struct Code {
    pub(super) bytes: Vec<u8>,
    /// The code of each entry ends with its call: where that begins, and the address of its count.
    pub(super) calls: Vec<(u64, u64)>,
}

/// The length of the `syscall` instruction, and of the jump behind it.
pub(super) const SYSCALL: u64 = 2;
pub(super) const JUMP: u64 = 6;

/// Code for the address `at`. With `loads`, the call's number is not in `rax` yet; `back` is the address of the word
/// that holds where to go afterwards, `slow` that of a call that stops.
pub(super) fn code(at: u64, loads: Option<u32>, entries: &[Entry], back: u64, slow: u64) -> Option<Code> {
    let mut bytes = Vec::new();
    let mut calls = Vec::new();
    if let Some(nr) = loads {
        // mov eax, nr
        bytes.push(0xb8);
        bytes.extend(nr.to_le_bytes());
    }
    for entry in entries {
        let mut misses = Vec::new();
        if loads.is_none() {
            // cmp eax, nr
            bytes.push(0x3d);
            bytes.extend(entry.nr.to_le_bytes());
            miss(&mut bytes, &mut misses);
        }
        for (index, bits, value) in &entry.arguments {
            // rdi, rsi, rdx, r10, r8, r9
            let register = *[7, 6, 2, 10, 8, 9].get(*index)?;
            let (high, low) = (register >> 3, register & 7);
            if *bits == 32 {
                // cmp register, value
                if high == 1 {
                    bytes.push(0x41);
                }
                bytes.extend([0x81, 0xf8 | low]);
                bytes.extend(u32::try_from(*value).ok()?.to_le_bytes());
            } else {
                // mov rcx, value; cmp register, rcx
                bytes.extend([0x48, 0xb9]);
                bytes.extend(value.to_le_bytes());
                bytes.extend([0x48 | high, 0x39, 0xc8 | low]);
            }
            miss(&mut bytes, &mut misses);
        }
        // lock inc qword [count]
        bytes.extend([0xf0, 0x48, 0xff, 0x05]);
        relative(&mut bytes, at, entry.count)?;
        calls.push((at + bytes.len() as u64, entry.count));
        // syscall; jmp [back]
        bytes.extend([0x0f, 0x05, 0xff, 0x25]);
        relative(&mut bytes, at, back)?;
        for miss in misses {
            let distance = i32::try_from(bytes.len() - miss - 4).ok()?;
            bytes[miss..miss + 4].copy_from_slice(&distance.to_le_bytes());
        }
    }
    // jmp slow
    bytes.push(0xe9);
    relative(&mut bytes, at, slow)?;
    Some(Code { bytes, calls })
}

/// jne, to a place that is not known yet.
fn miss(bytes: &mut Vec<u8>, misses: &mut Vec<usize>) {
    bytes.extend([0x0f, 0x85]);
    misses.push(bytes.len());
    bytes.extend([0; 4]);
}

/// The last four bytes of an instruction that reaches `to`.
fn relative(bytes: &mut Vec<u8>, at: u64, to: u64) -> Option<()> {
    let next = at + bytes.len() as u64 + 4;
    let distance = i32::try_from(to.wrapping_sub(next).cast_signed()).ok()?;
    bytes.extend(distance.to_le_bytes());
    Some(())
}

/// `jmp to`, five bytes at `at`.
pub(super) fn jump(at: u64, to: u64) -> Option<[u8; 5]> {
    let mut bytes = vec![0xe9];
    relative(&mut bytes, at, to)?;
    bytes.try_into().ok()
}

/// The parts of a record that are code: the jump to the site's code, and the call that stops.
pub(super) fn record() -> ([u8; 8], [u8; 8]) {
    // jmp [8 - 6]; syscall; jmp [16 - 32]
    ([0xff, 0x25, 2, 0, 0, 0, 0xcc, 0xcc], [0x0f, 0x05, 0xff, 0x25, 0xf0, 0xff, 0xff, 0xff])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_with_its_number() {
        let entry = |value| Entry { nr: 72, arguments: vec![(1, 32, value)], count: 0x7004_0008 };
        let code = code(0x7000_0000, Some(72), &[entry(3)], 0x7003_0020, 0x7003_0028).unwrap();
        let wanted = [
            0xb8, 72, 0, 0, 0, 0x81, 0xfe, 3, 0, 0, 0, 0x0f, 0x85, 16, 0, 0, 0, 0xf0, 0x48, 0xff, 0x05, 0xef,
            0xff, 3, 0, 0x0f, 0x05, 0xff, 0x25, 0xff, 0xff, 2, 0, 0xe9, 2, 0, 3, 0,
        ];
        assert_eq!(code.bytes, wanted);
        assert_eq!(code.calls, [(0x7000_0019, 0x7004_0008)]);
        // 0x7000_0019 + 0x3ffef, behind the instruction, is the count.
        assert_eq!(0x7000_0019 + 0x3_ffef, 0x7004_0008);
    }

    #[test]
    fn too_far() {
        assert_eq!(jump(0x40_0000, 0x7000_0000), Some([0xe9, 0xfb, 0xff, 0xbf, 0x6f]));
        assert_eq!(jump(0x7fff_0000_0000, 0x7000_0000), None);
    }
}
