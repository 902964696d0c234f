//! `why`: what denied a call, and the line that would allow it.

mod call;
mod grow;

pub(crate) use grow::{can_grow, grow};

use crate::args::Why;
use crate::failure::{FINDINGS, Failure, Outcome};
use crate::input::{self, Input, Kind};
use crate::output::print;
use crate::report::denial::{Denial, Judge};
use crate::say::Say;
use callgate::{Arch, SeccompData, Syscall};
use callgate_trace::evidence::audit::{self, Record};
use callgate_trace::evidence::core::Core;
use callgate_trace::remedy::{Known, NoRemedy};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A call to be explained.
struct Case {
    call: SeccompData,
    /// Which of its arguments are known.
    known: Known,
    text: String,
    json: Value,
    permitted: bool,
}

pub(crate) fn why(args: &Why, say: &Say) -> Outcome {
    let input = Input::read(&args.policy, &args.reading, say)?;
    let judge = Judge::new(&input)?;
    let cases = cases(args, &input, &judge)?;
    let denied = cases.iter().any(|c| !c.permitted);
    let applied = if args.apply && denied { Some(apply(args, &input, &cases, say)?) } else { None };
    if args.json {
        let all: Vec<&Value> = cases.iter().map(|c| &c.json).collect();
        print(&format!("{:#}\n", json!({ "schema": "callgate/why/1", "calls": all, "added": applied })))?;
    } else {
        let mut text = String::new();
        for case in &cases {
            let _ = writeln!(text, "{}", case.text);
        }
        let how = if matches!(input.kind, Kind::Own(..)) { "added" } else { "changed" };
        for (line, added) in applied.iter().flatten() {
            let _ = writeln!(text, "{how} {}:{line}: {added}", input.name);
        }
        print(&text)?;
    }
    Ok(if denied && applied.is_none() { FINDINGS } else { 0 })
}

fn cases(args: &Why, input: &Input, judge: &Judge<'_>) -> Result<Vec<Case>, Failure> {
    if let Some(call) = &args.call {
        let arch = args.reading.arches.arch.first().copied().or(input.arch()).or(Arch::NATIVE);
        let mut written = call::parse(arch.unwrap_or(Arch::X86_64), call)?;
        if written.is_bare && judge.depends_on(&written.call, Known::NONE).is_some() {
            // A name alone, of a call whose arguments matter: as if they were all 0.
            written.known = Known::ALL;
        }
        if let Some(names) = judge.depends_on(&written.call, written.known) {
            return Err(Failure::input(format!(
                "{call}: what {} does depends on {names}, which is not said here",
                args.policy
            )));
        }
        return Ok(vec![known(&judge.denial(&written.call, &written, written.known), "", json!({}))]);
    }
    if let Some(path) = &args.core {
        let wrong = |e: String| Failure::input(format!("{}: {e}", path.display()));
        let core = Core::read(std::fs::File::open(path).map_err(|e| wrong(e.to_string()))?).map_err(wrong)?;
        let who = format!("{} ({}): ", core.tid, core.comm.escape_debug());
        let more = json!({ "tid": core.tid, "comm": core.comm, "data": core.data });
        return Ok(vec![known(&judge.denial(&core.call, &core, Known::ALL), &who, more)]);
    }
    let Some(file) = &args.audit else { return Err(Failure::input("nothing to explain")) };
    let (name, text) = input::text_of(file)?;
    let records =
        audit::records(&text).map_err(|(line, lacks)| Failure::input(format!("{name}:{line}: {lacks}")))?;
    if records.is_empty() {
        return Err(Failure::input(format!("{name}: no seccomp audit record (type=1326) in it")));
    }
    // The same call of the same program is one case.
    let mut groups: BTreeMap<(u32, u32, String), (Record, u64)> = BTreeMap::new();
    for record in records {
        let key = (record.arch, record.nr, record.comm.clone());
        groups.entry(key).or_insert((record, 0)).1 += 1;
    }
    Ok(groups.into_values().map(|(record, count)| logged(judge, &record, count)).collect())
}

fn known(denial: &Denial<'_>, who: &str, more: Value) -> Case {
    let mut text = format!("{who}{}", denial.sentence());
    if let Some(advice) = denial.advice() {
        text.push_str("\n    ");
        text.push_str(&advice);
    }
    let mut json = denial.json();
    for (key, value) in more.as_object().into_iter().flatten() {
        json[key] = value.clone();
    }
    let permitted = denial.action.permits();
    Case { call: denial.call.call, known: denial.known(), text, json, permitted }
}

/// An audit record: the call without its arguments.
fn logged(judge: &Judge<'_>, record: &Record, count: u64) -> Case {
    let call = SeccompData { nr: record.nr, arch: record.arch, ip: record.ip, ..SeccompData::default() };
    let arch = Arch::of_call(call.arch, call.nr);
    let name = arch.and_then(|a| Syscall::from_number(a, call.nr)).map(Syscall::name);
    let by = judge.by_number(&call, |a| record.action.is_none_or(|told| same(a, told)));
    let remedy = judge.remedy(&call, Known::NONE);
    let permitted = matches!(remedy, Some(Err(NoRemedy::Permitted)));
    let line = remedy.map(|remedy| remedy.map(|remedy| remedy.line));
    let on = arch.map_or_else(|| format!("audit token {:#010x}", call.arch), |a| a.name().to_owned());
    let mut text = format!(
        "{} ({}): {} on {on} [{}]",
        record.pid,
        record.comm.escape_debug(),
        name.map_or_else(|| format!("call {:#x}", call.nr), str::to_owned),
        call.nr
    );
    if let Some(action) = record.action {
        let _ = write!(text, " = {}", callgate::syntax::action_text(action));
    }
    match &by {
        Some(by) => {
            let _ = write!(text, ", {by}");
        }
        None if permitted => text.push_str("; the policy permits it"),
        None => {}
    }
    if count > 1 {
        let _ = write!(text, " ({count} times)");
    }
    match &line {
        Some(Ok(line)) => {
            let _ = write!(text, "\n    to allow, whatever its arguments (the record has none): {line}");
        }
        Some(Err(NoRemedy::Permitted)) | None => {}
        Some(Err(why)) => {
            let _ = write!(text, "\n    no line allows it: {why}");
        }
    }
    let json = json!({
        "call": name, "nr": call.nr, "arch": arch.map(Arch::name), "token": call.arch, "pid": record.pid,
        "comm": record.comm, "exe": record.exe, "signal": record.signal, "ip": record.ip, "count": count,
        "action": record.action.map(callgate::syntax::action_text), "decided_by": by,
        "allow": line.and_then(Result::ok), "allows_more": false,
    });
    Case { call, known: Known::NONE, text, json, permitted }
}

/// The same action, whatever its data.
fn same(a: callgate::Action, b: callgate::Action) -> bool {
    a.precedence() == b.precedence()
}

/// Writes the policy with a line for every case; the lines and their numbers.
fn apply(args: &Why, input: &Input, cases: &[Case], say: &Say) -> Result<Vec<(usize, String)>, Failure> {
    // What `FORMAT:` in front and `#NAME` behind say is not the file's name.
    let path = std::path::Path::new(&input.name);
    if !args.policy.contains(&input.name) || !path.is_file() {
        return Err(Failure::input(format!("{}: --apply changes a file, and this is none", args.policy)));
    }
    if !args.reading.arches.arch.is_empty() {
        return Err(Failure::input("--apply works on the whole policy: leave --arch out"));
    }
    let calls: Vec<(SeccompData, Known)> =
        cases.iter().filter(|c| !c.permitted).map(|c| (c.call, c.known)).collect();
    let grown = grow::grow(input, &calls)?;
    if !grown.added.is_empty() {
        replace(path, &grown.text).map_err(|e| input.failure(e))?;
        say.error(&format!("{}: changed; every call it does not name gets what it got before", input.name));
        for line in &grown.allow_more {
            say.error(&format!("{}: {line}: allows the call with other arguments, too", input.name));
        }
    }
    Ok(grown.added)
}

/// Writes the file whole or not at all.
fn replace(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    let path = std::fs::canonicalize(path)?;
    let permissions = std::fs::metadata(&path)?.permissions();
    let mut new = path.clone().into_os_string();
    new.push(format!(".{}.new", std::process::id()));
    let new = std::path::PathBuf::from(new);
    let written = std::fs::write(&new, text)
        .and_then(|()| std::fs::set_permissions(&new, permissions))
        .and_then(|()| std::fs::rename(&new, &path));
    if written.is_err() {
        // What is left behind is no policy.
        let _ = std::fs::remove_file(&new);
    }
    written
}
