//! `tables/syscall.rs`: names, numbers and ages.

use super::calls::{Call, Calls};
use super::slots;
use crate::data;
use crate::files::Result;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The tables of `data/syscalls` and the architectures that use each.
const USERS: &[(&str, &str)] = &[
    ("aarch64", "Aarch64"),
    ("arm", "Arm"),
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
    ("x32", "X32"),
    ("x86", "X86"),
    ("x86_64", "X86_64"),
];

/// As in `tables/number.rs`.
const NONE: u16 = 0xffff;
const PRIVATE_CODE: u32 = 0xf000;
const PRIVATE_NUMBER: u32 = 0x0f_0000;
const X32_BIT: u32 = 0x4000_0000;

pub(crate) fn generate(calls: &Calls) -> Result<String> {
    let known: Vec<&str> = USERS.iter().map(|u| u.0).collect();
    if let Some(stray) = calls.tables.keys().find(|t| !known.contains(&t.as_str())) {
        return Err(format!("data/syscalls/{stray}.txt belongs to no architecture"));
    }
    let kernels = kernels(calls)?;
    let aliases = aliases()?;
    let mut out =
        String::from("use super::number::Table;\nuse crate::arch::Arch;\nuse crate::kernel::Kernel;\n\n");
    let newest = kernel(&calls.newest)?;
    let _ = writeln!(
        out,
        "/// The newest kernel in `data/`.\npub(crate) const OF_TABLES: Kernel = {};\n",
        literal(newest)
    );
    out.push_str("/// Every kernel that added or dropped a call, ascending.\npub(crate) static KERNELS: &[Kernel] = &[\n");
    for version in kernels.keys() {
        let _ = writeln!(out, "{},", literal(*version));
    }
    out.push_str("];\n\n/// Every call's name, sorted; `Syscall` indexes it.\n");
    let _ = writeln!(out, "pub(crate) static NAMES: &[&str] = &{:?};\n", calls.names());
    let slots = slots::fill(calls.names())?;
    let _ = writeln!(
        out,
        "/// Where to find a name in [`NAMES`].\npub(crate) static SLOTS: &[u16] = &{slots:?};\n"
    );
    out.push_str("/// The numbers of an architecture.\n");
    out.push_str("pub(crate) fn of(arch: Arch) -> &'static Table {\nmatch arch {\n");
    for (table, arches) in USERS {
        let _ = writeln!(out, "Arch::{arches} => &{},", table.to_uppercase());
    }
    out.push_str("}}\n");
    for (table, _) in USERS {
        let rows = calls.tables.get(*table).ok_or(format!("data/syscalls/{table}.txt is missing"))?;
        one_table(&mut out, calls, table, rows, &aliases, &kernels)?;
    }
    Ok(out)
}

fn one_table(
    out: &mut String,
    calls: &Calls,
    table: &str,
    rows: &[Call],
    aliases: &[(String, String, String)],
    kernels: &BTreeMap<Version, usize>,
) -> Result<()> {
    let base = if table == "x32" { X32_BIT } else { 0 };
    let mut codes = vec![NONE; calls.names().len()];
    let mut since = vec![0; calls.names().len()];
    let (mut removed, mut order, mut last) = (Vec::new(), Vec::new(), 0);
    for call in rows {
        let index = calls.index(&call.name).ok_or(format!("{} has no index", call.name))?;
        let at = usize::from(index);
        codes[at] = code(call.number, base).ok_or(format!("{table}: {} is out of range", call.number))?;
        if u32::from(codes[at]) < PRIVATE_CODE {
            last = call.number;
        }
        if call.since != "-" {
            since[at] = 1 + kernels[&kernel(&call.since)?];
        }
        if let Some(kernel_without) = &call.removed {
            removed.push((index, kernels[&kernel(kernel_without)?]));
        }
        order.push(index);
    }
    for (_, alias, name) in aliases.iter().filter(|a| a.0 == table) {
        let index = |name: &str| calls.index(name).ok_or(format!("data/syscall-aliases.txt: no call {name}"));
        let (alias_at, at) = (usize::from(index(alias)?), usize::from(index(name)?));
        if codes[alias_at] != NONE {
            return Err(format!("data/syscall-aliases.txt: {alias} has a number of its own on {table}"));
        }
        (codes[alias_at], since[alias_at]) = (codes[at], since[at]);
    }
    removed.sort_unstable();
    let _ = writeln!(
        out,
        "\nstatic {}: Table = Table {{\nbase: {base:#x},\nlast: {last},\ncodes: &{codes:?},\nsince: &{since:?},\n\
         removed: &{removed:?},\norder: &{order:?},\n}};",
        table.to_uppercase()
    );
    Ok(())
}

fn code(number: u32, base: u32) -> Option<u16> {
    let private = if base == 0 { number.checked_sub(PRIVATE_NUMBER) } else { None };
    let code = match private {
        Some(offset) => PRIVATE_CODE.checked_add(offset)?,
        None => number.checked_sub(base).filter(|code| *code < PRIVATE_CODE)?,
    };
    u16::try_from(code).ok().filter(|code| *code != NONE)
}

/// Rows of `data/syscall-aliases.txt`: `TABLE ALIAS NAME`.
pub(crate) fn aliases() -> Result<Vec<(String, String, String)>> {
    let rows = data::rows("data/syscall-aliases.txt")?;
    let read = rows.iter().map(|row| match row.cells()[..] {
        [table, alias, name] => Ok((table.to_owned(), alias.to_owned(), name.to_owned())),
        _ => Err(row.error("expected TABLE ALIAS NAME")),
    });
    read.collect()
}

/// Major, minor and patch.
pub(crate) type Version = (u16, u16, u16);

/// Every kernel named in the tables, with its index.
fn kernels(calls: &Calls) -> Result<BTreeMap<Version, usize>> {
    let mut all = BTreeMap::new();
    for call in calls.tables.values().flatten() {
        for text in [Some(&call.since), call.removed.as_ref()].into_iter().flatten().filter(|t| *t != "-") {
            all.insert(kernel(text)?, 0);
        }
    }
    all.values_mut().enumerate().for_each(|(i, index)| *index = i);
    if all.len() > 255 {
        return Err(format!("{} kernels do not fit the 8-bit index of tables/number.rs", all.len()));
    }
    Ok(all)
}

/// Reads `MAJOR.MINOR[.PATCH]`.
pub(crate) fn kernel(text: &str) -> Result<Version> {
    let numbers: Option<Vec<u16>> = text.split('.').map(|n| n.parse().ok()).collect();
    match numbers.as_deref() {
        Some([major, minor]) => Ok((*major, *minor, 0)),
        Some([major, minor, patch]) => Ok((*major, *minor, *patch)),
        _ => Err(format!("data/syscalls: '{text}' is no kernel version")),
    }
}

fn literal((major, minor, patch): Version) -> String {
    match patch {
        0 => format!("Kernel::new({major}, {minor})"),
        _ => format!("Kernel::with_patch({major}, {minor}, {patch})"),
    }
}
