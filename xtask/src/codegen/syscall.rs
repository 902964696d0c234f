//! `tables/syscall.rs`: names and numbers.

use super::calls::Calls;
use crate::files::Result;
use std::fmt::Write as _;

/// Which architectures use which table of `data/syscalls`.
const USERS: &[(&str, &str)] = &[
    ("x86", "X86"),
    ("x86_64", "X86_64"),
    ("x32", "X32"),
    ("arm", "Arm"),
    ("aarch64", "Aarch64"),
    ("loongarch64", "Loongarch64"),
    ("m68k", "M68k"),
    ("mips", "Mips | Arch::Mipsel"),
    ("mips64", "Mips64 | Arch::Mipsel64"),
    ("mips64n32", "Mips64n32 | Arch::Mipsel64n32"),
    ("parisc", "Parisc"),
    ("parisc64", "Parisc64"),
    ("ppc", "Ppc"),
    ("ppc64", "Ppc64 | Arch::Ppc64le"),
    ("riscv64", "Riscv64"),
    ("s390", "S390"),
    ("s390x", "S390x"),
    ("sh", "Sh | Arch::Sheb"),
];

pub(crate) fn generate(calls: &Calls) -> Result<String> {
    let mut out =
        String::from("use crate::arch::Arch;\n\n/// Every call's name, sorted; `Syscall` indexes it.\n");
    let _ = writeln!(out, "pub(crate) static NAMES: &[&str] = &{:?};\n", calls.names());
    out.push_str("/// Number and name index, ascending by number.\n");
    out.push_str("pub(crate) fn numbers(arch: Arch) -> &'static [(u32, u16)] {\nmatch arch {\n");
    for (table, arches) in USERS {
        let rows = calls.tables.get(*table).ok_or(format!("data/syscalls/{table}.txt is missing"))?;
        let _ = write!(out, "Arch::{arches} => &[");
        for call in rows {
            let index = calls.index(&call.name).ok_or(format!("{} has no index", call.name))?;
            let _ = write!(out, "({}, {index}),", call.number);
        }
        out.push_str("],\n");
    }
    out.push_str("}}\n");
    Ok(out)
}
