//! Whose reading is meant: each difference between the programs that read one file, for all of them.

use callgate::{Action, Arch, Errno, Policy, SeccompData, Syscall};
use callgate_formats::{Format, Import, Options, Runtime, read};

const EPERM: Action = Action::Errno(Errno::EPERM);
const ENOSYS: Action = Action::Errno(Errno::ENOSYS);

/// The runtimes that read container profiles.
fn container() -> Vec<Runtime> {
    Runtime::ALL.iter().copied().filter(|r| r.reads(Format::Oci)).collect()
}

const RUNC: [Runtime; 3] = [Runtime::Runc, Runtime::Docker, Runtime::Containerd];
const CRUN: [Runtime; 3] = [Runtime::Crun, Runtime::Podman, Runtime::Crio];

fn options(runtime: Runtime) -> Options {
    Options { runtime: Some(runtime), ..Options::new(Arch::X86_64) }
}

fn import(text: &str, runtime: Runtime) -> Import {
    read(text, Format::Oci, &options(runtime)).unwrap_or_else(|e| panic!("{}: {e}\n{text}", runtime.name()))
}

fn policy(text: &str, runtime: Runtime) -> Policy {
    import(text, runtime).policies.remove(0).policy
}

fn call(policy: &Policy, arch: Arch, nr: u32, args: &[u64]) -> Action {
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    policy.eval(&SeccompData { nr, arch: arch.token(), ip: 0, args: all })
}

fn named(policy: &Policy, name: &str, args: &[u64]) -> Action {
    call(policy, Arch::X86_64, Syscall::from_name(name).unwrap().number(Arch::X86_64).unwrap(), args)
}

/// A profile that denies by default, and one more rule.
fn profile(rule: &str) -> String {
    format!(
        r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
            {{"names": ["read", "exit_group"], "action": "SCMP_ACT_ALLOW"}}, {rule}]}}"#
    )
}

/// Checks a property of every runtime: who has it, and who not.
#[track_caller]
fn only(who: &[Runtime], holds: impl Fn(Runtime) -> bool) {
    for runtime in container() {
        assert_eq!(holds(runtime), who.contains(&runtime), "{}", runtime.name());
    }
}

const ONE: &str = r#"{"names": ["write"], "action": "SCMP_ACT_ALLOW"}"#;

#[test]
fn newer_calls() {
    let text = profile(ONE);
    only(&RUNC, |r| call(&policy(&text, r), Arch::X86_64, 999, &[]) == ENOSYS);
    // Whatever the default denies by; not where it lets through.
    for (action, answers) in [
        ("KILL", true),
        ("KILL_PROCESS", true),
        ("TRAP", true),
        ("LOG", false),
        ("TRACE", false),
        ("ALLOW", false),
    ] {
        let text = text.replace("\"SCMP_ACT_ERRNO\"", &format!("\"SCMP_ACT_{action}\""));
        let found = call(&policy(&text, Runtime::Runc), Arch::X86_64, 999, &[]);
        assert_eq!(found == ENOSYS, answers, "{action}: {found:?}");
    }
    // The largest number of any rule counts, that of a rule without effect too; x32 has its own.
    let text = profile(r#"{"names": ["statx"], "action": "SCMP_ACT_ERRNO"}"#);
    assert_eq!(call(&policy(&text, Runtime::Runc), Arch::X86_64, 332, &[]), EPERM);
    assert_eq!(call(&policy(&text, Runtime::Runc), Arch::X86_64, 333, &[]), ENOSYS);
    assert_eq!(call(&policy(&text, Runtime::Runc), Arch::X86_64, 0x4000_03e7, &[]), Action::KILL_THREAD);
    let x32 = text.replace("\"syscalls\"", "\"architectures\": [\"SCMP_ARCH_X32\"], \"syscalls\"");
    assert_eq!(call(&policy(&x32, Runtime::Runc), Arch::X86_64, 0x4000_03e7, &[]), ENOSYS);
    // On s390x number 0 as well.
    let s390 = Options { runtime: Some(Runtime::Runc), ..Options::new(Arch::S390x) };
    let s390 = read(&text, Format::Oci, &s390).unwrap().policies.remove(0).policy;
    assert_eq!(call(&s390, Arch::S390x, 0, &[]), ENOSYS);
    assert_eq!(call(&s390, Arch::S390x, 2, &[]), EPERM);
}

#[test]
fn other_architectures() {
    let text = profile(ONE);
    for runtime in container() {
        let policy = policy(&text, runtime);
        for (arch, nr) in [(Arch::Aarch64, 63), (Arch::X86, 3), (Arch::X86_64, 0x4000_0000)] {
            assert_eq!(call(&policy, arch, nr, &[]), Action::KILL_THREAD, "{}", runtime.name());
        }
    }
    let text = text.replace("\"syscalls\"", "\"architectures\": [\"SCMP_ARCH_X86\"], \"syscalls\"");
    only(&[Runtime::Gvisor], |r| policy(&text, r).arches == [Arch::X86_64]);
}

#[test]
fn conditions() {
    let args = |args: &str| {
        profile(&format!(r#"{{"names": ["write"], "action": "SCMP_ACT_ALLOW", "args": [{args}]}}"#))
    };
    let eq = |index: u8, value: u8| format!(r#"{{"index": {index}, "value": {value}, "op": "SCMP_CMP_EQ"}}"#);
    let both = args(&format!("{}, {}", eq(0, 1), eq(1, 7)));
    only(&[Runtime::Youki], |r| named(&policy(&both, r), "write", &[1, 0]) == Action::ALLOW);
    let twice = args(&format!("{}, {}", eq(0, 1), eq(0, 2)));
    only(&container(), |r| named(&policy(&twice, r), "write", &[2]) == Action::ALLOW);
    let empty = args("");
    only(&[Runtime::Youki], |r| named(&policy(&empty, r), "write", &[]) == EPERM);
    let seven: Vec<String> = (0..6).chain([0]).map(|i| eq(i, 1)).collect();
    let seven = args(&seven.join(","));
    only(&CRUN, |r| named(&policy(&seven, r), "write", &[1]) == EPERM);
}

#[test]
fn errors() {
    let beside = profile(r#"{"names": ["write"], "action": "SCMP_ACT_ALLOW", "errnoRet": 1}"#);
    only(&CRUN, |r| {
        read(&beside, Format::Oci, &options(r))
            .is_err_and(|e| e.to_string().contains("takes no error number"))
    });
    let other = profile(r#"{"names": ["write"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}"#);
    only(&[Runtime::Gvisor], |r| named(&policy(&other, r), "write", &[]) == EPERM);
    let default = profile(ONE).replace("\"syscalls\"", "\"defaultErrnoRet\": 38, \"syscalls\"");
    only(&[Runtime::Gvisor], |r| named(&policy(&default, r), "mount", &[]) == EPERM);
    // By name: containers-common's readers alone.
    let name = profile(r#"{"names": ["write"], "action": "SCMP_ACT_ERRNO", "errno": "ENOSYS"}"#);
    only(&[Runtime::Podman, Runtime::Crio], |r| named(&policy(&name, r), "write", &[]) == ENOSYS);
}

#[test]
fn actions() {
    for action in ["KILL_PROCESS", "LOG", "NOTIFY"] {
        let rule = profile(&format!(r#"{{"names": ["mount"], "action": "SCMP_ACT_{action}"}}"#));
        only(&[Runtime::Gvisor], |r| read(&rule, Format::Oci, &options(r)).is_err());
    }
    let log = profile(ONE).replace("\"SCMP_ACT_ERRNO\"", "\"SCMP_ACT_LOG\"");
    only(&[Runtime::Gvisor], |r| read(&log, Format::Oci, &options(r)).is_err());
}

#[test]
fn conditions_on_the_host() {
    let rule = |key: &str| profile(&format!(r#"{{"names": ["mount"], "action": "SCMP_ACT_ALLOW", {key}}}"#));
    let allows = |text: &str, r| named(&policy(text, r), "mount", &[]) == Action::ALLOW;
    // The default capabilities do not have it: who reads the condition drops the rule.
    let knows = [Runtime::Docker, Runtime::Podman, Runtime::Crio];
    let caps = rule(r#""includes": {"caps": ["CAP_SYS_ADMIN"]}"#);
    only(&knows, |r| !allows(&caps, r));
    let kernel = rule(r#""excludes": {"minKernel": "4.8"}"#);
    only(&[Runtime::Docker], |r| !allows(&kernel, r));
    let old_name =
        r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"name": "mount", "action": "SCMP_ACT_ALLOW"}]}"#;
    // The others find a rule without names.
    only(&knows, |r| {
        read(old_name, Format::Oci, &options(r))
            .is_ok_and(|i| named(&i.policies[0].policy, "mount", &[]) == Action::ALLOW)
    });
    let map = profile(ONE).replace(
        "\"syscalls\"",
        r#""archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}], "syscalls""#,
    );
    only(&knows, |r| policy(&map, r).arches == [Arch::X86_64, Arch::X86]);
}

#[test]
fn keys() {
    let text = profile(ONE).replace("\"action\"", "\"Action\"");
    only(&[Runtime::Crun, Runtime::Youki], |r| read(&text, Format::Oci, &options(r)).is_err());
}

#[test]
fn flags() {
    let absent = profile(ONE);
    let adds = [&RUNC[..], &CRUN].concat();
    only(&adds, |r| import(&absent, r).flags.is_some_and(|f| f.spec_allow));
    let none = absent.replace("\"syscalls\"", "\"flags\": [], \"syscalls\"");
    only(&[], |r| import(&none, r).flags.is_none_or(|f| f.spec_allow));
}

/// What one runtime's reading adds comes out of the same file alone: written and read again by it, nothing doubles.
#[test]
fn written_for_a_runtime() {
    let text = profile(ONE);
    for runtime in RUNC {
        let policy = policy(&text, runtime);
        let export = callgate_formats::write(&policy, Format::Oci, &options(runtime)).unwrap();
        assert!(export.losses.is_empty(), "{:?}", export.losses);
        // Read plainly, the answer to newer calls is missing.
        let plain = callgate_formats::write(&policy, Format::Oci, &Options::new(Arch::X86_64));
        assert!(plain.unwrap_err().to_string().contains("errno(ENOSYS) becomes errno(EPERM)"));
    }
}

#[test]
fn seccompiler_is_firecrackers() {
    for runtime in Runtime::ALL {
        assert_eq!(runtime.reads(Format::Seccompiler), *runtime == Runtime::Firecracker);
        assert!(!runtime.reads(Format::Kafel));
    }
    let text = r#"{"a": {"mismatch_action": "trap", "match_action": "allow", "filter": [
        {"syscall": "write", "args": []}, {"syscall": "read", "args": [{"index": 0, "type": "dword", "op": "ge", "val": 3}]}], "more": 1}}"#;
    assert!(read(text, Format::Seccompiler, &Options::new(Arch::X86_64)).is_err());
    let policy =
        read(text, Format::Seccompiler, &options(Runtime::Firecracker)).unwrap().policies.remove(0).policy;
    assert_eq!(named(&policy, "write", &[]), Action::ALLOW);
    assert_eq!(named(&policy, "read", &[1 << 40]), Action::ALLOW);
    assert_eq!(call(&policy, Arch::Aarch64, 64, &[]), Action::KILL_THREAD);
    assert_eq!(call(&policy, Arch::X86_64, 0x4000_0001, &[]), Action::KILL_THREAD);
}
