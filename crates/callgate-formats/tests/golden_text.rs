//! The text formats against their reference compilers' programs: the policy that is read and the
//! program that was compiled are the same function, or the difference is explained here. Needs the
//! corpus (`CALLGATE_CORPUS`, or `../shared/corpus` beside the workspace) and says so without it.

mod common;

use callgate::abi::Endian;
use callgate::abi::insn::{Insn, op};
use callgate::{Action, Arch, Call, Errno, Filter, Program, SeccompData, Syscall};
use callgate_formats::{Constants, Format, Options, read};
use std::path::Path;
use std::sync::Arc;

use common::{corpus, differing, show, without, witness};

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
    let theirs = golden(corpus, &pair.1).lift().unwrap();
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

/// crosvm policies that include a file the corpus lacks: the policy, the file. What the rest of the policy
/// says is proved; the calls it does not name are the missing file's.
const CROSVM: &[(&str, &str)] = &[
    ("riscv64/block_device.policy", "common_device.policy"),
    ("riscv64/fs_device.policy", "common_device.policy"),
    ("x86_64/block_device_vhost_user.policy", "block.policy"),
    ("x86_64/gpu_device.policy", "gpu_common.policy"),
    ("x86_64/net_device.policy", "net.policy"),
    ("x86_64/vhost_vsock_device_vhost_user.policy", "vhost_vsock.policy"),
];

#[test]
fn crosvm() {
    let Some(corpus) = corpus() else { return };
    let policies = corpus.join("policies/minijail/google+crosvm/jail/seccomp");
    let constants = |arch: &str| {
        let path = corpus
            .join(format!("policies/minijail-constants/google+crosvm/jail/seccomp/{arch}/constants.json"));
        std::fs::read_to_string(path).ok().map(|t| Arc::new(Constants::read(&t).unwrap()))
    };
    let all = pairs(&corpus, "crosvm/");
    assert_eq!(all.len(), 34);
    let (mut equal, mut in_part) = (0, 0);
    for pair in &all {
        let name = pair.0.rsplit('/').nth(1).unwrap().to_owned();
        let (arch, table) = match &*name {
            "aarch64" => (Arch::Aarch64, None),
            "riscv64" => (Arch::Riscv64, constants("riscv64")),
            _ => (Arch::X86_64, constants("x86_64")),
        };
        let lacks = CROSVM.iter().find(|(file, _)| pair.0.ends_with(file)).map(|(_, lacks)| *lacks);
        let folder = policies.join(&name);
        let options = Options {
            file: Some(pair.0.clone().into()),
            default: Some(Action::Trap(0)),
            constants: table,
            // Includes name the place the files are installed to.
            open: Some(Arc::new(move |path| {
                let file = path.file_name().unwrap_or_default();
                if lacks.is_some_and(|l| file == l) {
                    return Ok(String::new());
                }
                std::fs::read_to_string(folder.join(file))
            })),
            ..Options::new(arch)
        };
        if lacks.is_some() {
            in_part += 1;
            compare_in_part(&corpus, pair, arch, &options);
            continue;
        }
        if let Err(why) = compare(&corpus, pair, Format::MinijailPython, &options) {
            panic!("{}: {why}", pair.0);
        }
        equal += 1;
    }
    eprintln!(
        "crosvm: {equal} of {} proved equal, {in_part} as far as their files are in the corpus",
        all.len()
    );
    assert_eq!(in_part, CROSVM.len());
}

/// A policy without one of the files it includes: whatever it decides itself is proved, and where the two
/// differ the policy says nothing, so that the call gets the default here and the missing file's action there.
fn compare_in_part(corpus: &Path, pair: &(String, String), arch: Arch, options: &Options) {
    const DEFAULT: Action = Action::Trap(0);
    let text = std::fs::read_to_string(corpus.join("policies").join(&pair.0)).unwrap();
    let import = read(&text, Format::MinijailPython, options).unwrap_or_else(|e| panic!("{e}"));
    let policy = &import.policies[0].policy;
    let (ours, theirs) = (policy.lower().unwrap(), golden(corpus, &pair.1).lift().unwrap());
    let decided = ours.zip(&theirs, |a, b| if *a == DEFAULT { DEFAULT } else { *b }).unwrap();
    assert_eq!(witness(&ours, &decided), None, "{}", pair.0);
    let missing = differing(&ours, &theirs);
    assert!(!missing.is_empty() && missing.iter().all(|(on, _)| *on == arch), "{}: {missing:?}", pair.0);
    assert_eq!(witness(&without(&ours, &missing), &without(&theirs, &missing)), None, "{}", pair.0);
    let named = |call: &Syscall| policy.rules.iter().any(|r| r.calls.contains(&Call::Named(*call)));
    eprintln!(
        "  {}: its own {} calls proved; {} are of the file that is missing, as {}",
        pair.0,
        Syscall::all().filter(named).count(),
        missing.len(),
        witness(&ours, &theirs).unwrap()
    );
}

fn golden(corpus: &Path, program: &str) -> Program {
    let bytes = std::fs::read(corpus.join("golden").join(program)).unwrap();
    Program::from_bytes(&bytes, Endian::Little).unwrap()
}

/// kafel policies that compare two arguments of `write` with each other, which no policy here can: the
/// file, where it does so, and what the comparison is.
type Comparison = fn(fd: u64, buf: u64) -> bool;
const TWO_ARGUMENTS: &[(&str, &str, Comparison)] = &[
    ("sample_and_cmp_var.policy", "4:5: buf and fd", |fd, buf| buf & fd <= 0xc267_df27_8caf_1f35),
    ("sample_and_eq_var_long_set.policy", "4:5: fd and buf", |fd, buf| fd & buf != 0),
    ("sample_and_eq_var_short_bottom.policy", "4:5: fd and buf", |fd, buf| fd & buf != 123),
];

#[test]
fn kafel() {
    let Some(corpus) = corpus() else { return };
    let all = pairs(&corpus, "kafel/");
    assert_eq!(all.len(), 21);
    let (mut equal, mut refused) = (0, 0);
    for pair in &all {
        // Two files of kafel's tests include others that the corpus lacks. They hold definitions at most:
        // the reference's program is that of a policy without statements.
        let open = |_: &Path| Ok("POLICY included { }\n".to_string());
        let options = Options {
            file: Some(pair.0.clone().into()),
            open: Some(Arc::new(open)),
            ..Options::new(Arch::X86_64)
        };
        let two = TWO_ARGUMENTS.iter().find(|(file, ..)| pair.0.ends_with(file));
        if let Some((file, place, holds)) = two {
            let text = std::fs::read_to_string(corpus.join("policies").join(&pair.0)).unwrap();
            let error = read(&text, Format::Kafel, &options).unwrap_err().to_string();
            assert!(error.contains(&format!("{place}: two arguments in one comparison")), "{error}");
            two_arguments(file, &golden(&corpus, &pair.1), *holds);
            refused += 1;
            continue;
        }
        if let Err(why) = compare(&corpus, pair, Format::Kafel, &options) {
            panic!("{}: {why}", pair.0);
        }
        equal += 1;
    }
    eprintln!(
        "kafel: {equal} of {} proved equal, {refused} refused: two arguments in one comparison",
        all.len()
    );
    assert_eq!(refused, TWO_ARGUMENTS.len());
}

/// The refusal is right: the reference's program decides `write` by a comparison of two arguments, of which
/// witnesses are shown; and `write` apart, it is proved to be what the text says.
fn two_arguments(file: &str, program: &Program, holds: Comparison) {
    let run = |fd: u64, buf: u64| {
        let data = SeccompData { nr: 1, arch: Arch::X86_64.token(), ip: 0, args: [fd, buf, 0, 0, 0, 0] };
        program.run(&data).action()
    };
    let words =
        [0, 1, 2, 123, 0x7b7b_7b7b, 0xffff_ffff, 0xc267_df27_8caf_1f35, 0xc267_df27_8caf_1f36, u64::MAX];
    let mut seen = [None; 2];
    for (fd, buf) in words.iter().flat_map(|a| words.iter().map(move |b| (*a, *b))) {
        let action = if holds(fd, buf) { Action::ALLOW } else { Action::KILL_THREAD };
        assert_eq!(run(fd, buf), action, "{file}: {fd:#x} {buf:#x}");
        seen[usize::from(action == Action::ALLOW)].get_or_insert((fd, buf));
    }
    let [Some(killed), Some(allowed)] = seen else { panic!("{file}: {seen:?}") };
    eprintln!(
        "  {file}: write({:#x}, {:#x}) is killed, write({:#x}, {:#x}) is not",
        killed.0, killed.1, allowed.0, allowed.1
    );

    // The same program behind a prologue that takes call 1 out.
    let prologue = [
        Insn::stmt(op::LD_ABS, 0),
        Insn::jump(op::JEQ_K, 1, 0, 1),
        Insn::stmt(op::RET_K, Action::LOG.to_ret()),
    ];
    let lift = |program: &Program| {
        Program::new(prologue.iter().chain(program.insns()).copied().collect()).unwrap().lift().unwrap()
    };
    let text = "POLICY sample { ALLOW { write } } USE sample DEFAULT KILL";
    let ours = read(text, Format::Kafel, &Options::new(Arch::X86_64)).unwrap();
    let ours = lift(&ours.policies[0].policy.compile().unwrap());
    assert_eq!(witness(&ours, &lift(program)), None, "{file}");
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

/// `@system-service` as systemd 252 installed it, a filter for each architecture of the machine. The unit says it
/// in all but two things: calls that came to the group later, and that numbers no systemd knows are `ENOSYS`,
/// which a set by itself does not say.
#[test]
fn installed_system_service() {
    const LATER: &[&str] = &[
        "file_getattr",
        "file_setattr",
        "getxattrat",
        "landlock_add_rule",
        "landlock_create_ruleset",
        "landlock_restrict_self",
        "listmount",
        "listxattrat",
        "lsm_get_self_attr",
        "lsm_list_modules",
        "mseal",
        "open_tree",
        "removexattrat",
        "seccomp",
        "setxattrat",
        "statmount",
        "uretprobe",
    ];
    let Some(corpus) = corpus() else { return };
    let text = "[Service]\nSystemCallFilter=@system-service\nSystemCallErrorNumber=EPERM\n";
    for (arch, suffix) in [(Arch::X86, ""), (Arch::X32, "_1"), (Arch::X86_64, "_2")] {
        let file = corpus.join(format!("filters/systemd-set-system-service{suffix}.bpf"));
        let theirs =
            Program::from_bytes(&std::fs::read(file).unwrap(), Endian::Little).unwrap().lift().unwrap();
        let options = Options { arches: Some(vec![arch]), ..Options::new(Arch::X86_64) };
        let import = read(text, Format::Systemd, &options).unwrap();
        let (enosys, eperm) = (Action::Errno(Errno::ENOSYS), Action::Errno(Errno::EPERM));
        let ours = import.filter().unwrap().map(|a| if *a == enosys { eperm } else { *a });
        let later = differing(&ours, &theirs);
        let expected: Vec<Syscall> = LATER.iter().filter_map(|n| Syscall::from_name(n)).collect();
        for (on, call) in &later {
            assert!(*on == arch && expected.contains(call), "{} {}", on.name(), call.name());
            let data =
                SeccompData { nr: call.number(arch).unwrap(), arch: arch.token(), ..SeccompData::default() };
            assert_eq!((*ours.eval(&data), *theirs.eval(&data)), (Action::ALLOW, eperm), "{}", show(&data));
        }
        assert_eq!(witness(&without(&ours, &later), &without(&theirs, &later)), None, "{}", arch.name());
        eprintln!(
            "systemd 252's @system-service on {}: proved but for {} later calls",
            arch.name(),
            later.len()
        );
    }
}
