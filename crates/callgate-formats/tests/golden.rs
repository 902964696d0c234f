//! What our readers make of real policies is the same function as what the reference compilers made
//! of them. Skips, and says so, without the corpus of policies.

mod common;

use callgate::abi::{Endian, Word};
use callgate::{Arch, Filter, Program, Syscall};
use callgate_formats::{Capabilities, Format, Kernel, Options, detect, read};
use common::corpus;
use std::path::Path;

/// Differences that are the reference's: the file, the calls, and why.
const EXPLAINED: &[(&str, &[&str], &str)] = &[
    ("containers-common/antitree+seccomp-diff/charts/seccomp-diff/files/seccomp.json", X32_ONLY, OLD_TABLE),
    ("containers-common/containers+common/pkg/seccomp/seccomp.json", X32_ONLY, OLD_TABLE),
    ("docker/osmocom+docker-playground/seccomp_profile.json", X32_ONLY, OLD_TABLE),
    ("docker-history/moby+moby/history/148a19b6d6/default.json", LINUX_6_12, OLD_TABLE),
];

const OLD_TABLE: &str = "the library the reference was made with is older than these calls";
/// Reserved for x32 after the reference's tables were made.
const X32_ONLY: &[&str] = &["map_shadow_stack"];
const LINUX_6_12: &[&str] = &[
    "uretprobe",
    "map_shadow_stack",
    "statmount",
    "listmount",
    "mseal",
    "setxattrat",
    "getxattrat",
    "listxattrat",
    "removexattrat",
];

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

/// The calls on which two filters differ, as `arch call`, and the two actions of each.
fn differences(ours: &Filter, golden: &Filter) -> Vec<(&'static str, String)> {
    if ours == golden {
        return Vec::new();
    }
    let pairs = ours.zip(golden, |a, b| (*a, *b)).unwrap();
    let mut found = Vec::new();
    for arch in [Arch::X86, Arch::X86_64, Arch::X32, Arch::Aarch64, Arch::Arm] {
        let of_arch = pairs.restrict(Word::ARCH, arch.token());
        for (nr, call) in Syscall::of_arch(arch) {
            let of_call = of_arch.restrict(Word::NR, nr);
            for (a, b) in of_call.leaves().iter().filter(|p| p.0 != p.1) {
                found.push((call.name(), format!("{} {}: {a:?}, golden {b:?}", arch.name(), call.name())));
            }
        }
    }
    if found.is_empty() {
        let call = pairs.witness(|p| p.0 != p.1).unwrap();
        found.push(("", format!("{:#x} {} {:x?}", call.arch, call.nr, call.args)));
    }
    found
}

#[test]
fn container_profiles() {
    let Some(corpus) = corpus() else { return };
    let folders = ["oci", "docker", "docker-history", "containers-common", "containers-common-history"];
    let pairs = pairs(&corpus, &folders);
    let (mut equal, mut unexplained) = (0, Vec::new());
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
        let differences = differences(&ours, &golden);
        if differences.is_empty() {
            equal += 1;
        }
        for (call, what) in differences {
            match EXPLAINED.iter().find(|e| e.0 == file && e.1.contains(&call)) {
                Some((_, _, why)) => eprintln!("{file}: {what}: {why}"),
                None => unexplained.push(format!("{file}: {what}")),
            }
        }
    }
    eprintln!("{equal} of {total} equal");
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    assert_eq!(total - equal, EXPLAINED.len());
}

#[test]
fn seccompiler() {
    let Some(corpus) = corpus() else { return };
    for (file, name, program) in pairs(&corpus, &["seccompiler-json"]) {
        let text = std::fs::read_to_string(corpus.join("policies").join(&file)).unwrap();
        let host = if file.contains("aarch64-") { Arch::Aarch64 } else { Arch::X86_64 };
        let options = Options { pick: name.as_deref().map(Into::into), ..Options::new(host) };
        let import = read(&text, Format::Seccompiler, &options).unwrap_or_else(|e| panic!("{file}: {e}"));
        let ours = import.policies[0].policy.lower().unwrap();
        let differences = differences(&ours, &program.lift().unwrap());
        assert!(differences.is_empty(), "{file}: {differences:?}");
    }
}
