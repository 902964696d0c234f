//! `doctor`: what this kernel lets this process do, found out by doing it.

use crate::args::Doctor;
use crate::failure::{CANNOT, Failure, Outcome};
use crate::output::print;
use crate::say::Say;
use callgate_sys::probe::{self, Feature, Report, State};
use serde_json::{Value, json};
use std::fmt::Write;

/// A verb and the features it cannot do without, or with which it can do more.
struct Need {
    verb: &'static str,
    what: &'static str,
    /// One of each row must work.
    all: &'static [&'static [&'static str]],
    /// Without these it does less.
    better: &'static [&'static str],
}

const NEEDS: [Need; 5] = [
    Need {
        verb: "run",
        what: "a command under a filter",
        all: &[
            &["load.no-new-privs", "load.privileged"],
            &["load.seccomp", "load.prctl"],
            &["action.kill", "action.kill-thread"],
            &["action.errno"],
            &["action.allow"],
        ],
        better: &["flag.log", "action.log", "action.kill", "ptrace.child"],
    },
    Need {
        verb: "dump",
        what: "the filters of others",
        all: &[&["ptrace.child"], &["ptrace.syscall-info"]],
        better: &["ptrace.others", "ptrace.get-filter"],
    },
    Need {
        verb: "learn",
        what: "a policy from a run",
        all: &[
            &["load.no-new-privs", "load.privileged", "around.bpf"],
            &["ptrace.trace-action", "notify.continue", "around.bpf"],
        ],
        better: &[
            "around.bpf",
            "ptrace.child",
            "ptrace.trace-action",
            "ptrace.fast",
            "ptrace.syscall-info",
            "ptrace.memory",
            "flag.new-listener",
            "notify.continue",
        ],
    },
    Need {
        verb: "supervise",
        what: "answering calls",
        all: &[&["load.no-new-privs", "load.privileged"], &["flag.new-listener"], &["notify.answer"]],
        better: &["notify.continue", "notify.add-fd", "notify.wait-killable", "ptrace.memory"],
    },
    Need {
        verb: "watch",
        what: "denials as they happen",
        all: &[&["around.audit-log", "around.bpf"]],
        better: &["around.audit-log"],
    },
];

pub(crate) fn doctor(args: &Doctor, say: &Say) -> Outcome {
    let report = probe::probe().map_err(|e| Failure::new(CANNOT, e))?;
    let required = required(&report, &args.require)?;
    if args.json {
        print(&format!("{:#}\n", as_json(&report, &required)))?;
    } else if args.all {
        print(&everything(&report))?;
    } else {
        print(&summary(&report, say.color_results()))?;
    }
    let sentence = |r: &Required<'_>| {
        let name = r.name;
        r.why_not.iter().map(|why| format!("{name} does not work here: {why}")).collect::<Vec<_>>()
    };
    let messages: Vec<String> = required.iter().flat_map(sentence).collect();
    if messages.is_empty() { Ok(0) } else { Err(Failure::all(CANNOT, messages)) }
}

/// What was required, and why it does not work: empty if it does.
struct Required<'a> {
    name: &'a str,
    why_not: Vec<String>,
}

/// What can be required, without trying anything: the verbs, and the features they use.
pub(crate) fn requirable() -> Vec<(&'static str, &'static str)> {
    let mut all: Vec<_> = NEEDS.iter().map(|n| (n.verb, n.what)).collect();
    for name in NEEDS.iter().flat_map(|n| n.all.iter().copied().flatten().chain(n.better)) {
        if !all.iter().any(|a| a.0 == *name) {
            all.push((name, ""));
        }
    }
    all
}

/// Judges what is required.
fn required<'a>(report: &Report, names: &'a [String]) -> Result<Vec<Required<'a>>, Failure> {
    let judge = |name: &'a String| {
        if let Some(need) = NEEDS.iter().find(|n| n.verb == name) {
            return Ok(Required { name, why_not: lacks(report, need) });
        }
        let Some(feature) = report.feature(name) else {
            let verbs: Vec<_> = NEEDS.iter().map(|n| n.verb).collect();
            return Err(Failure::input(format!(
                "{name}: nothing of that name is tried; there are {}, and the features that --all lists",
                verbs.join(", ")
            )));
        };
        let why = (!feature.state.works()).then(|| feature.state.to_string());
        Ok(Required { name, why_not: why.into_iter().collect() })
    };
    names.iter().map(judge).collect()
}

/// Why a verb does not work at all: empty if it does.
fn lacks(report: &Report, need: &Need) -> Vec<String> {
    let works = |name: &&str| report.feature(name).is_some_and(|f| f.state.works());
    let failed = need.all.iter().filter(|any| !any.iter().any(works));
    failed
        .map(|any| {
            let each: Vec<String> = any
                .iter()
                .filter_map(|name| report.feature(name))
                .map(|f| format!("{}: {}", f.name, f.state))
                .collect();
            each.join(", and ")
        })
        .collect()
}

/// What would let a verb do more.
fn lacking<'a>(report: &'a Report, need: &'a Need) -> impl Iterator<Item = &'a Feature> {
    need.better.iter().filter_map(|name| report.feature(name)).filter(|f| !f.state.works())
}

fn verdict(report: &Report, need: &Need) -> &'static str {
    let works = |name: &&str| report.feature(name).is_some_and(|f| f.state.works());
    match () {
        () if !lacks(report, need).is_empty() => "no",
        () if need.better.iter().all(works) => "full",
        () => "partly",
    }
}

/// A screen of text.
fn summary(report: &Report, color: bool) -> String {
    let mut text = Text { out: String::new(), color };
    let fact = |name| report.fact(name).unwrap_or("not shown");
    let arch = callgate::Arch::NATIVE.map_or("unknown", callgate::Arch::name);
    text.line("kernel", &[format!("{} on {arch}", fact("kernel.release"))]);
    let filters = match (fact("process.seccomp"), fact("process.filters")) {
        ("filtered", n) => {
            let filters = if n == "1" { "filter" } else { "filters" };
            format!("filtered already ({n} {filters}), so some of what follows is an outer filter's answer")
        }
        (other, _) => other.to_owned(),
    };
    let privileges = match fact("process.cap-sys-admin") {
        "yes" => "with CAP_SYS_ADMIN",
        "no" => "without CAP_SYS_ADMIN",
        _ => "capabilities not shown",
    };
    text.line("this process", &[format!("uid {}, {privileges}", fact("process.uid")), filters]);
    for (title, group, names) in [
        ("loading", "load.", &["no-new-privs", "seccomp", "prctl", "strict"][..]),
        (
            "flags",
            "flag.",
            &["tsync", "tsync-esrch", "log", "spec-allow", "new-listener", "wait-killable-recv"],
        ),
        ("actions", "action.", &["kill", "kill-thread", "trap", "errno", "notify", "trace", "log", "allow"]),
        (
            "notification",
            "notify.",
            &[
                "answer",
                "id-valid",
                "continue",
                "add-fd",
                "add-fd-send",
                "wait-killable",
                "sync-wake-up",
                "end",
            ],
        ),
        (
            "tracing",
            "ptrace.",
            &["child", "others", "get-filter", "syscall-info", "trace-action", "fast", "memory"],
        ),
        ("other ABIs", "abi.", &["ia32", "x32"]),
        ("around", "around.", &["landlock", "io-uring", "bpf", "audit-log"]),
    ] {
        let cells: Vec<String> = names
            .iter()
            .filter_map(|name| Some((name, report.feature(&format!("{group}{name}"))?)))
            .map(|(name, feature)| text.cell(name, feature))
            .collect();
        if !cells.is_empty() {
            text.line(title, &cells);
        }
    }
    text.out.push('\n');
    for need in &NEEDS {
        let word = verdict(report, need);
        let mut why = lacks(report, need);
        if word == "partly" {
            why.extend(lacking(report, need).map(|f| format!("{}, {}: {}", f.name, f.needed_for, f.state)));
        }
        let mark = text.painted(
            word,
            match word {
                "full" => "32",
                "no" => "31",
                _ => "33",
            },
        );
        let _ = writeln!(text.out, "{:<13} {mark:<6} {}", need.verb, need.what);
        for why in why {
            let _ = writeln!(text.out, "              {why}");
        }
    }
    text.out
}

/// Lines of a title and cells.
struct Text {
    out: String,
    color: bool,
}

impl Text {
    /// A title and cells, folded to 100 columns.
    fn line(&mut self, title: &str, cells: &[String]) {
        const INDENT: usize = 14;
        const WIDTH: usize = 100;
        let mut column = INDENT;
        // Writing to a string cannot fail.
        let _ = write!(self.out, "{title:<INDENT$}");
        for (i, cell) in cells.iter().enumerate() {
            let width = plain_width(cell);
            if i > 0 && column + 3 + width > WIDTH {
                let _ = write!(self.out, "\n{:<INDENT$}", "");
                column = INDENT;
            } else if i > 0 {
                self.out.push_str(" · ");
                column += 3;
            }
            self.out.push_str(cell);
            column += width;
        }
        self.out.push('\n');
    }

    fn cell(&self, name: &str, feature: &Feature) -> String {
        match &feature.state {
            State::Works(more) if more.is_empty() => format!("{name} {}", self.painted("ok", "32")),
            State::Works(more) => format!("{name} {} ({more})", self.painted("ok", "32")),
            State::Missing(_) => format!("{name} {}", self.painted("missing", "33")),
            State::Denied(_) => format!("{name} {}", self.painted("denied", "31")),
        }
    }

    fn painted(&self, word: &str, style: &str) -> String {
        if self.color { format!("\x1b[{style}m{word}\x1b[0m") } else { word.to_owned() }
    }
}

/// Columns without the escapes.
fn plain_width(cell: &str) -> usize {
    let mut width = 0;
    let mut escape = false;
    for c in cell.chars() {
        match (escape, c) {
            (false, '\x1b') => escape = true,
            (true, 'm') => escape = false,
            (true, _) => {}
            (false, _) => width += 1,
        }
    }
    width
}

fn everything(report: &Report) -> String {
    let mut out = String::new();
    for fact in &report.facts {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{:<28} {}", fact.name, fact.value);
    }
    out.push('\n');
    for Feature { name, state, since, needed_for } in &report.features {
        let _ = writeln!(out, "{name:<28} {state}");
        let _ = writeln!(out, "{:<28} for {needed_for}; Linux {since}", "");
    }
    out
}

fn as_json(report: &Report, required: &[Required<'_>]) -> Value {
    let facts: serde_json::Map<String, Value> =
        report.facts.iter().map(|f| (f.name.to_owned(), json!(f.value))).collect();
    let features: Vec<Value> = report
        .features
        .iter()
        .map(|f| {
            let (state, detail) = match &f.state {
                State::Works(text) => ("works", text),
                State::Missing(text) => ("missing", text),
                State::Denied(text) => ("denied", text),
            };
            json!({ "name": f.name, "state": state, "detail": detail, "since": f.since, "needed_for": f.needed_for })
        })
        .collect();
    let verdicts: serde_json::Map<String, Value> = NEEDS
        .iter()
        .map(|n| {
            let lacking: Vec<&str> = lacking(report, n).map(|f| f.name).collect();
            let json =
                json!({ "verdict": verdict(report, n), "why_not": lacks(report, n), "lacking": lacking });
            (n.verb.to_owned(), json)
        })
        .collect();
    let required: Vec<Value> = required
        .iter()
        .map(|r| json!({ "name": r.name, "works": r.why_not.is_empty(), "why_not": r.why_not }))
        .collect();
    json!({
        "schema": "callgate/doctor/1", "facts": facts, "features": features, "verdicts": verdicts,
        "required": required,
    })
}
