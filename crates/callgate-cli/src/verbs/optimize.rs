//! `optimize`: a shorter program that means the same, proved.

use super::compile::write_code;
use crate::args::Optimize;
use crate::failure::{Failure, Outcome};
use crate::input::Input;
use crate::output::print;
use crate::say::Say;
use callgate::lint::{Tidied, Untidied, tidy};
use callgate::program::Code;
use callgate::{EmitError, Program};
use serde_json::{Value, json};

pub(crate) fn optimize(args: &Optimize, say: &Say) -> Outcome {
    let input = Input::read(&args.input, &args.reading, say)?;
    let program = input.program()?;
    input.leave_on_lines(say);
    let tuned = args.tuning.read()?;
    let filter = input.filter()?;
    let tidied = tidy(&program, &filter);
    if let Err(e @ (Untidied::Unproved | Untidied::Invalid(_))) = &tidied {
        return Err(input.failure(e));
    }
    let better = match tuned.emit(&filter, program.endian()) {
        Ok(better) => Some(better),
        // What mixes words may have no short form as tests of single words.
        Err(EmitError::TooLong { .. }) => None,
        Err(e) => return Err(input.failure(e)),
    };
    let before = program.len();
    // Where speed was asked for, that may cost instructions.
    let faster = better.clone().filter(|_| args.tuning.is_given());
    let best = faster.or_else(|| {
        let tidied = tidied.as_ref().ok().map(|t| t.program.clone());
        let shortest = better.into_iter().chain(tidied).min_by_key(Program::len);
        shortest.filter(|shortest| shortest.len() < before)
    });
    let best = best.unwrap_or(program);
    if args.json {
        let result = report(&input, before, &best, &tidied);
        print(&format!("{result:#}\n"))?;
        if args.output.output.is_none() {
            return Ok(0);
        }
    } else {
        for line in found(&tidied) {
            say.line(&format!("callgate: {}: {line}", input.name));
        }
        let gain = match best.len() {
            after if after == before => format!("{before} instructions, none to be gained"),
            after => format!("{before} -> {after} instructions, proved equal"),
        };
        say.line(&format!("callgate: {}: {gain}", input.name));
    }
    write(args, &input, &best)?;
    Ok(0)
}

fn write(args: &Optimize, input: &Input, program: &Program) -> Result<(), Failure> {
    write_code(&Code::from(program), args.to, input.arch(), &args.output)
}

fn report(input: &Input, before: usize, best: &Program, tidied: &Result<Tidied, Untidied>) -> Value {
    let found = tidied.as_ref().ok();
    let constant = |t: &Tidied| -> Vec<Value> {
        t.constant.iter().map(|(at, holds)| json!({ "at": at, "holds": holds })).collect()
    };
    let bytes: String = Code::from(best).to_bytes().iter().map(|b| format!("{b:02x}")).collect();
    json!({
        "schema": "callgate/optimize/1",
        "input": input.name,
        "before": before,
        "after": best.len(),
        "unreachable": found.map(|t| &t.unreachable),
        "constant": found.map(constant),
        "unknown": tidied.as_ref().err().map(Untidied::to_string),
        "program": bytes,
    })
}

/// What could be left out, in words.
fn found(tidied: &Result<Tidied, Untidied>) -> Vec<String> {
    let tidied = match tidied {
        Ok(tidied) => tidied,
        Err(e) => return vec![e.to_string()],
    };
    let mut lines: Vec<String> = runs(&tidied.unreachable)
        .into_iter()
        .map(|(first, last)| match first == last {
            true => format!("instruction {first}: no call gets here"),
            false => format!("instructions {first} to {last}: no call gets here"),
        })
        .collect();
    for (pc, holds) in &tidied.constant {
        let holds = if *holds { "holds" } else { "fails" };
        lines.push(format!("instruction {pc}: the test always {holds}"));
    }
    lines
}

/// Ascending numbers as runs without gaps.
fn runs(numbers: &[usize]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}
