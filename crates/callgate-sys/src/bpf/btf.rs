//! Where the kernel's structures keep what: its own description of its types.
//!
//! Source: `Documentation/bpf/btf.rst`.

/// The description of the kernel's types.
pub(super) struct Btf {
    bytes: Vec<u8>,
    types: (usize, usize),
    strings: usize,
}

const STRUCT: u32 = 4;

impl Btf {
    /// Of the running kernel; `None` where it has none.
    pub(super) fn of_kernel() -> Option<Btf> {
        Btf::parse(std::fs::read("/sys/kernel/btf/vmlinux").ok()?)
    }

    fn parse(bytes: Vec<u8>) -> Option<Btf> {
        let word = |at: usize| number(&bytes, at).map(|n| n as usize);
        // Magic, version, flags.
        if word(0)? & 0xffff != 0xeb9f {
            return None;
        }
        let header = word(4)?;
        let types = header.checked_add(word(8)?)?;
        let end = types.checked_add(word(12)?)?;
        let strings = header.checked_add(word(16)?)?;
        Some(Btf { bytes, types: (types, end), strings })
    }

    /// The place of a member in a structure, in bytes.
    pub(super) fn offset(&self, structure: &str, member: &str) -> Option<u32> {
        let mut at = self.types.0;
        while at < self.types.1 {
            let (name, info) = (self.number(at)?, self.number(at + 4)?);
            let (kind, count) = (info >> 24 & 0x1f, (info & 0xffff) as usize);
            let members = at + 12;
            if kind == STRUCT && self.is(name, structure) {
                let found = (0..count).map(|i| members + i * 12);
                let mut found = found.filter(|at| self.number(*at).is_some_and(|name| self.is(name, member)));
                let bits = self.number(found.next()? + 8)?;
                // With bit fields, their sizes stand in the upper byte.
                let bits = if info >> 31 == 1 { bits & 0xff_ffff } else { bits };
                return Some(bits / 8);
            }
            at = members
                + match kind {
                    // Integer, variable, tag of a declaration.
                    1 | 14 | 17 => 4,
                    // Array.
                    3 => 12,
                    // Structure, union, section, enumeration of 64 bits.
                    4 | 5 | 15 | 19 => count * 12,
                    // Enumeration, function's prototype.
                    6 | 13 => count * 8,
                    _ => 0,
                };
        }
        None
    }

    fn is(&self, name: u32, wanted: &str) -> bool {
        let start = self.strings.saturating_add(name as usize);
        let bytes = self.bytes.get(start..).unwrap_or_default();
        bytes.strip_prefix(wanted.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
    }

    fn number(&self, at: usize) -> Option<u32> {
        number(&self.bytes, at)
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|b| u32::from_ne_bytes(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own() {
        let Some(btf) = Btf::of_kernel() else {
            eprintln!("skipped: no /sys/kernel/btf/vmlinux here");
            return;
        };
        let (pid, tgid) = (btf.offset("task_struct", "pid"), btf.offset("task_struct", "tgid"));
        assert_eq!(tgid, pid.map(|p| p + 4));
        assert_eq!(btf.offset("list_head", "prev"), Some(size_of::<usize>() as u32));
        assert_eq!(btf.offset("task_struct", "no such member"), None);
        assert_eq!(btf.offset("no such structure", "pid"), None);
    }

    #[test]
    fn damaged() {
        let bytes = std::fs::read("/sys/kernel/btf/vmlinux").unwrap_or_default();
        for len in [0, 3, 20, 24, 100, 10_000.min(bytes.len())] {
            let cut = bytes.get(..len).unwrap_or_default().to_vec();
            assert_eq!(Btf::parse(cut).and_then(|b| b.offset("task_struct", "pid")), None);
        }
    }
}
