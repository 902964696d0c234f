//! What an argument stands for: standard input, a built-in policy, a running process, a file.

use crate::failure::Failure;
use callgate::builtin;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Nothing real is larger; hostile input stops here.
pub(crate) const MOST_BYTES: u64 = 32 << 20;

/// What the shown name of a built-in policy begins with; it may be typed, too.
pub(super) const BUILT_IN: &str = "builtin:";

/// What an argument stands for.
pub(super) enum Source {
    /// A text or program.
    Bytes(Bytes),
    /// The filters of a process, or of one of its threads.
    Process { pid: i32, tid: Option<i32> },
}

/// A text or program.
pub(super) struct Bytes {
    /// The name to show.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// The part that `#` picks.
    pub(super) pick: Option<Arc<str>>,
}

/// Opens what `name` stands for.
pub(super) fn open(name: &str) -> Result<Source, Failure> {
    if name == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|e| Failure::input(format!("standard input: {e}")))?;
        return limited("<stdin>".into(), bytes, None);
    }
    if let Some(process) = name.strip_prefix("pid:") {
        return self::process(process)
            .ok_or_else(|| Failure::input(format!("{name}: expected pid:PID or pid:PID/TID")));
    }
    let built_in = name.strip_prefix(BUILT_IN).unwrap_or(name);
    if let Some(text) = builtin::get(built_in) {
        return limited(format!("{BUILT_IN}{built_in}"), text.as_bytes().to_vec(), None);
    }
    if name.starts_with(BUILT_IN) {
        return Err(Failure::input(format!("{name}: no such built-in policy; there are {}", built_ins())));
    }
    if let Some(packaged) = PACKAGED.iter().find(|p| p.name == name) {
        return packaged.open();
    }
    let (path, pick) = match name.rsplit_once('#') {
        Some((path, pick)) if !Path::new(name).exists() => (path, Some(pick.into())),
        _ => (name, None),
    };
    match read_file(Path::new(path)) {
        Ok(bytes) => limited(path.into(), bytes, pick),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !name.contains(['/', '.']) => {
            let near = callgate::nearest(name, builtin::names());
            let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            Err(Failure::input(format!(
                "{name}: no such file, and no built-in policy of that name ({}){near}",
                built_ins()
            )))
        }
        Err(e) => Err(Failure::input(format!("{path}: {e}"))),
    }
}

/// Whether the name is that of a profile that a distribution's package brings.
pub(super) fn is_packaged(name: &str) -> bool {
    PACKAGED.iter().any(|p| p.name == name)
}

/// A profile that a distribution's package brings.
struct Packaged {
    /// `podman:default`.
    name: &'static str,
    /// Where packages put it, the administrator's version first.
    paths: &'static [&'static str],
    /// What to do where it is missing.
    advice: &'static str,
}

const PACKAGED: &[Packaged] = &[
    Packaged {
        name: "podman:default",
        paths: &["/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json"],
        advice: "the package golang-github-containers-common (Debian) or containers-common (Fedora) provides it",
    },
    Packaged {
        name: "docker:default",
        paths: &["/etc/docker/seccomp.json", "/usr/share/docker/seccomp.json"],
        advice: "Docker's daemon carries its profile inside and Debian packages no copy of it; save \
                 profiles/seccomp/default.json of the moby project and name that file",
    },
];

impl Packaged {
    fn open(&self) -> Result<Source, Failure> {
        for path in self.paths {
            match read_file(Path::new(path)) {
                Ok(bytes) => return limited((*path).into(), bytes, None),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(Failure::input(format!("{path}: {e}"))),
            }
        }
        Err(Failure::input(format!(
            "{}: not installed here: there is neither {}; {}",
            self.name,
            self.paths.join(" nor "),
            self.advice
        )))
    }
}

fn built_ins() -> String {
    builtin::names().collect::<Vec<_>>().join(", ")
}

fn process(text: &str) -> Option<Source> {
    let (pid, tid) = match text.split_once('/') {
        Some((pid, tid)) => (pid, Some(tid.parse().ok()?)),
        None => (text, None),
    };
    Some(Source::Process { pid: pid.parse().ok().filter(|p| *p > 0)?, tid })
}

fn limited(name: String, bytes: Vec<u8>, pick: Option<Arc<str>>) -> Result<Source, Failure> {
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Failure::input(format!(
            "{name}: larger than {} MiB, which no policy is",
            MOST_BYTES >> 20
        )));
    }
    Ok(Source::Bytes(Bytes { name, bytes, pick }))
}

/// The contents of a file, up to a byte more than any input may have.
pub(super) fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    let about = file.metadata()?;
    if about.is_dir() {
        let drop_ins = path.to_string_lossy().trim_end_matches('/').ends_with(".d");
        return Err(std::io::Error::other(match drop_ins {
            true => "is a directory; name the unit, and its drop-ins are read with it",
            false => "is a directory; name a file in it, or give it to `check`",
        }));
    }
    // Read at once, and a byte of room to see that this is the end.
    let mut bytes = Vec::with_capacity(usize::try_from(about.len().min(MOST_BYTES)).unwrap_or(0) + 1);
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The contents of a file that another one refers to, or that lies beside it: nobody has named it here, so that it must
/// be a file, and not a pipe that makes callgate wait. The null device stands for an empty file, as systemd has it.
pub(super) fn read_beside(path: &Path) -> std::io::Result<Vec<u8>> {
    let metadata = path.metadata()?;
    if metadata.is_file() || metadata.is_dir() || path.canonicalize()? == Path::new("/dev/null") {
        return read_file(path);
    }
    Err(std::io::Error::other("is no file"))
}

/// The names of what is in a folder.
pub(super) fn names_in(folder: &Path) -> std::io::Result<Vec<String>> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let names = std::fs::read_dir(folder)?.map(|e| e.map(|e| e.file_name()));
    Ok(names.collect::<Result<Vec<_>, _>>()?.into_iter().filter_map(|n| n.into_string().ok()).collect())
}

/// Bytes as text, or where they are none.
pub(super) fn text<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, Failure> {
    std::str::from_utf8(bytes).map_err(|e| {
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Failure::input(format!("{name}: UTF-16 text; save it as UTF-8"));
        }
        let line = bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        Failure::input(format!(
            "{name}:{line}: not text: a byte that is no UTF-8 at offset {}",
            e.valid_up_to()
        ))
    })
}

/// Finds an included file, relative to the one that includes it.
pub(crate) fn loader(path: &str, from: &str) -> Result<(String, String), String> {
    let base = Path::new(from).parent().unwrap_or(Path::new(""));
    let file: PathBuf = base.join(path);
    let bytes = read_beside(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{}: not text", file.display()))?;
    Ok((plain(&file).display().to_string(), text))
}

/// The path without `.` and `a/..`, so that one file has one name.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if out.file_name().is_some() => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

/// The text of a file, or of standard input for `-`, with the name to show.
pub(crate) fn text_of(name: &str) -> Result<(String, String), Failure> {
    match open(name)? {
        Source::Bytes(Bytes { name, bytes, .. }) => {
            let text = text(&name, &bytes)?.to_owned();
            Ok((name, text))
        }
        Source::Process { .. } => {
            Err(Failure::input(format!("{name}: a text is needed here, not a process")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packaged_profiles_are_looked_for() {
        let folder = std::env::temp_dir().join(format!("callgate-packaged-{}", std::process::id()));
        let file = folder.join("seccomp.json");
        let path: &'static str = file.to_str().unwrap().to_owned().leak();
        let paths: &'static [&'static str] = vec!["/nowhere/seccomp.json", path].leak();
        let packaged = Packaged { name: "a:default", paths, advice: "install a" };
        let Err(missing) = packaged.open() else { panic!("it is there") };
        assert_eq!(missing.code, crate::failure::BAD_INPUT);
        let expected = format!(
            "a:default: not installed here: there is neither /nowhere/seccomp.json nor {path}; install a"
        );
        assert_eq!(missing.messages, [expected]);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(&file, "{}").unwrap();
        let Ok(Source::Bytes(found)) = packaged.open() else { panic!("it is not read") };
        assert_eq!((found.name.as_str(), &found.bytes[..]), (path, &b"{}"[..]));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
