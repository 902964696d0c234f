//! Made-up policies in every format that is written. What a format can say comes back as the same filter, without a
//! loss; of what it cannot say every difference is a loss, with a call that shows it, and nothing else is.
//!
//! The cases are the same in every run.

use callgate::program::container::{ReadOptions, read as read_program};
use callgate::{
    Action, Arch, ArgCmp, ArgIndex, Call, Cond, Errno, Filter, Op, Origin, Policy, Rule, Syscall, Width,
};
use callgate_formats::{Accept, Capabilities, Effect, Format, Options, read, write};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeSet;

/// How many policies each format gets of each kind.
const CASES: u32 = 16;

fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// For the machine a policy's first architecture is of.
fn options(policy: &Policy, format: Format) -> Options {
    Options {
        caps: Some(Capabilities::container()),
        accept: Accept::Any,
        // Where a notation leaves the default to a command line.
        default: matches!(format, Format::Minijail | Format::MinijailPython).then_some(policy.default),
        arches: (format == Format::Kafel).then(|| policy.arches.clone()),
        ..Options::new(policy.arches[0])
    }
}

fn read_back(text: &str, format: Format, options: &Options) -> Filter {
    let again = if format == Format::Callgate {
        Policy::parse(text).map_err(|e| e.to_string()).and_then(|p| p.lower().map_err(|e| e.to_string()))
    } else {
        read(text, format, options)
            .map_err(|e| e.to_string())
            .and_then(|i| i.filter().map_err(|e| e.to_string()))
    };
    again.unwrap_or_else(|e| panic!("{}: {e}\n{text}", format.name()))
}

/// What rules are made of.
#[derive(Clone)]
struct Words {
    actions: Vec<Action>,
    widths: Vec<Width>,
    largest: u64,
}

const ERRNOS: [Action; 3] =
    [Action::Errno(Errno::EPERM), Action::Errno(Errno(2)), Action::Errno(Errno::ENOSYS)];
const KILLS: [Action; 2] = [Action::KILL_PROCESS, Action::KILL_THREAD];
const OPEN: [Action; 2] = [Action::ALLOW, Action::LOG];
const NARROW: [Width; 1] = [Width::W32];
const BOTH: [Width; 2] = [Width::W32, Width::W64];

fn words(actions: &[&[Action]], widths: &[Width], largest: u64) -> Words {
    Words { actions: actions.concat(), widths: widths.to_vec(), largest }
}

fn op(largest: u64) -> BoxedStrategy<Op> {
    let v = prop_oneof![
        0u64..9,
        Just(u64::MAX),
        Just(1 << 32),
        Just(0xffff_ffff),
        Just(0x7e02_0000),
        Just(1 << 63),
        any::<u64>()
    ];
    let op = (0..7, v.clone(), v).prop_map(move |(kind, a, b)| {
        let (a, b) = (a & largest, b & largest);
        match kind {
            0 => Op::Eq(a),
            1 => Op::Ne(a),
            2 => Op::Lt(a),
            3 => Op::Le(a),
            4 => Op::Gt(a),
            5 => Op::Ge(a),
            _ => Op::MaskedEq { mask: a, value: a & b },
        }
    });
    op.boxed()
}

fn test(words: &Words, arguments: u8) -> BoxedStrategy<Cond> {
    let widths = prop::sample::select(words.widths.clone());
    let arg = (0..arguments).prop_map(|i| ArgIndex::new(i).unwrap_or(ArgIndex::IP));
    let test = (arg, op(words.largest), widths);
    test.prop_map(|(arg, op, width)| Cond::Arg(ArgCmp { arg, width, op })).boxed()
}

fn cond(words: &Words, arguments: u8) -> BoxedStrategy<Cond> {
    let test = test(words, arguments);
    prop_oneof![
        2 => Just(Cond::True),
        3 => test.clone(),
        1 => prop::collection::vec(test.clone(), 1..3).prop_map(Cond::All),
        1 => prop::collection::vec(test.clone(), 1..3).prop_map(Cond::Any),
        1 => test.prop_map(|t| Cond::Not(Box::new(t))),
    ]
    .boxed()
}

/// Calls that every architecture of these tests has, and that libseccomp puts no other in the place of.
const NAMES: [&str; 9] = ["read", "write", "openat", "clone", "ioctl", "mremap", "prctl", "getpid", "execve"];

fn named(i: usize) -> Call {
    Call::Named(Syscall::from_name(NAMES[i]).unwrap())
}

fn rule(calls: Vec<Call>, when: Cond, action: Action) -> Rule {
    Rule { calls, arches: Vec::new(), when, action, origin: Origin::default() }
}

/// Rules over names.
fn rules(words: &Words) -> BoxedStrategy<Vec<Rule>> {
    let calls = prop::collection::vec((0..NAMES.len()).prop_map(named), 1..3);
    let actions = prop::sample::select(words.actions.clone());
    let one = (calls, cond(words, 3), actions).prop_map(|(calls, when, action)| rule(calls, when, action));
    prop::collection::vec(one, 0..5).boxed()
}

/// The policy a format has where nothing is said but the default: it also says what the format does with foreign
/// architectures, x32 and newer calls.
fn empty(format: Format, arches: &[Arch], default: Action) -> Policy {
    let nothing = Policy { arches: arches.to_vec(), ..Policy::new(default) };
    let options = options(&nothing, format);
    let export = write(&nothing, format, &options).unwrap_or_else(|e| panic!("{}: {e}", format.name()));
    let text = export.text().unwrap();
    if format == Format::Callgate {
        return Policy::parse(text).unwrap();
    }
    let mut import =
        read(text, format, &options).unwrap_or_else(|e| panic!("{}: {e}\n{text}", format.name()));
    let policy = import.policies.remove(0).policy;
    assert!(import.policies.is_empty() && policy.default == default, "{}: {text}", format.name());
    policy
}

/// Whether an error is one that some policies must have: alternatives are written one by one, and some conditions
/// have too many; firejail has no filter that denies nothing.
fn is_size(error: &callgate_formats::Error) -> bool {
    let error = error.to_string();
    error.contains("too many") || error.contains("no line that denies nothing")
}

/// Everything `policies` makes is written without a loss, and comes back as the same filter.
fn says_all(format: Format, policies: impl Strategy<Value = Policy>) {
    let large = std::cell::Cell::new(0);
    let found = runner(CASES).run(&policies, |policy| {
        let options = options(&policy, format);
        let export = match write(&policy, format, &Options { accept: Accept::Lossless, ..options.clone() }) {
            Ok(export) => export,
            Err(e) if is_size(&e) => {
                large.set(large.get() + 1);
                return Ok(());
            }
            Err(e) => return Err(TestCaseError::fail(e.to_string())),
        };
        prop_assert!(export.losses.is_empty());
        let text = export.text().unwrap();
        prop_assert!(read_back(text, format, &options) == policy.lower().unwrap(), "{text}");
        Ok(())
    });
    found.unwrap_or_else(|e| panic!("{}: {e}", format.name()));
    assert!(
        large.get() <= CASES / 4,
        "{}: {} of {CASES} were too large to be written",
        format.name(),
        large.get()
    );
}

/// Policies over the empty one of a format, for some of its sets of architectures.
fn over_empty(
    format: Format,
    arches: &'static [&'static [Arch]],
    defaults: &[&[Action]],
    words: impl Fn(&[Arch]) -> Words + 'static,
) -> impl Strategy<Value = Policy> {
    (prop::sample::select(arches), prop::sample::select(defaults.concat()))
        .prop_flat_map(move |(arches, default)| {
            rules(&words(arches)).prop_map(move |rules| (arches, default, rules))
        })
        .prop_map(move |(arches, default, rules)| {
            let mut policy = empty(format, arches, default);
            policy.rules.extend(rules);
            policy
        })
}

const ONE: &[&[Arch]] = &[&[Arch::X86_64], &[Arch::Aarch64]];
const SETS: &[&[Arch]] = &[
    &[Arch::X86_64],
    &[Arch::S390x],
    &[Arch::X86_64, Arch::X86],
    &[Arch::X86_64, Arch::X86, Arch::X32],
    &[Arch::Aarch64, Arch::Arm],
];

/// libseccomp compares as many bits as the architecture has; on x32 it looks at 32.
fn widths(arches: &[Arch]) -> &'static [Width] {
    if arches.contains(&Arch::X32) { &NARROW } else { &BOTH }
}

/// Where the same test is to mean the same on 32 and on 64 bits, its number has room above it.
fn largest(arches: &[Arch]) -> u64 {
    if arches.len() > 1 { 0x7fff_ffff } else { u64::MAX }
}

const TRACE: [Action; 2] = [Action::Trace(1), Action::Trace(7)];
const TRAP: [Action; 1] = [Action::Trap(0)];
const NOTIFY: [Action; 1] = [Action::Notify(0)];

#[test]
fn oci_says() {
    for format in [Format::Oci, Format::Docker] {
        // Runtimes take no rule that notifies about write.
        let actions: &[&[Action]] = &[&ERRNOS, &KILLS, &OPEN, &TRAP, &TRACE];
        let defaults: &[&[Action]] = &[&ERRNOS, &KILLS, &OPEN, &TRAP];
        let policies =
            over_empty(format, SETS, defaults, |arches| words(actions, widths(arches), largest(arches)));
        says_all(format, policies);
    }
}

/// For runc the same, with what it answers to newer calls: the policy as runc reads it comes back.
#[test]
fn oci_says_for_runc() {
    let runc = |policy: &Policy| Options {
        runtime: Some(callgate_formats::Runtime::Runc),
        ..options(policy, Format::Oci)
    };
    let actions: &[&[Action]] = &[&ERRNOS, &KILLS, &OPEN, &TRAP];
    let policies = over_empty(Format::Oci, ONE, &[&ERRNOS, &KILLS], |arches| {
        words(actions, widths(arches), largest(arches))
    });
    let found = runner(CASES).run(&policies, |policy| {
        let Ok(export) = write(&policy, Format::Oci, &options(&policy, Format::Oci)) else { return Ok(()) };
        let mut import = read(export.text().unwrap(), Format::Oci, &runc(&policy)).unwrap();
        let as_runc_reads = import.policies.remove(0).policy;
        let told = Options { accept: Accept::Lossless, ..runc(&policy) };
        let again =
            write(&as_runc_reads, Format::Oci, &told).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let text = again.text().unwrap();
        prop_assert!(read_back(text, Format::Oci, &told) == as_runc_reads.lower().unwrap(), "{text}");
        Ok(())
    });
    found.unwrap_or_else(|e| panic!("{e}"));
}

/// The object has signed numbers, so that whole arguments cannot be masked, and no place for the default's error.
#[test]
fn spo_says() {
    let actions: &[&[Action]] = &[&ERRNOS, &KILLS, &OPEN, &TRAP];
    let defaults: &[&[Action]] = &[&[Action::Errno(Errno::EPERM)], &KILLS, &OPEN, &TRAP];
    let policies = over_empty(Format::Spo, SETS, defaults, |_| words(actions, &NARROW, u32::MAX.into()));
    says_all(Format::Spo, policies);
}

/// Two actions, one architecture.
#[test]
fn seccompiler_says() {
    let all = [&ERRNOS[..], &KILLS, &OPEN, &TRAP, &TRACE].concat();
    let two = prop::sample::subsequence(all, 2).prop_shuffle();
    let policies = (prop::sample::select(ONE), two)
        .prop_flat_map(|(arches, two)| {
            let rules = rules(&words(&[&two], &BOTH, u64::MAX));
            rules.prop_map(move |rules| (arches, two[0], rules))
        })
        .prop_map(|(arches, default, rules)| {
            let mut policy = empty(Format::Seccompiler, arches, default);
            policy.rules.extend(rules);
            policy
        });
    says_all(Format::Seccompiler, policies);
}

/// A call is allowed, if a condition holds that may be any, and otherwise gets the default or an error.
#[test]
fn minijail_says() {
    let line =
        (cond(&words(&[], &BOTH, u64::MAX), 6), prop::option::of(prop::sample::select(ERRNOS.to_vec())));
    let lines = prop::collection::vec(line, 0..NAMES.len());
    let defaults = [&KILLS[..], &TRAP].concat();
    let policies = (prop::sample::select(ONE), prop::sample::select(defaults), lines).prop_map(
        |(arches, default, lines)| {
            let mut policy = empty(Format::Minijail, arches, default);
            for (i, (when, otherwise)) in lines.into_iter().enumerate() {
                policy.rules.push(rule(vec![named(i)], when, Action::ALLOW));
                policy.rules.extend(otherwise.map(|action| rule(vec![named(i)], Cond::True, action)));
            }
            policy
        },
    );
    says_all(Format::Minijail, policies);
}

#[test]
fn minijail_python_says() {
    let actions: &[&[Action]] = &[&ERRNOS, &KILLS, &OPEN, &TRAP, &NOTIFY];
    let defaults: &[&[Action]] = &[&KILLS, &TRAP, &NOTIFY, &ERRNOS, &OPEN];
    says_all(
        Format::MinijailPython,
        over_empty(Format::MinijailPython, ONE, defaults, |_| words(actions, &BOTH, u64::MAX)),
    );
}

#[test]
fn kafel_says() {
    const KAFEL: &[&[Arch]] =
        &[&[Arch::X86_64], &[Arch::Aarch64], &[Arch::X86_64, Arch::X86], &[Arch::Aarch64, Arch::Arm]];
    let actions: &[&[Action]] =
        &[&ERRNOS, &KILLS, &OPEN, &[Action::Trap(0), Action::Trap(9)], &TRACE, &NOTIFY];
    says_all(Format::Kafel, over_empty(Format::Kafel, KAFEL, actions, |_| words(actions, &BOTH, u64::MAX)));
}

#[test]
fn lxc_says() {
    // On x86_64 the profile is for x32 and x86 as well.
    const LXC: &[&[Arch]] =
        &[&[Arch::X86_64, Arch::X86, Arch::X32], &[Arch::Aarch64, Arch::Arm], &[Arch::Riscv64]];
    let actions: &[&[Action]] = &[&ERRNOS, &[Action::KILL_THREAD, Action::ALLOW], &TRAP, &NOTIFY];
    let defaults: &[&[Action]] = &[&ERRNOS, &[Action::KILL_THREAD, Action::ALLOW], &TRAP];
    let policies =
        over_empty(Format::Lxc, LXC, defaults, |arches| words(actions, widths(arches), largest(arches)));
    says_all(Format::Lxc, policies);
}

/// Allowed and denied calls, each denial with its own error: the units systemd understands, read and written.
#[test]
fn systemd_says() {
    let names = prop::sample::subsequence(NAMES.to_vec(), 1..NAMES.len());
    let errors = prop::collection::btree_map(
        0..NAMES.len(),
        prop::sample::select(vec!["ENOENT", "EPERM", "kill"]),
        0..3,
    );
    let number =
        prop::sample::select(vec!["", "SystemCallErrorNumber=EPERM\n", "SystemCallErrorNumber=EACCES\n"]);
    let arches = prop::sample::select(vec![
        "",
        "SystemCallArchitectures=native\n",
        "SystemCallArchitectures=native x86\n",
    ]);
    let text = (names, errors, number, arches, any::<bool>(), any::<bool>()).prop_map(
        |(names, errors, number, arches, deny, log)| {
            let list = names.join(" ");
            let errors: Vec<String> = errors.iter().map(|(i, e)| format!("{}:{e}", NAMES[*i])).collect();
            let errors = if errors.is_empty() {
                String::new()
            } else {
                format!("SystemCallFilter=~{}\n", errors.join(" "))
            };
            let log = if log { format!("SystemCallLog={}\n", names[0]) } else { String::new() };
            let sign = if deny { "~" } else { "@basic-io " };
            format!("[Service]\n{arches}{number}SystemCallFilter={sign}{list}\n{errors}{log}")
        },
    );
    texts(Format::Systemd, text);
}

/// Conditions that settings of their own make come back as these settings.
#[test]
fn systemd_says_by_other_settings() {
    let settings = vec![
        "RestrictAddressFamilies=AF_UNIX AF_INET",
        "RestrictAddressFamilies=~AF_PACKET AF_ALG",
        "MemoryDenyWriteExecute=yes",
        "RestrictNamespaces=net user",
        "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes",
        "LockPersonality=yes",
    ];
    let text = (prop::sample::subsequence(settings, 1..4), any::<bool>()).prop_map(|(settings, deny)| {
        let list = if deny { "~ptrace mount" } else { "@system-service @mount unshare" };
        let head = "[Service]\nSystemCallArchitectures=native\nSystemCallErrorNumber=EPERM";
        format!("{head}\nSystemCallFilter={list}\n{}\n", settings.join("\n"))
    });
    texts(Format::Systemd, text);
}

#[test]
fn firejail_says() {
    let names = prop::sample::subsequence(NAMES.to_vec(), 1..NAMES.len());
    let error =
        prop::sample::select(vec!["", "seccomp-error-action kill\n", "seccomp-error-action ENOENT\n"]);
    let text = (names, error, any::<bool>(), any::<bool>()).prop_map(|(names, error, keep, secondary)| {
        let kind = if keep { "keep" } else { "drop" };
        let secondary = if secondary { "seccomp.block-secondary\n" } else { "" };
        format!("{secondary}{error}seccomp.{kind} {}\n", names.join(","))
    });
    texts(Format::Firejail, text);
}

/// What was read is written without a loss and read again as the same filter.
fn texts(format: Format, texts: impl Strategy<Value = String>) {
    let options = Options::new(Arch::X86_64);
    let found = runner(CASES).run(&texts, |text| {
        let filter =
            read(&text, format, &options).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        let filter = filter.filter().unwrap();
        let policy = filter.render().unwrap().policy;
        let export =
            write(&policy, format, &options).map_err(|e| TestCaseError::fail(format!("{text}\n{e}")))?;
        let again = export.text().unwrap();
        prop_assert!(read_back(again, format, &options) == filter, "{text}\nbecame\n{again}");
        Ok(())
    });
    found.unwrap_or_else(|e| panic!("{}: {e}", format.name()));
}

/// Policies of every kind there is: none of the formats can say them all.
fn any_policy() -> impl Strategy<Value = Policy> {
    let actions =
        [&ERRNOS[..], &KILLS, &OPEN, &TRAP, &TRACE, &NOTIFY, &[Action::Trap(9), Action::Errno(Errno(4095))]];
    let words = words(&actions, &BOTH, u64::MAX);
    let action = || prop::sample::select(actions.concat());
    let call = prop_oneof![
        6 => (0..NAMES.len()).prop_map(named),
        1 => (0u32..1200, 0u32..9).prop_map(|(n, more)| Call::Numbers(n..=n + more)),
        1 => Just(Call::Numbers(0x4000_0000..=0x4000_0009)),
    ];
    let one = (prop::collection::vec(call, 1..3), cond(&words, 7), action())
        .prop_map(|(calls, when, action)| rule(calls, when, action));
    let rules = prop::collection::vec(one, 0..5);
    let some = prop::option::of(action());
    (prop::sample::select(SETS), rules, action(), action(), some, prop::option::of(action())).prop_map(
        |(arches, rules, default, bad_arch, x32, unknown)| Policy {
            arches: arches.to_vec(),
            rules,
            default,
            foreign: Vec::new(),
            bad_arch,
            x32,
            unknown,
        },
    )
}

/// The losses are all the differences there are, each shown by a call; and what is not accepted is not written.
fn loses_what_it_says(format: Format) {
    let lossy = std::cell::Cell::new(0);
    let found = runner(CASES).run(&any_policy(), |policy| {
        let options = options(&policy, format);
        let export = match write(&policy, format, &options) {
            Ok(export) => export,
            Err(e) if is_size(&e) => return Ok(()),
            Err(e) => return Err(TestCaseError::fail(e.to_string())),
        };
        let wanted = policy.lower().unwrap();
        let worst = export.losses.iter().map(|l| l.effect).max().unwrap_or(Effect::None);
        let accepted = |accept| write(&policy, format, &Options { accept, ..options.clone() }).is_ok();
        prop_assert_eq!(accepted(Accept::Lossless), worst == Effect::None);
        prop_assert_eq!(accepted(Accept::NotWeaker), worst != Effect::Weaker);
        // What minijail's tools are told is the default nearest to the policy's.
        let told = export.losses.is_empty() || format != Format::Minijail;
        if !told {
            return Ok(());
        }
        let text = export.text().unwrap();
        let written = read_back(text, format, &options);
        let differing: BTreeSet<(Action, Action)> =
            wanted.beside(&written).unwrap().leaves().iter().filter(|p| p.0 != p.1).copied().collect();
        let mut said = BTreeSet::new();
        for loss in &export.losses {
            let witness = loss.witness.unwrap();
            prop_assert_eq!(*wanted.eval(&witness.call), witness.before, "{}", loss);
            prop_assert_eq!(*written.eval(&witness.call), witness.now, "{}", loss);
            // Number -1 is no call: what it gets is neither stricter nor weaker.
            let effect = match Effect::of(witness.before, witness.now) {
                Effect::Weaker | Effect::Stricter if witness.call.nr == u32::MAX => Effect::Different,
                effect => effect,
            };
            prop_assert_eq!(effect, loss.effect);
            said.insert((witness.before, witness.now));
        }
        prop_assert_eq!(said, differing, "{}", text);
        lossy.set(lossy.get() + u32::from(!export.losses.is_empty()));
        Ok(())
    });
    found.unwrap_or_else(|e| panic!("{}: {e}", format.name()));
    let least = if format == Format::Callgate || format == Format::Minijail { 0 } else { CASES / 2 };
    assert!(lossy.get() >= least, "{}: only {} of {CASES} lost something", format.name(), lossy.get());
}

macro_rules! losses {
    ($($name:ident $format:ident;)*) => { $(
        #[test]
        fn $name() {
            loses_what_it_says(Format::$format);
        }
    )* };
}

losses! {
    oci_loses Oci;
    docker_loses Docker;
    spo_loses Spo;
    seccompiler_loses Seccompiler;
    minijail_loses Minijail;
    minijail_python_loses MinijailPython;
    kafel_loses Kafel;
    systemd_loses Systemd;
    firejail_loses Firejail;
    lxc_loses Lxc;
    callgate_loses Callgate;
}

/// Programs and the own language say every policy.
#[test]
fn programs_and_the_own_language_say_everything() {
    let found = runner(CASES).run(&any_policy(), |policy| {
        let filter = policy.lower().unwrap();
        let options = options(&policy, Format::Callgate);
        for format in [Format::Callgate, Format::Bpf, Format::C, Format::Rust] {
            let export = write(&policy, format, &options).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert!(export.losses.is_empty(), "{}: {:?}", format.name(), export.losses);
            if format == Format::Callgate {
                prop_assert!(read_back(export.text().unwrap(), format, &options) == filter);
                continue;
            }
            let endian = policy.arches[0].endian();
            let told =
                ReadOptions { arch: Some(policy.arches[0]), endian: Some(endian), ..ReadOptions::default() };
            let again =
                read_program(&export.bytes, &told).map_err(|e| TestCaseError::fail(format!("{e:?}")))?;
            prop_assert!(again.code.check().unwrap().lift().unwrap() == filter, "{}", format.name());
        }
        if let Err(e) = write(&policy, Format::Pfc, &options) {
            prop_assert!(is_size(&e) || e.to_string().contains("instruction pointer"), "{e}");
        }
        Ok(())
    });
    found.unwrap_or_else(|e| panic!("{e}"));
}
