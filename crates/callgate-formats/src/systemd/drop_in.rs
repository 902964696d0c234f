//! The drop-ins of a unit: which files they are, and in which order they are read.
//!
//! Source: systemd.unit(5).

use crate::options::Options;
use crate::place::Error;
use crate::scan::{Pos, Source};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the system's units lie, the administrator's first.
const SEARCHED: [&str; 8] = [
    "etc/systemd/system.control",
    "run/systemd/system.control",
    "run/systemd/transient",
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];

/// The drop-ins of the unit, in the order systemd reads them after it: by name, whatever folder they lie in.
/// Of two with one name the one in the folder named more precisely counts, and of two such the one in the
/// folder searched first. Empty files hide others of their name.
pub(super) fn drop_ins(unit: &Source, options: &Options) -> Result<Vec<Source>, Error> {
    let Some(list) = &options.list else { return Ok(Vec::new()) };
    let Some(name) = unit.name.as_deref().map(Path::new).and_then(Path::file_name) else {
        return Ok(Vec::new());
    };
    let Some(name) = name.to_str() else { return Ok(Vec::new()) };
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for folder in folders(name) {
        for place in searched(&unit.directory()) {
            let folder = place.join(&folder);
            // A folder that is not there, or cannot be read, is none.
            for file in list(&folder).unwrap_or_default() {
                if file.ends_with(".conf") {
                    let path = folder.join(&file);
                    found.entry(file).or_insert(path);
                }
            }
        }
    }
    let mut sources = Vec::new();
    for path in found.into_values() {
        let shown = path.display().to_string();
        sources.push(unit.include(Path::new(""), &shown, Pos::default(), options)?);
    }
    Ok(sources)
}

/// The folders of a unit's drop-ins, the one named most precisely first: `foo-bar@x.service.d`,
/// `foo-bar@.service.d`, `foo-.service.d`, `service.d`.
fn folders(name: &str) -> Vec<String> {
    let Some((stem, kind)) = name.rsplit_once('.') else { return Vec::new() };
    if !matches!(kind, "service" | "socket" | "mount" | "swap") {
        return Vec::new();
    }
    let mut stems = vec![stem.to_string()];
    let prefix = match stem.split_once('@') {
        Some((template, instance)) => {
            if !instance.is_empty() {
                stems.push(format!("{template}@"));
            }
            template
        }
        None => stem,
    };
    let at = if stem.contains('@') { "@" } else { "" };
    let mut rest = prefix.trim_end_matches('-');
    while let Some((shorter, _)) = rest.rsplit_once('-') {
        if shorter.is_empty() {
            break;
        }
        stems.push(format!("{shorter}-{at}"));
        rest = shorter.trim_end_matches('-');
    }
    let mut out: Vec<String> = stems.into_iter().map(|s| format!("{s}.{kind}.d")).collect();
    out.push(format!("{kind}.d"));
    out
}

/// The folders in which those folders may lie: the unit's own, and if that is one the system searches,
/// the others as well.
fn searched(own: &Path) -> Vec<PathBuf> {
    let root = SEARCHED.iter().find_map(|s| {
        own.ends_with(s).then(|| own.ancestors().nth(s.split('/').count()).unwrap_or(own).to_path_buf())
    });
    match root {
        // `usr/lib/systemd/system` ends in `lib/systemd/system` too.
        Some(root) => SEARCHED.iter().map(|s| root.join(s)).collect(),
        None => vec![own.to_path_buf()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_precise_to_general() {
        assert_eq!(
            folders("a-b-c.service"),
            ["a-b-c.service.d", "a-b-.service.d", "a-.service.d", "service.d"]
        );
        assert_eq!(
            folders("getty-x@tty1.service"),
            ["getty-x@tty1.service.d", "getty-x@.service.d", "getty-@.service.d", "service.d"]
        );
        assert_eq!(folders("a@.socket"), ["a@.socket.d", "socket.d"]);
        assert!(folders("10-x.conf").is_empty() && folders("x").is_empty());
    }

    #[test]
    fn where_the_system_looks() {
        assert_eq!(searched(Path::new("units")), [Path::new("units")]);
        let all = searched(Path::new("/srv/root/usr/lib/systemd/system"));
        assert_eq!(all[3], Path::new("/srv/root/etc/systemd/system"));
        assert_eq!(all.len(), SEARCHED.len());
        assert_eq!(searched(Path::new("/lib/systemd/system"))[3], Path::new("/etc/systemd/system"));
    }
}
