//! Programs from crates.io that chores run, each in one version, installed below `target/tools`.

use crate::files::{Result, root};
use std::path::PathBuf;
use std::process::Command;

/// A program, and how it is built.
#[derive(Clone, Copy)]
pub(crate) struct Tool {
    /// The crate, and the program it makes.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// The only features it is built with.
    pub(crate) features: &'static str,
}

impl Tool {
    /// The program's path. Builds it if this version is not there yet: without optimization, since it is run a few times
    /// only, from its own lock file.
    pub(crate) fn program(self) -> Result<PathBuf> {
        let folder = root().join("target/tools").join(format!("{}-{}", self.name, self.version));
        let program = folder.join("bin").join(self.name);
        if program.is_file() {
            return Ok(program);
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args(["install", self.name, "--version", self.version, "--locked", "--debug"])
            .args(["--no-default-features", "--features", self.features, "--quiet", "--root"])
            .arg(&folder)
            .arg("--target-dir")
            .arg(root().join("target/tools/build"))
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            // The path is named; nobody needs to be told that it is not searched.
            .env("CARGO_TERM_QUIET", "true")
            .current_dir(std::env::temp_dir())
            .status()
            .map_err(|e| format!("cargo could not be started: {e}"))?;
        if status.success() {
            Ok(program)
        } else {
            Err(format!("{} could not be installed: {status}", self.name))
        }
    }
}
