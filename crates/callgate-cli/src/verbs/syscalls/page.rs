//! All there is to say about one call.

use super::table::show;
use callgate::abi::breakage::{self, Breakage};
use callgate::abi::group::Group;
use callgate::abi::risk::{self, Level};
use callgate::abi::twin::{self, Kinship, Route};
use callgate::abi::{Kernel, Param, multiplex, variant};
use callgate::{Arch, Syscall, Width};
use serde_json::{Value, json};
use std::fmt::Write;

const WIDTH: usize = 100;
const INDENT: usize = 14;

/// The page; `arches` limits the numbers to these.
pub(super) fn page(call: Syscall, arches: &[Arch], color: bool) -> String {
    let shown: Vec<Arch> = if arches.is_empty() { Arch::ALL.to_vec() } else { arches.to_vec() };
    let has: Vec<Arch> = shown.iter().copied().filter(|a| call.number(*a).is_some()).collect();
    let mut page = Page::default();
    let arch = preferred(call, &has);
    let head = arch.map_or_else(|| call.name().to_owned(), |arch| signature(call, arch));
    let _ = writeln!(page.out, "{}", if color { format!("\x1b[1m{head}\x1b[0m") } else { head });
    page.line("number", &numbers(call, &shown));
    page.line("since", &releases(&has, |a| call.since(a).map(|k| k.to_string()).or(Some("never".into()))));
    page.line("gone", &releases(&has, |a| call.removed(a).map(|k| format!("since {k}"))));
    if let Some(arch) = arch {
        page.line("arguments", &arguments(call, arch));
        page.rows("unseen", twin::blind_spots_of(call, arch).map(|b| format!("{}: {}", b.argument, b.hides)));
    }
    page.line("groups", &groups(call));
    page.rows("twins", twin::of(call).map(|f| family(f, call)));
    page.rows("forms", variant::of(call).map(|v| form(call, &v)));
    page.rows("also by", twin::routes_to(call).iter().map(|r| route(r, r.carrier)));
    page.rows("through it", through(call));
    if let Some(risk) = risk::of(call) {
        let level = match risk.level {
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
        };
        let when = risk.condition.map_or_else(String::new, |c| format!(" if {c}"));
        page.rows("risk", std::iter::once(format!("{level}{when}: {}", risk.reason)));
    }
    page.rows("used since", breakage::of_call(call).map(use_of));
    page.out
}

/// `openat(int dfd, const char *filename, int flags, umode_t mode)`, as far as it is known.
pub(super) fn signature(call: Syscall, arch: Arch) -> String {
    let Some(params) = call.params(arch) else { return call.name().to_owned() };
    let params: Vec<String> = params.iter().map(declared).collect();
    format!("{}({})", call.name(), if params.is_empty() { "void".to_owned() } else { params.join(", ") })
}

fn declared(param: &Param) -> String {
    let gap = if param.ctype.ends_with('*') { "" } else { " " };
    format!("{}{gap}{}", param.ctype, param.name)
}

/// This machine's architecture where it has the call, else the first that has.
fn preferred(call: Syscall, has: &[Arch]) -> Option<Arch> {
    Arch::NATIVE.filter(|a| has.contains(a) && call.number(*a).is_some()).or(has.first().copied())
}

/// Titles with what stands beside them; what is empty is left out.
#[derive(Default)]
struct Page {
    out: String,
}

impl Page {
    /// Facts in a row, parted by ` · `.
    fn line(&mut self, title: &str, cells: &[String]) {
        if !cells.is_empty() {
            // A short fact stays on one line: its spaces are no place to break.
            const SHORT: usize = 50;
            let whole = |cell: &String| {
                if cell.chars().count() <= SHORT { cell.replace(' ', "\u{a0}") } else { cell.clone() }
            };
            let cells: Vec<String> = cells.iter().map(whole).collect();
            self.rows(title, std::iter::once(cells.join(" · ")));
        }
    }

    /// A sentence a row, folded.
    fn rows(&mut self, title: &str, rows: impl Iterator<Item = String>) {
        for (i, row) in rows.enumerate() {
            let title = if i == 0 { title } else { "" };
            let mut line = format!("  {title:<width$}", width = INDENT - 2);
            let mut column = INDENT;
            let mut first = true;
            for word in row.split(' ') {
                if !first && column + 1 + word.chars().count() > WIDTH {
                    let _ = writeln!(self.out, "{}", line.trim_end().replace('\u{a0}', " "));
                    line = " ".repeat(INDENT);
                    column = INDENT;
                } else if !first {
                    line.push(' ');
                    column += 1;
                }
                first = false;
                line.push_str(word);
                column += word.chars().count();
            }
            let _ = writeln!(self.out, "{}", line.trim_end().replace('\u{a0}', " "));
        }
    }
}

/// `x86_64 257`, architectures with the same number together.
fn numbers(call: Syscall, arches: &[Arch]) -> Vec<String> {
    let mut rows = together(arches, |a| call.number(a).map(show));
    let none: Vec<_> = arches.iter().filter(|a| call.number(**a).is_none()).map(|a| a.name()).collect();
    if !none.is_empty() && !rows.is_empty() {
        rows.push(format!("none on {}", none.join(", ")));
    }
    rows
}

/// Releases, those of most architectures first.
fn releases(arches: &[Arch], of: impl Fn(Arch) -> Option<String>) -> Vec<String> {
    let rows = together(arches, &of);
    match &rows[..] {
        [_] if arches.iter().all(|a| of(*a).is_some()) => of(arches[0]).into_iter().collect(),
        _ => rows,
    }
}

/// Architectures by what they have in common: `arm, x86 5`.
fn together(arches: &[Arch], of: impl Fn(Arch) -> Option<String>) -> Vec<String> {
    let mut rows: Vec<(String, Vec<&str>)> = Vec::new();
    for arch in arches {
        let Some(value) = of(*arch) else { continue };
        match rows.iter_mut().find(|r| r.0 == value) {
            Some(row) => row.1.push(arch.name()),
            None => rows.push((value, vec![arch.name()])),
        }
    }
    rows.sort_by_key(|r| std::cmp::Reverse(r.1.len()));
    rows.into_iter().map(|(value, names)| format!("{value} {}", names.join(", "))).collect()
}

/// `flags: open_flags, low 32 bits`.
fn arguments(call: Syscall, arch: Arch) -> Vec<String> {
    let narrow = |p: &Param| p.width == Width::W32 && arch.register_bits() == 64;
    let params = call.params(arch).unwrap_or_default().iter();
    params
        .filter(|p| p.set.is_some() || narrow(p))
        .map(|p| {
            let set = p.set.map(|s| format!("constants {}", s.name()));
            let width = narrow(p).then(|| "32 bits".to_owned());
            let facts: Vec<String> = [width, set].into_iter().flatten().collect();
            format!("{}: {}", p.name, facts.join(", "))
        })
        .collect()
}

fn groups(call: Syscall) -> Vec<String> {
    let current = Group::containing(call).filter(|g| g.is_current());
    current.map(|g| format!("@{}{}", g.name, if g.condition(call).is_some() { "*" } else { "" })).collect()
}

fn family(family: &twin::Family, call: Syscall) -> String {
    let others: Vec<_> = family.members().filter(|c| *c != call).map(Syscall::name).collect();
    let kin = match family.kinship {
        Kinship::Same => "the same code",
        Kinship::Effect => "the same effect",
    };
    let note = family.note(call).map_or_else(String::new, |n| format!(" ({n})"));
    format!("{}: {kin}: {}{note}", others.join(", "), family.reason)
}

fn form(call: Syscall, v: &variant::Variant) -> String {
    let kind = match v.kind {
        variant::Kind::Time64 => "64-bit times",
        variant::Kind::Size64 => "64-bit sizes",
        variant::Kind::Id32 => "32-bit ids",
        variant::Kind::Redesign => "more arguments",
    };
    if v.older == call {
        format!("{} is newer ({kind})", v.newer.name())
    } else {
        format!("{} is older ({kind} here)", v.older.name())
    }
}

fn route(route: &Route, through: Syscall) -> String {
    let since =
        route.since.map_or_else(String::new, |(a, b)| format!(" since {}", Kernel::new(a.into(), b.into())));
    let seen = if route.is_visible() { "" } else { ", which no filter can tell from its other work" };
    format!("{} with {} ({}){since}{seen}", through.name(), route.selector, route.value)
}

/// The calls whose work this one does, counted where they are many.
fn through(call: Syscall) -> impl Iterator<Item = String> {
    const FEW: usize = 6;
    let names: Vec<_> = twin::routes_through(call).map(|r| r.reaches.name()).collect();
    let text = match names.len() {
        0 => None,
        n if n <= FEW => Some(names.join(", ")),
        n => Some(format!("{}, … ({n} operations)", names[..FEW].join(", "))),
    };
    text.into_iter()
}

fn use_of(row: &Breakage) -> String {
    let until = row.until.map_or_else(String::new, |u| format!(" until {u}"));
    let what = row.constant.map_or_else(String::new, |(arg, name)| format!(" {arg} {name}:"));
    format!("{} {}{until}:{what} {}", row.component, row.since, row.what)
}

/// The same for machines.
pub(super) fn json(call: Syscall) -> Value {
    let numbers: Vec<Value> = Arch::ALL
        .iter()
        .filter_map(|&arch| {
            Some(json!({
                "arch": arch.name(),
                "number": call.number(arch)?,
                "since": call.since(arch).map(|k| k.to_string()),
                "removed": call.removed(arch).map(|k| k.to_string()),
            }))
        })
        .collect();
    let arch = preferred(call, Arch::ALL);
    let params = arch.and_then(|a| call.params(a)).map(|params| {
        let params = params.iter().map(|p| {
            json!({
                "name": p.name,
                "type": p.ctype,
                "bits": if p.width == Width::W32 { 32 } else { 64 },
                "signed": p.signed,
                "role": format!("{:?}", p.role).to_ascii_lowercase(),
                "constants": p.set.map(|s| s.name()),
            })
        });
        params.collect::<Vec<_>>()
    });
    json!({
        "name": call.name(),
        "numbers": numbers,
        "parameters": params,
        "parameters_of": arch.map(Arch::name),
        "groups": Group::containing(call).map(|g| json!({
            "name": g.name, "source": g.source, "condition": g.condition(call),
        })).collect::<Vec<_>>(),
        "twins": twin::of(call).map(|f| json!({
            "family": f.name,
            "kinship": format!("{:?}", f.kinship).to_ascii_lowercase(),
            "reason": f.reason,
            "members": f.members().map(Syscall::name).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "routes": twin::routes_to(call).iter().map(|r| json!({
            "carrier": r.carrier.name(), "selector": r.selector, "value": r.value,
            "since": r.since.map(|(a, b)| format!("{a}.{b}")), "visible": r.is_visible(),
        })).collect::<Vec<_>>(),
        "multiplexed": multiplex::of_call(call).map(|(m, sub)| json!({ "by": m.call().name(), "number": sub })),
        "forms": variant::of(call).map(|v| json!({
            "older": v.older.name(), "newer": v.newer.name(), "kind": format!("{:?}", v.kind).to_ascii_lowercase(),
        })).collect::<Vec<_>>(),
        "risk": risk::of(call).map(|r| json!({
            "level": format!("{:?}", r.level).to_ascii_lowercase(), "condition": r.condition, "reason": r.reason,
        })),
        "breakages": breakage::of_call(call).map(|b| json!({
            "component": b.component,
            "since": b.since.to_string(),
            "until": b.until.map(|u| u.to_string()),
            "constant": b.constant.map(|c| c.1),
            "what": b.what,
            "sources": b.sources,
        })).collect::<Vec<_>>(),
    })
}
