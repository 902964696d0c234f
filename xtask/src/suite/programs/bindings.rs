//! Other languages' bindings of libseccomp, whose own tests run on this project's library.

use super::text;
use crate::files::{Result, write};
use crate::suite::{Library, folder, must};
use std::path::Path;
use std::process::Command;

/// The crate `libseccomp`, with the tests it is published with.
const CRATE: &str = "0.4.0";

/// Where Debian's package of the Go bindings lies.
const GO: &str = "/usr/share/gocode/src/github.com/seccomp/libseccomp-golang";

pub(super) fn rust(ours: &Library, place: &Path) -> Result<String> {
    let base = place.join("rust");
    folder(&base.join("src"))?;
    write(base.join("src/lib.rs"), "")?;
    write(
        base.join("Cargo.toml"),
        &format!(
            "[package]\nname = \"bindings\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[dependencies]\n\
             libseccomp = \"={CRATE}\"\n\n[workspace]\nexclude = [\"vendor\"]\n"
        ),
    )?;
    let cargo = || {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&base).env_remove("RUSTFLAGS");
        cargo
    };
    let tests = base.join("vendor/libseccomp/Cargo.toml");
    if !tests.exists() {
        must(cargo().args(["vendor", "--quiet"]))?;
        // It is no member of the workspace that it lies in.
        let manifest = std::fs::read_to_string(&tests).map_err(|e| format!("{}: {e}", tests.display()))?;
        write(&tests, &format!("{manifest}\n[workspace]\n"))?;
    }
    let output = cargo()
        .args(["test", "--manifest-path", "vendor/libseccomp/Cargo.toml", "--target-dir", "target"])
        // One test wants to see no listener, which is the process's, while another one has it: with either library.
        .env("RUST_TEST_THREADS", "1")
        .env("LIBSECCOMP_LINK_TYPE", "dylib")
        .env("LIBSECCOMP_LIB_PATH", &ours.folder)
        .env("LD_LIBRARY_PATH", &ours.folder)
        .output()
        .map_err(|e| format!("cargo: {e}"))?;
    let said = text(&output.stdout);
    let passed: usize = said
        .lines()
        .filter_map(|l| l.strip_prefix("test result: ok. ")?.split(' ').next()?.parse::<usize>().ok())
        .sum();
    match output.status.success() && passed > 0 {
        true => Ok(format!("{passed} pass (libseccomp {CRATE})")),
        false => Err(format!("{}\n{said}{}", output.status, text(&output.stderr))),
    }
}

pub(super) fn go(ours: &Library, place: &Path) -> Result<String> {
    if !super::installed("go") || !Path::new(GO).exists() {
        return Ok("not installed".into());
    }
    let base = place.join("go");
    folder(&base)?;
    let output = Command::new("go")
        .args(["test", "-count=1", "-v", "./..."])
        .current_dir(GO)
        .env("GOFLAGS", "-mod=mod")
        .env("GOCACHE", base.join("cache"))
        .env("GOPATH", base.join("path"))
        .env("CGO_LDFLAGS", format!("-L{}", ours.folder.display()))
        .env("LD_LIBRARY_PATH", &ours.folder)
        .output()
        .map_err(|e| format!("go: {e}"))?;
    let said = text(&output.stdout);
    let count = |word: &str| said.lines().filter(|l| l.starts_with(&format!("--- {word}: "))).count();
    match output.status.success() && count("PASS") > 0 {
        true => Ok(format!("{} pass, {} skipped", count("PASS"), count("SKIP"))),
        false => Err(format!("{}\n{said}{}", output.status, text(&output.stderr))),
    }
}
