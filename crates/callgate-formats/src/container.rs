//! Writing container profiles: OCI, Docker's dialect, `SeccompProfile` objects.

use crate::export::{machines, widest};
use crate::flat::{Conj, Flat, Set, TooMany, arguments, flatten};
use crate::options::Options;
use crate::place::{Error, Place};
use crate::profile::arch_name;
use crate::{Flags, Format, json, prologue, yaml};
use callgate::{Action, Arch, Errno, Op, Policy, Syscall, Width};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Argument and test; each argument at most once in a rule.
pub(crate) type Compares = Vec<(u8, Op)>;

/// How many rules a profile may have.
const MAX_RULES: usize = 16384;

/// One rule of a profile to be written.
pub(crate) struct OutRule {
    pub(crate) names: Vec<&'static str>,
    pub(crate) action: Action,
    pub(crate) compares: Compares,
}

/// The policy for each of its architectures.
fn flats(policy: &Policy) -> Result<Vec<Flat>, Error> {
    let flats = policy.arches.iter().map(|arch| flatten(policy, *arch)).collect::<Result<_, _>>();
    flats.map_err(|(call, _)| too_many(call))
}

/// A policy's default and rules as libseccomp takes them.
pub(crate) fn plain_rules(policy: &Policy) -> Result<(Action, Vec<OutRule>), Error> {
    let flats = flats(policy)?;
    let default = errno_cap(flats.first().map_or(policy.default, |f| f.default));
    let mut rules = rules(&flats, default)?;
    for rule in &mut rules {
        rule.action = errno_cap(rule.action);
    }
    rules.retain(|r| r.action != default);
    Ok((default, rules))
}

/// Runtimes do not let a supervisor answer by default, nor `write`, which they need to reach it: both are refused.
fn without_notify(default: Action, rules: Vec<OutRule>) -> (Action, Vec<OutRule>) {
    const REFUSED: Action = Action::Errno(Errno::EPERM);
    const NEEDED: &str = "write";
    let default = if matches!(default, Action::Notify(_)) { REFUSED } else { default };
    let mut out = Vec::new();
    for mut rule in rules {
        if matches!(rule.action, Action::Notify(_)) && rule.names.contains(&NEEDED) {
            rule.names.retain(|name| *name != NEEDED);
            out.push(OutRule { names: vec![NEEDED], action: REFUSED, compares: rule.compares.clone() });
        }
        out.push(rule);
    }
    out.retain(|rule| rule.action != default && !rule.names.is_empty());
    (default, out)
}

/// The largest error number libseccomp takes, below the kernel's own.
const MAX_ERRNO: u16 = 4094;

fn errno_cap(action: Action) -> Action {
    match action {
        Action::Errno(errno) if errno.0 > MAX_ERRNO => Action::Errno(Errno(MAX_ERRNO)),
        action => action,
    }
}

/// Writes a policy as a container profile.
pub(crate) fn write(policy: &Policy, format: Format, options: &Options) -> Result<String, Error> {
    let (default, rules) = plain_rules(policy)?;
    let (default, rules) = without_notify(default, rules);
    let flats = flats(policy)?;
    let rules = prologue::fitted(&flats, default, rules, options);
    Ok(match format {
        Format::Spo => spo(policy, default, &rules, options),
        _ => profile(policy, default, &rules, format, options),
    })
}

fn too_many(call: Syscall) -> Error {
    Error::new(
        Place::default(),
        format!("the conditions of {} are too many to be written one by one", call.name()),
    )
}

/// The rules for all architectures: a name has one set of rules in a profile. Where architectures
/// differ, one that passes whole 64-bit arguments counts, since its tests mean the same on others.
fn rules(flats: &[Flat], default: Action) -> Result<Vec<OutRule>, Error> {
    let mut order: Vec<&Flat> = flats.iter().collect();
    order.sort_by_key(|f| f.arch.register_bits() == 32 || f.arch == Arch::X32);
    let mut calls: BTreeMap<&'static str, Vec<(Compares, Action)>> = BTreeMap::new();
    for flat in order {
        for call in &flat.calls {
            if calls.contains_key(call.call.name()) {
                continue;
            }
            let regions = call.regions(default).map_err(|_| too_many(call.call))?;
            let mut written = Vec::new();
            for (conj, action) in regions {
                let each = single(&conj, flat.arch).map_err(|_| too_many(call.call))?;
                written.extend(each.into_iter().map(|c| (c, action)));
            }
            // An architecture that gives the call the default has nothing to say about it.
            if !written.is_empty() {
                calls.insert(call.call.name(), written);
            }
        }
    }
    let mut grouped: Vec<OutRule> = Vec::new();
    let mut index: BTreeMap<String, usize> = BTreeMap::new();
    for (name, rules) in calls {
        for (compares, action) in rules {
            let key = format!("{action:?} {compares:?}");
            match index.get(&key) {
                Some(i) => grouped[*i].names.push(name),
                None => {
                    index.insert(key, grouped.len());
                    grouped.push(OutRule { names: vec![name], action, compares });
                }
            }
        }
    }
    if grouped.len() > MAX_RULES {
        return Err(Error::new(Place::default(), format!("more than {MAX_RULES} rules are needed")));
    }
    grouped.sort_by_key(|r| (!r.compares.is_empty(), std::cmp::Reverse(r.action)));
    Ok(grouped)
}

/// A conjunction as conjunctions that test each argument once, on whole values.
pub(crate) fn single(conj: &Conj, arch: Arch) -> Result<Vec<Compares>, TooMany> {
    let narrow = arch.register_bits() == 32 || arch == Arch::X32;
    let mut product: Vec<Compares> = vec![Vec::new()];
    for arg in arguments(conj) {
        let of = |width| {
            conj.iter().filter(|t| t.arg == arg && t.width == width).map(|t| t.op).collect::<Vec<Op>>()
        };
        let (full, half) = (of(Width::W64), of(Width::W32));
        // What is known of the low half becomes masked tests of the whole.
        let mut choices: Vec<Vec<Op>> = vec![Vec::new()];
        if narrow {
            let all: Vec<Op> = full.into_iter().chain(half).collect();
            choices = vec![all];
        } else {
            if !half.is_empty()
                && let Some(tests) = Set::of(Width::W32, &half).single_tests()
            {
                choices = tests.into_iter().flat_map(low_half).map(|op| vec![op]).collect();
            }
            for choice in &mut choices {
                choice.extend(full.iter().copied());
            }
        }
        let width = if narrow { Width::W32 } else { Width::W64 };
        let mut tests: Vec<Option<Op>> = Vec::new();
        for choice in choices {
            match Set::of(width, &choice).single_tests() {
                None => tests.push(None),
                Some(any) => tests.extend(any.into_iter().map(Some)),
            }
        }
        if tests.contains(&None) {
            continue;
        }
        if product.len().saturating_mul(tests.len()) > 4096 {
            return Err(TooMany);
        }
        product = product
            .iter()
            .flat_map(|p| {
                tests.iter().flatten().map(|op| {
                    let mut more = p.clone();
                    more.push((arg.get(), *op));
                    more
                })
            })
            .collect();
    }
    Ok(product)
}

/// A test of the low 32 bits as masked tests.
pub(crate) fn low_half(op: Op) -> Vec<Op> {
    let low = 0xffff_ffff;
    // The upper half of a 32-bit test's values does not count.
    let op = match op {
        Op::Eq(v) => Op::Eq(v & low),
        Op::Ne(v) => Op::Ne(v & low),
        Op::Lt(v) => Op::Lt(v & low),
        Op::Le(v) => Op::Le(v & low),
        Op::Gt(v) => Op::Gt(v & low),
        Op::Ge(v) => Op::Ge(v & low),
        Op::MaskedEq { mask, value } => Op::MaskedEq { mask: mask & low, value: value & low },
    };
    let blocks = |lo, hi| crate::flat::prefixes(lo, hi, low);
    let masked = match op {
        Op::Eq(v) => vec![(low, v)],
        Op::MaskedEq { mask, value } => vec![(mask, value)],
        Op::Le(v) => blocks(0, v),
        Op::Ge(v) => blocks(v, low),
        Op::Lt(v) => blocks(0, v.saturating_sub(1)),
        Op::Gt(v) => blocks(v.saturating_add(1), low),
        Op::Ne(v) => (0..32).map(|b| 1 << b).map(|bit: u64| (bit, !v & bit)).collect(),
    };
    masked.into_iter().map(|(mask, value)| Op::MaskedEq { mask, value }).collect()
}

/// The name of an action, and the error number that goes with it.
fn action_words(action: Action, host: Arch) -> (&'static str, Option<u16>) {
    match action {
        Action::KillProcess(_) | Action::Unknown(_) => ("SCMP_ACT_KILL_PROCESS", None),
        Action::KillThread(_) => ("SCMP_ACT_KILL_THREAD", None),
        Action::Trap(_) => ("SCMP_ACT_TRAP", None),
        Action::Errno(Errno::EPERM) => ("SCMP_ACT_ERRNO", None),
        Action::Errno(errno) => ("SCMP_ACT_ERRNO", Some(errno.on(host))),
        Action::Notify(_) => ("SCMP_ACT_NOTIFY", None),
        Action::Trace(n) => ("SCMP_ACT_TRACE", if n == 1 { None } else { Some(n) }),
        Action::Log(_) => ("SCMP_ACT_LOG", None),
        Action::Allow(_) => ("SCMP_ACT_ALLOW", None),
    }
}

/// The architecture whose numbering error numbers are written in.
fn host(policy: &Policy) -> Arch {
    policy.arches.first().copied().unwrap_or(Arch::X86_64)
}

/// The operator's name, `value` and `valueTwo`.
fn op_words(op: Op) -> (&'static str, u64, Option<u64>) {
    match op {
        Op::Eq(v) => ("SCMP_CMP_EQ", v, None),
        Op::Ne(v) => ("SCMP_CMP_NE", v, None),
        Op::Lt(v) => ("SCMP_CMP_LT", v, None),
        Op::Le(v) => ("SCMP_CMP_LE", v, None),
        Op::Gt(v) => ("SCMP_CMP_GT", v, None),
        Op::Ge(v) => ("SCMP_CMP_GE", v, None),
        Op::MaskedEq { mask, value } => ("SCMP_CMP_MASKED_EQ", mask, Some(value)),
    }
}

fn flag_words(flags: Flags) -> Vec<&'static str> {
    [
        (flags.tsync, "SECCOMP_FILTER_FLAG_TSYNC"),
        (flags.log, "SECCOMP_FILTER_FLAG_LOG"),
        (flags.spec_allow, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"),
        (flags.wait_killable, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"),
    ]
    .into_iter()
    .filter_map(|(set, word)| set.then_some(word))
    .collect()
}

/// The JSON profile; each rule's names one a line.
fn profile(policy: &Policy, default: Action, rules: &[OutRule], format: Format, options: &Options) -> String {
    let mut fields: Vec<String> = Vec::new();
    let (word, errno) = action_words(default, host(policy));
    fields.push(format!("\t\"defaultAction\": \"{word}\""));
    if let Some(errno) = errno {
        fields.push(format!("\t\"defaultErrnoRet\": {errno}"));
    }
    let arches: Vec<String> = policy.arches.iter().map(|a| format!("\"{}\"", arch_name(*a))).collect();
    if format == Format::Docker {
        let entries: Vec<String> = machines(policy).iter().map(|m| map_entry(m)).collect();
        fields.push(format!("\t\"archMap\": [\n{}\n\t]", entries.join(",\n")));
    } else {
        fields.push(format!("\t\"architectures\": {}", list(&arches, 2)));
    }
    if let Some(flags) = options.flags {
        let words: Vec<String> = flag_words(flags).into_iter().map(json::quote).collect();
        fields.push(format!("\t\"flags\": {}", list(&words, 2)));
    }
    if let Some(listener) = &options.listener {
        fields.push(format!("\t\"listenerPath\": {}", json::quote(&listener.path)));
        if let Some(metadata) = &listener.metadata {
            fields.push(format!("\t\"listenerMetadata\": {}", json::quote(metadata)));
        }
    }
    let rules: Vec<String> = rules.iter().map(|r| json_rule(r, host(policy))).collect();
    fields.push(if rules.is_empty() {
        "\t\"syscalls\": []".into()
    } else {
        format!("\t\"syscalls\": [\n{}\n\t]", rules.join(",\n"))
    });
    format!("{{\n{}\n}}\n", fields.join(",\n"))
}

/// The entry of `archMap` for a machine: its widest architecture, and the others it serves.
fn map_entry(machine: &[Arch]) -> String {
    let word = |arch: &Arch| format!("\"{}\"", arch_name(*arch));
    let host = widest(machine);
    let subs: Vec<String> = machine.iter().filter(|a| **a != host).map(word).collect();
    format!(
        "\t\t{{\n\t\t\t\"architecture\": {},\n\t\t\t\"subArchitectures\": {}\n\t\t}}",
        word(&host),
        list(&subs, 4)
    )
}

fn list(words: &[String], depth: usize) -> String {
    if words.is_empty() {
        return "[]".into();
    }
    let tabs = "\t".repeat(depth);
    format!("[\n{tabs}{}\n{}]", words.join(&format!(",\n{tabs}")), "\t".repeat(depth - 1))
}

fn json_rule(rule: &OutRule, host: Arch) -> String {
    let names: Vec<String> = rule.names.iter().map(|n| format!("\"{n}\"")).collect();
    let (word, errno) = action_words(rule.action, host);
    let mut fields =
        vec![format!("\t\t\t\"names\": {}", list(&names, 4)), format!("\t\t\t\"action\": \"{word}\"")];
    if let Some(errno) = errno {
        fields.push(format!("\t\t\t\"errnoRet\": {errno}"));
    }
    if !rule.compares.is_empty() {
        let args: Vec<String> = rule
            .compares
            .iter()
            .map(|(arg, op)| {
                let (word, value, two) = op_words(*op);
                let two = two.map_or(String::new(), |two| format!(", \"valueTwo\": {two}"));
                format!("{{\"index\": {arg}, \"value\": {value}{two}, \"op\": \"{word}\"}}")
            })
            .collect();
        fields.push(format!("\t\t\t\"args\": {}", list(&args, 4)));
    }
    format!("\t\t{{\n{}\n\t\t}}", fields.join(",\n"))
}

/// The Kubernetes object. Values above the largest `int64` cannot be said there: such rules are left
/// out, and the comparison that follows tells what that means.
fn spo(policy: &Policy, default: Action, rules: &[OutRule], options: &Options) -> String {
    let mut out = String::from(
        "apiVersion: security-profiles-operator.x-k8s.io/v1beta1\nkind: SeccompProfile\nmetadata:\n",
    );
    let name = options.pick.as_deref().unwrap_or("profile");
    let _ = writeln!(
        out,
        "  name: {}\nspec:\n  defaultAction: {}",
        yaml::quote(name),
        action_words(default, host(policy)).0
    );
    let _ = writeln!(out, "  architectures:");
    for arch in &policy.arches {
        let _ = writeln!(out, "  - {}", arch_name(*arch));
    }
    if let Some(flags) = options.flags {
        let words = flag_words(flags);
        let _ = writeln!(out, "  flags:{}", if words.is_empty() { " []" } else { "" });
        for word in words {
            let _ = writeln!(out, "  - {word}");
        }
    }
    if let Some(listener) = &options.listener {
        let _ = writeln!(out, "  listenerPath: {}", yaml::quote(&listener.path));
        if let Some(metadata) = &listener.metadata {
            let _ = writeln!(out, "  listenerMetadata: {}", yaml::quote(metadata));
        }
    }
    let sayable = |op: &Op| {
        let (_, value, two) = op_words(*op);
        value <= i64::MAX as u64 && two.unwrap_or(0) <= i64::MAX as u64
    };
    let rules: Vec<&OutRule> = rules.iter().filter(|r| r.compares.iter().all(|c| sayable(&c.1))).collect();
    let _ = writeln!(out, "  syscalls:{}", if rules.is_empty() { " []" } else { "" });
    let host = host(policy);
    for rule in rules {
        let (word, errno) = action_words(rule.action, host);
        let _ = writeln!(out, "  - action: {word}");
        if let Some(errno) = errno {
            let _ = writeln!(out, "    errnoRet: {errno}");
        }
        let _ = writeln!(out, "    names:");
        for name in &rule.names {
            let _ = writeln!(out, "    - {name}");
        }
        if !rule.compares.is_empty() {
            let _ = writeln!(out, "    args:");
        }
        for (arg, op) in &rule.compares {
            let (word, value, two) = op_words(*op);
            let _ = writeln!(out, "    - index: {arg}\n      value: {value}");
            if let Some(two) = two {
                let _ = writeln!(out, "      valueTwo: {two}");
            }
            let _ = writeln!(out, "      op: {word}");
        }
    }
    out
}
