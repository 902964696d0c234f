//! `cargo xtask package`: Debian packages and bills of materials, each tried before it is reported.

mod sbom;
mod trial;

use crate::files::{Result, root, write};
use crate::tool::Tool;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const USAGE: &str = "\
usage: cargo xtask package [--dev]

  writes below target/packages: callgate_*.deb, callgate-libseccomp_*.deb, and what each is built from as *.cdx.json;
  then unpacks the packages and runs what is in them
  --dev            from the debug build, to see that packages can be made
";

const CARGO_DEB: Tool = Tool { name: "cargo-deb", version: "3.8.0", features: "gzip" };

/// What the packages are built for.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The crates that become packages, and the packages.
const PACKAGES: [(&str, &str); 2] = [("callgate-cli", "callgate"), ("callgate-capi", "callgate-libseccomp")];

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let profile = match args {
        [] => "release",
        ["--dev"] => "dev",
        _ => return Err(format!("unknown arguments\n{USAGE}")),
    };
    let folder = root().join("target/packages");
    clear(&folder)?;
    let share = folder.join("share");
    std::fs::create_dir_all(&share).map_err(|e| format!("{}: {e}", share.display()))?;
    crate::manual::install(&folder)?;
    crate::completions::install(&folder)?;
    let tool = CARGO_DEB.program()?;
    let mut made = Vec::new();
    for (package, name) in PACKAGES {
        let bill = sbom::of(package, TARGET)?;
        write(folder.join(format!("{name}.cdx.json")), &bill)?;
        // In the package, too, for whoever has nothing but it.
        if name == "callgate" {
            write(share.join(format!("doc/{name}/{name}.cdx.json")), &bill)?;
        }
        cargo(&["build", "--locked", "--profile", profile, "--package", package])?;
        let deb = folder.join(format!("{name}.deb"));
        done(
            "cargo-deb",
            Command::new(&tool)
                .current_dir(root())
                .args([
                    "deb",
                    "--no-build",
                    "--quiet",
                    "--profile",
                    profile,
                    "--package",
                    package,
                    "--output",
                ])
                .arg(&deb),
        )?;
        made.push(named(&deb)?);
    }
    trial::run(&made)?;
    for deb in made {
        println!("{}", deb.display());
    }
    Ok(())
}

/// Removes what an earlier run left, so that nothing of it is packaged.
fn clear(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(format!("{}: {e}", folder.display())),
        _ => Ok(()),
    }
}

/// Gives a package the name Debian gives it: NAME_VERSION_MACHINE.deb.
fn named(deb: &Path) -> Result<PathBuf> {
    let mut fields = Vec::new();
    for field in ["Package", "Version", "Architecture"] {
        fields.push(output(Command::new("dpkg-deb").arg("--field").arg(deb).arg(field))?.trim().to_owned());
    }
    let path = deb.with_file_name(format!("{}.deb", fields.join("_")));
    std::fs::rename(deb, &path).map_err(|e| format!("{}: {e}", deb.display()))?;
    Ok(path)
}

fn cargo(args: &[&str]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    done("cargo", Command::new(cargo).current_dir(root()).args(args))
}

/// Runs a command that must succeed.
fn done(name: &str, command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|e| format!("{name} could not be started: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name}: {status}")) }
}

/// What a command that must succeed prints.
fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("{name} could not be started: {e}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(format!("{name}: {}: {said}{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    /// A published crate is all there is of it: what it takes in at build time has to lie in it, if only as a link.
    #[test]
    fn what_a_crate_includes_is_in_it() {
        let mut included = 0;
        for package in std::fs::read_dir(root().join("crates")).unwrap() {
            let package = package.unwrap().path();
            let mut left = vec![package.join("src")];
            while let Some(path) = left.pop() {
                if path.is_dir() {
                    left.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
                    continue;
                }
                if path.extension() != Some(OsStr::new("rs")) {
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                for call in text.split("include_").skip(1) {
                    let call = call.strip_prefix("str!(\"").or_else(|| call.strip_prefix("bytes!(\""));
                    let Some((literal, _)) = call.and_then(|c| c.split_once('"')) else { continue };
                    let mut place = path.parent().unwrap().to_owned();
                    for part in literal.split('/') {
                        if part == ".." { assert!(place.pop()) } else { place.push(part) }
                    }
                    assert!(place.starts_with(&package), "{}: {}", path.display(), literal);
                    assert!(place.is_file(), "{}: {}", path.display(), literal);
                    included += 1;
                }
            }
        }
        assert!(included > 10, "{included}");
    }

    /// What the registry asks for, and what people look for there.
    #[test]
    fn every_published_crate_introduces_itself() {
        for package in std::fs::read_dir(root().join("crates")).unwrap() {
            let package = package.unwrap().path();
            let manifest = std::fs::read_to_string(package.join("Cargo.toml")).unwrap();
            for field in
                ["description", "license", "repository", "readme", "keywords", "categories", "rust-version"]
            {
                let has = manifest.lines().any(|l| {
                    l.starts_with(&format!("{field} =")) || l == format!("{field}.workspace = true")
                });
                assert!(has, "{}: no {field}", package.display());
            }
            for file in ["README.md", "LICENSE-MIT", "LICENSE-APACHE"] {
                assert!(package.join(file).is_file(), "{}: no {file}", package.display());
            }
        }
    }
}
