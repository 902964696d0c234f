//! A policy held against a command: what it allows runs at full speed, the rest is allowed too, and told.

use super::recorder::{Recorder, writable};
use super::watch::run;
use crate::args::{Learn, Via};
use crate::failure::{FINDINGS, Outcome};
use crate::input::{Input, Reading};
use crate::report::denial::Judge;
use crate::say::Say;
use crate::verbs::why::{can_grow, grow};
use callgate::{Action, SeccompData};
use callgate_sys::Outcome as End;
use callgate_sys::calls::{Caller, Calls};
use callgate_trace::decode::{Live, Memory, Nothing};
use callgate_trace::remedy::Known;
use std::collections::BTreeMap;

/// Calls whose line is remembered.
const MOST: usize = 10_000;

pub(super) fn confirm(args: &Learn, policy: &str, say: &Say) -> Outcome {
    let input = Input::read(policy, &Reading::default(), say)?;
    if args.output.output.is_some() {
        can_grow(&input)?;
    }
    for path in [args.record.as_deref(), args.output.output.as_deref()].into_iter().flatten() {
        writable(path)?;
    }
    let judge = Judge::new(&input)?;
    let endian = input.program()?.endian();
    let program = |ask: Action| {
        let asking = judge.filter().map(|action| if action.permits() { *action } else { ask });
        let program = asking.emit_for(endian).map_err(|e| input.failure(e))?;
        Ok(program.insns().to_vec())
    };
    let (end, confirm) = run(args, say, program, |via| {
        let recorder = Recorder::new(args.record.as_deref(), via, args.stacks, say)?;
        Ok(Confirm { judge: &judge, via, recorder, missing: BTreeMap::new(), known: BTreeMap::new() })
    })?;
    let Confirm { recorder, missing, .. } = confirm;
    let finished = recorder.finish();
    let mut missing: Vec<Missing> = missing.into_values().collect();
    missing.sort_by_key(|m| m.order);
    for Missing { sentence, advice, count, by, .. } in &missing {
        let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
        say.error(&format!("not in {policy}: {times} by {by}: {sentence}"));
        if let Some(advice) = advice {
            say.line(&format!("    {advice}"));
        }
    }
    if missing.is_empty() {
        say.error(&format!("{policy} allows all that was called"));
    }
    let written = finished.and_then(|_| {
        if args.output.output.is_none() {
            return Ok(());
        }
        let calls: Vec<(SeccompData, Known)> = missing.iter().map(|m| (m.call, Known::ALL)).collect();
        args.output.text(&grow(&input, &calls)?.text)
    });
    if let Err(failure) = written {
        say.error(&format!("{}: {end}", args.command[0].display()));
        return Err(failure);
    }
    match end {
        End::Exited(0) if !missing.is_empty() => Ok(FINDINGS),
        end => end.pass_on(),
    }
}

/// What one line would allow.
struct Missing {
    order: usize,
    /// One such call.
    call: SeccompData,
    sentence: String,
    advice: Option<String>,
    count: u64,
    /// Who made it first.
    by: String,
}

struct Confirm<'a> {
    judge: &'a Judge<'a>,
    via: Via,
    recorder: Recorder,
    /// By the line that would allow it, or by what is said about it where there is none.
    missing: BTreeMap<String, Missing>,
    /// The line of calls that came before, by all that may matter.
    known: BTreeMap<(u32, u32, [u64; 6]), String>,
}

impl Calls for Confirm<'_> {
    fn called(&mut self, caller: &Caller, call: &SeccompData) {
        if self.judge.action(call).permits() {
            // Asked by a filter of the command's own.
            return;
        }
        self.recorder.called(caller, call);
        let key = (call.arch, call.nr, call.args);
        if let Some(missing) = self.known.get(&key).and_then(|line| self.missing.get_mut(line)) {
            missing.count += 1;
            return;
        }
        let live = Live(caller.tid);
        let memory: &dyn Memory = if self.via == Via::Trace { &live } else { &Nothing };
        let denial = self.judge.denial(call, memory, Known::ALL);
        let sentence = denial.sentence();
        let line = denial.line().map_or_else(|| sentence.clone(), str::to_owned);
        if self.known.len() < MOST {
            self.known.insert(key, line.clone());
        }
        let order = self.missing.len();
        let program =
            caller.program.as_ref().map_or_else(|| caller.comm.clone(), |p| p.display().to_string());
        let missing = self.missing.entry(line).or_insert_with(|| Missing {
            order,
            call: *call,
            sentence,
            advice: denial.advice(),
            count: 0,
            by: format!("{} ({})", program.escape_debug(), caller.pid),
        });
        missing.count += 1;
    }

    fn counted(&mut self, caller: &Caller, call: &SeccompData, times: u64) {
        self.recorder.counted(caller, call, times);
    }

    fn idle(&mut self) {
        self.recorder.idle();
    }
}
