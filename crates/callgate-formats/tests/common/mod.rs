//! Finding the corpus of real policies: `CALLGATE_CORPUS`, or `shared/corpus` beside the workspace.

#![allow(dead_code, reason = "each test binary uses a part")]

use callgate::abi::{Endian, Word};
use callgate::{Action, Arch, Call, Cond, Filter, Origin, Policy, Program, Rule, SeccompData, Syscall};
use std::path::{Path, PathBuf};

/// The corpus, if there is one.
pub(crate) fn corpus() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut places: Vec<PathBuf> =
        std::env::var_os("CALLGATE_CORPUS").map(PathBuf::from).into_iter().collect();
    places.extend(["../shared/corpus", "../../shared/corpus"].map(|p| root.join(p)));
    let found = places.iter().find(|p| p.join("golden/INDEX.tsv").is_file() && p.join("policies").is_dir());
    if found.is_none() {
        eprintln!("skipped: no corpus of policies; CALLGATE_CORPUS says where it is");
    }
    found.cloned()
}

/// Every file below a folder, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// A filter with some calls left out: what it does to them is no longer part of it.
pub(crate) fn without(filter: &Filter, calls: &[(Arch, Syscall)]) -> Filter {
    let rules = calls.iter().map(|(arch, call)| Rule {
        calls: vec![Call::Named(*call)],
        arches: vec![*arch],
        when: Cond::True,
        action: Action::LOG,
        origin: Origin::default(),
    });
    let mut arches: Vec<Arch> = calls.iter().map(|c| c.0).collect();
    arches.sort_unstable();
    arches.dedup();
    if arches.is_empty() {
        return filter.clone();
    }
    let mask = Policy {
        arches,
        rules: rules.collect(),
        bad_arch: Action::ALLOW,
        x32: Some(Action::ALLOW),
        ..Policy::new(Action::ALLOW)
    };
    filter
        .zip(&mask.lower().unwrap(), |a, left_out| if *left_out == Action::LOG { None } else { Some(*a) })
        .unwrap()
        .map(|action| action.unwrap_or(Action::ALLOW))
}

/// The known calls two filters treat differently.
pub(crate) fn differing(a: &Filter, b: &Filter) -> Vec<(Arch, Syscall)> {
    let pairs = a.zip(b, |a, b| a == b).unwrap();
    let mut found = Vec::new();
    for &arch in Arch::ALL {
        let of_arch = pairs.restrict(Word::ARCH, arch.token());
        for (nr, call) in Syscall::of_arch(arch) {
            if of_arch.restrict(Word::NR, nr).leaves().contains(&false) {
                found.push((arch, call));
            }
        }
    }
    found
}

/// A call two filters treat differently, in words.
pub(crate) fn witness(a: &Filter, b: &Filter) -> Option<String> {
    let pairs = a.zip(b, |a, b| (*a, *b)).unwrap();
    let call = pairs.witness(|p| p.0 != p.1)?;
    let (a, b) = pairs.eval(&call);
    Some(format!("{}: {a:?} here, {b:?} there", show(&call)))
}

/// A call in words.
pub(crate) fn show(call: &SeccompData) -> String {
    let arch = Arch::of_call(call.arch, call.nr);
    let name = arch.and_then(|a| Syscall::from_number(a, call.nr)).map_or("?", |c| c.name());
    let arch = arch.map_or_else(|| format!("arch {:#x}", call.arch), |a| a.name().to_string());
    format!("{arch} {} ({name}) {:x?}", call.nr, call.args)
}

/// Calls in words.
pub(crate) fn show_calls(calls: &[(Arch, Syscall)]) -> String {
    let words: Vec<String> =
        calls.iter().map(|(arch, call)| format!("{} {}", arch.name(), call.name())).collect();
    words.join(", ")
}

/// Whether a file of a package is there; says so if not.
pub(crate) fn installed(path: &str, package: &str) -> bool {
    let there = Path::new(path).exists();
    if !there {
        eprintln!("skipped: {path} is not there; the package {package} brings it");
    }
    there
}

/// A folder that goes when the test ends.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("callgate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The filter of a little-endian program.
pub(crate) fn native(bytes: &[u8]) -> Filter {
    Program::from_bytes(bytes, Endian::Little).unwrap().lift().unwrap()
}
