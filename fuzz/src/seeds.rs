//! Inputs to begin with: the project's own policies, listings and programs, in the form each entry takes.

use callgate::program::Code;
use callgate::program::container::{self, Container};
use callgate::{Policy, Program};
use std::path::{Path, PathBuf};

/// Pairs of an entry and an input, in a fixed order. `root` is the workspace.
pub fn seeds(root: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let mut out = Vec::new();
    let mut programs: Vec<Program> = Vec::new();
    for folder in ["testdata", "crates/callgate/src/builtin", "bench/policies"] {
        for path in files(&root.join(folder)) {
            let Ok(bytes) = std::fs::read(&path) else { continue };
            match path.extension().and_then(|e| e.to_str()) {
                Some("cg") => {
                    let policy = std::str::from_utf8(&bytes).ok().and_then(|text| Policy::parse(text).ok());
                    // As printed it has a statement a line, and no includes.
                    out.extend(policy.as_ref().map(|p| ("policy", p.to_string().into_bytes())));
                    programs.extend(policy.and_then(|p| p.compile().ok()));
                    out.push(("policy", bytes));
                }
                Some("asm" | "dis") => {
                    out.push(("asm", bytes.clone()));
                    out.push(("container", bytes));
                }
                _ => {}
            }
        }
    }
    for program in &programs {
        for entry in ["lift", "disasm", "check"] {
            // As it is, little-endian; see `program::any`.
            let mut bytes = vec![2];
            bytes.extend(program.to_bytes());
            out.push((entry, bytes));
        }
    }
    if let Some(program) = programs.iter().min_by_key(|program| program.len()) {
        let code = Code::from(program);
        let wrapped = Container::ALL.iter().filter_map(|c| container::write(&code, *c, None).ok());
        out.extend(wrapped.map(|bytes| ("container", bytes)));
    }
    let profile =
        "# one minute\nread: 90412\nsocket(1, 0x80001): 310\nsocket(_, 2): 18446744073709551615\nfutex: 14\n";
    out.push(("profile", profile.into()));
    for path in files(&root.join("fuzz/seeds/formats")) {
        out.extend(std::fs::read(&path).map(|bytes| ("format", bytes)));
    }
    out
}

/// Every file below a folder, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}
