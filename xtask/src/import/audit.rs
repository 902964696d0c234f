//! Audit tokens, from `audit.h` and `elf-em.h` to `data/audit.txt`.

use super::define;
use crate::files::{self, Result};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Writes `data/audit.txt`: `NAME TOKEN`, by name.
pub(crate) fn import(tree: &Path, version: &str) -> Result<()> {
    let headers = ["include/uapi/linux/elf-em.h", "include/uapi/linux/audit.h"];
    let mut values: BTreeMap<String, u32> = BTreeMap::new();
    for header in headers {
        for (name, text) in define::all(&files::read(tree.join(header))?) {
            if name.starts_with("EM_") || name.contains("AUDIT_ARCH_") {
                let value = or_of(&text, &values).ok_or(format!("{header}: cannot read {name} = {text}"))?;
                values.insert(name, value);
            }
        }
    }
    let mut out = format!("# Audit tokens: NAME TOKEN. Source: {}, Linux {version}.\n", headers.join(", "));
    for (name, value) in values.iter().filter(|v| v.0.starts_with("AUDIT_ARCH_")) {
        let _ = writeln!(out, "{name} {value:#010x}");
    }
    files::write("data/audit.txt", &out)
}

/// The value of `(A|B|0x40)`.
fn or_of(text: &str, values: &BTreeMap<String, u32>) -> Option<u32> {
    let text = text.trim_start_matches('(').trim_end_matches(')');
    text.split('|').try_fold(0, |sum, word| {
        let word = word.trim();
        let number = match word.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => word.parse().ok(),
        };
        Some(sum | number.or_else(|| values.get(word).copied())?)
    })
}
