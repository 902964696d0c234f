//! libseccomp's source package, and its library as packaged, from the mirror this machine's own packages come from.

use super::{Library, copy, folder, must};
use crate::apt::Apt;
use crate::files::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The releases asked, newest first.
const RELEASES: [&str; 2] = ["sid", "trixie"];

/// An unpacked source tree of the newest release that can be had.
pub(super) fn fetch(place: &Path) -> Result<PathBuf> {
    let mut reasons = Vec::new();
    for release in RELEASES {
        let tree = place.join(format!("source-{release}"));
        if tree.join("configure").exists() {
            return Ok(tree);
        }
        match download(place, release, &tree) {
            Ok(()) => return Ok(tree),
            Err(reason) => {
                eprintln!("no source package from {release}: {reason}");
                reasons.push(format!("{release}: {reason}"));
            }
        }
    }
    Err(format!("libseccomp's source cannot be had; --source DIR names a tree: {}", reasons.join("; ")))
}

/// The release whose packages of the library are the newest.
const NEWEST: &str = "sid";

/// The packages that hold the library and its header.
const PACKAGES: [&str; 2] = ["libseccomp2", "libseccomp-dev"];

/// The newest packaged library, laid out as the others are: a mirror may hold the packages of a version and not its
/// source.
pub(super) fn packaged(place: &Path) -> Result<Library> {
    let base = place.join("packaged");
    let tree = base.join("tree");
    if !tree.join("usr/include/seccomp.h").exists() {
        let apt = Apt::configured(&base.join("apt"), "deb", NEWEST)?;
        apt.get(&["-qq", "update"])?;
        apt.get(&[&["-qq", "download"], &PACKAGES[..]].concat())?;
        for package in apt.files("deb")? {
            must(Command::new("dpkg-deb").arg("-x").arg(package).arg(&tree))?;
        }
    }
    let header = tree.join("usr/include");
    let version = header_version(&header.join("seccomp.h"))?;
    let made = find(&tree.join("usr/lib"), &format!("libseccomp.so.{version}"))
        .ok_or(format!("{}: no libseccomp.so.{version} in it", tree.display()))?;
    let name = format!("packaged-{version}");
    let lib = place.join("lib").join(&name);
    folder(&lib)?;
    copy(&made, &lib.join("libseccomp.so.2"))?;
    super::build::linked(&lib)?;
    Ok(Library { name, version, folder: lib, header })
}

/// The version a header says it belongs to.
fn header_version(header: &Path) -> Result<String> {
    let text = std::fs::read_to_string(header).map_err(|e| format!("{}: {e}", header.display()))?;
    let part = |name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix("#define")?.trim().strip_prefix(name))?;
        line.trim().parse::<u32>().ok()
    };
    let parts = ["SCMP_VER_MAJOR", "SCMP_VER_MINOR", "SCMP_VER_MICRO"].map(part);
    let [Some(major), Some(minor), Some(micro)] = parts else {
        return Err(format!("{}: no version in it", header.display()));
    };
    Ok(format!("{major}.{minor}.{micro}"))
}

/// A file of this name somewhere below a folder.
fn find(below: &Path, name: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(below).ok()?.flatten();
    entries.map(|e| e.path()).find_map(|path| match path.is_dir() {
        true => find(&path, name),
        false => path.file_name().is_some_and(|n| n == name).then_some(path),
    })
}

/// Downloads and unpacks the source package.
fn download(place: &Path, release: &str, tree: &Path) -> Result<()> {
    let apt = Apt::configured(&place.join(format!("apt-{release}")), "deb-src", release)?;
    apt.get(&["-qq", "update"])?;
    apt.get(&["-qq", "--download-only", "source", "libseccomp"])?;
    let dsc = apt.files("dsc")?.pop().ok_or("no .dsc file came")?;
    must(Command::new("dpkg-source").args(["--no-check", "-x"]).arg(dsc).arg(tree)).map(drop)
}
