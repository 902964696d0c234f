//! `emu`: what a filter does with one call.

use crate::args::Emu;
use crate::failure::{Failure, Outcome};
use crate::input::Input;
use crate::output::print;
use crate::report::decided;
use crate::report::layers::Layers;
use crate::say::Say;
use callgate::abi::{Role, constant};
use callgate::program::{disasm, trace::trace};
use callgate::{Action, Arch, Filter, Program, SeccompData, Syscall, Width};
use serde_json::{Value, json};
use std::fmt::Write;

pub(crate) fn emu(args: &Emu, say: &Say) -> Outcome {
    if args.call == "-" && args.input == "-" {
        return Err(Failure::input("standard input cannot be both the filter and the calls"));
    }
    let input = Input::read(&args.input, &args.reading, say)?;
    let arch = args.reading.arches.arch.first().copied().or(input.arch()).or(Arch::NATIVE);
    let emulated = Emulated::new(&input, arch.unwrap_or(Arch::X86_64))?;
    if args.call != "-" {
        let data = call(emulated.arch, &args.call, &args.args, &args.ip)?;
        print(&emulated.answer(&data, args)?)?;
        return Ok(0);
    }
    if !args.args.is_empty() {
        return Err(Failure::input("with `-`, arguments stand behind each call on standard input"));
    }
    for (line, at) in std::io::stdin().lines().zip(1..) {
        let line = line.map_err(|e| Failure::input(format!("<stdin>:{at}: {e}")))?;
        let words: Vec<String> =
            line.split('#').next().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        let [name, given @ ..] = &words[..] else { continue };
        let named = |e: Failure| Failure {
            messages: e.messages.iter().map(|m| format!("<stdin>:{at}: {m}")).collect(),
            ..e
        };
        let data = call(emulated.arch, name, given, &args.ip).map_err(named)?;
        let answer = emulated.answer(&data, args)?;
        // JSON says itself which call it is about.
        let head = if args.json { String::new() } else { format!("{}: ", words.join(" ")) };
        print(&format!("{head}{answer}"))?;
    }
    Ok(0)
}

/// A filter that is asked about calls.
struct Emulated<'a> {
    layers: Option<Layers<'a>>,
    arch: Arch,
    /// What the input is made of, the oldest first; or else what it means.
    meant: Result<Vec<Program>, Filter>,
    program: Result<Program, Failure>,
}

impl Emulated<'_> {
    fn new(input: &Input, arch: Arch) -> Result<Emulated<'_>, Failure> {
        let meant: Result<Vec<Program>, Filter> = match input.codes() {
            [] => Err(input.filter()?),
            // Programs are run, so what they mean need not be understood.
            codes => Ok(codes.iter().map(|c| input.check(c.clone())).collect::<Result<_, _>>()?),
        };
        let program = match &meant {
            Ok(layers) if layers.len() > 1 => {
                Err(input.failure("a stack has no instructions of its own; `merge` makes one program of it"))
            }
            _ => input.program(),
        };
        Ok(Emulated { layers: Layers::new(input.policies()), arch, meant, program })
    }

    /// The strictest action of all layers, of equal ones the newest layer's, as in the kernel.
    fn action(&self, data: &SeccompData) -> Action {
        match &self.meant {
            Err(filter) => *filter.eval(data),
            Ok(layers) => layers
                .iter()
                .rev()
                .map(|p| p.run(data).action())
                .min_by_key(|action| action.precedence())
                .unwrap_or(Action::ALLOW),
        }
    }

    fn answer(&self, data: &SeccompData, args: &Emu) -> Result<String, Failure> {
        let (arch, action) = (self.arch, self.action(data));
        let decided = decided::of_call(self.layers.as_ref(), data);
        let run = self.program.as_ref().ok().map(|p| p.run(data));
        if args.json {
            return Ok(format!("{}\n", json_of(data, arch, action, decided, run.map(|r| r.steps))));
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
            let program = self.program.as_ref().map_err(Failure::clone)?;
            text.push_str(&trace(program, data, &options).to_string());
        }
        Ok(text)
    }
}

fn json_of(
    data: &SeccompData,
    arch: Arch,
    action: Action,
    decided: Option<String>,
    executed: Option<u32>,
) -> Value {
    json!({
        "schema": "callgate/emu/1",
        "arch": arch.name(),
        "call": Syscall::from_number(arch, data.nr).map(Syscall::name),
        "nr": data.nr,
        "args": data.args,
        "action": callgate::syntax::action_text(action),
        "return": action.to_ret(),
        "decided_by": decided,
        "executed": executed,
    })
}

/// The call that the words on the command line stand for.
pub(crate) fn call(arch: Arch, call: &str, args: &[String], ip: &str) -> Result<SeccompData, Failure> {
    let nr = match number(call) {
        // -1 and its like are what their low half is.
        Some(nr) => u32::try_from(nr)
            .ok()
            .or_else(|| i32::try_from(nr.cast_signed()).ok().filter(|n| *n < 0).map(i32::cast_unsigned))
            .ok_or_else(|| Failure::input(format!("{call}: call numbers have 32 bits")))?,
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
        None => format!("{name}: no such system call; `callgate syscalls` lists them"),
    }
}

/// Numbers and constants joined by `|`.
fn value(arch: Arch, word: &str) -> Result<u64, Failure> {
    word.split('|').try_fold(0, |all, part| {
        let part = part.trim();
        let null = (part == "NULL").then_some(0);
        let one = number(part).or(null).or_else(|| constant::value(part, arch));
        one.map(|v| all | v).ok_or_else(|| {
            if part.starts_with('"') {
                let why = "a filter sees the address of a text and not the text; write NULL or a number";
                return Failure::input(format!("{part}: {why}"));
            }
            if part.bytes().all(|b| b.is_ascii_digit()) {
                return Failure::input(format!("{part:.40}: larger than the 64 bits of an argument"));
            }
            let hint = match callgate::nearest(part, constant::names()) {
                Some(near) => format!("did you mean {near}?"),
                None => "`callgate syscalls --constants` lists them".to_owned(),
            };
            Failure::input(format!("{part}: neither a number nor a known constant; {hint}"))
        })
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
