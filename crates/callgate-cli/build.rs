//! Links the program without shared libraries and at a fixed address.
//!
//! `callgate run` stands in front of commands that take a millisecond themselves. A loader that looks for
//! libraries, and sixteen thousand places that it has to fill in, would cost as much again. Rust's own switch for
//! this, `-C target-feature=+crt-static`, holds for a whole build, in which shared libraries and procedural macros
//! cannot be made then; arguments of the linker hold for this one program.
//!
//! rustc asks the linker for the shared C library and unwinder by name. The linker reads what it finds under
//! these names first in directories it is told to look into: here, scripts that name the archives instead.
//!
//! Where the archives are not at hand (they are packages of their own in some distributions), on systems with
//! another C library (musl needs none of this), or with `CALLGATE_LINK=dynamic`, the program is linked as usual.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What takes the place of each shared library that the standard library asks for. The archives need each other.
const INSTEAD: [(&str, &[&str]); 7] = [
    ("libgcc_s.so", &["libgcc_eh.a", "libgcc.a", "libc.a"]),
    ("libutil.so", &["libutil.a"]),
    ("librt.so", &["librt.a"]),
    ("libpthread.so", &["libpthread.a"]),
    ("libm.so", &["libm.a"]),
    ("libdl.so", &["libdl.a"]),
    ("libc.so", &["libc.a", "libgcc_eh.a", "libgcc.a"]),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CALLGATE_LINK");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    if target("OS") != "linux"
        || target("ENV") != "gnu"
        || env::var("CALLGATE_LINK").is_ok_and(|v| v == "dynamic")
    {
        return;
    }
    if target("FEATURE").split(',').any(|feature| feature == "crt-static") {
        return;
    }
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else { return };
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    for (shared, archives) in INSTEAD {
        let Some(script) = archives.iter().map(|archive| find(&linker, archive)).collect::<Option<Vec<_>>>()
        else {
            return;
        };
        let script = format!("GROUP ( {} )\n", script.join(" "));
        if let Err(error) = fs::write(out.join(shared), script) {
            println!("cargo::warning={}: {error}", out.join(shared).display());
            return;
        }
    }
    // A directory for this program alone: the tests beside it are linked as usual.
    println!("cargo::rustc-link-arg-bins=-L{}", out.display());
    println!("cargo::rustc-link-arg-bins=-static");
    println!("cargo::rustc-link-arg-bins=-no-pie");
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        // The archives' own names of functions are of no use to anybody.
        println!("cargo::rustc-link-arg-bins=-Wl,--strip-all");
    }
}

/// The path of an archive, as the linker's driver knows it; it answers with the bare name where it knows none.
/// A path that a linker script could not hold as it stands counts as none.
fn find(linker: &std::ffi::OsStr, archive: &str) -> Option<String> {
    let output = Command::new(linker).arg(format!("-print-file-name={archive}")).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c));
    (output.status.success() && plain && Path::new(&path).is_file() && path.starts_with('/')).then_some(path)
}
