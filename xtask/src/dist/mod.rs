//! `cargo xtask dist`: this project's `libseccomp.so.2` with what belongs to it, laid out as installed.

use crate::files::{Result, read, root};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const USAGE: &str = "\
usage: cargo xtask dist [--destdir DIR] [--prefix DIR] [--libdir DIR]

  --destdir DIR    the folder the tree is written below; target/dist without it
  --prefix DIR     where it will lie when installed; /usr/local without it
  --libdir DIR     where the libraries will lie; PREFIX/lib without it
";

/// The version of the interface: the number in the library's file name.
const VERSION: &str = "2.6.1";

/// Builds in release mode and writes the tree.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    let (mut destination, mut prefix, mut libdir) =
        (root().join("target/dist"), String::from("/usr/local"), None);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().copied().ok_or(format!("{arg} wants a value\n{USAGE}"));
        match *arg {
            "--destdir" => destination = PathBuf::from(value()?),
            "--prefix" => prefix = value()?.to_string(),
            "--libdir" => libdir = Some(value()?.to_string()),
            other => return Err(format!("unknown argument {other}\n{USAGE}")),
        }
    }
    let libdir = libdir.unwrap_or(format!("{prefix}/lib"));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(root())
        .args(["build", "--release", "--package", "callgate-capi"])
        .status()
        .map_err(|e| format!("cargo could not be started: {e}"))?;
    if !built.success() {
        return Err(format!("the library could not be built: {built}"));
    }
    let below = |path: &str| destination.join(path.trim_start_matches('/'));
    let (lib, include, bin) =
        (below(&libdir), below(&format!("{prefix}/include")), below(&format!("{prefix}/bin")));
    let made = root().join("target/release");
    let source = root().join("crates/callgate-capi");
    put(&made.join("libseccomp.so"), &lib.join(format!("libseccomp.so.{VERSION}")))?;
    link(&format!("libseccomp.so.{VERSION}"), &lib.join("libseccomp.so.2"))?;
    link("libseccomp.so.2", &lib.join("libseccomp.so"))?;
    put(&made.join("libseccomp.a"), &lib.join("libseccomp.a"))?;
    for header in ["seccomp.h", "seccomp-syscalls.h"] {
        put(&source.join("include").join(header), &include.join(header))?;
    }
    put(&made.join("scmp_sys_resolver"), &bin.join("scmp_sys_resolver"))?;
    let pc = read(source.join("libseccomp.pc.in"))?
        .replace("@prefix@", &prefix)
        .replace("@libdir@", &libdir)
        .replace("@includedir@", "${prefix}/include");
    crate::files::write(lib.join("pkgconfig/libseccomp.pc"), &pc)?;
    println!("{}", destination.display());
    Ok(())
}

fn put(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    std::fs::copy(from, to).map(drop).map_err(|e| format!("{}: {e}", from.display()))
}

fn link(to: &str, name: &Path) -> Result<()> {
    if name.symlink_metadata().is_ok() {
        std::fs::remove_file(name).map_err(|e| format!("{}: {e}", name.display()))?;
    }
    symlink(to, name).map_err(|e| format!("{}: {e}", name.display()))
}
