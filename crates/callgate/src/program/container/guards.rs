//! Source text for several machines: how a compiler is asked which one it compiles for, and the branch of a text
//! that is for one of them.

use crate::program::asm::Error;
use callgate_abi::Arch;
use std::borrow::Cow;

/// The condition under which a C compiler compiles for an architecture, for `#if`.
///
/// Source: the macros GCC and Clang predefine (`cc -dM -E - </dev/null`) for each target.
///
/// ```
/// use callgate::{Arch, program::container::c_condition};
/// assert_eq!(c_condition(Arch::X86), "defined(__i386__)");
/// ```
pub const fn c_condition(arch: Arch) -> &'static str {
    match arch {
        Arch::X86 => "defined(__i386__)",
        Arch::X86_64 => "defined(__x86_64__) && !defined(__ILP32__)",
        Arch::X32 => "defined(__x86_64__) && defined(__ILP32__)",
        Arch::Arm => "defined(__arm__) && !defined(__ARMEB__)",
        Arch::Aarch64 => "defined(__aarch64__) && !defined(__AARCH64EB__)",
        Arch::Loongarch64 => "defined(__loongarch64)",
        Arch::M68k => "defined(__m68k__)",
        Arch::Mips => "defined(__mips__) && !defined(__mips64) && defined(__MIPSEB__)",
        Arch::Mipsel => "defined(__mips__) && !defined(__mips64) && defined(__MIPSEL__)",
        Arch::Mips64 => "defined(__mips64) && defined(__LP64__) && defined(__MIPSEB__)",
        Arch::Mipsel64 => "defined(__mips64) && defined(__LP64__) && defined(__MIPSEL__)",
        Arch::Mips64n32 => "defined(__mips64) && !defined(__LP64__) && defined(__MIPSEB__)",
        Arch::Mipsel64n32 => "defined(__mips64) && !defined(__LP64__) && defined(__MIPSEL__)",
        Arch::Parisc => "defined(__hppa__) && !defined(__LP64__)",
        Arch::Parisc64 => "defined(__hppa__) && defined(__LP64__)",
        Arch::Ppc => "defined(__powerpc__) && !defined(__powerpc64__)",
        Arch::Ppc64 => "defined(__powerpc64__) && !defined(__LITTLE_ENDIAN__)",
        Arch::Ppc64le => "defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)",
        Arch::Riscv64 => "defined(__riscv) && defined(__LP64__)",
        Arch::S390 => "defined(__s390__) && !defined(__s390x__)",
        Arch::S390x => "defined(__s390x__)",
        Arch::Sh => "defined(__sh__) && defined(__LITTLE_ENDIAN__)",
        Arch::Sheb => "defined(__sh__) && !defined(__LITTLE_ENDIAN__)",
    }
}

/// The macros of [`c_condition`] that are defined where an architecture is compiled for, with their other spellings.
const fn macros(arch: Arch) -> &'static [&'static str] {
    match arch {
        Arch::X86 => &["__i386__", "__i386", "i386", "__ILP32__"],
        Arch::X86_64 => &["__x86_64__", "__x86_64", "__amd64__", "__amd64", "__LP64__", "_LP64"],
        Arch::X32 => &["__x86_64__", "__x86_64", "__amd64__", "__amd64", "__ILP32__", "_ILP32"],
        Arch::Arm => &["__arm__", "__ARMEL__"],
        Arch::Aarch64 => &["__aarch64__", "__AARCH64EL__", "__LP64__", "_LP64"],
        Arch::Loongarch64 => &["__loongarch64", "__loongarch__", "__LP64__", "_LP64"],
        Arch::M68k => &["__m68k__", "__m68k"],
        Arch::Mips => &["__mips__", "__mips", "__MIPSEB__"],
        Arch::Mipsel => &["__mips__", "__mips", "__MIPSEL__"],
        Arch::Mips64 => &["__mips__", "__mips", "__mips64", "__LP64__", "_LP64", "__MIPSEB__"],
        Arch::Mipsel64 => &["__mips__", "__mips", "__mips64", "__LP64__", "_LP64", "__MIPSEL__"],
        Arch::Mips64n32 => &["__mips__", "__mips", "__mips64", "__MIPSEB__"],
        Arch::Mipsel64n32 => &["__mips__", "__mips", "__mips64", "__MIPSEL__"],
        Arch::Parisc => &["__hppa__", "__hppa"],
        Arch::Parisc64 => &["__hppa__", "__hppa", "__LP64__", "_LP64"],
        Arch::Ppc => &["__powerpc__", "__powerpc", "__PPC__"],
        Arch::Ppc64 => &["__powerpc__", "__PPC__", "__powerpc64__", "__PPC64__", "__LP64__", "_LP64"],
        Arch::Ppc64le => &[
            "__powerpc__",
            "__PPC__",
            "__powerpc64__",
            "__PPC64__",
            "__LITTLE_ENDIAN__",
            "__LP64__",
            "_LP64",
        ],
        Arch::Riscv64 => &["__riscv", "__LP64__", "_LP64"],
        Arch::S390 => &["__s390__"],
        Arch::S390x => &["__s390__", "__s390x__", "__LP64__", "_LP64"],
        Arch::Sh => &["__sh__", "__LITTLE_ENDIAN__"],
        Arch::Sheb => &["__sh__"],
    }
}

/// The condition under which Rust compiles for an architecture, for `#[cfg(…)]`; `None` for those that Rust has no
/// target for.
///
/// ```
/// use callgate::{Arch, program::container::rust_condition};
/// assert_eq!(rust_condition(Arch::S390x), Some("target_arch = \"s390x\""));
/// assert_eq!(rust_condition(Arch::Parisc), None);
/// ```
pub const fn rust_condition(arch: Arch) -> Option<&'static str> {
    Some(match arch {
        Arch::X86 => "target_arch = \"x86\"",
        Arch::X86_64 => "all(target_arch = \"x86_64\", target_pointer_width = \"64\")",
        Arch::X32 => "all(target_arch = \"x86_64\", target_pointer_width = \"32\")",
        Arch::Arm => "all(target_arch = \"arm\", target_endian = \"little\")",
        Arch::Aarch64 => "all(target_arch = \"aarch64\", target_endian = \"little\")",
        Arch::Loongarch64 => "target_arch = \"loongarch64\"",
        Arch::M68k => "target_arch = \"m68k\"",
        Arch::Mips => "all(target_arch = \"mips\", target_endian = \"big\")",
        Arch::Mipsel => "all(target_arch = \"mips\", target_endian = \"little\")",
        Arch::Mips64 => {
            "all(target_arch = \"mips64\", target_pointer_width = \"64\", target_endian = \"big\")"
        }
        Arch::Mipsel64 => {
            "all(target_arch = \"mips64\", target_pointer_width = \"64\", target_endian = \"little\")"
        }
        Arch::Mips64n32 => {
            "all(target_arch = \"mips64\", target_pointer_width = \"32\", target_endian = \"big\")"
        }
        Arch::Mipsel64n32 => {
            "all(target_arch = \"mips64\", target_pointer_width = \"32\", target_endian = \"little\")"
        }
        Arch::Ppc => "target_arch = \"powerpc\"",
        Arch::Ppc64 => "all(target_arch = \"powerpc64\", target_endian = \"big\")",
        Arch::Ppc64le => "all(target_arch = \"powerpc64\", target_endian = \"little\")",
        Arch::Riscv64 => "target_arch = \"riscv64\"",
        Arch::S390x => "target_arch = \"s390x\"",
        Arch::Parisc | Arch::Parisc64 | Arch::S390 | Arch::Sh | Arch::Sheb => return None,
    })
}

/// What `target_arch`, `target_pointer_width` and `target_endian` are for an architecture Rust knows.
fn rust_value(arch: Arch, key: &str) -> Option<&'static str> {
    let condition = rust_condition(arch)?;
    match (key, condition.split_once(key)) {
        (_, Some((_, rest))) => rest.split('"').nth(1),
        ("target_pointer_width", None) => Some(if arch.pointer_bits() == 64 { "64" } else { "32" }),
        ("target_endian", None) => Some(match arch.endian() {
            callgate_abi::Endian::Little => "little",
            callgate_abi::Endian::Big => "big",
        }),
        _ => None,
    }
}

/// A set of architectures, a bit each.
type Set = u32;
const EVERY: Set = (1 << Arch::ALL.len()) - 1;

/// The architectures for which `holds`.
fn set(holds: impl Fn(Arch) -> bool) -> Set {
    Arch::ALL.iter().enumerate().filter(|(_, a)| holds(**a)).map(|(i, _)| 1 << i).sum()
}

fn bit(arch: Arch) -> Set {
    set(|a| a == arch)
}

/// The text without the branches that are not compiled for `arch`, or for this machine if none is given. Lines keep
/// their numbers. A text that asks for no architecture is left as it is.
pub(super) fn chosen(text: &str, arch: Option<Arch>) -> Result<Cow<'_, str>, Error> {
    let sets = sets(text);
    // A branch counts if it can hold an array.
    let holding =
        || text.lines().zip(&sets).enumerate().filter(|(_, (l, s))| **s != EVERY && l.contains('{'));
    let Some((first, _)) = holding().next() else { return Ok(Cow::Borrowed(text)) };
    let there = holding().fold(0, |all, (_, (_, set))| all | set);
    let one_branch =
        holding().all(|(i, (_, set))| sets[first] == *set && sets[first..i].iter().all(|s| s == set));
    let wanted = match arch.or(Arch::NATIVE) {
        Some(wanted) if there & bit(wanted) != 0 => wanted,
        None | Some(_) => {
            let listed: Vec<Arch> = Arch::ALL.iter().copied().filter(|a| there & bit(*a) != 0).collect();
            match (arch, &listed[..]) {
                (None, [only, ..]) if one_branch => *only,
                _ => {
                    let names: Vec<&str> = listed.iter().map(|a| a.name()).collect();
                    let asked = arch.map_or("this machine", Arch::name);
                    let message = format!("there is no program for {asked}, only for {}", names.join(", "));
                    return Err(Error::at(first + 1, 1, message).help("name one of them with --arch"));
                }
            }
        }
    };
    let mut out = String::with_capacity(text.len());
    for (line, set) in text.lines().zip(&sets) {
        if set & bit(wanted) != 0 {
            out.push_str(line);
        }
        out.push('\n');
    }
    Ok(Cow::Owned(out))
}

/// A `#if` that is open.
struct Frame {
    /// Who is in the branch; `None` if that does not depend on the architecture alone.
    inside: Option<Set>,
    /// Who was in an earlier branch.
    taken: Set,
}

/// For each line, the architectures it is compiled for as far as its conditions speak of them.
fn sets(text: &str) -> Vec<Set> {
    let mut frames: Vec<Frame> = Vec::new();
    // An item behind `#[cfg(…)]` ends with its statement.
    let mut item: Option<Set> = None;
    let mut sets = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        let words = trimmed.strip_prefix('#').map(str::trim_start);
        let (word, rest) =
            words.map_or(("", ""), |w| w.split_at(w.find(|c: char| !c.is_alphabetic()).unwrap_or(w.len())));
        match word {
            "if" | "ifdef" | "ifndef" => {
                let who = match word {
                    "if" => c_set(rest),
                    "ifdef" => c_set(&format!("defined({})", rest.trim())),
                    _ => c_set(&format!("!defined({})", rest.trim())),
                };
                frames.push(Frame { inside: who, taken: who.unwrap_or(0) });
            }
            "elif" => {
                if let Some(frame) = frames.last_mut() {
                    frame.inside = frame.inside.and(c_set(rest)).map(|who| who & !frame.taken);
                    frame.taken |= frame.inside.unwrap_or(0);
                }
            }
            "else" => {
                if let Some(frame) = frames.last_mut() {
                    frame.inside = frame.inside.map(|_| EVERY & !frame.taken);
                }
            }
            "endif" => drop(frames.pop()),
            _ => {}
        }
        if let Some(cfg) = trimmed.strip_prefix("#[cfg(").and_then(|t| t.strip_suffix(")]")) {
            item = rust_set(cfg);
        }
        let outside = frames.iter().filter_map(|f| f.inside).fold(EVERY, |all, set| all & set);
        sets.push(item.map_or(outside, |item| outside & item));
        if trimmed.ends_with(';') && words.is_none() {
            item = None;
        }
    }
    sets
}

/// The longest condition that is looked at, in bytes.
const LONGEST: usize = 1000;

/// Who an expression of `#if` holds for; `None` if it asks for anything but architectures.
fn c_set(expression: &str) -> Option<Set> {
    if expression.len() > LONGEST {
        return None;
    }
    let known = |name: &str| Arch::ALL.iter().any(|a| macros(*a).contains(&name));
    let mut words = Words(expression);
    let found = either(&mut words, &|words| {
        if words.next()? != "defined" {
            return None;
        }
        let name = match words.next()? {
            "(" => {
                let name = words.next()?;
                (words.next()? == ")").then_some(name)?
            }
            name => name,
        };
        // Macros the table has with a negation only.
        let other = ["__ARMEB__", "__AARCH64EB__"].contains(&name);
        (known(name) || other).then(|| set(|a| macros(a).contains(&name)))
    })?;
    words.next().is_none().then_some(found)
}

fn either(words: &mut Words<'_>, atom: &dyn Fn(&mut Words<'_>) -> Option<Set>) -> Option<Set> {
    let mut all = both(words, atom)?;
    while words.skip("||") {
        all |= both(words, atom)?;
    }
    Some(all)
}

fn both(words: &mut Words<'_>, atom: &dyn Fn(&mut Words<'_>) -> Option<Set>) -> Option<Set> {
    let mut all = single(words, atom)?;
    while words.skip("&&") {
        all &= single(words, atom)?;
    }
    Some(all)
}

fn single(words: &mut Words<'_>, atom: &dyn Fn(&mut Words<'_>) -> Option<Set>) -> Option<Set> {
    if words.skip("!") {
        return Some(EVERY & !single(words, atom)?);
    }
    if words.skip("(") {
        let inside = either(words, atom)?;
        return words.skip(")").then_some(inside);
    }
    atom(words)
}

/// Who a `cfg` predicate holds for; `None` if it asks for anything but architectures.
fn rust_set(predicate: &str) -> Option<Set> {
    let mut words = Words(predicate);
    let found = rust_predicate(&mut words, 0)?;
    words.next().is_none().then_some(found)
}

/// How deep predicates may nest.
const DEEPEST: usize = 16;

fn rust_predicate(words: &mut Words<'_>, depth: usize) -> Option<Set> {
    let name = words.next().filter(|_| depth < DEEPEST)?;
    if !words.skip("(") {
        let key =
            ["target_arch", "target_pointer_width", "target_endian"].into_iter().find(|k| *k == name)?;
        let value = words.skip("=").then(|| words.next())??.trim_matches('"').to_owned();
        return Some(set(|a| rust_value(a, key) == Some(&value)));
    }
    let mut inside = Vec::new();
    while !words.skip(")") {
        inside.push(rust_predicate(words, depth + 1)?);
        words.skip(",");
    }
    match (name, &inside[..]) {
        ("any", all) => Some(all.iter().fold(0, |a, b| a | b)),
        ("all", all) => Some(all.iter().fold(EVERY, |a, b| a & b)),
        ("not", [one]) => Some(EVERY & !one),
        _ => None,
    }
}

/// The words and signs of a condition.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.0 = self.0.trim_start();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let first = self.0.chars().next()?;
        let length = match first {
            c if is_word(c) => self.0.find(|c| !is_word(c)).unwrap_or(self.0.len()),
            '"' => self.0[1..].find('"').map_or(self.0.len(), |i| i + 2),
            '&' if self.0.starts_with("&&") => 2,
            '|' if self.0.starts_with("||") => 2,
            // A comment ends the condition.
            '/' => return None,
            c => c.len_utf8(),
        };
        let (word, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(word)
    }

    /// Takes a word if it comes next.
    fn skip(&mut self, word: &str) -> bool {
        let before = self.0;
        let found = self.next() == Some(word);
        if !found {
            self.0 = before;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each architecture is compiled for under its own condition, and under that of no other.
    #[test]
    fn conditions_tell_architectures_apart() {
        for arch in Arch::ALL {
            assert_eq!(c_set(c_condition(*arch)), Some(bit(*arch)), "{}", arch.name());
            if let Some(condition) = rust_condition(*arch) {
                assert_eq!(rust_set(condition), Some(bit(*arch)), "{}", arch.name());
            }
        }
    }

    #[test]
    fn conditions_as_people_write_them() {
        assert_eq!(c_set(" defined __x86_64__ /* amd64 */"), Some(bit(Arch::X86_64) | bit(Arch::X32)));
        assert_eq!(c_set("!defined(__i386__)"), Some(EVERY & !bit(Arch::X86)));
        assert_eq!(
            c_set("(defined(__arm__) || defined(__s390x__)) && !defined __arm__"),
            Some(bit(Arch::S390x))
        );
        for other in
            ["defined(HAVE_SECCOMP)", "__riscv_xlen == 64", "1", "", "defined(__arm__", "defined(__arm__))"]
        {
            assert_eq!(c_set(other), None, "{other}");
        }
        assert_eq!(rust_set("any(target_arch = \"arm\", not(all()))"), Some(bit(Arch::Arm)));
        assert_eq!(c_set(&"(".repeat(9999)), None);
        assert_eq!(rust_set("feature = \"x\""), None);
        assert_eq!(rust_set(&"not(".repeat(9999)), None);
    }

    const TWO: &str = "#ifndef X_H\n#if defined(__x86_64__)\nf[] = { 1 };\n#elif defined(__aarch64__)\nf[] = { 2 };\n#else\n#error none\n#endif\n#endif\n";

    #[test]
    fn the_branch_for_one() {
        let arm = chosen(TWO, Some(Arch::Aarch64)).unwrap();
        assert!(arm.contains("{ 2 }") && !arm.contains("{ 1 }"), "{arm}");
        assert_eq!(arm.lines().position(|l| l.contains("{ 2 }")), Some(4));
        let error = chosen(TWO, Some(Arch::S390x)).unwrap_err();
        assert_eq!(error.message, "there is no program for s390x, only for x86_64, x32, aarch64");
        assert_eq!(error.line, 3);
        let rust = "#[cfg(target_arch = \"arm\")]\nf = [\n { 1 },\n];\n#[cfg(target_arch = \"s390x\")]\nf = [\n { 2 },\n];\nend { 3 };\n";
        let big = chosen(rust, Some(Arch::S390x)).unwrap();
        assert!(big.contains("{ 2 }") && !big.contains("{ 1 }") && big.contains("{ 3 }"), "{big}");
        assert!(matches!(chosen("#ifdef DEBUG\nf = { 1 };\n#endif\n", None), Ok(Cow::Borrowed(_))));
    }
}
