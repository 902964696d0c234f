//! Policies to text. [`print()`] and the parser are inverses.

mod names;
mod when;

use super::report::Report;
use super::resolve::{effective, resolve_rules};
use super::{format, load};
use crate::answer::{IfLost, OnLine};
use crate::policy::{Call, Cond, Policy, Rule};
use callgate_abi::{Action, Arch, Syscall};
use names::Naming;
use std::fmt::Write;

/// A text that parses to this very policy (conditions nested up to 40 levels deep, raw actions that the
/// kernel does not know): names where they lead back to the same rule on all of its architectures,
/// numbers where not.
pub fn print(policy: &Policy) -> String {
    let mut out = String::from("arch ");
    if policy.arches.is_empty() {
        out.push_str("none");
    }
    join(&mut out, policy.arches.iter().map(|a| a.name().to_string()));
    let _ = write!(out, "\ndefault {}\n", action_text(policy.default));
    if policy.bad_arch != Action::KILL_PROCESS {
        let _ = writeln!(out, "foreign {}", action_text(policy.bad_arch));
    }
    for (word, set) in [("x32", policy.x32), ("unknown", policy.unknown)] {
        if let Some(set) = set {
            let _ = writeln!(out, "{word} {}", action_text(set));
        }
    }
    if !policy.foreign.is_empty() {
        out.push('\n');
    }
    for rule in &policy.foreign {
        let _ = writeln!(out, "foreign {}", rule_text(rule, &[], true));
    }
    if !policy.rules.is_empty() {
        out.push('\n');
    }
    for rule in &policy.rules {
        out.push_str(&rule_text(rule, &policy.arches, false));
        out.push('\n');
    }
    format(&out).text
}

/// The same, with what a supervisor answers, and what holds when it is gone.
pub fn print_with(policy: &Policy, on_lines: &[OnLine], if_lost: Option<IfLost>) -> String {
    let mut out = print(policy);
    if !on_lines.is_empty() || if_lost.is_some() {
        out.push('\n');
    }
    if let Some(fate) = if_lost {
        let _ = writeln!(out, "if-lost {fate}");
    }
    for line in on_lines {
        out.push_str(&on_line_text(policy, line));
        out.push('\n');
    }
    format(&out).text
}

/// An `on` line of this policy.
pub fn on_line_text(policy: &Policy, line: &OnLine) -> String {
    let rule = Rule { action: Action::Notify(0), ..line.rule.clone() };
    let text = rule_text(&rule, &policy.arches, false);
    let calls = text.strip_prefix("notify").unwrap_or(&text);
    format!("on{calls} {}{}", if line.asks { "ask " } else { "" }, line.answer)
}

/// A condition as the language writes it, with the argument names and constants of a call where one is
/// given.
pub fn condition_text(condition: &Cond, call: Option<(Syscall, Arch)>) -> String {
    let params = call.and_then(|(call, arch)| call.params(arch)).unwrap_or_default();
    let naming = call.map(|(_, arch)| Naming { params, arch, constants: true });
    when::text(condition, naming)
}

/// An action as the language writes it.
pub fn action_text(action: Action) -> String {
    let (word, data) = match action {
        Action::Errno(errno) => {
            return match errno.name() {
                Some(name) => format!("errno({name})"),
                None => format!("errno({})", errno.0),
            };
        }
        Action::Unknown(raw) => return format!("action({raw:#010x})"),
        Action::KillProcess(data) => ("kill", data),
        Action::KillThread(data) => ("kill-thread", data),
        Action::Trap(data) => ("trap", data),
        Action::Notify(data) => ("notify", data),
        Action::Trace(data) => ("trace", data),
        Action::Log(data) => ("log", data),
        Action::Allow(data) => ("allow", data),
    };
    if data == 0 { word.to_string() } else { format!("{word}({data})") }
}

/// A rule of a policy that lists these architectures, on one line.
fn rule_text(rule: &Rule, listed: &[Arch], foreign: bool) -> String {
    let arches = effective(listed, &rule.arches);
    let head = head(rule, listed, &arches);
    if rule.when == Cond::True {
        return head;
    }
    let raw = when::text(&rule.when, None);
    let mut conditions = Vec::new();
    if let Some((call, arch)) = example(rule, &arches) {
        for constants in [true, false] {
            let naming = Naming { params: call.params(arch).unwrap_or_default(), arch, constants };
            conditions.push(when::text(&rule.when, Some(naming)));
        }
    }
    conditions.push(raw.clone());
    for word in ["if", "if?"] {
        for condition in &conditions {
            let text = format!("{head} {word} {condition}");
            if means(&text, rule, listed, foreign) {
                return text;
            }
        }
    }
    format!("{head} if? {raw}")
}

fn head(rule: &Rule, listed: &[Arch], arches: &[Arch]) -> String {
    let mut out = format!("{} ", action_text(rule.action));
    if rule.calls.is_empty() {
        out.push_str("none");
    }
    join(&mut out, rule.calls.iter().map(|call| target(call, arches)));
    if !rule.arches.is_empty() {
        out.push_str(" on ");
    }
    let numbers = rule.calls.iter().any(|c| matches!(c, Call::Numbers(_)));
    let reachable = |a: Arch| numbers && a == Arch::X32 && listed.contains(&Arch::X86_64);
    let known = |a: Arch| listed.contains(&a) || reachable(a);
    join(&mut out, rule.arches.iter().map(|a| optional(a.name().to_string(), known(*a))));
    out
}

fn target(call: &Call, arches: &[Arch]) -> String {
    let number = |n: u32| if n < 0x1_0000 { n.to_string() } else { format!("{n:#x}") };
    match call {
        Call::Any => "any".to_string(),
        Call::Named(call) => {
            optional(call.name().to_string(), arches.iter().any(|a| call.number(*a).is_some()))
        }
        Call::Numbers(range) if range.start() == range.end() => number(*range.start()),
        Call::Numbers(range) => {
            let text = format!("{}..{}", number(*range.start()), number(*range.end()));
            optional(text, range.start() <= range.end())
        }
    }
}

fn optional(text: String, known: bool) -> String {
    if known { text } else { text + "?" }
}

/// A call of the rule whose arguments have names, and where.
fn example(rule: &Rule, arches: &[Arch]) -> Option<(Syscall, Arch)> {
    rule.calls.iter().find_map(|call| {
        let Call::Named(call) = call else { return None };
        let arch = arches.iter().find(|a| call.number(**a).is_some() && call.params(**a).is_some())?;
        Some((*call, *arch))
    })
}

/// Whether a text stands for exactly this rule.
fn means(text: &str, rule: &Rule, listed: &[Arch], foreign: bool) -> bool {
    let mut report = Report::default();
    let text = if foreign { format!("foreign {text}") } else { text.to_string() };
    let refuse = |_: &str, _: &str| Err(String::new());
    let files = load::load("", &text, &mut { refuse }, &mut report);
    let rules = resolve_rules(&files, listed, &mut report);
    let rules = rules.map(|(rules, foreigners)| if foreign { foreigners } else { rules });
    rules.is_some_and(|rules| rules.len() == 1 && rules[0] == *rule)
}

pub(super) fn join(out: &mut String, words: impl Iterator<Item = String>) {
    for (i, word) in words.enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        out.push_str(&word);
    }
}
