//! `cargo xtask binary`: the program as it is released is one file that needs nothing else, and a small one.

use crate::files::{Result, root};
use std::process::Command;

const BINARY: &str = "target/release/callgate";
/// Bytes it must stay below.
const LIMIT: usize = 8 << 20;

/// Segments of an ELF file (`elf.h`): what the dynamic loader reads, and which loader that is.
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;

/// Builds the program and looks at it.
pub(crate) fn run() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(root())
        .args(["build", "--release", "--package", "callgate-cli"])
        .status()
        .map_err(|e| format!("cargo could not be started: {e}"))?;
    if !built.success() {
        return Err(format!("the program could not be built: {built}"));
    }
    let bytes = std::fs::read(root().join(BINARY)).map_err(|e| format!("{BINARY}: {e}"))?;
    let segments = segments(&bytes).ok_or_else(|| format!("{BINARY}: no 64-bit little-endian ELF file"))?;
    println!("{BINARY}: {} bytes, {:.2} MiB", bytes.len(), bytes.len() as f64 / f64::from(1 << 20));
    if segments.contains(&PT_INTERP) || segments.contains(&PT_DYNAMIC) {
        return Err(format!(
            "{BINARY}: linked with shared libraries; without them where the C library's archive, libc.a, is installed \
             and CALLGATE_LINK is not set"
        ));
    }
    match bytes.len() {
        len if len < LIMIT => Ok(()),
        len => Err(format!("{BINARY}: {len} bytes, the limit is {LIMIT}")),
    }
}

/// The types of the segments; `None` for what is not such a file.
fn segments(elf: &[u8]) -> Option<Vec<u32>> {
    let field = |at: usize, len: usize| -> Option<usize> {
        let bytes = elf.get(at..at.checked_add(len)?)?;
        Some(bytes.iter().rev().fold(0, |all, byte| all << 8 | usize::from(*byte)))
    };
    // Class and byte order follow the magic; then where the table is, how long an entry, and how many.
    if elf.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let (table, size, count) = (field(32, 8)?, field(54, 2)?, field(56, 2)?);
    (0..count).map(|i| u32::try_from(field(table.checked_add(i * size)?, 4)?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_found() {
        // The tests themselves are linked with shared libraries.
        let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(segments(&this).unwrap().contains(&PT_DYNAMIC));
        for len in 0..64 {
            assert_eq!(segments(&this[..len]), None);
        }
        assert_eq!(segments(b"#!/bin/sh\nexit 0\n"), None);
    }
}
