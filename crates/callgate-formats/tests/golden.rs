//! What our readers make of real policies is the same function as what the reference compilers made
//! of them. Skips, and says so, without the corpus of policies.

mod common;

use callgate::abi::Endian;
use callgate::{Arch, Filter, Program, SeccompData, Syscall};
use callgate_formats::{Capabilities, Format, Kernel, Options, detect, read};
use common::{corpus, differing, show, without, witness};
use std::path::Path;

/// A pair that differs because the library the reference was made with knows fewer calls: a name it does
/// not know adds no rule, and the call gets the default action.
struct OldTable {
    file: &'static str,
    /// The calls, as far as they have a number on the architecture.
    calls: &'static [(Arch, &'static [&'static str])],
}

/// Its number is reserved on x32 since Linux 6.6; libseccomp 2.5.4 knows 6.1.
const SHADOW_STACK: &[(Arch, &[&str])] = &[(Arch::X32, &["map_shadow_stack"])];

/// libseccomp 2.5.4 knows the calls of Linux 6.1, and of x86 some fewer.
const AFTER_6_1: &[(Arch, &[&str])] = &[
    (
        Arch::X86,
        &["statmount", "listmount", "mseal", "setxattrat", "getxattrat", "listxattrat", "removexattrat"],
    ),
    (
        Arch::X86_64,
        &[
            "uretprobe",
            "statmount",
            "listmount",
            "mseal",
            "setxattrat",
            "getxattrat",
            "listxattrat",
            "removexattrat",
        ],
    ),
    (
        Arch::X32,
        &[
            "uretprobe",
            "map_shadow_stack",
            "statmount",
            "listmount",
            "mseal",
            "setxattrat",
            "getxattrat",
            "listxattrat",
            "removexattrat",
        ],
    ),
];

const OLD_TABLES: &[OldTable] = &[
    OldTable {
        file: "containers-common/antitree+seccomp-diff/charts/seccomp-diff/files/seccomp.json",
        calls: SHADOW_STACK,
    },
    OldTable { file: "containers-common/containers+common/pkg/seccomp/seccomp.json", calls: SHADOW_STACK },
    OldTable { file: "docker/osmocom+docker-playground/seccomp_profile.json", calls: SHADOW_STACK },
    OldTable { file: "docker-history/moby+moby/history/148a19b6d6/default.json", calls: AFTER_6_1 },
];

impl OldTable {
    fn calls(&self) -> Vec<(Arch, Syscall)> {
        let of_arch = |(arch, names): &(Arch, &[&str])| {
            let arch = *arch;
            names.iter().map(move |n| (arch, Syscall::from_name(n).unwrap())).collect::<Vec<_>>()
        };
        self.calls.iter().flat_map(of_arch).collect()
    }

    /// The pair differs in exactly these calls, the reference gives each the default, and in everything
    /// else the two are proved to be one function.
    fn explain(&self, ours: &Filter, golden: &Filter, default: callgate::Action) {
        let calls = self.calls();
        let found = differing(ours, golden);
        let names = |of: &[(Arch, Syscall)]| -> Vec<String> {
            let mut names: Vec<String> =
                of.iter().map(|(a, c)| format!("{} {}", a.name(), c.name())).collect();
            names.sort();
            names
        };
        assert_eq!(names(&found), names(&calls), "{}", self.file);
        for (arch, call) in &calls {
            let nr = call.number(*arch).unwrap();
            let data = SeccompData { nr, arch: arch.token(), ..SeccompData::default() };
            let (here, there) = (*ours.eval(&data), *golden.eval(&data));
            assert_eq!(there, default, "{}: {}", self.file, show(&data));
            assert_ne!(here, there, "{}: {}", self.file, show(&data));
            eprintln!(
                "  {}: {}: {here:?} here, {there:?} there: the reference's table is older",
                self.file,
                show(&data)
            );
        }
        assert_eq!(without(ours, &calls), without(golden, &calls), "{}", self.file);
    }
}

/// The pairs whose policy is in one of these folders: (file, name in the file, program).
fn pairs(corpus: &Path, folders: &[&str]) -> Vec<(String, Option<String>, Program)> {
    let index = std::fs::read_to_string(corpus.join("golden/INDEX.tsv")).unwrap();
    let mut pairs = Vec::new();
    for line in index.lines().skip(1) {
        let (policy, program) = line.split_once('\t').unwrap();
        if !folders.contains(&policy.split('/').next().unwrap()) {
            continue;
        }
        let (file, name) = match policy.split_once('#') {
            Some((file, name)) => (file, Some(name.to_string())),
            None => (policy, None),
        };
        let bytes = std::fs::read(corpus.join("golden").join(program)).unwrap();
        pairs.push((file.to_string(), name, Program::from_bytes(&bytes, Endian::Little).unwrap()));
    }
    assert!(!pairs.is_empty());
    pairs
}

#[test]
fn container_profiles() {
    let Some(corpus) = corpus() else { return };
    let folders = ["oci", "docker", "docker-history", "containers-common", "containers-common-history"];
    let pairs = pairs(&corpus, &folders);
    let (mut equal, mut explained, mut unexplained) = (0, 0, Vec::new());
    let total = pairs.len();
    for (file, _, program) in pairs {
        let path = corpus.join("policies").join(&file);
        let text = std::fs::read_to_string(&path).unwrap();
        let format = detect(Some(&path), text.as_bytes()).unwrap().format;
        let options = Options {
            caps: Some(Capabilities::container()),
            kernel: Some(Kernel::new(6, 1)),
            ignore_unknown: true,
            ..Options::new(Arch::X86_64)
        };
        let import = read(&text, format, &options).unwrap_or_else(|e| panic!("{file}: {e}"));
        let ours = import.policies[0].policy.lower().unwrap();
        let golden = program.lift().unwrap();
        if ours == golden {
            equal += 1;
        } else if let Some(old) = OLD_TABLES.iter().find(|e| e.file == file) {
            old.explain(&ours, &golden, import.policies[0].policy.default);
            explained += 1;
        } else {
            unexplained.push(format!("{file}: {}", witness(&ours, &golden).unwrap()));
        }
    }
    eprintln!(
        "container profiles: {equal} of {total} proved equal; {explained} equal but for calls newer than the reference"
    );
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    assert_eq!(explained, OLD_TABLES.len(), "an explanation is no longer needed");
}

#[test]
fn seccompiler() {
    let Some(corpus) = corpus() else { return };
    let mut equal = 0;
    for (file, name, program) in pairs(&corpus, &["seccompiler-json"]) {
        let text = std::fs::read_to_string(corpus.join("policies").join(&file)).unwrap();
        let host = if file.contains("aarch64-") { Arch::Aarch64 } else { Arch::X86_64 };
        let options = Options { pick: name.as_deref().map(Into::into), ..Options::new(host) };
        let import = read(&text, Format::Seccompiler, &options).unwrap_or_else(|e| panic!("{file}: {e}"));
        let ours = import.policies[0].policy.lower().unwrap();
        assert_eq!(witness(&ours, &program.lift().unwrap()), None, "{file}");
        equal += 1;
    }
    eprintln!("seccompiler: {equal} of {equal} proved equal");
}
