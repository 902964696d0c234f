//! Finding `SYSCALL_DEFINE` in the kernel's C files.

use super::guard::{Guard, Guards};
use crate::codegen::signature_row::Declared;
use crate::files::Result;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One definition of an entry point.
pub(crate) struct Definition {
    /// Relative to the tree.
    pub(crate) file: String,
    /// The conditions of the preprocessor it stands under.
    pub(crate) guard: Guard,
    pub(crate) params: Vec<Declared>,
}

/// The folders in which entry points are defined.
const FOLDERS: &[&str] = &[
    "arch",
    "block",
    "drivers/char",
    "drivers/pci",
    "fs",
    "io_uring",
    "ipc",
    "kernel",
    "mm",
    "net",
    "security",
];

/// The prefix of an entry point, and whether only a 32-bit kernel has it.
type Prefix = (&'static str, bool);

/// The defining macros, and the entry points each makes. `SYSCALL32_` and `PPC32_SYSCALL_` are native on a
/// 32-bit kernel and compat on a 64-bit one.
const MACROS: &[(&str, &[Prefix])] = &[
    ("SYSCALL_DEFINE", &[("sys_", false)]),
    ("COMPAT_SYSCALL_DEFINE", &[("compat_sys_", false)]),
    ("SYSCALL32_DEFINE", &[("sys_", true), ("compat_sys_", false)]),
    ("PPC32_SYSCALL_DEFINE", &[("sys_", true), ("compat_sys_", false)]),
];

/// Every definition in a kernel tree, by entry point.
pub(crate) fn definitions(tree: &Path) -> Result<BTreeMap<String, Vec<Definition>>> {
    let mut found: BTreeMap<String, Vec<Definition>> = BTreeMap::new();
    for folder in FOLDERS {
        let mut paths = Vec::new();
        walk(&tree.join(folder), &mut paths)?;
        paths.sort();
        for path in paths {
            let bytes = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            let text = String::from_utf8_lossy(&bytes);
            if text.contains("SYSCALL") && text.contains("_DEFINE") {
                let file = path.strip_prefix(tree).unwrap_or(&path).display().to_string();
                scan(&file, &without_comments(&text), &mut found)?;
            }
        }
    }
    Ok(found)
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry.map_err(|e| format!("{}: {e}", folder.display()))?.path();
        if path.is_dir() {
            // User-mode Linux is another kernel's guest, not an ABI of its own.
            if !path.ends_with("arch/um") && !path.ends_with("arch/x86/um") {
                walk(&path, paths)?;
            }
        } else if path.extension().is_some_and(|e| e == "c") {
            paths.push(path);
        }
    }
    Ok(())
}

fn scan(file: &str, text: &str, found: &mut BTreeMap<String, Vec<Definition>>) -> Result<()> {
    let mut guards = Guards::default();
    let mut at = 0;
    while at < text.len() {
        let line = text[at..].lines().next().unwrap_or_default();
        if line.trim_start().starts_with('#') {
            guards.directive(line.trim_start());
        } else if let Some((entries, list)) = macro_call(line, &text[at..]) {
            // A macro that stands for the two halves of a 64-bit argument: say it is one.
            let list = list.replace("SC_ARG64(", "u64, ");
            let mut cells = list.split(',').map(|cell| cell.trim().trim_end_matches(')'));
            let name = cells.next().unwrap_or_default();
            // Other macros make the halves of compat entry points; their tables are not ours.
            if !list.contains('(') {
                let cells: Vec<&str> = cells.collect();
                let params = params(&cells).ok_or(format!("{file}: cannot read the parameters of {name}"))?;
                for (prefix, native_32) in entries {
                    let mut guard = guards.current();
                    if *native_32 {
                        guard.push(("defined(CONFIG_32BIT)".to_owned(), true));
                    }
                    let definition = Definition { file: file.to_owned(), guard, params: params.clone() };
                    found.entry(format!("{prefix}{name}")).or_default().push(definition);
                }
            }
        }
        at += line.len() + 1;
    }
    Ok(())
}

/// The macro a line opens with: the prefixes of its entry points, and what stands in its parentheses.
fn macro_call<'a>(line: &str, rest: &'a str) -> Option<(&'static [Prefix], &'a str)> {
    let (_, prefixes) = MACROS.iter().find(|(name, _)| {
        let digit = line.strip_prefix(name).map(str::as_bytes);
        digit.is_some_and(|d| d.len() > 1 && d[0].is_ascii_digit() && d[1] == b'(')
    })?;
    let open = rest.find('(')? + 1;
    let mut depth = 1;
    let length = rest[open..].find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    })?;
    Some((prefixes, &rest[open..open + length]))
}

fn params(cells: &[&str]) -> Option<Vec<Declared>> {
    let pairs = cells.chunks(2).map(|pair| match pair {
        [ctype, name] => Some(Declared { ctype: tidy_type(ctype), name: (*name).to_owned() }),
        _ => None,
    });
    pairs.collect()
}

/// `const char __user *` as `const char *`.
fn tidy_type(ctype: &str) -> String {
    let spaced = ctype.replace('*', " * ").replace("__user", " ");
    let mut out = String::new();
    for word in spaced.split_whitespace() {
        let joins = word == "*" && out.ends_with('*');
        if !out.is_empty() && !joins {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("/*") {
        out.push_str(&rest[..start]);
        let end = rest[start..].find("*/").map_or(rest.len(), |e| start + e + 2);
        out.extend(rest[start..end].chars().filter(|c| *c == '\n'));
        rest = &rest[end..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::{scan, tidy_type, without_comments};
    use crate::codegen::signature_row::print_params;
    use std::collections::BTreeMap;

    fn check(text: &str, entry: &str, expected: &str) {
        let mut found = BTreeMap::new();
        scan("f.c", &without_comments(text), &mut found).expect("readable");
        assert_eq!(print_params(Some(&found[entry][0].params)), expected);
    }

    #[test]
    fn a_definition_may_span_lines_and_hold_comments() {
        check(
            "SYSCALL_DEFINE3(read, unsigned int, fd, /* out */ char __user *, buf,\n\tsize_t, count)\n{",
            "sys_read",
            "unsigned int fd, char * buf, size_t count",
        );
        check("SYSCALL_DEFINE0(getpid)\n", "sys_getpid", "");
        check("COMPAT_SYSCALL_DEFINE1(x, int, a)\n", "compat_sys_x", "int a");
        check("SYSCALL32_DEFINE1(x, int, a)\n", "sys_x", "int a");
        check("SYSCALL32_DEFINE3(x, int, a, SC_ARG64(m))\n", "compat_sys_x", "int a, u64 m");
    }

    #[test]
    fn types_lose_their_annotations() {
        assert_eq!(tidy_type("const char __user *const __user *"), "const char * const *");
        assert_eq!(tidy_type("struct  iovec __user*"), "struct iovec *");
        assert_eq!(tidy_type("void **"), "void **");
    }
}
