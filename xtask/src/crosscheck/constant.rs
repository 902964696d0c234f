//! Constants against crates `linux-raw-sys` and `libc`.

use super::claims::Disagreement;
use super::crates::registry;
use crate::codegen::cell::ARCHES;
use crate::codegen::constant_row;
use crate::files::{self, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// Our architecture, the folder of `linux-raw-sys`, the files of `libc` that are only about it.
type Files = (&'static str, &'static str, &'static [&'static str]);

const FILES: &[Files] = &[
    (
        "aarch64",
        "aarch64",
        &["gnu/b64/aarch64/mod", "gnu/b64/aarch64/lp64", "gnu/b64/mod", "arch/generic/mod"],
    ),
    ("arm", "arm", &["gnu/b32/arm/mod", "gnu/b32/mod", "arch/generic/mod"]),
    ("loongarch64", "loongarch64", &["gnu/b64/loongarch64/mod", "gnu/b64/mod", "arch/generic/mod"]),
    ("m68k", "m68k", &["gnu/b32/m68k/mod", "gnu/b32/mod", "arch/generic/mod"]),
    ("mips", "mips", &["gnu/b32/mips/mod", "gnu/b32/mod", "arch/mips/mod"]),
    ("mips64", "mips64", &["gnu/b64/mips64/mod", "gnu/b64/mod", "arch/mips/mod"]),
    ("ppc", "powerpc", &["gnu/b32/powerpc", "gnu/b32/mod", "arch/powerpc/mod"]),
    ("ppc64", "powerpc64", &["gnu/b64/powerpc64/mod", "gnu/b64/mod", "arch/powerpc/mod"]),
    ("riscv64", "riscv64", &["gnu/b64/riscv64/mod", "gnu/b64/mod", "arch/generic/mod"]),
    ("s390x", "s390x", &["gnu/b64/s390x", "gnu/b64/mod", "arch/generic/mod"]),
    ("x32", "x32", &["gnu/b64/x86_64/x32", "gnu/b64/x86_64/mod", "gnu/b64/mod", "arch/generic/mod"]),
    ("x86", "x86", &["gnu/b32/x86/mod", "gnu/b32/mod", "arch/generic/mod"]),
    (
        "x86_64",
        "x86_64",
        &["gnu/b64/x86_64/not_x32", "gnu/b64/x86_64/mod", "gnu/b64/mod", "arch/generic/mod"],
    ),
];

/// The files of `libc` about every architecture.
const COMMON: &[&str] = &["linux/gnu/mod", "linux/mod", "linux_l4re_shared", "mod"];

/// Fewer constants in common say that the source was read wrongly.
const ENOUGH: usize = 300;

/// Every difference; what a source lacks is no difference, what it has and we lack is none either: the sets
/// take what arguments can be. A value that is only ours on an architecture is left to the tests.
pub(crate) fn compare() -> Result<Vec<Disagreement>> {
    let mut ours: BTreeMap<String, Vec<Option<u64>>> = BTreeMap::new();
    for set in constant_row::read()? {
        ours.extend(set.members);
    }
    let folders = registry()?;
    let mut found = Vec::new();
    let mut compared = 0;
    for (arch, raw, libc) in FILES {
        let column = ARCHES.iter().position(|a| a.0 == *arch).ok_or(format!("no architecture {arch}"))?;
        for (source, folder) in
            [("linux-raw-sys", folders.get("linux-raw-sys")), ("libc", folders.get("libc"))]
        {
            let Some(folder) = folder else { continue };
            let theirs = if source == "libc" { read_libc(folder, libc)? } else { read_raw(folder, raw)? };
            let common =
                theirs.iter().filter_map(|(name, value)| Some((name, *value, ours.get(name)?[column])));
            let mut count = 0;
            for (name, theirs, ours) in common {
                count += 1;
                // A crate's constant has the width of its C type, ours has 64 bits.
                if ours.map(|v| v & u64::from(u32::MAX)) != Some(theirs & u64::from(u32::MAX)) {
                    let ours = ours.map_or("none".to_owned(), |v| format!("{v:#x}"));
                    let detail = format!("theirs {theirs:#x}, ours {ours}");
                    let (table, name) = ((*arch).to_owned(), name.clone());
                    found.push(Disagreement { source, table, name, kind: "constant", detail });
                }
            }
            if count < ENOUGH {
                return Err(format!("{source}: only {count} constants of {arch}"));
            }
            compared += count;
        }
    }
    println!("constants: {compared} values compared, {} disagreements", found.len());
    Ok(found)
}

/// The literal constants of every file about an architecture.
fn read_raw(folder: &Path, arch: &str) -> Result<BTreeMap<String, u64>> {
    let folder = folder.join("src").join(arch);
    let mut known = BTreeMap::new();
    for path in files::list(&folder.display().to_string(), "rs")? {
        read_text(&files::read(path)?, &mut known);
    }
    Ok(known)
}

/// The constants of an architecture's files, then those of all that do not depend on a `cfg`.
fn read_libc(folder: &Path, names: &[&str]) -> Result<BTreeMap<String, u64>> {
    let folder = folder.join("src/unix/linux_like");
    let mut known = BTreeMap::new();
    // Later files may use the constants of earlier ones and the other way round: two rounds.
    for _ in 0..2 {
        for name in names {
            let path = folder.join(format!("linux/{name}.rs"));
            if path.exists() {
                read_text(&files::read(path)?, &mut known);
            }
        }
        for name in COMMON {
            read_text(&files::read(folder.join(format!("{name}.rs")))?, &mut known);
        }
    }
    Ok(known)
}

/// `pub const NAME: TYPE = VALUE;` at the beginning of a line; the first definition of a name stands.
fn read_text(text: &str, known: &mut BTreeMap<String, u64>) {
    let mut conditional = false;
    for line in text.lines() {
        let constant =
            line.strip_prefix("pub const ").and_then(|l| l.strip_suffix(';')).filter(|_| !conditional);
        conditional = line.starts_with("#[cfg");
        let Some((head, value)) = constant.and_then(|l| l.split_once(" = ")) else { continue };
        let name = head.split(':').next().unwrap_or_default();
        if !known.contains_key(name)
            && let Some(value) = value_of(value, known)
        {
            known.insert(name.to_owned(), value);
        }
    }
}

/// The value of `A | 0x40`, `1 << 4`, `-100`, `B as c_uint`; `None` for anything else.
fn value_of(text: &str, known: &BTreeMap<String, u64>) -> Option<u64> {
    let flat: String = text.chars().filter(|c| !matches!(c, '(' | ')')).collect();
    flat.split('|').try_fold(0, |sum, term| {
        let term = term.split(" as ").next().unwrap_or_default().trim();
        let value = match term.split_once("<<") {
            Some((word, by)) => {
                word_of(word, known)?.checked_shl(u32::try_from(word_of(by, known)?).ok()?)?
            }
            None => word_of(term, known)?,
        };
        Some(sum | value)
    })
}

fn word_of(word: &str, known: &BTreeMap<String, u64>) -> Option<u64> {
    let word = word.trim();
    if let Some(rest) = word.strip_prefix('-') {
        return word_of(rest, known).map(u64::wrapping_neg);
    }
    let digits = word.replace('_', "");
    let (digits, radix) = match digits.get(..2) {
        Some("0x") => (&digits[2..], 16),
        Some("0o") => (&digits[2..], 8),
        _ => (digits.as_str(), 10),
    };
    u64::from_str_radix(digits, radix).ok().or_else(|| known.get(word.trim_start_matches("crate::")).copied())
}

#[cfg(test)]
mod tests {
    use super::read_text;
    use std::collections::BTreeMap;

    #[test]
    fn constants_of_rust_files() {
        let mut known = BTreeMap::new();
        let text = "pub const A: c_int = 0x10;\n#[cfg(x)]\npub const B: c_int = 1;\n    pub const C: u8 = 2;\n\
                    pub const D: c_int = A | 1 << 3;\npub const E: c_int = -100;\npub const F: u64 = f(1);\n";
        read_text(text, &mut known);
        let expected = [("A", 0x10), ("D", 0x18), ("E", (-100_i64).cast_unsigned())];
        assert_eq!(known, expected.map(|(n, v)| (n.to_owned(), v)).into());
    }
}
