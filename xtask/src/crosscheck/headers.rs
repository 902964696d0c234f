//! Debian's kernel headers (packages `linux-libc-dev-ARCH-cross`), read by the C preprocessor.

use super::claims::Claims;
use super::expression;
use crate::codegen::calls::Calls;
use crate::codegen::syscall::Version;
use crate::files::{self, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A package's folder under `/usr` and what its compiler would predefine.
pub(crate) struct Headers {
    /// Our table.
    pub(crate) table: &'static str,
    folder: &'static str,
    defines: &'static [&'static str],
}

const fn headers(table: &'static str, folder: &'static str, defines: &'static [&'static str]) -> Headers {
    Headers { table, folder, defines }
}

/// Every package that tells of one of our tables.
pub(crate) const HEADERS: &[Headers] = &[
    headers("aarch64", "aarch64-linux-gnu", &["__aarch64__", "__LP64__"]),
    headers("arm", "arm-linux-gnueabihf", &["__arm__", "__ARM_EABI__"]),
    headers("m68k", "m68k-linux-gnu", &["__m68k__"]),
    headers("mips", "mips-linux-gnu", &["__mips__", "_MIPS_SIM=1"]),
    headers("mips", "mipsel-linux-gnu", &["__mips__", "_MIPS_SIM=1"]),
    headers("mips64", "mips64-linux-gnuabi64", &["__mips__", "__mips64", "_MIPS_SIM=3"]),
    headers("mips64", "mips64el-linux-gnuabi64", &["__mips__", "__mips64", "_MIPS_SIM=3"]),
    headers("mips64n32", "mips64-linux-gnuabin32", &["__mips__", "__mips64", "_MIPS_SIM=2"]),
    headers("mips64n32", "mips64el-linux-gnuabin32", &["__mips__", "__mips64", "_MIPS_SIM=2"]),
    headers("parisc", "hppa-linux-gnu", &["__hppa__"]),
    headers("parisc64", "hppa-linux-gnu", &["__hppa__", "__LP64__"]),
    headers("ppc", "powerpc-linux-gnu", &["__powerpc__"]),
    headers("ppc64", "powerpc64-linux-gnu", &["__powerpc__", "__powerpc64__"]),
    headers("ppc64", "powerpc64le-linux-gnu", &["__powerpc__", "__powerpc64__"]),
    headers(
        "riscv64",
        "riscv64-linux-gnu",
        &["__riscv", "__riscv_xlen=64", "__LP64__", "__SIZEOF_POINTER__=8"],
    ),
    headers("s390", "s390x-linux-gnu", &["__s390__"]),
    headers("s390x", "s390x-linux-gnu", &["__s390__", "__s390x__"]),
    headers("sh", "sh4-linux-gnu", &["__sh__", "__SH4__"]),
    headers("x32", "x86_64-linux-gnux32", &["__x86_64__", "__ILP32__"]),
    headers("x86", "i686-linux-gnu", &["__i386__"]),
    headers("x86_64", "x86_64-linux-gnu", &["__x86_64__", "__LP64__"]),
];

/// Reads the packages that are installed.
pub(crate) fn read(calls: &Calls) -> Result<Vec<Claims>> {
    let mut all = Vec::new();
    for headers in HEADERS.iter().filter(|h| h.installed()) {
        let names: BTreeSet<String> = headers
            .macros("asm/unistd.h")?
            .into_iter()
            .filter_map(|m| m.strip_prefix("__NR_").or(m.strip_prefix("__ARM_NR_")).map(str::to_owned))
            // Markers of ranges, ends of tables: in no table of ours, and not lower case in spelling or meaning.
            .filter(|n| calls.index(n).is_some() || !is_marker(n))
            .collect();
        let own = |n: &String| if headers.private(n) { format!("__ARM_NR_{n}") } else { format!("__NR_{n}") };
        let macros: Vec<String> = names.iter().map(own).collect();
        let values = headers.values("asm/unistd.h", &macros)?;
        let numbers: BTreeMap<String, u32> = names
            .into_iter()
            .zip(values)
            .filter_map(|(name, value)| Some((name, u32::try_from(value?).ok()?)))
            .collect();
        all.push(Claims {
            source: "headers",
            table: headers.table,
            numbers,
            kernel: Some(headers.version()?),
        });
    }
    Ok(all)
}

/// `Linux`, `O32_Linux_syscalls`, `syscalls`, `arch_specific_syscall`, …
fn is_marker(name: &str) -> bool {
    name.contains("Linux")
        || ["syscalls", "arch_specific_syscall", "SYSCALL_BASE", "SYSCALL_MASK", "BASE", "OABI_SYSCALL_BASE"]
            .contains(&name)
}

impl Headers {
    fn include(&self) -> String {
        format!("/usr/{}/include", self.folder)
    }

    /// Whether the package is there.
    pub(crate) fn installed(&self) -> bool {
        Path::new(&self.include()).join("asm/unistd.h").exists()
    }

    fn private(&self, name: &str) -> bool {
        self.table == "arm"
            && ["breakpoint", "cacheflush", "usr26", "usr32", "set_tls", "get_tls"].contains(&name)
    }

    fn version(&self) -> Result<Version> {
        let text = files::read(format!("{}/linux/version.h", self.include()))?;
        let code = text.split("LINUX_VERSION_CODE").nth(1).and_then(|t| t.lines().next());
        let code = code.and_then(expression::value).and_then(|c| u32::try_from(c).ok());
        let code = code.ok_or(format!("{}/linux/version.h: no LINUX_VERSION_CODE", self.include()))?;
        let part = |shift: u32| u16::try_from((code >> shift) & 0xff).unwrap_or_default();
        Ok((part(16), part(8), 0))
    }

    /// The names of the macros a header defines.
    fn macros(&self, header: &str) -> Result<Vec<String>> {
        let text = self.preprocess(&["-dM"], &format!("#include <{header}>\n"))?;
        let names = text.lines().filter_map(|l| l.strip_prefix("#define ")?.split([' ', '(']).next());
        Ok(names.map(str::to_owned).collect())
    }

    /// The values of macros, `None` where one is no number.
    pub(crate) fn values(&self, header: &str, macros: &[String]) -> Result<Vec<Option<u64>>> {
        const MARK: &str = "callgate_value ";
        let mut source = format!("#include <{header}>\n");
        macros.iter().for_each(|m| source += &format!("{MARK}{m}\n"));
        let text = self.preprocess(&["-P"], &source)?;
        let values: Vec<Option<u64>> =
            text.lines().filter_map(|l| l.strip_prefix(MARK)).map(expression::value).collect();
        if values.len() == macros.len() {
            Ok(values)
        } else {
            Err(format!("{}: {} of {} macros came back", self.folder, values.len(), macros.len()))
        }
    }

    fn preprocess(&self, options: &[&str], source: &str) -> Result<String> {
        let mut child = Command::new("cc")
            .args(["-E", "-undef", "-nostdinc", "-I", &self.include()])
            .args(self.defines.iter().map(|d| format!("-D{d}")))
            .args(options)
            .args(["-x", "c", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cc: {e}"))?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(source.as_bytes()).map_err(|e| format!("cc: {e}"))?;
        }
        let output = child.wait_with_output().map_err(|e| format!("cc: {e}"))?;
        if !output.status.success() {
            return Err(format!("cc -E for {}: {}", self.folder, output.status));
        }
        String::from_utf8(output.stdout).map_err(|e| format!("cc -E for {}: {e}", self.folder))
    }
}
