//! `tables/breakage.rs`: what releases began to call. `data/breakages.txt` says at its head what its
//! lines are.

use super::argument::Arguments;
use super::calls::Calls;
use super::cell;
use crate::data::{self, Row};
use crate::files::Result;
use std::fmt::Write as _;

const FROM: &str = "data/breakages.txt";

type Version = (u16, u16, u16);

struct Breakage {
    row: Row,
    component: String,
    since: Version,
    call: u16,
    constant: Option<(String, String)>,
    until: Option<Version>,
    arches: Vec<String>,
    what: String,
    enosys: Option<(&'static str, String)>,
    eperm: Option<(&'static str, String)>,
    sources: Vec<String>,
}

/// Reads the rows and sorts them by component, release and call.
pub(crate) fn generate(calls: &Calls) -> Result<String> {
    let arguments = Arguments::read(calls)?;
    let mut all: Vec<Breakage> = Vec::new();
    for row in data::rows(FROM)? {
        let (key, text) = row.text.split_once(' ').ok_or_else(|| row.error("expected KEY and a value"))?;
        let (key, text) = (key.to_owned(), text.trim().to_owned());
        if key == "breakage" {
            all.push(head(calls, &arguments, row, &text)?);
            continue;
        }
        let current = all.last_mut().ok_or_else(|| row.error("before any breakage"))?;
        let again = || row.error(format_args!("a second {key}"));
        match key.as_str() {
            "on" if current.arches.is_empty() => current.arches = cell::arches(&row, &text)?,
            "until" if current.until.is_none() => current.until = Some(version(&row, &text)?),
            "what" if current.what.is_empty() => current.what = text,
            "enosys" if current.enosys.is_none() => current.enosys = Some(outcome(&row, &text)?),
            "eperm" if current.eperm.is_none() => current.eperm = Some(outcome(&row, &text)?),
            "source" => current.sources.push(text),
            "on" | "until" | "what" | "enosys" | "eperm" => return Err(again()),
            _ => return Err(row.error(format_args!("'{key}' is no key"))),
        }
    }
    all.sort_by(|a, b| key(a).cmp(&key(b)));
    for pair in all.windows(2) {
        if key(&pair[0]) == key(&pair[1]) {
            return Err(pair[1].row.error("this breakage is there twice"));
        }
    }
    for b in &all {
        if b.what.is_empty() || b.sources.is_empty() {
            return Err(b.row.error("a breakage needs what and source"));
        }
    }
    Ok(write(&all))
}

fn key(b: &Breakage) -> (&str, Version, u16, &Option<(String, String)>) {
    (&b.component, b.since, b.call, &b.constant)
}

fn head(calls: &Calls, arguments: &Arguments<'_>, row: Row, text: &str) -> Result<Breakage> {
    let cells: Vec<&str> = text.split_whitespace().collect();
    let (component, since, call, constant) = match cells[..] {
        [component, since, call] => (component, since, call, None),
        [component, since, call, argument, constant] => {
            arguments.check(&row, call, argument, &[])?;
            arguments.check_constant(&row, constant)?;
            (component, since, call, Some((argument.to_owned(), constant.to_owned())))
        }
        _ => return Err(row.error("expected breakage COMPONENT VERSION CALL [ARGUMENT CONSTANT]")),
    };
    Ok(Breakage {
        component: component.to_owned(),
        since: version(&row, since)?,
        call: cell::call(calls, &row, call)?,
        constant,
        row,
        until: None,
        arches: Vec::new(),
        what: String::new(),
        enosys: None,
        eperm: None,
        sources: Vec::new(),
    })
}

fn version(row: &Row, text: &str) -> Result<Version> {
    let parts: Option<Vec<u16>> = text.split('.').map(|part| part.parse().ok()).collect();
    match parts.as_deref() {
        Some([major]) => Ok((*major, 0, 0)),
        Some([major, minor]) => Ok((*major, *minor, 0)),
        Some([major, minor, patch]) => Ok((*major, *minor, *patch)),
        _ => Err(row.error(format_args!("'{text}' is no release"))),
    }
}

fn outcome(row: &Row, text: &str) -> Result<(&'static str, String)> {
    let (kind, how) = text.split_once(" — ").ok_or_else(|| row.error("expected KIND — TEXT"))?;
    let kind = match kind {
        "works" => "Works",
        "degrades" => "Degrades",
        "fails" => "Fails",
        _ => return Err(row.error(format_args!("'{kind}' is not works, degrades or fails"))),
    };
    Ok((kind, how.to_owned()))
}

fn write(all: &[Breakage]) -> String {
    let mut out = String::from(
        "use crate::arch::Arch;\nuse crate::breakage::{Breakage, Outcome, Version};\n\
         use crate::syscall::Syscall;\n\n\
         /// By component, release and call.\npub(crate) static BREAKAGES: &[Breakage] = &[\n",
    );
    let outcome = |o: &Option<(&str, String)>| match o {
        Some((kind, how)) => format!("Some((Outcome::{kind}, {how:?}))"),
        None => "None".to_owned(),
    };
    for b in all {
        let until = b.until.map_or("None".to_owned(), |v| format!("Some(Version{v:?})"));
        let arches: Vec<String> = b.arches.iter().map(|a| format!("Arch::{a}")).collect();
        let _ = writeln!(
            out,
            "Breakage {{ component: {:?}, since: Version{:?}, until: {until}, call: Syscall::from_index({}), \
             constant: {:?}, arches: &[{}], what: {:?}, on_enosys: {}, on_eperm: {}, sources: &{:?} }},",
            b.component,
            b.since,
            b.call,
            b.constant,
            arches.join(", "),
            b.what,
            outcome(&b.enosys),
            outcome(&b.eperm),
            b.sources,
        );
    }
    out.push_str("];\n");
    out
}
