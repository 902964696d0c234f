//! The text formats against their reference compilers' programs: the policy that is read and the
//! program that was compiled are the same function, or the difference is explained here. Needs the
//! corpus (`CALLGATE_CORPUS`, or `../shared/corpus` beside the workspace) and says so without it.

mod common;

use callgate::abi::Endian;
use callgate::{Action, Arch, Filter, Program, SeccompData};
use callgate_formats::{Constants, Format, Options, read};
use std::path::Path;
use std::sync::Arc;

use common::corpus;

/// The pairs whose program lies below a folder: policy, program.
fn pairs(corpus: &Path, folder: &str) -> Vec<(String, String)> {
    let index = std::fs::read_to_string(corpus.join("golden/INDEX.tsv")).unwrap();
    let rows = index.lines().skip(1).filter_map(|l| l.split_once('\t'));
    rows.filter(|(_, program)| program.starts_with(folder))
        .map(|(policy, program)| (policy.to_owned(), program.to_owned()))
        .collect()
}

/// Compares one pair; `Err` says how they differ.
fn compare(corpus: &Path, pair: &(String, String), format: Format, options: &Options) -> Result<(), String> {
    let text = std::fs::read_to_string(corpus.join("policies").join(&pair.0)).unwrap();
    let import = read(&text, format, options).map_err(|e| format!("refused: {e}"))?;
    let bytes = std::fs::read(corpus.join("golden").join(&pair.1)).unwrap();
    let theirs = Program::from_bytes(&bytes, Endian::Little).unwrap().lift().unwrap();
    let ours = import.filter().map_err(|e| e.to_string())?;
    difference(&ours, &theirs)
}

/// Whether two filters are the same function; `Err` names a call for every difference.
fn difference(ours: &Filter, theirs: &Filter) -> Result<(), String> {
    if ours == theirs {
        return Ok(());
    }
    let both = ours.zip(theirs, |a, b| (*a, *b)).unwrap();
    let mut differences = Vec::new();
    for pair in both.leaves().iter().filter(|p| p.0 != p.1) {
        let call = both.witness(|p| p == pair).unwrap();
        differences.push(format!("{:?} here, {:?} there: {}", pair.0, pair.1, show(&call)));
    }
    Err(differences.join("; "))
}

fn show(call: &SeccompData) -> String {
    let arch = Arch::of_call(call.arch, call.nr);
    let name = arch.and_then(|a| callgate::Syscall::from_number(a, call.nr)).map_or("?", |c| c.name());
    format!("arch {:#x} nr {} ({name}) args {:x?}", call.arch, call.nr, call.args)
}

/// Pairs that cannot be compared, each with the reason: the corpus lacks a file the policy includes,
/// or the policy says what no policy here can.
const CROSVM: &[(&str, &str)] = &[
    ("riscv64/block_device.policy", "common_device.policy cannot be read"),
    ("riscv64/fs_device.policy", "common_device.policy cannot be read"),
    ("x86_64/block_device_vhost_user.policy", "block.policy cannot be read"),
    ("x86_64/gpu_device.policy", "gpu_common.policy cannot be read"),
    ("x86_64/net_device.policy", "net.policy cannot be read"),
    ("x86_64/vhost_vsock_device_vhost_user.policy", "vhost_vsock.policy cannot be read"),
];
const KAFEL: &[(&str, &str)] = &[
    ("sample_and_cmp_var.policy", "buf and fd: two arguments in one comparison"),
    ("sample_and_eq_var_long_set.policy", "fd and buf: two arguments in one comparison"),
    ("sample_and_eq_var_short_bottom.policy", "fd and buf: two arguments in one comparison"),
    ("chain_2.policy", "chain_2_1.policy is included"),
    ("chain_3.policy", "empty.policy is included"),
];

/// Every failure has its explanation, and every explanation is needed.
fn settle(what: &str, all: usize, failed: Vec<String>, explained: &[(&str, &str)]) {
    eprintln!("{what}: {} of {all} equal", all - failed.len());
    let is_explained = |f: &String| explained.iter().any(|(file, why)| f.contains(file) && f.contains(why));
    let (known, unknown): (Vec<String>, Vec<String>) = failed.into_iter().partition(is_explained);
    for failure in &known {
        eprintln!("  {failure}");
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
    assert_eq!(known.len(), explained.len(), "an explanation is no longer needed");
}

#[test]
fn crosvm() {
    let Some(corpus) = corpus() else { return };
    let policies = corpus.join("policies/minijail/google+crosvm/jail/seccomp");
    let constants = |arch: &str| {
        let path = corpus
            .join(format!("policies/minijail-constants/google+crosvm/jail/seccomp/{arch}/constants.json"));
        std::fs::read_to_string(path).ok().map(|t| Arc::new(Constants::read(&t).unwrap()))
    };
    let mut failed = Vec::new();
    let all = pairs(&corpus, "crosvm/");
    assert_eq!(all.len(), 34);
    for pair in &all {
        let name = pair.0.rsplit('/').nth(1).unwrap().to_owned();
        let (arch, table) = match &*name {
            "aarch64" => (Arch::Aarch64, None),
            "riscv64" => (Arch::Riscv64, constants("riscv64")),
            _ => (Arch::X86_64, constants("x86_64")),
        };
        let folder = policies.join(&name);
        let options = Options {
            file: Some(pair.0.clone().into()),
            default: Some(Action::Trap(0)),
            constants: table,
            // Includes name the place the files are installed to.
            open: Some(Arc::new(move |path| {
                std::fs::read_to_string(folder.join(path.file_name().unwrap_or_default()))
            })),
            ..Options::new(arch)
        };
        if let Err(why) = compare(&corpus, pair, Format::MinijailPython, &options) {
            failed.push(format!("{}: {why}", pair.0));
        }
    }
    settle("crosvm", all.len(), failed, CROSVM);
}

#[test]
fn kafel() {
    let Some(corpus) = corpus() else { return };
    let mut failed = Vec::new();
    let all = pairs(&corpus, "kafel/");
    assert_eq!(all.len(), 21);
    for pair in &all {
        let options = Options { file: Some(pair.0.clone().into()), ..Options::new(Arch::X86_64) };
        if let Err(why) = compare(&corpus, pair, Format::Kafel, &options) {
            failed.push(format!("{}: {why}", pair.0));
        }
    }
    settle("kafel", all.len(), failed, KAFEL);
}

/// Filters as the tools themselves installed them on x86_64.
#[test]
fn installed() {
    let Some(corpus) = corpus() else { return };
    let lift = |name: &str| {
        let bytes = std::fs::read(corpus.join("filters").join(name)).unwrap();
        Program::from_bytes(&bytes, Endian::Little).unwrap().lift().unwrap()
    };
    let mut failed = Vec::new();
    let mut check = |program: &str, text: &str, format: Format, arches: Option<Vec<Arch>>, policy: &str| {
        let options = Options { arches, ..Options::new(Arch::X86_64) };
        let import = read(text, format, &options).unwrap();
        let ours = import.pick(policy).unwrap().policy.lower().unwrap();
        if let Err(why) = difference(&ours, &lift(program)) {
            failed.push(format!("{program}: {why}"));
        }
    };
    let unit = |settings: &str| format!("[Service]\n{settings}\n");
    let ns = unit("RestrictNamespaces=yes");
    for (program, arch) in
        [("systemd-ns.bpf", Arch::X86), ("systemd-ns_1.bpf", Arch::X32), ("systemd-ns_2.bpf", Arch::X86_64)]
    {
        check(program, &ns, Format::Systemd, Some(vec![arch]), "RestrictNamespaces");
    }
    for (program, line, policy) in [
        ("firejail-seccomp.bpf", "seccomp", "seccomp"),
        ("firejail-seccomp.32.bpf", "seccomp", "seccomp.32.fixed"),
        ("firejail-seccomp.mdwx.bpf", "memory-deny-write-execute", "memory-deny-write-execute"),
    ] {
        check(program, line, Format::Firejail, None, policy);
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
