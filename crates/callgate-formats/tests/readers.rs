//! Whose reading is meant: small files, and what each implementation makes of them.

use callgate::{Action, Arch, Errno, Policy, SeccompData, Syscall};
use callgate_formats::{Capabilities, Format, Import, Kernel, Options, Runtime, fuzz_read, read};
use proptest::prelude::*;

const EPERM: Action = Action::Errno(Errno::EPERM);
const ENOSYS: Action = Action::Errno(Errno::ENOSYS);

fn import(text: &str, format: Format, options: &Options) -> Import {
    read(text, format, options).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn x86() -> Options {
    Options::new(Arch::X86_64)
}

fn runtime(runtime: Runtime) -> Options {
    Options { runtime: Some(runtime), ..x86() }
}

fn at(policy: &Policy, name: &str, args: &[u64]) -> Action {
    numbered(policy, Syscall::from_name(name).unwrap().number(Arch::X86_64).unwrap(), args)
}

fn numbered(policy: &Policy, nr: u32, args: &[u64]) -> Action {
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    policy.eval(&SeccompData { nr, arch: Arch::X86_64.token(), ip: 0, args: all })
}

fn oci(text: &str, options: &Options) -> Policy {
    import(text, Format::Oci, options).policies.remove(0).policy
}

fn error(text: &str, format: Format, options: &Options) -> String {
    read(text, format, options).unwrap_err().to_string()
}

fn profile(rule: &str) -> String {
    format!(r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{rule}]}}"#)
}

#[test]
fn one_argument_twice_means_either() {
    let text = profile(
        r#"{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [
            {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"},
            {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"},
            {"index": 1, "value": 7, "op": "SCMP_CMP_EQ"}]}"#,
    );
    let policy = oci(&text, &x86());
    assert_eq!(at(&policy, "read", &[2, 0]), Action::ALLOW);
    assert_eq!(at(&policy, "read", &[0, 7]), Action::ALLOW);
    assert_eq!(at(&policy, "read", &[0, 0]), EPERM);
    let notes = import(&text, Format::Oci, &x86()).notes;
    assert!(notes[0].what.contains("any of them suffices"), "{notes:?}");
}

#[test]
fn youki_makes_every_condition_a_rule() {
    let two =
        r#"[{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 1, "value": 7, "op": "SCMP_CMP_EQ"}]"#;
    let text = profile(&format!(r#"{{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": {two}}}"#));
    assert_eq!(at(&oci(&text, &x86()), "read", &[1, 0]), EPERM);
    assert_eq!(at(&oci(&text, &runtime(Runtime::Youki)), "read", &[1, 0]), Action::ALLOW);
    let empty = profile(r#"{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": []}"#);
    assert_eq!(at(&oci(&empty, &x86()), "read", &[]), Action::ALLOW);
    assert_eq!(at(&oci(&empty, &runtime(Runtime::Youki)), "read", &[]), EPERM);
}

#[test]
fn runc_answers_newer_calls_first() {
    let text = profile(
        r#"{"names": ["read", "exit_group"], "action": "SCMP_ACT_ALLOW"}, {"names": ["ioctl"], "action": "SCMP_ACT_KILL_PROCESS"}"#,
    );
    let plain = oci(&text, &x86());
    let runc = oci(&text, &runtime(Runtime::Runc));
    let last = Syscall::from_name("exit_group").unwrap().number(Arch::X86_64).unwrap();
    for nr in [0, 1, last, last + 1, 3000, 0x3fff_ffff, 0x4000_0000, 0x4000_0001, u32::MAX] {
        let newer = nr > last && nr < 0x4000_0000;
        assert_eq!(
            numbered(&runc, nr, &[]),
            if newer { ENOSYS } else { numbered(&plain, nr, &[]) },
            "{nr:#x}"
        );
    }
    let foreign = SeccompData { nr: 9999, arch: Arch::Aarch64.token(), ..SeccompData::default() };
    assert_eq!(runc.eval(&foreign), Action::KILL_THREAD);
    let open = text.replace("\"SCMP_ACT_ERRNO\"", "\"SCMP_ACT_LOG\"");
    assert_eq!(numbered(&oci(&open, &runtime(Runtime::Runc)), 3000, &[]), Action::LOG);
    let x32 = text.replace("\"syscalls\"", "\"architectures\": [\"SCMP_ARCH_X32\"], \"syscalls\"");
    let x32 = oci(&x32, &runtime(Runtime::Runc));
    let last = Syscall::from_name("ioctl").unwrap().number(Arch::X32).unwrap();
    assert_eq!(numbered(&x32, last, &[]), Action::KILL_PROCESS);
    assert_eq!(numbered(&x32, last + 1, &[]), ENOSYS);
    assert_eq!(numbered(&x32, 0x4000_0000, &[]), Action::ALLOW);
}

#[test]
fn docker_conditions() {
    let rule = |conditions: &str| {
        profile(&format!(r#"{{"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", {conditions}}}"#))
    };
    let allowed = |conditions: &str, options: &Options| {
        let policy = import(&rule(conditions), Format::Docker, options).policies.remove(0).policy;
        at(&policy, "ptrace", &[]) == Action::ALLOW
    };
    let kernel = |major, minor| Options { kernel: Some(Kernel::new(major, minor)), ..x86() };
    assert!(allowed(r#""includes": {"minKernel": "4.8"}"#, &x86()));
    assert!(allowed(r#""includes": {"minKernel": "4.8"}"#, &kernel(4, 8)));
    assert!(!allowed(r#""includes": {"minKernel": "4.8"}"#, &kernel(4, 7)));
    assert!(!allowed(r#""excludes": {"minKernel": "4.8"}"#, &kernel(5, 0)));
    assert!(allowed(r#""excludes": {"minKernel": "4.8"}"#, &kernel(4, 7)));
    assert!(!allowed(r#""includes": {"caps": ["CAP_SYS_ADMIN"]}"#, &x86()));
    assert!(allowed(r#""includes": {"caps": ["CAP_CHOWN"]}"#, &x86()));
    let all = Options { caps: Some(Capabilities::all()), ..x86() };
    assert!(allowed(r#""includes": {"caps": ["CAP_SYS_ADMIN", "CAP_BPF"]}"#, &all));
    assert!(!allowed(r#""excludes": {"caps": ["CAP_SYS_ADMIN", "CAP_CHOWN"]}"#, &x86()));
    assert!(allowed(r#""includes": {"arches": ["amd64", "x32"]}"#, &x86()));
    assert!(!allowed(r#""includes": {"arches": ["x32"]}"#, &x86()));
    assert!(!allowed(r#""excludes": {"arches": ["amd64"]}"#, &x86()));
    // Runtimes that know nothing of conditions take the rule without them.
    assert!(allowed(r#""includes": {"caps": ["CAP_SYS_ADMIN"]}"#, &runtime(Runtime::Containerd)));
    // containers-common knows capabilities and architectures, no kernels.
    let podman = runtime(Runtime::Podman);
    assert!(allowed(r#""includes": {"minKernel": "9.9"}"#, &podman));
    assert!(!allowed(r#""includes": {"caps": ["CAP_NET_RAW"]}"#, &podman));
    let text = rule(r#""includes": {"minKernel": "4.8.1"}"#);
    assert_eq!(
        error(&text, Format::Docker, &x86()),
        "1:126: syscalls[0].includes.minKernel: 4.8.1 is no kernel version of the form 4.8"
    );
}

#[test]
fn arch_maps() {
    let text = r#"{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [
        {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
        {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": null}], "syscalls": []}"#;
    let arches = |host| import(text, Format::Docker, &Options::new(host)).policies.remove(0).policy.arches;
    assert_eq!(arches(Arch::X86_64), [Arch::X86_64, Arch::X86, Arch::X32]);
    assert_eq!(arches(Arch::Aarch64), [Arch::Aarch64]);
    assert_eq!(arches(Arch::Riscv64), [Arch::Riscv64]);
    let both = text.replace("\"syscalls\"", "\"architectures\": [\"SCMP_ARCH_X86\"], \"syscalls\"");
    assert!(error(&both, Format::Docker, &x86()).ends_with("either architectures or archMap, not both"));
    let mixed = r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_S390X"]}"#;
    assert!(error(mixed, Format::Oci, &x86()).contains("another byte order"));
}

#[test]
fn error_numbers_by_name() {
    let text = r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "ENOSYS", "defaultErrnoRet": 1, "syscalls": [
        {"names": ["bpf"], "action": "SCMP_ACT_ERRNO", "errno": "EPERM"},
        {"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errno": "13", "errnoRet": 5}]}"#;
    let policy = import(text, Format::Containers, &x86()).policies.remove(0).policy;
    assert_eq!(at(&policy, "read", &[]), ENOSYS);
    assert_eq!(at(&policy, "bpf", &[]), EPERM);
    assert_eq!(at(&policy, "mount", &[]), Action::Errno(Errno(13)));
    assert_eq!(at(&oci(text, &x86()), "read", &[]), EPERM);
    assert!(
        error(&text.replace("ENOSYS", "ENOSYSS"), Format::Containers, &x86()).contains("unknown error name")
    );
}

#[test]
fn keys_and_numbers_as_go_reads_them() {
    let text = r#"{"DEFAULTACTION": "SCMP_ACT_KILL", "defaultAction": "SCMP_ACT_TRAP", "defaultErrnoRet": 1,
        "Syscalls": [{"Names": ["read"], "Action": "SCMP_ACT_ALLOW", "Args": [{"op": "SCMP_CMP_EQ"}]}]}"#;
    let policy = oci(text, &x86());
    assert_eq!(at(&policy, "write", &[]), Action::Trap(0));
    assert_eq!(at(&policy, "read", &[0]), Action::ALLOW);
    assert_eq!(at(&policy, "read", &[1]), Action::Trap(0));
    // crun and youki match keys exactly.
    assert_eq!(at(&oci(text, &runtime(Runtime::Youki)), "read", &[0]), Action::Trap(0));
    for bad in ["1.0", "1e3", "-1", "\"1\"", "18446744073709551616"] {
        let text = profile(&format!(
            r#"{{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{{"index": 0, "value": {bad}, "op": "SCMP_CMP_EQ"}}]}}"#
        ));
        assert!(error(&text, Format::Oci, &x86()).contains("syscalls[0].args[0].value: "), "{bad}");
    }
}

#[test]
fn every_error_is_reported_with_its_place() {
    let text = "{\"linux\": {\"seccomp\": {\"defaultAction\": \"SCMP_ACT_ERRNO\",\n\"syscalls\": [\n  {\"names\": [\"read\", \"opnat\"], \"action\": \"SCMP_ACT_ALLOW\"},\n  {\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALOW\"}]}}}";
    let options = Options { file: Some("config.json".into()), ..x86() };
    assert_eq!(
        error(text, Format::Oci, &options),
        "config.json:3:22: linux.seccomp.syscalls[0].names[1]: unknown system call opnat; did you mean openat?\n\
         config.json:4:33: linux.seccomp.syscalls[1].action: unknown action SCMP_ACT_ALOW; did you mean SCMP_ACT_ALLOW?"
    );
    let options = Options { ignore_unknown: true, ..x86() };
    let fixed = text.replace("ALOW", "ALLOW");
    let import = import(&fixed, Format::Oci, &options);
    assert_eq!(import.losses.len(), 1);
    assert_eq!(
        import.losses[0].to_string(),
        "3:22: linux.seccomp.syscalls[0].names[1]: unknown system call opnat, left out (stricter)"
    );
    assert!(
        import.notes[0].what.contains("read adds nothing: linux.seccomp.syscalls[0]"),
        "{:?}",
        import.notes
    );
}

#[test]
fn what_runtimes_refuse() {
    for (rule, message) in [
        (r#"{"names": ["write"], "action": "SCMP_ACT_NOTIFY"}"#, "cannot be used for write"),
        (r#"{"names": ["read"]}"#, "the rule has no action"),
        (r#"{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 4095}"#, "above 4094"),
        (
            r#"{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 6, "op": "SCMP_CMP_EQ"}]}"#,
            "syscalls[0].args[0].index: system calls have arguments 0 to 5, not 6",
        ),
        (
            r#"{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "op": "SCMP_CMP_QE"}]}"#,
            "did you mean SCMP_CMP_EQ?",
        ),
        (
            r#"{"names": ["read"], "action": "SCMP_ACT_LOG", "args": [{"index": 0, "op": "SCMP_CMP_EQ"}]},
               {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "op": "SCMP_CMP_EQ"}]}"#,
            "same conditions in syscalls[0] with another action",
        ),
    ] {
        let found = error(&profile(rule), Format::Oci, &x86());
        assert!(found.contains(message), "{found}");
    }
    let crun = profile(r#"{"names": ["read"], "action": "SCMP_ACT_ALLOW", "errnoRet": 1}"#);
    assert!(error(&crun, Format::Oci, &runtime(Runtime::Crun)).contains("takes no error number"));
    assert_eq!(at(&oci(&crun, &runtime(Runtime::Runc)), "read", &[]), Action::ALLOW);
    let notify = r#"{"defaultAction": "SCMP_ACT_NOTIFY", "syscalls": []}"#;
    assert!(error(notify, Format::Oci, &x86()).contains("the default action cannot be"));
    assert!(error(r#"{"linux": {}}"#, Format::Oci, &x86()).contains("runs unfiltered"));
    assert!(
        error(r#"{"ociVersion": "1.0.2", "process": {}}"#, Format::Oci, &x86()).contains("runs unfiltered")
    );
}

#[test]
fn flags_and_the_listener() {
    let text = r#"{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "listenerPath": "/run/agent.sock", "listenerMetadata": "m", "syscalls": []}"#;
    let import = import(text, Format::Oci, &x86());
    assert!(import.flags.unwrap().log && !import.flags.unwrap().tsync);
    assert_eq!(import.listener.unwrap().metadata.as_deref(), Some("m"));
    let absent = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}"#;
    assert_eq!(self::import(absent, Format::Oci, &x86()).flags, None);
    assert!(self::import(absent, Format::Oci, &runtime(Runtime::Runc)).flags.unwrap().spec_allow);
}

#[test]
fn seccompiler_readings() {
    let text = r#"{"vcpu": {"default_action": "trap", "filter_action": "allow", "filter": [
        {"syscall": "read"},
        {"syscall": "read", "args": [{"index": 0, "type": "dword", "op": "eq", "val": 3}]},
        {"syscall": "write", "args": [{"index": 0, "type": "dword", "op": "ge", "val": 3}, {"index": 1, "type": "qword", "op": {"masked_eq": 6}, "val": 13}]}]}}"#;
    let own = import(text, Format::Seccompiler, &x86());
    assert_eq!(own.policies[0].name.as_deref(), Some("vcpu"));
    assert!(own.notes[0].what.contains("is lost beside"), "{:?}", own.notes);
    let own = &own.policies[0].policy;
    assert_eq!(at(own, "read", &[4]), Action::Trap(0));
    assert_eq!(at(own, "read", &[3 | 1 << 40]), Action::ALLOW);
    assert_eq!(at(own, "write", &[1 << 40, 4]), Action::Trap(0));
    assert_eq!(at(own, "write", &[3, 5]), Action::ALLOW);
    assert_eq!(numbered(own, 0x4000_0000, &[]), Action::Trap(0));
    let later = import(text, Format::Seccompiler, &runtime(Runtime::Firecracker));
    let later = &later.policies[0].policy;
    assert_eq!(at(later, "read", &[4]), Action::ALLOW);
    assert_eq!(at(later, "write", &[1 << 40, 4]), Action::ALLOW);
    assert_eq!(numbered(later, 0x4000_0000, &[]), Action::KILL_THREAD);
    for (from, to, message) in [
        ("\"trap\"", "\"Kill\"", "write kill_thread or kill_process"),
        ("\"trap\"", "\"allow\"", "both actions are the same"),
        (
            "\"args\": [{\"index\": 0, \"type\": \"dword\", \"op\": \"eq\", \"val\": 3}]",
            "\"args\": []",
            "is empty",
        ),
        ("\"syscall\": \"write\"", "\"syscal\": \"write\"", "unknown key syscal; did you mean syscall?"),
        ("\"val\": 13", "\"val\": -1", "vcpu.filter[2].args[1].val: "),
    ] {
        let found = error(&text.replace(from, to), Format::Seccompiler, &x86());
        assert!(found.contains(message), "{found}");
    }
    let picked = Options { pick: Some("vmm".into()), ..x86() };
    assert!(error(text, Format::Seccompiler, &picked).contains("no policy is called vmm"));
    let arm = Options { file: Some("a/aarch64-unknown-linux-musl.json".into()), ..x86() };
    let found = error(&text.replace("\"read\"", "\"cacheflush\""), Format::Seccompiler, &arm);
    assert!(found.contains("has no number on x86_64; the file seems to be for aarch64"), "{found}");
}

#[test]
fn go_seccomp_groups_in_order() {
    let text = "seccomp:\n  default_action: errno\n  syscalls:\n  - action: log\n    names_with_args:\n    - name: clone\n      arguments:\n      - {argument: 0, operation: bitsSet, value: 0x10}\n      - {argument: 1, operation: NotEqual, value: 2}\n  - action: allow\n    names: [read, clone]\n";
    let policy = import(text, Format::GoSeccomp, &x86()).policies.remove(0).policy;
    assert_eq!(at(&policy, "clone", &[0x11, 1]), Action::LOG);
    assert_eq!(at(&policy, "clone", &[0x11, 2]), Action::ALLOW);
    assert_eq!(at(&policy, "clone", &[1, 1]), Action::ALLOW);
    assert_eq!(at(&policy, "write", &[]), EPERM);
    assert_eq!(numbered(&policy, 0x4000_0000, &[]), ENOSYS);
    let foreign = SeccompData { nr: 0, arch: Arch::X86.token(), ..SeccompData::default() };
    assert_eq!(policy.eval(&foreign), EPERM);
    assert!(error(&text.replace("clone]", "read]"), Format::GoSeccomp, &x86()).contains("listed twice"));
    assert!(
        error(&text.replace("bitsSet", "bitSet"), Format::GoSeccomp, &x86())
            .contains("did you mean BitsSet?")
    );
}

#[test]
fn seccomp_profile_objects() {
    let text = "apiVersion: security-profiles-operator.x-k8s.io/v1beta1\nkind: SeccompProfile\nmetadata: {name: web}\nspec:\n  defaultAction: SCMP_ACT_ERRNO\n  syscalls:\n  - {action: SCMP_ACT_ALLOW, names: [read]}\n---\nkind: Pod\n";
    let import = import(text, Format::Spo, &x86());
    assert_eq!(import.policies[0].name.as_deref(), Some("web"));
    assert_eq!(at(&import.policies[0].policy, "read", &[]), Action::ALLOW);
    let based = text.replace("spec:\n", "spec:\n  baseProfileName: runc\n");
    assert!(
        error(&based, Format::Spo, &x86()).starts_with("5:20: spec.baseProfileName: the base profile runc")
    );
    let lenient = Options { ignore_unknown: true, ..x86() };
    assert_eq!(self::import(&based, Format::Spo, &lenient).losses.len(), 1);
    assert!(error("kind: Pod\n", Format::Spo, &x86()).contains("no object of kind SeccompProfile"));
}

/// Texts that look like each format, to be damaged.
const SEEDS: [(Format, &str); 4] = [
    (
        Format::Docker,
        r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"ENOSYS","archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]}],"syscalls":[{"names":["read","socket"],"action":"SCMP_ACT_ALLOW","errno":"EPERM","args":[{"index":0,"value":18446744073709551615,"valueTwo":1,"op":"SCMP_CMP_MASKED_EQ"}],"includes":{"caps":["CAP_BPF"],"minKernel":"4.8"}}]}"#,
    ),
    (Format::Oci, r#"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_KILL","flags":[],"syscalls":null}}}"#),
    (
        Format::Seccompiler,
        r#"{"vmm":{"mismatch_action":{"errno":1},"match_action":"allow","filter":[{"syscall":"read","args":[{"index":1,"type":"dword","op":{"masked_eq":7},"val":9}]}]}}"#,
    ),
    (
        Format::Spo,
        "kind: SeccompProfile\nspec:\n  defaultAction: SCMP_ACT_LOG\n  syscalls:\n  - action: SCMP_ACT_ALLOW\n    names: &n [read]\n  - {action: SCMP_ACT_TRAP, names: *n}\n",
    ),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_are_read_or_refused(
        seed in 0..SEEDS.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, any::<u8>()), 1..6),
    ) {
        let mut bytes = SEEDS[seed].1.as_bytes().to_vec();
        for (at, length, byte) in edits {
            let at = at.index(bytes.len() + 1).min(bytes.len());
            let end = (at + length).min(bytes.len());
            match byte % 4 {
                0 => drop(bytes.drain(at..end)),
                1 => bytes.insert(at, byte),
                2 => { let copy = bytes[at..end].to_vec(); bytes.splice(at..at, copy); }
                _ => if at < bytes.len() { bytes[at] = b"{}[]:,\"0-\n #&*"[usize::from(byte) % 14] },
            }
        }
        for format in [Format::Oci, Format::Docker, Format::Containers, Format::Spo, Format::Seccompiler, Format::GoSeccomp] {
            fuzz_read(format, &bytes);
        }
    }
}

#[test]
fn what_crun_and_gvisor_leave_out() {
    let args: Vec<String> =
        (0..6).chain([0]).map(|i| format!(r#"{{"index": {i}, "value": 1, "op": "SCMP_CMP_EQ"}}"#)).collect();
    let text = profile(&format!(
        r#"{{"names": ["mmap"], "action": "SCMP_ACT_ALLOW", "args": [{}]}}"#,
        args.join(",")
    ));
    // With the seventh an argument is compared twice; without it all six must hold.
    assert_eq!(at(&oci(&text, &x86()), "mmap", &[1]), Action::ALLOW);
    assert_eq!(at(&oci(&text, &runtime(Runtime::Crun)), "mmap", &[1]), EPERM);
    assert_eq!(at(&oci(&text, &runtime(Runtime::Crun)), "mmap", &[1; 6]), Action::ALLOW);

    let gvisor = runtime(Runtime::Gvisor);
    let text = r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"], "syscalls": [
        {"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]}"#;
    assert_eq!(at(&oci(text, &x86()), "mount", &[]), ENOSYS);
    assert_eq!(at(&oci(text, &gvisor), "mount", &[]), EPERM);
    assert_eq!(oci(text, &gvisor).arches, [Arch::X86_64]);
    let log = text.replace("SCMP_ACT_ERRNO", "SCMP_ACT_LOG");
    assert!(error(&log, Format::Oci, &gvisor).contains("gVisor does not support this action"));
}

#[test]
fn bare_error_numbers_are_the_hosts() {
    let text = r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 89, "syscalls": []}"#;
    let options = Options::new(Arch::Mips);
    let policy = import(text, Format::Oci, &options).policies.remove(0).policy;
    assert_eq!(policy.default, ENOSYS);
    let again = callgate_formats::write(&policy, Format::Oci, &options).unwrap();
    assert!(again.text().unwrap().contains("\"defaultErrnoRet\": 89"));
}

/// Keys that runtimes pass over, and names they never meet: loud where they look like others.
#[test]
fn slips_of_the_pen() {
    let profile = |rest: &str| {
        let text = format!(
            r#"{{"defaultAction": "SCMP_ACT_ERRNO", {rest} "syscalls": [{{"names": ["read"], "action": "SCMP_ACT_ALLOW"}}]}}"#
        );
        callgate_formats::read(&text, Format::Docker, &Options::new(Arch::X86_64)).unwrap()
    };
    let lost = profile(r#""syscals": [],"#).losses;
    assert_eq!(
        lost.iter().map(|l| l.to_string()).collect::<Vec<_>>(),
        ["1:48: syscals: the key syscals is not known here and ignored; did you mean syscalls? (different)"]
    );
    for quiet in [r#""_syscalls": [],"#, r#""maintainer": "me","#, r#""comments": "x","#] {
        assert_eq!(profile(quiet).losses, [], "{quiet}");
    }
    let rule = |condition: &str| {
        let text = format!(
            r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{{"names": ["read"], "action": "SCMP_ACT_ALLOW", {condition}}}]}}"#
        );
        let read = callgate_formats::read(&text, Format::Docker, &Options::new(Arch::X86_64));
        read.map(|i| i.losses.len()).map_err(|e| e.to_string())
    };
    let unknown = rule(r#""excludes": {"caps": ["CAP_SYS_ADMN"]}"#).unwrap_err();
    assert!(unknown.ends_with("unknown capability CAP_SYS_ADMN; did you mean CAP_SYS_ADMIN?"), "{unknown}");
    assert_eq!(rule(r#""includes": {"cap": ["CAP_SYS_ADMIN"]}"#), Ok(1));
    assert_eq!(rule(r#""includes": {"caps": ["CAP_SYS_ADMIN"]}"#), Ok(0));
}
