//! `run --report` and `run --complain`: every call the policy denies, as it happens.
//!
//! Where the policy answers with an error, the filter asks the tracer instead, which gives the policy's answer
//! after it has looked at the call, or with `--complain` lets it be executed. Kills and traps stay the filter's
//! own under `--report`. Without the tracer the filter's question is a denial, and the tracer's end kills.

use super::view::View;
use super::{kills, pass};
use crate::args::Run;
use crate::callers::Callers;
use crate::failure::{CANNOT, Failure, Outcome};
use crate::input::Input;
use crate::report::denial::{Denial, Judge};
use crate::say::Say;
use callgate::{
    Action, Arch, ArgCmp, ArgIndex, Call, Cond, Errno, Filter, Op, Origin, Policy, Rule, SeccompData,
    Syscall, Width,
};
use callgate_sys::descriptor;
use callgate_sys::install::Flags;
use callgate_sys::ptrace::{Answer, Answers, Asked, Kill, Tracee, trace_answers};
use callgate_sys::spawn::{self, Command};
use callgate_trace::callers::in_short;
use callgate_trace::decode::Live;
use callgate_trace::remedy::Known;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;

/// How many different calls are told one by one; of more, only how many there were.
const MOST: usize = 10_000;

pub(super) fn watch(args: &Run, input: &Input, say: &Say) -> Outcome {
    if !Tracee::CAN_SKIP {
        return Err(Failure::new(CANNOT, "calls cannot be watched on this machine's architecture"));
    }
    let failed = |e: spawn::Failure| Failure::new(e.exit_code(), e);
    let to = match args.report_fd {
        Some(fd) => Some(File::from(descriptor::inherited(fd).map_err(Failure::input)?)),
        None => None,
    };
    let judge = Judge::new(input)?;
    let asking = asking(judge.filter(), args.complain).map_err(|e| input.failure(e))?;
    let (program, mark) = pass::of_filter(input, &asking, &args.tuning.read()?)?;
    let flags = Flags { no_new_privs: true, log: args.log, ..Flags::default() };
    let command = Command::new(&args.command).map_err(failed)?.filter(program.insns(), flags).mark(mark);
    let mut watch = Watch {
        judge,
        complain: args.complain,
        json: args.json,
        to,
        say,
        seen: BTreeMap::new(),
        order: 0,
        untold: 0,
        callers: Callers::default(),
        wants_view: !args.json && !args.plain && args.report_fd.is_none(),
        view: None,
    };
    let outcome = trace_answers(command.die_with_parent(), &mut watch).map_err(failed)?;
    // What comes now is the end of the report, below what was printed.
    watch.view = None;
    watch.end();
    if outcome.is_sigsys() && !args.json {
        watch.tell(&format!("{}: {outcome}", args.command[0].display()));
    }
    outcome.pass_on()
}

/// The filter that asks where the policy denies.
fn asking(filter: &Filter, complain: bool) -> Result<Filter, String> {
    let asking = filter.map(|action| match action {
        Action::Allow(_) | Action::Log(_) => *action,
        Action::Errno(_) | Action::Notify(_) | Action::Trace(_) => Action::Trace(0),
        _ if complain => Action::Trace(0),
        _ => *action,
    });
    if complain { Ok(asking) } else { asking.stack(&no_listener()?).map_err(|e| e.to_string()) }
}

/// What a listener's answer outranks is what the filter asks, so under `--report` no program may have one:
/// it gets the kernel's own answer where there is one already (`seccomp(2)`, `EBUSY`).
fn no_listener() -> Result<Filter, String> {
    const NEW_LISTENER: u64 = 1 << 3;
    let arches: Vec<Arch> = Arch::ALL
        .iter()
        .copied()
        .filter(|a| match Arch::NATIVE {
            Some(Arch::Aarch64) => matches!(a, Arch::Aarch64 | Arch::Arm),
            _ => matches!(a, Arch::X86_64 | Arch::X86 | Arch::X32),
        })
        .collect();
    let compare = |arg, op| Some(Cond::Arg(ArgCmp { arg: ArgIndex::new(arg)?, width: Width::W32, op }));
    let when = [compare(0, Op::Eq(1)), compare(1, Op::MaskedEq { mask: NEW_LISTENER, value: NEW_LISTENER })];
    let rules = Syscall::from_name("seccomp").map(|call| Rule {
        calls: vec![Call::Named(call)],
        arches: Vec::new(),
        when: Cond::All(when.into_iter().flatten().collect()),
        action: Errno::from_name("EBUSY").map_or(Action::KILL_PROCESS, Action::Errno),
        origin: Origin::default(),
    });
    let policy = Policy {
        arches,
        rules: rules.into_iter().collect(),
        bad_arch: Action::ALLOW,
        ..Policy::new(Action::ALLOW)
    };
    policy.lower().map_err(|e| e.to_string())
}

struct Watch<'a> {
    judge: Judge<'a>,
    complain: bool,
    json: bool,
    to: Option<File>,
    say: &'a Say,
    /// By what was said, how often and in which order.
    seen: BTreeMap<String, (u64, u64)>,
    order: u64,
    untold: u64,
    callers: Callers,
    /// The counts at the foot of the terminal, from the first denial on: the command runs by then.
    view: Option<View>,
    wants_view: bool,
}

impl Watch<'_> {
    fn tell(&mut self, line: &str) {
        match &mut self.to {
            // Whoever reads may have had enough.
            Some(file) => drop(file.write_all(format!("{line}\n").as_bytes())),
            None if self.json => self.say.line(line),
            None => self.say.error(line),
        }
    }

    fn denied(&mut self, pid: i32, tid: i32, comm: &str, call: &SeccompData) {
        let denial = self.judge.denial(call, &Live(tid), Known::ALL);
        let sentence = denial.sentence();
        if let Some((count, order)) = self.seen.get_mut(&sentence) {
            *count += 1;
            if let Some(view) = &self.view {
                view.count(*order, &sentence);
            }
            return;
        }
        if self.seen.len() >= MOST {
            self.untold += 1;
            return;
        }
        self.order += 1;
        self.seen.insert(sentence.clone(), (1, self.order));
        if std::mem::take(&mut self.wants_view) {
            self.view = View::begin();
        }
        if let Some(view) = &self.view {
            view.count(self.order, &sentence);
        }
        // What is executed may have changed since the last time.
        self.callers.forget(pid);
        let stack = self.callers.of(pid, tid);
        let line = self.line(pid, tid, comm, &denial, &sentence, &stack);
        self.tell(&line);
    }

    fn line(
        &self,
        pid: i32,
        tid: i32,
        comm: &str,
        denial: &Denial,
        sentence: &str,
        stack: &[String],
    ) -> String {
        let executed = self.complain;
        if self.json {
            let mut json = denial.json();
            for (key, value) in [
                ("schema", json!("callgate/denied/1")),
                ("event", json!("denied")),
                ("pid", json!(pid)),
                ("tid", json!(tid)),
                ("comm", json!(comm)),
                ("executed", json!(executed)),
                ("id", json!(self.order)),
                ("stack", json!(stack)),
            ] {
                json[key] = value;
            }
            return json.to_string();
        }
        let comm: String = comm.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        let thread = if pid == tid { String::new() } else { format!("/{tid}") };
        let would = if executed { " (would be)" } else { "" };
        let mut line = format!("{pid}{thread} ({comm}){would}: {sentence}");
        if !stack.is_empty() {
            line.push_str("\n    from ");
            line.push_str(&in_short(stack));
        }
        if let Some(advice) = denial.advice() {
            line.push_str("\n    ");
            line.push_str(&advice);
        }
        line
    }

    /// How often each of them happened.
    fn end(&mut self) {
        let mut all: Vec<(u64, u64, String)> =
            self.seen.iter().map(|(said, (count, order))| (*order, *count, said.clone())).collect();
        all.sort();
        let json = self.json;
        for (id, count, said) in all.iter().filter(|a| json || a.1 > 1) {
            let line = if json {
                json!({ "schema": "callgate/denied/1", "event": "count", "id": id, "count": count })
                    .to_string()
            } else {
                format!("{count} times: {said}")
            };
            self.tell(&line);
        }
        if self.untold > 0 {
            let untold = self.untold;
            let line = if self.json {
                json!({ "schema": "callgate/denied/1", "event": "untold", "count": untold }).to_string()
            } else {
                format!("and {untold} more calls that are not listed")
            };
            self.tell(&line);
        }
    }
}

impl Answers for Watch<'_> {
    fn asked(&mut self, asked: &Asked) -> Answer {
        let action = self.judge.action(&asked.call);
        if !matches!(action, Action::Allow(_) | Action::Log(_)) {
            self.denied(asked.pid, asked.tid, &asked.comm, &asked.call);
        }
        if self.complain {
            return Answer::Execute;
        }
        match action {
            // A filter of the program's own asks, and nobody answers: as without a tracer.
            Action::Errno(errno) => Answer::Errno(errno.0.min(4095)),
            _ => {
                let arch = Arch::of_call(asked.call.arch, asked.call.nr);
                let enosys = Errno::from_name("ENOSYS").zip(arch).map(|(e, arch)| e.on(arch));
                Answer::Errno(enosys.unwrap_or(38))
            }
        }
    }

    fn trapped(&mut self, asked: &Asked) {
        if matches!(self.judge.action(&asked.call), Action::Trap(_)) {
            self.denied(asked.pid, asked.tid, &asked.comm, &asked.call);
        }
    }

    fn killed(&mut self, kill: &Kill) {
        let Some(call) = &kill.call else {
            self.tell(&format!("{} ({}): killed by signal 31 (SIGSYS)", kill.tid, kill.comm));
            return;
        };
        let action = self.judge.action(call);
        // A trap was told when it was sprung.
        if kills(action) && !matches!(action, Action::Trap(_)) {
            self.denied(kill.pid, kill.tid, &kill.comm, call);
        }
    }
}
