//! `emu`: what a filter does with one call.

use crate::args::Emu;
use crate::failure::{Failure, Outcome};
use crate::input::Input;
use crate::output::print;
use crate::report::decided;
use crate::say::Say;
use callgate::abi::{Role, constant};
use callgate::program::{disasm, trace::trace};
use callgate::{Arch, SeccompData, Syscall, Width};
use serde_json::json;
use std::fmt::Write;

pub(crate) fn emu(args: &Emu, say: &Say) -> Outcome {
    let input = Input::read(&args.input, &args.reading, say)?;
    let arch = args.reading.arches.arch.first().copied().or(input.arch()).or(Arch::NATIVE);
    let arch = arch.unwrap_or(Arch::X86_64);
    let data = call(arch, &args.call, &args.args, &args.ip)?;
    let filter = input.filter()?;
    let action = *filter.eval(&data);
    let decided = decided::of_call(&input, &data);
    let program = input.program();
    let run = program.as_ref().ok().map(|p| p.run(&data));
    if args.json {
        let result = json!({
            "schema": "callgate/emu/1",
            "arch": arch.name(),
            "call": Syscall::from_number(arch, data.nr).map(Syscall::name),
            "nr": data.nr,
            "args": data.args,
            "action": callgate::syntax::action_text(action),
            "return": action.to_ret(),
            "decided_by": decided,
            "executed": run.map(|r| r.steps),
        });
        print(&format!("{result}\n"))?;
        return Ok(0);
    }
    let mut text = callgate::syntax::action_text(action);
    if !args.quiet {
        if let Some(decided) = &decided {
            let _ = write!(text, "  {decided}");
        }
        if let Some(run) = &run {
            let plural = if run.steps == 1 { "" } else { "s" };
            let _ = write!(text, "  ({} instruction{plural}, the last at {})", run.steps, run.last);
        }
    }
    text.push('\n');
    if args.trace {
        let options = disasm::Options { arch: Some(arch), bytes: false };
        text.push_str(&trace(&program?, &data, &options).to_string());
    }
    print(&text)?;
    Ok(0)
}

/// The call that the words on the command line stand for.
pub(crate) fn call(arch: Arch, call: &str, args: &[String], ip: &str) -> Result<SeccompData, Failure> {
    let nr = match number(call) {
        Some(nr) => {
            u32::try_from(nr).map_err(|_| Failure::input(format!("{call}: call numbers have 32 bits")))?
        }
        None => {
            let known = Syscall::from_name(call).ok_or_else(|| Failure::input(unknown_call(call)))?;
            known
                .number(arch)
                .ok_or_else(|| Failure::input(format!("{call} has no number on {}", arch.name())))?
        }
    };
    if args.len() > 6 {
        return Err(Failure::input(format!("a call has six arguments at most, not {}", args.len())));
    }
    let params = Syscall::from_number(arch, nr).and_then(|c| c.params(arch)).unwrap_or(&[]);
    let mut data = SeccompData { nr, arch: arch.token(), ip: 0, args: [0; 6] };
    for (i, word) in args.iter().enumerate() {
        let narrow = arch.register_bits() == 32
            || params.get(i).is_some_and(|p| p.width == Width::W32 && p.role != Role::Pointer);
        let value = value(arch, word)?;
        data.args[i] = if narrow && value >> 32 == 0xffff_ffff { value & 0xffff_ffff } else { value };
    }
    data.ip = value(arch, ip)?;
    Ok(data)
}

pub(crate) fn unknown_call(name: &str) -> String {
    match callgate::nearest(name, Syscall::all().map(Syscall::name)) {
        Some(near) => format!("{name}: no such system call; did you mean {near}?"),
        None => format!("{name}: no such system call"),
    }
}

/// Numbers and constants joined by `|`.
fn value(arch: Arch, word: &str) -> Result<u64, Failure> {
    word.split('|').try_fold(0, |all, part| {
        let part = part.trim();
        let one = number(part).or_else(|| constant::value(part, arch));
        one.map(|v| all | v)
            .ok_or_else(|| Failure::input(format!("{part}: neither a number nor a known constant")))
    })
}

/// A number in any of C's bases, negative ones in two's complement.
fn number(text: &str) -> Option<u64> {
    if let Some(positive) = text.strip_prefix('-') {
        return number(positive).map(u64::wrapping_neg);
    }
    let lower = text.to_ascii_lowercase();
    match lower.as_bytes() {
        [b'0', b'x', ..] => u64::from_str_radix(&lower[2..], 16).ok(),
        [b'0', b'b', ..] => u64::from_str_radix(&lower[2..], 2).ok(),
        [b'0', b'o', ..] => u64::from_str_radix(&lower[2..], 8).ok(),
        [b'0', _, ..] => u64::from_str_radix(&lower[1..], 8).ok(),
        _ => lower.parse().ok(),
    }
}
