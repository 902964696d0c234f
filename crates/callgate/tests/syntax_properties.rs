//! Properties of the policy language.

use callgate::answer::{Answer, IfLost, OnLine, Peer, Place, Ports};
use callgate::syntax::{self, format, parse, print, print_with};
use callgate::{Action, Arch, ArgCmp, ArgIndex, Call, Cond, Errno, Op, Origin, Policy, Rule, Syscall, Width};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn no_files(path: &str, _: &str) -> Result<(String, String), String> {
    Err(format!("no file {path}"))
}

fn action() -> impl Strategy<Value = Action> {
    let data = prop_oneof![4 => Just(0u16), 1 => any::<u16>()];
    let known = (0..8usize, data).prop_map(|(kind, data)| match kind {
        0 => Action::KillProcess(data),
        1 => Action::KillThread(data),
        2 => Action::Trap(data),
        3 => Action::Errno(Errno(data)),
        4 => Action::Notify(data),
        5 => Action::Trace(data),
        6 => Action::Log(data),
        _ => Action::Allow(data),
    });
    let unknown = any::<u32>().prop_filter_map("known", |raw| match Action::from_ret(raw) {
        Action::Unknown(raw) => Some(Action::Unknown(raw)),
        _ => None,
    });
    prop_oneof![8 => known, 1 => unknown]
}

fn value() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..16u64,
        2 => (0..64u32).prop_map(|bit| 1 << bit),
        1 => (1..200u64).prop_map(u64::wrapping_neg),
        1 => (1..200u32).prop_map(|n| n.wrapping_neg().into()),
        1 => any::<u64>(),
        1 => any::<u32>().prop_map(u64::from),
    ]
}

fn comparison() -> impl Strategy<Value = Cond> {
    let op = (0..7, value(), value()).prop_map(|(op, a, b)| match op {
        0 => Op::Eq(a),
        1 => Op::Ne(a),
        2 => Op::Lt(a),
        3 => Op::Le(a),
        4 => Op::Gt(a),
        5 => Op::Ge(a),
        _ => Op::MaskedEq { mask: a, value: if b % 3 == 0 { b } else { a & b } },
    });
    let arg = (0..7u8).prop_map(|i| ArgIndex::new(i).unwrap_or(ArgIndex::IP));
    let width = select(vec![Width::W32, Width::W64]);
    (arg, width, op).prop_map(|(arg, width, op)| Cond::Arg(ArgCmp { arg, width, op }))
}

/// Several values and ranges of one argument: what `in` writes.
fn set() -> impl Strategy<Value = Cond> {
    let width = select(vec![Width::W32, Width::W64]);
    let items = prop::collection::vec((value(), prop::option::of(value())), 1..4);
    (0..3u8, width, items, prop::option::of(value())).prop_map(|(index, width, items, mask)| {
        let arg = |op| Cond::Arg(ArgCmp { arg: ArgIndex::new(index).unwrap(), width, op });
        let item = |(low, high): (u64, Option<u64>)| match (mask, high) {
            (Some(mask), _) => arg(Op::MaskedEq { mask, value: low & mask }),
            (None, None) => arg(Op::Eq(low)),
            (None, Some(high)) => Cond::All(vec![arg(Op::Ge(low)), arg(Op::Le(high))]),
        };
        Cond::Any(items.into_iter().map(item).collect())
    })
}

fn cond() -> impl Strategy<Value = Cond> {
    let leaf = prop_oneof![6 => comparison(), 2 => set(), 1 => Just(Cond::True)];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Cond::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Cond::Any),
            inner.prop_map(|c| Cond::Not(Box::new(c))),
        ]
    })
}

fn call() -> impl Strategy<Value = Call> {
    let all: Vec<Syscall> = Syscall::all().collect();
    let common = ["read", "openat", "open", "mmap", "ioctl", "socket", "clone", "fcntl", "prctl", "kill"];
    let common: Vec<Syscall> = common.into_iter().filter_map(Syscall::from_name).collect();
    prop_oneof![
        6 => select(common).prop_map(Call::Named),
        6 => select(all).prop_map(Call::Named),
        1 => Just(Call::Any),
        2 => (0..600u32, 0..600u32).prop_map(|(a, b)| Call::Numbers(a..=b)),
        1 => (any::<u32>(), any::<u32>()).prop_map(|(a, b)| Call::Numbers(a..=b)),
        1 => any::<u32>().prop_map(|n| Call::Numbers(n..=n)),
    ]
}

/// A rule as people write them: one call, comparisons of its arguments at their widths with constants
/// that they take.
fn meaningful() -> impl Strategy<Value = Rule> {
    let calls: Vec<Syscall> = Syscall::all().filter(|c| c.params(Arch::X86_64).is_some()).collect();
    let comparison = (any::<u8>(), any::<u16>(), any::<u16>(), 0..7u8, prop::bool::weighted(0.1), value());
    let comparisons = prop::collection::vec(comparison, 1..4);
    (select(calls), comparisons, any::<bool>(), action()).prop_map(|(call, comparisons, all, action)| {
        let arch = if call.number(Arch::X86_64).is_some() { Arch::X86_64 } else { Arch::X86 };
        let params = call.params(arch).unwrap_or_default();
        let mut conds = Vec::new();
        for (which, first, second, op, other, number) in comparisons {
            let Some(index) = usize::from(which).checked_rem(params.len()) else { continue };
            let param = &params[index];
            let wide = (param.bits > 32) != other;
            let (width, all) = if wide { (Width::W64, u64::MAX) } else { (Width::W32, u64::from(u32::MAX)) };
            let members: Vec<u64> =
                param.set.iter().flat_map(|s| s.members(arch)).map(|m| m.1 & all).collect();
            let pick =
                |n: u16| usize::from(n).checked_rem(members.len()).map_or(number & all, |i| members[i]);
            let (a, b) = (pick(first), pick(second));
            let op = match op {
                0 | 1 => Op::Eq(a),
                2 => Op::Ne(a),
                3 => Op::Le(a),
                4 => Op::MaskedEq { mask: a | b, value: a },
                5 => Op::MaskedEq { mask: all & !a, value: 0 },
                _ => Op::MaskedEq { mask: a, value: 0 },
            };
            let cmp = ArgCmp { arg: ArgIndex::new(index as u8).unwrap(), width, op };
            conds.push(if other { Cond::Not(Box::new(Cond::Arg(cmp))) } else { Cond::Arg(cmp) });
        }
        let when = if all { Cond::All(conds) } else { Cond::Any(conds) };
        Rule { calls: vec![Call::Named(call)], arches: Vec::new(), when, action, origin: Origin::default() }
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let arches = prop::collection::vec(select(Arch::ALL), 0..3);
    let when = prop_oneof![2 => Just(Cond::True), 3 => cond()];
    (prop::collection::vec(call(), 0..5), arches, when, action()).prop_map(|(calls, arches, when, action)| {
        Rule { calls, arches, when, action, origin: Origin::default() }
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let arches = prop_oneof![
        3 => subsequence(Arch::ALL, 1..4),
        2 => Just(vec![Arch::X86_64, Arch::X86]),
        1 => prop::collection::vec(select(Arch::ALL), 0..5),
    ];
    let rules = prop::collection::vec(prop_oneof![rule(), meaningful()], 0..5);
    let foreign = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(rule(), 0..3)];
    let option = || prop::option::of(action());
    (arches, rules, foreign, action(), action(), option(), option()).prop_map(
        |(arches, rules, foreign, default, bad_arch, x32, unknown)| Policy {
            arches,
            rules,
            default,
            foreign,
            bad_arch,
            x32,
            unknown,
        },
    )
}

/// Pieces of the language, so that nonsense gets past the lexer.
fn nonsense() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "allow",
        "errno(EPERM)",
        "kill",
        "default",
        "arch",
        "x86_64",
        "foreign",
        "x32",
        "unknown",
        "include",
        "\"a\"",
        "\"",
        "group",
        "@g",
        "@g = ",
        "=",
        "expect",
        "read",
        "openat",
        "if",
        "if?",
        "on",
        "in",
        "not",
        "{",
        "}",
        "(",
        ")",
        ",",
        "&&",
        "||",
        "!",
        "&",
        "|",
        "==",
        "!=",
        "<",
        "..",
        "arg0:32",
        "arg1",
        "fd",
        "ip",
        "0x10",
        "-1",
        "~",
        "4294967296",
        "9999999999999999999999",
        "_",
        "any",
        "none",
        "true",
        "all(",
        "any(",
        "?",
        "\n",
        "\n\n",
        "\n    ",
        "# c\n",
        "\r\n",
        "é",
        "\u{feff}",
        "\0",
        "builtin:strict",
        "O_RDONLY",
        "AF_INET",
        "open",
        "read-only",
        "below",
        "\"/srv\"",
        "connect to",
        "\"*:80\"",
        "bind 80 as",
        "8080",
        "return",
        "continue-unchecked",
        "ask",
        "log",
    ];
    let piece = prop_oneof![
        20 => select(WORDS).prop_map(str::to_string),
        1 => any::<String>(),
    ];
    prop::collection::vec((piece, select(vec!["", " ", " ", " "])), 0..40)
        .prop_map(|v| v.into_iter().map(|(word, space)| word + space).collect())
}

fn survives(text: &str) {
    let parsed = parse("t.cg", text, &mut no_files);
    assert_eq!(parsed.policy.is_none(), parsed.diagnostics.iter().any(|d| d.is_error()));
    for diagnostic in &parsed.diagnostics {
        let rendered = callgate::diagnostic::render_plain(diagnostic);
        assert!(rendered.ends_with('\n') && !diagnostic.message.is_empty());
    }
    let once = format(text).text;
    let twice = format(&once);
    assert_eq!(twice.text, once, "formatting {text:?} is not idempotent");
    assert!(!twice.changed);
    let formatted = parse("t.cg", &once, &mut no_files);
    assert_eq!(formatted.policy, parsed.policy, "formatting changed the meaning of {text:?}");
    assert_eq!(formatted.on_lines, parsed.on_lines, "formatting changed the answers of {text:?}");
    if let Some(policy) = &parsed.policy {
        assert_eq!(Policy::parse(&print(policy)).as_ref(), Ok(policy));
    }
}

fn peer() -> impl Strategy<Value = Peer> {
    let ports = prop_oneof![(80..90u16).prop_map(|p| (p, p)), Just((0, u16::MAX)), (1..9u16, 10..99u16)];
    let net = prop_oneof![
        any::<u32>().prop_map(|a| std::net::IpAddr::V4(a.into())),
        any::<u128>().prop_map(|a| std::net::IpAddr::V6(a.into())),
    ];
    prop_oneof![
        (net, ports.clone(), any::<bool>()).prop_map(|(net, (first, last), all)| {
            let most = if net.is_ipv4() { 32 } else { 128 };
            let net = if all { if most == 32 { "0.0.0.0" } else { "::" }.parse().unwrap() } else { net };
            Peer::Net { net, prefix: if all { 0 } else { most }, first, last }
        }),
        ports.prop_map(|(first, last)| Peer::AnyIp { first, last }),
        "/[a-z\\\\\"é]{1,9}".prop_map(Peer::Unix),
        "[a-z@\\\\]{1,9}".prop_map(Peer::Abstract),
    ]
}

/// An answer, with a call it can carry out.
fn answer() -> impl Strategy<Value = (&'static str, Answer)> {
    let place = ("/[a-z\\\\\" é]{1,9}", any::<bool>()).prop_map(|(path, below)| Place { path, below });
    let ports = (any::<u16>(), any::<u16>(), any::<bool>())
        .prop_map(|(asked, bound, same)| Ports { asked, bound: if same { asked } else { bound } });
    prop_oneof![
        (0..4096u16).prop_map(|e| ("read", Answer::Errno(Errno(e)))),
        any::<i64>().prop_map(|n| ("read", Answer::Return(n))),
        prop::collection::vec(place, 1..4).prop_map(|p| ("openat", Answer::Open(p))),
        prop::collection::vec(peer(), 1..4).prop_map(|p| ("connect", Answer::Connect(p))),
        prop::collection::vec(ports, 1..4).prop_map(|p| ("bind", Answer::Bind(p))),
        Just(("read", Answer::Log)),
        Just(("read", Answer::ContinueUnchecked)),
    ]
}

fn on_line() -> impl Strategy<Value = OnLine> {
    (answer(), rule(), any::<bool>()).prop_map(|((call, answer), rule, asks)| {
        let calls = match answer.calls() {
            Some(_) => vec![Call::Named(Syscall::from_name(call).unwrap())],
            None => rule.calls,
        };
        let asks = asks && !matches!(answer, Answer::Errno(_) | Answer::Log);
        OnLine { rule: Rule { calls, action: Action::Notify(0), ..rule }, asks, answer }
    })
}

fn if_lost() -> impl Strategy<Value = Option<IfLost>> {
    prop::sample::select(vec![None, Some(IfLost::Kill), Some(IfLost::Enosys)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300)
    ))]

    #[test]
    fn parser_and_printer_are_inverses(policy in policy()) {
        let text = print(&policy);
        let parsed = parse("t.cg", &text, &mut no_files);
        prop_assert_eq!(parsed.policy.as_ref(), Some(&policy), "{}\n{:#?}", text, parsed.diagnostics);
        prop_assert_eq!(&format(&text).text, &text);
        // Printed names mean what the numbers meant.
        prop_assert_eq!(print(&parsed.policy.unwrap()), text);
    }

    #[test]
    fn on_lines_and_their_text_are_inverses(policy in policy(), lines in prop::collection::vec(on_line(), 1..5), lost in if_lost()) {
        let text = print_with(&policy, &lines, lost);
        let parsed = parse("t.cg", &text, &mut no_files);
        prop_assert_eq!(parsed.policy.as_ref(), Some(&policy), "{}\n{:#?}", text, parsed.diagnostics);
        prop_assert_eq!(&parsed.on_lines, &lines, "{}", text);
        prop_assert_eq!(parsed.if_lost, lost, "{}", text);
        prop_assert_eq!(&format(&text).text, &text);
        prop_assert!(Policy::parse(&text).is_err());
    }

    /// The text means what the rules mean, to the plain reading of a call as well.
    #[test]
    fn names_mean_their_numbers(rules in prop::collection::vec(meaningful(), 1..6)) {
        let policy = Policy { arches: vec![Arch::X86_64, Arch::X86], rules, ..Policy::new(Action::ALLOW) };
        let text = print(&policy);
        prop_assert_eq!(&Policy::parse(&text), &Ok(policy), "{}", text);
    }

    #[test]
    fn nonsense_is_survived(text in nonsense()) {
        survives(&text);
    }

    #[test]
    fn statements_are_survived(text in nonsense(), start in select(vec![
        "on openat if flags == 1 ", "on ", "allow read if ", "allow ", "expect ", "group @g = ", "arch ", "include ", "foreign kill "
    ])) {
        survives(&format!("default kill\n{start}{text}"));
    }

    #[test]
    fn bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn deep_nesting_is_an_error_not_a_crash() {
    for (open, close) in [("(", ")"), ("!", ""), ("!(", ")"), ("all(", ")")] {
        let n = 100_000;
        let text = format!("default kill\nallow read if {}arg0:32 == 1{}", open.repeat(n), close.repeat(n));
        let parsed = parse("t.cg", &text, &mut no_files);
        assert!(parsed.policy.is_none());
        assert_eq!(parsed.diagnostics.len(), 1, "{open}");
        assert_eq!(parsed.diagnostics[0].code.to_string(), "CG0008");
    }
    let text = format!("default kill\nallow read if arg0:32 == {}1", "~".repeat(100_000));
    assert_eq!(parse("t.cg", &text, &mut no_files).diagnostics[0].code.to_string(), "CG0008");
    let mut groups = String::from("default kill\n");
    for i in 0..10_000 {
        groups.push_str(&format!("group @g{i} = @g{}\n", i + 1));
    }
    groups.push_str("group @g10000 = read\n");
    let parsed = parse("t.cg", &groups, &mut no_files);
    assert!(parsed.diagnostics.iter().any(|d| d.code.to_string() == "CG0008"));
}

#[test]
fn large_texts_take_linear_time() {
    // Quadratic steps would take minutes here; no clock is needed to notice.
    for line in [
        "allow read if arg0:32 in {1, 2, 3}\n",
        "alow opne # garbage\n",
        "allow opne\n",
        "# comment\n",
        "allow read, # c\n # d\n write\n",
        "((((((((\n",
        "allow read if arg0:32 == (((((1\n",
        "\u{1}\u{2}",
        "group @g = read\n",
        "{ ",
        "\" ",
        "\n",
    ] {
        let text = format!("default kill\n{}", line.repeat(1_000_000 / line.len()));
        let parsed = parse("t.cg", &text, &mut no_files);
        assert!(parsed.diagnostics.len() <= 1001);
        let formatted = format(&text).text;
        assert!(formatted.len() <= 4 * text.len());
    }
}

#[test]
fn the_reference_is_not_empty() {
    assert!(syntax::REFERENCE.len() > 1000);
}
