//! The tables inside crates `syscalls`, `linux-raw-sys` and `libc`, read as text from cargo's registry.

use super::claims::Claims;
use super::expression;
use crate::codegen::syscall::Version;
use crate::files::{self, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Our table and the file of each crate that tells of it.
struct Files {
    table: &'static str,
    syscalls: Option<&'static str>,
    linux_raw_sys: Option<&'static str>,
    libc: Option<&'static str>,
}

const fn row(
    table: &'static str,
    syscalls: Option<&'static str>,
    linux_raw_sys: Option<&'static str>,
    libc: Option<&'static str>,
) -> Files {
    Files { table, syscalls, linux_raw_sys, libc }
}

const FILES: &[Files] = &[
    row("aarch64", Some("aarch64"), Some("aarch64"), Some("b64/aarch64/mod")),
    row("arm", Some("arm"), Some("arm"), Some("b32/arm/mod")),
    row("loongarch64", Some("loongarch64"), Some("loongarch64"), Some("b64/loongarch64/mod")),
    row("m68k", None, Some("m68k"), Some("b32/m68k/mod")),
    row("mips", Some("mips"), Some("mips"), Some("b32/mips/mod")),
    row("mips64", Some("mips64"), Some("mips64"), Some("b64/mips64/mod")),
    row("ppc", Some("powerpc"), Some("powerpc"), Some("b32/powerpc")),
    row("ppc64", Some("powerpc64"), Some("powerpc64"), Some("b64/powerpc64/mod")),
    row("riscv64", Some("riscv64"), Some("riscv64"), Some("b64/riscv64/mod")),
    row("s390x", Some("s390x"), Some("s390x"), Some("b64/s390x")),
    row("x32", None, Some("x32"), Some("b64/x86_64/x32")),
    row("x86", Some("x86"), Some("x86"), Some("b32/x86/mod")),
    row("x86_64", Some("x86_64"), Some("x86_64"), Some("b64/x86_64/not_x32")),
];

/// The kernel that crate `syscalls` 0.8.1 was generated from; its files do not say.
const SYSCALLS_KERNEL: Version = (6, 18, 0);

/// Reads all three crates.
pub(crate) fn read() -> Result<Vec<Claims>> {
    let folders = registry()?;
    let mut all = Vec::new();
    for files in FILES {
        let table = files.table;
        if let (Some(file), Some(folder)) = (files.syscalls, folders.get("syscalls")) {
            let text = files::read(folder.join(format!("src/arch/{file}.rs")))?;
            let numbers = pairs(&text, "", " = ", ",")?;
            all.push(Claims { source: "syscalls", table, numbers, kernel: Some(SYSCALLS_KERNEL) });
        }
        if let (Some(file), Some(folder)) = (files.linux_raw_sys, folders.get("linux-raw-sys")) {
            let text = files::read(folder.join(format!("src/{file}/general.rs")))?;
            let numbers = pairs(&text, "pub const __NR_", ": u32 = ", ";")?;
            let kernel = version(&text).ok_or(format!("linux-raw-sys: {file} names no kernel"))?;
            all.push(Claims { source: "linux-raw-sys", table, numbers, kernel: Some(kernel) });
        }
        if let (Some(file), Some(folder)) = (files.libc, folders.get("libc")) {
            let text = files::read(folder.join(format!("src/unix/linux_like/linux/gnu/{file}.rs")))?;
            let text = text.replace("crate::", "").replace("__X32_SYSCALL_BIT", "0x40000000");
            let numbers = pairs(&text, "pub const SYS_", ": c_long = ", ";")?;
            all.push(Claims { source: "libc", table, numbers, kernel: None });
        }
    }
    match all.iter().find(|c| c.numbers.len() < 200) {
        Some(short) => {
            Err(format!("{}: {} has {} calls only", short.source, short.table, short.numbers.len()))
        }
        None => Ok(all),
    }
}

/// Where cargo keeps the sources of this workspace's dependencies, by crate name.
pub(crate) fn registry() -> Result<BTreeMap<&'static str, PathBuf>> {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let output = Command::new(cargo)
        // One platform: what other platforms would need may not have been downloaded.
        .args(["metadata", "--format-version", "1", "--offline"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(files::root())
        .output()
        .map_err(|e| format!("cargo metadata: {e}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut folders = BTreeMap::new();
    for path in text.split("\"manifest_path\":\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let Some(folder) = Path::new(path).parent() else { continue };
        let folder_name = folder.file_name().unwrap_or_default().to_string_lossy();
        for name in ["syscalls", "linux-raw-sys", "libc"] {
            let rest = folder_name.strip_prefix(name).and_then(|r| r.strip_prefix('-'));
            if rest.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit())) {
                folders.insert(name, folder.to_owned());
            }
        }
    }
    Ok(folders)
}

/// Every line `BEFORE name BETWEEN value AFTER`; lines of other forms are passed over.
pub(crate) fn pairs(text: &str, before: &str, between: &str, after: &str) -> Result<BTreeMap<String, u32>> {
    let mut out = BTreeMap::new();
    for line in text.lines() {
        let rest = line.trim().strip_prefix(before).and_then(|l| l.strip_suffix(after));
        let Some((name, value)) = rest.and_then(|l| l.split_once(between)) else { continue };
        let is_name = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if is_name && let Some(value) = expression::value(value) {
            out.insert(
                name.to_owned(),
                u32::try_from(value).map_err(|_| format!("{name}: {value} is too large"))?,
            );
        }
    }
    Ok(out)
}

/// `LINUX_VERSION_CODE` of a bindings file.
fn version(text: &str) -> Option<Version> {
    let code = text.split("LINUX_VERSION_CODE: u32 = ").nth(1)?.split(';').next()?.parse::<u32>().ok()?;
    let part = |shift: u32| u16::try_from((code >> shift) & 0xff).ok();
    Some((part(16)?, part(8)?, 0))
}
