//! The packages, installed into a root of their own, and what is in them, run from there.

use super::{done, output};
use crate::files::{Result, root, write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Says whose library it got: the first line of what is mapped from a file of that name.
const ASKS: &str = r#"
#include <seccomp.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    char line[4096];
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL || seccomp_rule_add(filter, SCMP_ACT_ERRNO(7), SCMP_SYS(getppid), 0) != 0 || seccomp_load(filter) != 0)
        return 1;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "libseccomp.so") != NULL) {
            fputs(strchr(line, '/'), stdout);
            return 0;
        }
    return 1;
}
"#;

/// What the tool's package has, among other things.
const TOOL: &[&str] = &[
    "usr/bin/callgate",
    "usr/share/man/man1/callgate.1",
    "usr/share/man/man5/callgate-policy.5",
    "usr/share/bash-completion/completions/callgate",
    "usr/share/zsh/site-functions/_callgate",
    "usr/share/doc/callgate/docs/policy-language.md",
    "usr/share/doc/callgate/callgate.cdx.json",
];

pub(super) fn run(packages: &[PathBuf]) -> Result<()> {
    let folder = root().join("target/packages/trial");
    let place = folder.join("root");
    for package in packages {
        install(package, &place)?;
    }
    for (package, files) in [
        ("callgate", TOOL),
        ("callgate-libseccomp", &["usr/bin/callgate-libseccomp", "usr/lib/callgate/libseccomp.so.2"][..]),
    ] {
        for file in files.iter().map(|f| place.join(f)).chain([copyright(&place, package)]) {
            // Manual pages are compressed, as Debian has them.
            if !file.is_file() && !file.with_added_extension("gz").is_file() {
                return Err(format!("{package}: there is no {}", file.display()));
            }
        }
    }
    // Nothing where the loader or a compiler would find it unasked.
    for unasked in ["usr/lib/x86_64-linux-gnu", "lib", "etc", "usr/include"] {
        if place.join(unasked).exists() {
            return Err(format!("the packages write into /{unasked}"));
        }
    }
    tool(&place.join("usr/bin/callgate"), &folder)?;
    library(&place.join("usr/bin/callgate-libseccomp"), &place, &folder)?;
    std::fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))
}

/// By dpkg itself, where this user may; its database is the new root's own.
fn install(package: &Path, place: &Path) -> Result<()> {
    let database = place.join("var/lib/dpkg");
    for folder in ["info", "updates", "triggers"] {
        let folder = database.join(folder);
        std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let status = database.join("status");
    if !status.exists() {
        write(&status, "")?;
    }
    if output(Command::new("id").arg("-u"))?.trim() == "0" {
        // What a package depends on is the real root's, and not looked for in the new one.
        output(
            Command::new("dpkg")
                .arg(format!("--root={}", place.display()))
                .args(["--force-depends", "-i"])
                .arg(package),
        )
        .map(drop)
    } else {
        eprintln!("not root: {} is unpacked, not installed", package.display());
        done("dpkg-deb", Command::new("dpkg-deb").arg("-x").arg(package).arg(place))
    }
}

fn copyright(place: &Path, package: &str) -> PathBuf {
    place.join(format!("usr/share/doc/{package}/copyright"))
}

/// The tool compiles, proves and runs.
fn tool(callgate: &Path, folder: &Path) -> Result<()> {
    let version = output(Command::new(callgate).arg("--version"))?;
    if !version.starts_with("callgate ") {
        return Err(format!("callgate --version says {version}"));
    }
    let policy = folder.join("trial.cg");
    write(&policy, "arch x86_64\ndefault allow\nunknown errno(ENOSYS)\nerrno(EPERM) mkdir, mkdirat\n")?;
    output(Command::new(callgate).arg("prove").arg(&policy).args(["never", "allow", "mkdir"]))?;
    let denied = folder.join("denied");
    let run = Command::new(callgate)
        .arg("run")
        .arg(&policy)
        .args(["--", "mkdir"])
        .arg(&denied)
        .output()
        .map_err(|e| format!("{}: {e}", callgate.display()))?;
    if run.status.code() != Some(1) || denied.exists() {
        return Err(format!("callgate run: {}: {}", run.status, String::from_utf8_lossy(&run.stderr)));
    }
    Ok(())
}

/// A program of libseccomp's gets this library when it is asked for, and only then.
fn library(wrapper: &Path, place: &Path, folder: &Path) -> Result<()> {
    let (source, program) = (folder.join("asks.c"), folder.join("asks"));
    write(&source, ASKS)?;
    let include = root().join("crates/callgate-capi/include");
    done(
        "cc",
        Command::new("cc")
            .arg("-o")
            .arg(&program)
            .arg(&source)
            .arg("-I")
            .arg(include)
            .arg(place.join("usr/lib/callgate/libseccomp.so.2")),
    )?;
    let ours = place.join("usr/lib/callgate/libseccomp.so.2");
    let ours = ours.canonicalize().map_err(|e| format!("{}: {e}", ours.display()))?;
    let got = output(Command::new(wrapper).arg(&program))?;
    if Path::new(got.trim()) != ours {
        return Err(format!("callgate-libseccomp: the program got {got}"));
    }
    let plain = Command::new(&program).output().map_err(|e| format!("{}: {e}", program.display()))?;
    if String::from_utf8_lossy(&plain.stdout).contains("callgate") {
        return Err("the replacement is used unasked".into());
    }
    let empty = Command::new(wrapper).output().map_err(|e| format!("{}: {e}", wrapper.display()))?;
    if empty.status.code() != Some(2) {
        return Err(format!("callgate-libseccomp without a command: {}", empty.status));
    }
    Ok(())
}
