//! `optimize`: a shorter program that means the same, proved.

use super::compile::write_code;
use crate::args::Optimize;
use crate::failure::Outcome;
use crate::input::Input;
use crate::say::Say;
use callgate::lint::{Tidied, tidy};
use callgate::program::Code;
use callgate::{EmitError, Program};

pub(crate) fn optimize(args: &Optimize, say: &Say) -> Outcome {
    let input = Input::read(&args.input, &args.reading, say)?;
    let program = input.program()?;
    input.leave_on_lines(say);
    let tuned = args.tuning.read()?;
    let filter = program.lift().map_err(|e| input.failure(e))?;
    let tidied = tidy(&program);
    for line in found(tidied.as_ref()) {
        say.line(&format!("callgate: {}: {line}", input.name));
    }
    let better = match tuned.emit(&filter, program.endian()) {
        Ok(better) => Some(better),
        // What mixes words, such as a sum of two, may have no short form as tests of single words.
        Err(EmitError::TooLong { .. }) => None,
        Err(e) => return Err(input.failure(e)),
    };
    let before = program.len();
    // Where speed was asked for, that may cost instructions.
    let faster = better.clone().filter(|_| args.tuning.is_given());
    let best = faster.or_else(|| {
        let shortest = better.into_iter().chain(tidied.map(|t| t.program)).min_by_key(Program::len);
        shortest.filter(|shortest| shortest.len() < before)
    });
    let (program, gain) = match best {
        Some(best) => {
            let gain = format!("{before} -> {} instructions, proved equal", best.len());
            (best, gain)
        }
        None => (program, format!("{before} instructions, none to be gained")),
    };
    say.line(&format!("callgate: {}: {gain}", input.name));
    write_code(&Code::from(&program), args.to, input.arch(), &args.output)?;
    Ok(0)
}

/// What could be left out, in words.
fn found(tidied: Option<&Tidied>) -> Vec<String> {
    let Some(tidied) = tidied else {
        return vec!["unknown which instructions no call reaches: too much to compute".to_owned()];
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
