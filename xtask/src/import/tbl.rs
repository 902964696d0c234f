//! The kernel's `syscall.tbl` files: `NUMBER ABI NAME [ENTRY [COMPAT]]`.

use crate::codegen::calls::Call;
use crate::files::{self, Result};
use std::path::Path;

/// Where one of our tables comes from.
pub(crate) struct Source {
    /// Our table: `data/syscalls/TABLE.txt`.
    pub(crate) table: &'static str,
    /// The kernel's file.
    pub(crate) path: &'static str,
    /// The ABI tags that count; none for all.
    abis: &'static [&'static str],
    /// An ABI tag without which the tree has no such ABI at all.
    needs: Option<&'static str>,
    /// A `Makefile.syscalls` and its variable with further ABI tags.
    more_abis: Option<(&'static str, &'static str)>,
    /// Which entry point is this ABI's own: 0, or 1 where the 64-bit one comes first.
    entry: usize,
    /// Added to every number.
    offset: u32,
    /// A header with `__ARM_NR_NAME (__ARM_NR_BASE+n)` lines.
    private: Option<&'static str>,
}

const fn plain(
    table: &'static str,
    path: &'static str,
    abis: &'static [&'static str],
    offset: u32,
) -> Source {
    Source { table, path, abis, needs: None, more_abis: None, entry: 0, offset, private: None }
}

const fn generic(table: &'static str, path: &'static str, makefile: &'static str) -> Source {
    let more_abis = Some((makefile, "syscall_abis_64"));
    Source {
        table,
        path,
        abis: &["common", "64"],
        needs: None,
        more_abis,
        entry: 0,
        offset: 0,
        private: None,
    }
}

/// The x32 bit.
const X32: u32 = 0x4000_0000;

/// Every table; little- and big-endian twins share one.
pub(crate) const TABLES: &[Source] = &[
    plain("x86", "arch/x86/entry/syscalls/syscall_32.tbl", &["i386"], 0),
    plain("x86_64", "arch/x86/entry/syscalls/syscall_64.tbl", &["common", "64"], 0),
    plain("x32", "arch/x86/entry/syscalls/syscall_64.tbl", &["common", "x32"], X32),
    Source {
        private: Some("arch/arm/include/uapi/asm/unistd.h"),
        ..plain("arm", "arch/arm/tools/syscall.tbl", &["common", "eabi"], 0)
    },
    generic("aarch64", "arch/arm64/tools/syscall_64.tbl", "arch/arm64/kernel/Makefile.syscalls"),
    generic("loongarch64", "scripts/syscall.tbl", "arch/loongarch/kernel/Makefile.syscalls"),
    generic("riscv64", "scripts/syscall.tbl", "arch/riscv/kernel/Makefile.syscalls"),
    plain("m68k", "arch/m68k/kernel/syscalls/syscall.tbl", &["common"], 0),
    plain("mips", "arch/mips/kernel/syscalls/syscall_o32.tbl", &[], 4000),
    plain("mips64", "arch/mips/kernel/syscalls/syscall_n64.tbl", &[], 5000),
    plain("mips64n32", "arch/mips/kernel/syscalls/syscall_n32.tbl", &[], 6000),
    plain("parisc", "arch/parisc/kernel/syscalls/syscall.tbl", &["common", "32"], 0),
    plain("parisc64", "arch/parisc/kernel/syscalls/syscall.tbl", &["common", "64"], 0),
    plain("ppc", "arch/powerpc/kernel/syscalls/syscall.tbl", &["common", "nospu", "32"], 0),
    plain("ppc64", "arch/powerpc/kernel/syscalls/syscall.tbl", &["common", "nospu", "64"], 0),
    Source {
        entry: 1,
        needs: Some("32"),
        ..plain("s390", "arch/s390/kernel/syscalls/syscall.tbl", &["common", "32"], 0)
    },
    plain("s390x", "arch/s390/kernel/syscalls/syscall.tbl", &["common", "64"], 0),
    plain("sh", "arch/sh/kernel/syscalls/syscall.tbl", &["common"], 0),
];

impl Source {
    /// The calls in a kernel tree; none when the tree does not have this table.
    pub(crate) fn read(&self, tree: &Path) -> Result<Vec<Call>> {
        let path = tree.join(self.path);
        if !path.exists() {
            return Ok(Vec::new());
        }
        let mut abis: Vec<String> = self.abis.iter().map(|s| (*s).to_owned()).collect();
        if let Some((makefile, variable)) = self.more_abis {
            abis.extend(makefile_words(&files::read(tree.join(makefile))?, variable));
        }
        let mut calls = Vec::new();
        let mut wanted = self.needs.is_none();
        for row in crate::data::rows(&path)? {
            let cells = row.cells();
            let [number, abi, name, ref entries @ ..] = cells[..] else {
                return Err(row.error("expected NUMBER ABI NAME [ENTRY [COMPAT]]"));
            };
            wanted |= self.needs == Some(abi);
            if is_placeholder(name) {
                continue;
            }
            if abis.is_empty() || abis.iter().any(|a| a == abi) {
                let number = u32::try_from(row.number(number)?).map_err(|_| row.error("out of range"))?;
                calls.push(self.call(number, name, entries));
            }
        }
        if !wanted {
            return Ok(Vec::new());
        }
        if let Some(header) = self.private {
            calls.extend(private_calls(&files::read(tree.join(header))?));
        }
        calls.sort_by_key(|c| c.number);
        Ok(calls)
    }

    fn call(&self, number: u32, name: &str, entries: &[&str]) -> Call {
        let entry = |i: usize| match entries.get(i).copied() {
            None | Some("-" | "sys_ni_syscall") => "-".to_owned(),
            Some(entry) => entry.to_owned(),
        };
        let compat = if self.entry == 0 { entry(1) } else { "-".to_owned() };
        Call::new(number + self.offset, name, entry(self.entry), compat)
    }

    /// Says, for the file's header, which rows were taken.
    pub(crate) fn note(&self) -> String {
        let mut note = String::new();
        if !self.abis.is_empty() {
            note += &format!(" (ABI {}", self.abis.join(", "));
            if let Some((makefile, variable)) = self.more_abis {
                note += &format!(" and {variable} of {makefile}");
            }
            note += ")";
        }
        if let Some(header) = self.private {
            note += &format!(", and {header}");
        }
        note
    }
}

/// MIPS names its holes `reserved177` and `unused59`.
fn is_placeholder(name: &str) -> bool {
    let hole = name.strip_prefix("reserved").or(name.strip_prefix("unused"));
    hole.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// The words of every `VARIABLE += words` line.
fn makefile_words(text: &str, variable: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|l| l.strip_prefix(variable)?.trim_start().strip_prefix("+="));
    lines.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

fn private_calls(header: &str) -> Vec<Call> {
    const BASE: u32 = 0x0f_0000;
    let lines = header.lines().filter_map(|line| {
        let (name, value) = line.strip_prefix("#define __ARM_NR_")?.split_once(char::is_whitespace)?;
        let value = value.trim().strip_prefix("(__ARM_NR_BASE+")?.strip_suffix(')')?;
        Some(Call::new(BASE + value.parse::<u32>().ok()?, name, "arm_syscall".into(), "-".into()))
    });
    lines.collect()
}
