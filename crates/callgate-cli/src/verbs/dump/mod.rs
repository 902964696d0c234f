//! `dump`: the filters of a running process, or those a command loads.

mod catch;
mod show;
mod stacks;

use crate::args::Dump;
use crate::failure::{Failure, Outcome};
use crate::live;
use crate::output::print;
use crate::say::Say;
use callgate::program::Code;
use callgate::{Arch, Filter};
use callgate_sys::process::{Mode, Task};
use serde_json::{Value, json};
use show::{Form, Show};

/// A filter that was found.
struct Found {
    code: Code,
    /// Whose names its listing uses where the program does not say.
    arch: Option<Arch>,
    /// Where it comes from, for the line above it.
    title: String,
    /// The same for machines.
    facts: Value,
}

pub(crate) fn dump(args: &Dump, say: &Say) -> Outcome {
    let form = Form::of(args)?;
    match (args.pid, &args.command[..]) {
        (Some(pid), []) => process(args, form, pid, say),
        (None, [_, ..]) => catch::command(args, form, say),
        (Some(_), _) => Err(Failure::input("either --pid or a command, not both")),
        (None, []) => Err(Failure::input("name a process with --pid, or a command behind --")),
    }
}

/// All filters of all threads of a process.
fn process(args: &Dump, form: Form, pid: i32, say: &Say) -> Outcome {
    let process = live::read(pid, args.tid)?;
    let stacks = process.stacks();
    let mut found: Vec<Found> = Vec::new();
    for (codes, threads) in stacks.iter().filter(|s| !s.0.is_empty()) {
        if args.combine {
            found.push(combined(codes, process.arch, whose(&process, threads, &stacks), facts(threads))?);
            continue;
        }
        let strict = threads.first().is_some_and(|t| t.mode == Mode::Strict);
        for (i, code) in codes.iter().enumerate() {
            let which = match codes.len() {
                1 if strict => "strict mode".to_owned(),
                1 => "the filter".to_owned(),
                n => format!("filter {} of {n}{}", i + 1, if i == 0 { ", loaded first," } else { "" }),
            };
            let logs = threads
                .first()
                .and_then(|t| process.threads.iter().find(|of| of.task.tid == t.tid)?.filters.get(i)?.logs);
            let log = if logs == Some(true) { ", logging what it does not allow" } else { "" };
            found.push(Found {
                code: code.clone(),
                arch: process.arch,
                title: format!(
                    "{which} of {}: {} instructions{log}",
                    whose(&process, threads, &stacks),
                    code.insns.len()
                ),
                facts: merged(
                    facts(threads),
                    json!({ "index": i, "of": codes.len(), "log": logs, "strict": strict }),
                ),
            });
        }
    }
    if found.is_empty() {
        let name = format!("{pid} ({})", process.comm);
        if form == Form::Json {
            print(&format!(
                "{:#}\n",
                json!({ "schema": show::SCHEMA, "pid": pid, "comm": process.comm, "filters": [] })
            ))?;
        }
        return Err(Failure::new(crate::failure::FINDINGS, format!("{name} is not filtered")));
    }
    let about = json!({ "pid": pid, "comm": process.comm, "arch": process.arch.map(Arch::name) });
    Show::new(args, form, say).all(&found, about)?;
    Ok(0)
}

/// Whose stack it is, in words.
fn whose(process: &live::Process, threads: &[&Task], stacks: &[(Vec<Code>, Vec<&Task>)]) -> String {
    let name = format!("{} ({})", process.pid, process.comm);
    match (stacks.len(), process.threads.len()) {
        (1, 1) => name,
        (1, n) => format!("all {n} threads of {name}"),
        _ => {
            let tids: Vec<String> = threads.iter().map(|t| format!("{} ({})", t.tid, t.comm)).collect();
            let plural = if tids.len() == 1 { "" } else { "s" };
            format!("thread{plural} {} of {name}", tids.join(", "))
        }
    }
}

fn facts(threads: &[&Task]) -> Value {
    json!({
        "threads": threads.iter().map(|t| json!({
            "tid": t.tid,
            "comm": t.comm,
            "no_new_privs": t.no_new_privs,
        })).collect::<Vec<_>>(),
    })
}

/// A stack as one program, as the kernel combines it.
fn combined(codes: &[Code], arch: Option<Arch>, whose: String, facts: Value) -> Result<Found, Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::input(format!("the filters of {whose}: {e}"));
    let mut all: Option<Filter> = None;
    let mut instructions = 0;
    for code in codes {
        instructions += code.insns.len();
        let filter = code.clone().check().map_err(|e| failed(&e))?.lift().map_err(|e| failed(&e))?;
        all = Some(match all {
            None => filter,
            Some(all) => all.stack(&filter).map_err(|e| failed(&e))?,
        });
    }
    let Some(all) = all else { return Err(failed(&"there are none")) };
    let endian = codes.first().map_or(callgate::abi::Endian::Little, |c| c.endian);
    let program = all.emit_for(endian).map_err(|e| failed(&e))?;
    let plural = if codes.len() == 1 { "filter" } else { "filters" };
    Ok(Found {
        title: format!(
            "{} {plural} of {whose} as one: {instructions} -> {} instructions, proved equal",
            codes.len(),
            program.len()
        ),
        code: Code::from(&program),
        arch,
        facts: merged(facts, json!({ "combined": codes.len() })),
    })
}

fn merged(mut a: Value, b: Value) -> Value {
    if let (Value::Object(a), Value::Object(b)) = (&mut a, b) {
        a.extend(b);
    }
    a
}
