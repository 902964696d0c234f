//! The source package of libseccomp, from the mirror this machine's own packages come from.

use super::{folder, must};
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

/// Downloads and unpacks under an apt configuration of its own: the machine's is not touched.
fn download(place: &Path, release: &str, tree: &Path) -> Result<()> {
    let apt = place.join(format!("apt-{release}"));
    folder(&apt.join("lists/partial"))?;
    folder(&apt.join("archives/partial"))?;
    let list = apt.join("sources.list");
    write(&list, &format!("deb-src {} {release} main\n", mirror()?))?;
    let configuration = apt.join("apt.conf");
    write(
        &configuration,
        &format!(
            "Dir::State::lists \"{0}/lists\";\nDir::Cache::archives \"{0}/archives\";\n\
             Dir::Cache::pkgcache \"\";\nDir::Cache::srcpkgcache \"\";\n\
             Dir::Etc::sourcelist \"{0}/sources.list\";\nDir::Etc::sourceparts \"-\";\n",
            apt.display()
        ),
    )?;
    let apt_get = |args: &[&str]| {
        must(Command::new("apt-get").env("APT_CONFIG", &configuration).current_dir(&apt).args(args))
    };
    apt_get(&["-qq", "update"])?;
    apt_get(&["-qq", "--download-only", "source", "libseccomp"])?;
    let files = std::fs::read_dir(&apt).map_err(|e| format!("{}: {e}", apt.display()))?;
    let dsc = files
        .filter_map(|f| f.ok().map(|f| f.path()))
        .find(|p| p.extension().is_some_and(|e| e == "dsc"))
        .ok_or("no .dsc file came")?;
    must(Command::new("dpkg-source").args(["--no-check", "-x"]).arg(dsc).arg(tree)).map(drop)
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// The mirror of the first entry in this machine's list of sources.
fn mirror() -> Result<String> {
    let mut lists =
        vec![PathBuf::from("/etc/apt/sources.list.d/debian.sources"), PathBuf::from("/etc/apt/sources.list")];
    lists.retain(|l| l.exists());
    for list in lists {
        let text = std::fs::read_to_string(&list).map_err(|e| format!("{}: {e}", list.display()))?;
        let found = text.lines().find_map(|line| match line.split_once(char::is_whitespace)? {
            ("URIs:", rest) => rest.split_whitespace().next(),
            ("deb", rest) => rest.split_whitespace().find(|w| w.contains("://")),
            _ => None,
        });
        if let Some(found) = found {
            return Ok(found.to_string());
        }
    }
    Err("this machine has no Debian mirror in /etc/apt".into())
}
