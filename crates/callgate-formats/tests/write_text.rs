//! Writing the text formats: what is read, written and read again is the same filter, and what a
//! format cannot say is listed with its effect.

mod common;

use callgate::{Action, Arch, ArgCmp, ArgIndex, Call, Cond, Errno, Op, Policy, Rule, Syscall, Width};
use callgate_formats::{Accept, Effect, Format, Options, read, write};
use proptest::prelude::*;

fn lossy() -> Options {
    Options { accept: Accept::Any, ..Options::new(Arch::X86_64) }
}

fn policy_of(text: &str, format: Format, options: &Options) -> Policy {
    read(text, format, options).unwrap_or_else(|e| panic!("{text}: {e}")).policies.remove(0).policy
}

/// Reads, writes without losses, and reads again.
fn round_trip(text: &str, format: Format, options: &Options) -> String {
    let policy = policy_of(text, format, options);
    let written = write(&policy, format, options).unwrap_or_else(|e| panic!("{text}\n{e}"));
    let written = written.text().unwrap().to_owned();
    let again = Options { default: Some(policy.default), ..options.clone() };
    let again = read(&written, format, &again).unwrap_or_else(|e| panic!("{written}: {e}"));
    assert_eq!(again.filter().unwrap(), policy.lower().unwrap(), "{text}\nbecame\n{written}");
    written
}

#[test]
fn minijail() {
    let options = Options::new(Arch::X86_64);
    let text = "read: 1\nwrite: arg0 == 1 || arg0 in 0x30 && arg1 & 3\nopen: return ENOENT\n\
                ioctl: arg1 == 0x5401; return EACCES\nmmap: arg2 in ~4\nclone: arg0 & 0x10000\n";
    let written = round_trip(text, Format::Minijail, &options);
    assert!(written.contains("ioctl: arg1 == 0x5401; return EACCES\n"), "{written}");
    let text = "@default trap\nread: { arg0 == 0; log, arg0 == 1; return 5, arg0 == 2 }\nwrite: kill-process\nopen: trap\n";
    round_trip(text, Format::MinijailPython, &options);
}

#[test]
fn kafel() {
    let both = Options { arches: Some(vec![Arch::X86_64, Arch::X86]), ..Options::new(Arch::X86_64) };
    let text = "ALLOW { read, newstat ON x86_64, write(a, b) { a == 1 || b & 0xf0 == 0x30 } },\n\
                ERRNO(5) { write }, LOG { old_mmap ON {i386} } DEFAULT KILL_PROCESS";
    round_trip(text, Format::Kafel, &both);
    let one = Options::new(Arch::X86_64);
    let written = round_trip("ALLOW { umount, SYSCALL[1] } DEFAULT ERRNO(1)", Format::Kafel, &one);
    assert_eq!(written, "ALLOW {\n  write,\n  umount\n}\nDEFAULT ERRNO(1)\n");
}

#[test]
fn lxc() {
    let options = Options::new(Arch::X86_64);
    let text =
        "2\ndenylist\nreject_force_umount\n[all]\nkexec_load errno 1\nbpf notify [0,5,==]\ninit_module\n";
    let written = round_trip(text, Format::Lxc, &options);
    assert!(written.starts_with("2\ndenylist\n[all]\n"), "{written}");
    assert!(written.contains("umount2 errno 13 [1,0x1,SCMP_CMP_MASKED_EQ,0x1]\n"), "{written}");
    round_trip("2\nallowlist errno 38\n[all]\nread\nwrite allow [0,2,<=] [2,7,!=]\n", Format::Lxc, &options);
}

/// A policy for x86_64 whose calls are decided without conditions.
fn plain(default: Action, rules: &[(&str, Action)]) -> Policy {
    let rules = rules.iter().map(|(names, action)| Rule {
        calls: names.split(' ').map(|n| Call::Named(Syscall::from_name(n).unwrap())).collect(),
        arches: Vec::new(),
        when: Cond::True,
        action: *action,
        origin: callgate::Origin::default(),
    });
    Policy { arches: vec![Arch::X86_64], rules: rules.collect(), ..Policy::new(default) }
}

#[test]
fn systemd() {
    let enoent = Action::Errno(Errno(2));
    let eperm = Action::Errno(Errno::EPERM);
    let policy = plain(eperm, &[("read write exit_group execve", Action::ALLOW), ("getrandom", enoent)]);
    let export = write(&policy, Format::Systemd, &lossy()).unwrap();
    let text = export.text().unwrap();
    assert!(
        text.starts_with(
            "[Service]\nSystemCallArchitectures=native\nSystemCallErrorNumber=EPERM\nSystemCallFilter="
        ),
        "{text}"
    );
    // What cannot be said: numbers systemd does not know, and how foreign calls die.
    assert!(export.losses.iter().all(|l| l.effect == Effect::Different), "{:?}", export.losses);
    assert!(export.losses.iter().any(|l| l.what.contains("errno(EPERM) becomes errno(ENOSYS)")));
    assert!(
        write(&policy, Format::Systemd, &Options::new(Arch::X86_64)).is_err(),
        "a loss must be asked for"
    );
    let deny = plain(
        Action::ALLOW,
        &[("ptrace mount", eperm), ("bpf", enoent), ("kexec_load", Action::KILL_PROCESS)],
    );
    let export = write(&deny, Format::Systemd, &lossy()).unwrap();
    let text = export.text().unwrap();
    assert!(
        text.contains("SystemCallFilter=~mount ptrace\nSystemCallFilter=~bpf:ENOENT kexec_load:kill\n"),
        "{text}"
    );
}

#[test]
fn firejail() {
    let eperm = Action::Errno(Errno::EPERM);
    let deny = plain(Action::ALLOW, &[("ptrace mount", eperm), ("bpf", Action::Errno(Errno(2)))]);
    let export = write(&deny, Format::Firejail, &lossy()).unwrap();
    assert_eq!(export.text().unwrap(), "seccomp.block-secondary\nseccomp.drop ptrace,mount,bpf:ENOENT\n");
    assert!(export.losses.iter().all(|l| l.effect != Effect::Weaker), "{:?}", export.losses);
    let keep =
        plain(Action::KILL_THREAD, &[("read execve", Action::ALLOW), ("bpf", Action::Errno(Errno(2)))]);
    let export = write(&keep, Format::Firejail, &lossy()).unwrap();
    assert_eq!(
        export.text().unwrap(),
        "seccomp.block-secondary\nseccomp-error-action kill\nseccomp.keep read,execve,bpf:ENOENT,!execveat,!prctl\n"
    );
    assert!(export.losses.iter().all(|l| l.effect != Effect::Weaker), "{:?}", export.losses);
}

/// Every file of a format that holds one policy survives being written.
#[test]
fn corpus() {
    let Some(corpus) = common::corpus() else { return };
    let mut counts = Vec::new();
    for (folder, format) in [("kafel", Format::Kafel), ("lxc", Format::Lxc), ("minijail", Format::Minijail)] {
        let mut written = 0;
        for path in common::files(&corpus.join("policies").join(folder)) {
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let options = Options::new(Arch::X86_64);
            if let Ok(import) = read(&text, format, &options)
                && import.policies.len() == 1
            {
                let losses = write(&import.policies[0].policy, import.format, &lossy()).unwrap().losses;
                // Version 1 of LXC's files is numbers, and the version that is written is names.
                if text.starts_with("1\n") {
                    assert!(losses.iter().any(|l| l.what.contains("numbers without a name")), "{losses:?}");
                } else {
                    round_trip(&text, import.format, &options);
                }
                written += 1;
            }
        }
        assert!(written > 0, "{folder}");
        counts.push(format!("{folder}: {written}"));
    }
    eprintln!("written and read again: {}", counts.join(", "));
}

fn actions() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(Action::ALLOW),
        Just(Action::LOG),
        Just(Action::KILL_THREAD),
        Just(Action::KILL_PROCESS),
        Just(Action::Trap(0)),
        Just(Action::Notify(0)),
        (1u16..40).prop_map(|e| Action::Errno(Errno(e))),
    ]
}

fn conditions() -> impl Strategy<Value = Cond> {
    let value = prop_oneof![0u64..8, Just(u64::from(u32::MAX)), Just(1 << 32), any::<u64>()];
    let op = (value.clone(), value, 0..7).prop_map(|(v, m, kind)| match kind {
        0 => Op::Eq(v),
        1 => Op::Ne(v),
        2 => Op::Lt(v & 0xff),
        3 => Op::Le(v & 0xff),
        4 => Op::Gt(v & 0xff),
        5 => Op::Ge(v & 0xff),
        _ => Op::MaskedEq { mask: m & 0xff, value: v & m & 0xff },
    });
    let test = (0u8..3, any::<bool>(), op).prop_map(|(arg, wide, op)| {
        let width = if wide { Width::W64 } else { Width::W32 };
        Cond::Arg(ArgCmp { arg: ArgIndex::new(arg).unwrap(), width, op })
    });
    prop_oneof![
        3 => Just(Cond::True),
        3 => test.clone(),
        1 => prop::collection::vec(test.clone(), 2..3).prop_map(Cond::All),
        1 => prop::collection::vec(test, 2..3).prop_map(Cond::Any),
    ]
}

fn policies() -> impl Strategy<Value = Policy> {
    let calls = ["read", "write", "open", "openat", "ioctl", "mmap", "stat", "execve"];
    let call = (0..calls.len()).prop_map(move |i| Call::Named(Syscall::from_name(calls[i]).unwrap()));
    let rule =
        (prop::collection::vec(call, 1..3), conditions(), actions()).prop_map(|(calls, when, action)| Rule {
            calls,
            arches: Vec::new(),
            when,
            action,
            origin: callgate::Origin::default(),
        });
    (prop::collection::vec(rule, 0..5), actions()).prop_map(|(rules, default)| Policy {
        arches: vec![Arch::X86_64],
        rules,
        ..Policy::new(default)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Kafel says everything a policy for one architecture can, but how foreign and x32 calls end.
    #[test]
    fn kafel_says_it_all(policy in policies()) {
        let policy = Policy { bad_arch: Action::KILL_THREAD, x32: Some(policy.default), ..policy };
        let export = write(&policy, Format::Kafel, &lossy()).unwrap();
        prop_assert!(export.losses.is_empty(), "{}\n{:?}", export.text().unwrap(), export.losses);
    }

    /// So does the dialect of minijail's compiler.
    #[test]
    fn minijail_python_says_it_all(policy in policies()) {
        let policy = Policy { bad_arch: Action::KILL_THREAD, x32: Some(policy.default), ..policy };
        let export = match write(&policy, Format::MinijailPython, &lossy()) {
            Ok(export) => export,
            // Every alternative is a line of its own; some conditions have too many.
            Err(e) => {
                prop_assert!(e.to_string().contains("too many"), "{e}");
                return Ok(());
            }
        };
        prop_assert!(export.losses.is_empty(), "{}\n{:?}", export.text().unwrap(), export.losses);
    }

    /// What the other formats cannot say never lets a call through that was refused, except where the
    /// format has no say: foreign architectures, and calls it adds by itself.
    #[test]
    fn what_is_lost_is_not_weaker(policy in policies()) {
        for format in [Format::Minijail, Format::Lxc, Format::Systemd, Format::Firejail] {
            let Ok(export) = write(&policy, format, &lossy()) else { continue };
            for loss in &export.losses {
                let own = loss.what.contains("architectures not listed")
                    || loss.what.contains("numbers without a name")
                    || loss.what.contains("x32");
                prop_assert!(own || loss.effect != Effect::Weaker, "{}\n{loss}", export.text().unwrap());
            }
        }
    }
}
