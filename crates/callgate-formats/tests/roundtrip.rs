//! What is written and read again is the same filter, or differs by exactly the losses reported.

mod common;

use callgate::{
    Action, Arch, ArgCmp, ArgIndex, Call, Cond, Errno, Op, Origin, Policy, Rule, SeccompData, Syscall, Width,
};
use callgate_formats::{Accept, Capabilities, Effect, Export, Format, Options, detect, read, write};
use common::{corpus, files};
use proptest::prelude::*;

fn options(host: Arch) -> Options {
    Options {
        caps: Some(Capabilities::container()),
        ignore_unknown: true,
        accept: Accept::Any,
        ..Options::new(host)
    }
}

/// Every policy of some folders, read for the host its name speaks of.
fn policies(folders: &[&str]) -> Vec<(String, Arch, Policy)> {
    let Some(corpus) = corpus() else { return Vec::new() };
    let mut found = Vec::new();
    for folder in folders {
        for path in files(&corpus.join("policies").join(folder)) {
            let name = path.strip_prefix(&corpus).unwrap().display().to_string();
            let host = if name.contains("aarch64-") { Arch::Aarch64 } else { Arch::X86_64 };
            let text = std::fs::read_to_string(&path).unwrap();
            let format = detect(Some(&path), text.as_bytes()).unwrap().format;
            let Ok(import) = read(&text, format, &options(host)) else { continue };
            for named in import.policies {
                found.push((format!("{name}#{}", named.name.unwrap_or_default()), host, named.policy));
            }
        }
    }
    found
}

fn written(policy: &Policy, format: Format, host: Arch) -> Export {
    write(policy, format, &options(host)).unwrap_or_else(|e| panic!("{format:?}: {e}"))
}

#[test]
fn container_profiles_lose_nothing() {
    let folders = ["oci", "docker", "docker-history", "containers-common", "containers-common-history"];
    for (name, host, policy) in policies(&folders) {
        for format in [Format::Oci, Format::Docker] {
            let export = written(&policy, format, host);
            assert!(export.losses.is_empty(), "{name} as {format:?}: {:?}", export.losses);
        }
        // The object has no place for the default's error number nor for the highest bit of a mask.
        for loss in written(&policy, Format::Spo, host).losses {
            let large = policy.rules.iter().any(|r| format!("{:?}", r.when).contains("1844674407"));
            assert_ne!(loss.effect, Effect::Weaker, "{name} as an object: {loss}");
            assert!(large || policy.default != Action::Errno(Errno::EPERM), "{name} as an object: {loss}");
        }
    }
}

#[test]
fn threads_lose_nothing() {
    for (name, host, policy) in policies(&["seccompiler-json", "seccompiler-json-history"]) {
        let export = written(&policy, Format::Seccompiler, host);
        assert!(export.losses.is_empty(), "{name}: {:?}", export.losses);
        // libseccomp answers foreign architectures and x32 numbers in its own way.
        for loss in written(&policy, Format::Oci, host).losses {
            let own = ["not listed", "x32", "no call"];
            assert!(own.iter().any(|o| loss.what.contains(o)), "{name}: {loss}");
        }
    }
}

#[test]
fn go_seccomp_and_objects_lose_nothing_that_is_not_said() {
    for (name, host, policy) in policies(&["go-seccomp-bpf", "spo-crd"]) {
        for format in [Format::Oci, Format::Docker, Format::Spo, Format::Seccompiler] {
            let refused = write(&policy, format, &Options { accept: Accept::NotWeaker, ..options(host) });
            let weaker = written(&policy, format, host).losses.iter().any(|l| l.effect == Effect::Weaker);
            assert_eq!(refused.is_err(), weaker, "{name} as {format:?}");
        }
    }
}

/// Every fifth file of the corpus, whatever its notation: writing never fails, it only loses.
#[test]
fn any_policy_can_be_written() {
    let Some(corpus) = corpus() else { return };
    let mut count = 0;
    for path in files(&corpus.join("policies")).into_iter().step_by(5) {
        let name = path.display().to_string();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let Some(found) = detect(Some(&path), text.as_bytes()) else { continue };
        let host = if name.contains("aarch64") { Arch::Aarch64 } else { Arch::X86_64 };
        let options = Options {
            file: Some(name.as_str().into()),
            open: Some(std::sync::Arc::new(|p: &std::path::Path| std::fs::read_to_string(p))),
            ..options(host)
        };
        let Ok(import) = read(&text, found.format, &options) else { continue };
        for named in import.policies {
            for format in [Format::Oci, Format::Seccompiler] {
                let export = write(&named.policy, format, &options).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert!(read(export.text().unwrap(), format, &self::options(host)).is_ok(), "{name}");
                count += 1;
            }
        }
    }
    eprintln!("{count} written");
    assert!(count > 300);
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::ALLOW),
        2 => Just(Action::Errno(Errno::EPERM)),
        1 => Just(Action::Errno(Errno::ENOSYS)),
        1 => Just(Action::KILL_PROCESS),
        1 => Just(Action::KILL_THREAD),
        1 => Just(Action::LOG),
        1 => Just(Action::Trap(0)),
    ]
}

fn op() -> BoxedStrategy<Op> {
    let v = prop_oneof![0u64..9, Just(u64::MAX), Just(1 << 32), Just(0xffff_ffff), Just(0x7e02_0000)];
    let op = (0..7, v.clone(), v).prop_map(|(kind, a, b)| match kind {
        0 => Op::Eq(a),
        1 => Op::Ne(a),
        2 => Op::Lt(a),
        3 => Op::Le(a),
        4 => Op::Gt(a),
        5 => Op::Ge(a),
        _ => Op::MaskedEq { mask: a, value: a & b },
    });
    op.boxed()
}

fn cond() -> impl Strategy<Value = Cond> {
    let test = (0u8..3, op(), any::<bool>()).prop_map(|(arg, op, narrow)| {
        let width = if narrow { Width::W32 } else { Width::W64 };
        Cond::Arg(ArgCmp { arg: ArgIndex::new(arg).unwrap(), width, op })
    });
    let test = test.boxed();
    prop_oneof![
        2 => Just(Cond::True),
        3 => test.clone(),
        1 => prop::collection::vec(test.clone(), 1..3).prop_map(Cond::All),
        1 => prop::collection::vec(test.clone(), 1..3).prop_map(Cond::Any),
        1 => test.prop_map(|t| Cond::Not(Box::new(t))),
    ]
}

const NAMES: [&str; 6] = ["read", "openat", "clone", "ioctl", "mmap", "prctl"];

fn rule() -> impl Strategy<Value = Rule> {
    let calls = prop::collection::vec(0..NAMES.len(), 1..3);
    (calls, cond(), action()).prop_map(|(calls, when, action)| Rule {
        calls: calls.into_iter().map(|i| Call::Named(Syscall::from_name(NAMES[i]).unwrap())).collect(),
        arches: Vec::new(),
        when,
        action,
        origin: Origin::default(),
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let arches = prop_oneof![
        Just(vec![Arch::X86_64]),
        Just(vec![Arch::X86_64, Arch::X86]),
        Just(vec![Arch::X86_64, Arch::X86, Arch::X32]),
        Just(vec![Arch::Aarch64, Arch::Arm]),
    ];
    (arches, prop::collection::vec(rule(), 0..6), action(), action()).prop_map(
        |(arches, rules, default, bad_arch)| Policy {
            arches,
            rules,
            default,
            foreign: Vec::new(),
            bad_arch,
            x32: None,
            unknown: None,
        },
    )
}

/// Calls worth looking at: the named ones and others, under every architecture in question.
fn calls() -> impl Strategy<Value = Vec<SeccompData>> {
    let v = prop_oneof![0u64..9, Just(u64::MAX), Just(1 << 32), Just(0xffff_ffff), any::<u64>()];
    let arch =
        prop::sample::select(vec![Arch::X86_64, Arch::X86, Arch::X32, Arch::Aarch64, Arch::Arm, Arch::S390x]);
    let call = (arch, 0..NAMES.len() + 2, [v.clone(), v.clone(), v]).prop_map(|(arch, which, args)| {
        let named = NAMES.get(which).and_then(|n| Syscall::from_name(n)?.number(arch));
        let nr = named.unwrap_or(if which % 2 == 0 { u32::MAX - 1 } else { 3000 });
        let cut = |v: u64| if arch.register_bits() == 32 { v & 0xffff_ffff } else { v };
        let [a, b, c] = args.map(cut);
        SeccompData { nr, arch: arch.token(), ip: 0, args: [a, b, c, 0, 0, 0] }
    });
    prop::collection::vec(call, 40)
}

/// Whether a policy is refused for its size alone.
fn is_too_much(error: &str) -> bool {
    error.contains("too many") || error.contains("rules are needed")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn losses_are_all_there_are(policy in policy(), calls in calls()) {
        let host = policy.arches[0];
        for format in [Format::Oci, Format::Docker, Format::Spo, Format::Seccompiler] {
            let export = match write(&policy, format, &options(host)) {
                Ok(export) => export,
                Err(e) => {
                    prop_assert!(is_too_much(&e.to_string()), "{format:?}: {e}");
                    continue;
                }
            };
            let text = export.text().unwrap();
            let again = read(text, format, &options(host)).unwrap().policies.remove(0).policy;
            let worst = export.losses.iter().map(|l| l.effect).max().unwrap_or(Effect::None);
            for call in &calls {
                let effect = Effect::of(policy.eval(call), again.eval(call));
                prop_assert!(effect <= worst, "{format:?} {call:x?}: {effect} beside {:?}\n{text}", export.losses);
            }
            if export.losses.is_empty() {
                prop_assert_eq!(policy.lower().unwrap(), again.lower().unwrap());
            } else {
                prop_assert_ne!(policy.lower().unwrap(), again.lower().unwrap());
            }
        }
    }

    /// For one 64-bit architecture the rules themselves lose nothing: only what happens to foreign
    /// architectures and x32 numbers may.
    #[test]
    fn rules_lose_nothing(mut policy in policy()) {
        policy.arches.truncate(1);
        for format in [Format::Oci, Format::Docker] {
            match write(&policy, format, &options(policy.arches[0])) {
                Ok(export) => {
                    for loss in &export.losses {
                        let own = ["not listed", "x32", "no call"];
                        prop_assert!(own.iter().any(|o| loss.what.contains(o)), "{loss}\n{}", export.text().unwrap());
                    }
                }
                Err(e) => prop_assert!(is_too_much(&e.to_string()), "{format:?}: {e}"),
            }
        }
    }
}
