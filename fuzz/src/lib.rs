//! What the fuzzer calls: each entry takes any bytes, and panics if a promise is broken.
//!
//! `crates/callgate-formats/tests/fuzz.rs` includes this file and runs the same entries on mutated seeds and
//! on the inputs that once broke something.

mod program;
pub mod seeds;

use callgate::emit::{Options as EmitOptions, Profile, Target};
use callgate::program::asm::{self, assemble};
use callgate::program::container::{self, Container, ReadOptions};
use callgate::program::{Code, disasm, graph, trace};
use callgate::{
    Action, Arch, EmitError, Errno, Limits, Policy, Program, RenderError, SeccompData, lint, syntax,
};
use callgate_formats::{Accept, Format, Options};

/// What takes a fuzzer's bytes.
pub type Entry = fn(&[u8]);

/// Every entry, by the name of its fuzz target.
pub const ENTRIES: &[(&str, Entry)] = &[
    ("policy", policy),
    ("asm", asm),
    ("lift", lift),
    ("container", container),
    ("disasm", disasm),
    ("check", check),
    ("format", format),
    ("profile", profile),
];

/// A profile: it is read, or its line is named; a program made fast on it is proved, whatever its counts are.
pub fn profile(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let profile = match Profile::parse(&text) {
        Ok(profile) => profile,
        Err(e) => return assert!((1..=text.lines().count()).contains(&e.line), "{e}"),
    };
    let policy = "arch x86_64\ndefault errno(EPERM)\nallow read, write, futex\n\
                  allow socket if domain in {1, 2, 10} && type & 0xf in {1, 2}\nkill ptrace\n";
    let filter = Policy::parse(policy).expect("a policy").lower().expect("a filter");
    for target in [Target::Bitmap, Target::Raw] {
        let options = EmitOptions { target, profile: &profile, ..EmitOptions::default() };
        let program = filter.emit_with(&options).expect("a program");
        assert_eq!(program.lift().as_ref(), Ok(&filter), "{text}");
    }
}

/// A policy's text: it parses or is refused with a reason; what is printed parses to the same policy;
/// formatting changes blanks only; the diagram says what the plain reading says.
pub fn policy(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let parsed = syntax::parse("fuzz", &text, &mut |_: &str, _: &str| Err("no files here".to_string()));
    let Some(policy) = parsed.policy else {
        assert!(!parsed.diagnostics.is_empty(), "refused without a reason");
        return;
    };
    let formatted = syntax::format(&text).text;
    assert_eq!(syntax::format(&formatted).text, formatted, "formatting twice is formatting once");
    let refuse = &mut |_: &str, _: &str| Err("no files here".to_string());
    let again = syntax::parse("fuzz", &formatted, refuse);
    assert_eq!(again.policy.as_ref(), Some(&policy), "{formatted}");
    assert_eq!(again.on_lines, parsed.on_lines, "{formatted}");
    let whole = syntax::print_with(&policy, &parsed.on_lines, parsed.if_lost);
    let again = syntax::parse("fuzz", &whole, &mut |_: &str, _: &str| Err("no files here".to_string()));
    assert_eq!((again.policy.as_ref(), &again.on_lines), (Some(&policy), &parsed.on_lines), "{whole}");
    let printed = syntax::print(&policy);
    match Policy::parse(&printed) {
        Ok(again) => assert_eq!(again, policy, "{printed}"),
        Err(e) => panic!("{e}\n{printed}"),
    }
    let size: usize = policy.rules.iter().chain(&policy.foreign).map(|rule| rule.calls.len()).sum();
    if size > 200 || data.len() > 2000 {
        return;
    }
    let Ok(filter) = policy.lower() else { return };
    let mut numbers = program::Numbers::new(data);
    for _ in 0..20 {
        let call = numbers.call(&policy.arches, &[]);
        assert_eq!(*filter.eval(&call), localized(&policy, &call), "{call:x?}\n{printed}");
    }
    drop(lint::lint(&lint::Subject::new(lint::Layer::Policy(&policy)), &lint::Options::default()));
}

/// The action as a filter holds it: with the error number of the call's architecture.
fn localized(policy: &Policy, call: &SeccompData) -> Action {
    let listed = policy.arches.iter().any(|a| a.token() == call.arch);
    match (policy.eval(call), Arch::of_call(call.arch, call.nr).filter(|_| listed)) {
        (Action::Errno(errno), Some(arch)) => Action::Errno(Errno(errno.on(arch))),
        (action, _) => action,
    }
}

/// An assembler text: it assembles or is refused with places; the listing of what it assembles to
/// assembles to the same.
pub fn asm(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match assemble(&text, &asm::Options::default()) {
        Ok(code) => comes_back(&code),
        Err(errors) => assert!(!errors.is_empty(), "refused without a reason"),
    }
}

fn comes_back(code: &Code) {
    if code.insns.is_empty() {
        return;
    }
    let listing = disasm::disasm(code, &disasm::Options::default()).to_string();
    match assemble(&listing, &asm::Options::default()) {
        Ok(again) => assert_eq!(again, *code, "{listing}"),
        Err(errors) => panic!("{}\n{listing}", errors[0]),
    }
}

/// A program: what is read back from it is what it does; what is compiled from that is proved; what is
/// written from that is the same filter.
pub fn lift(data: &[u8]) {
    let Some(program) = program::any(data) else { return };
    let Ok(filter) = program.lift_within(Limits { nodes: 20_000, steps: 400_000 }) else { return };
    let mut numbers = program::Numbers::new(data);
    let near: Vec<u32> = program.insns().iter().map(|insn| insn.k).collect();
    for _ in 0..60 {
        let call = numbers.call(&[Arch::X86_64, Arch::X86], &near);
        let run = program.run(&call);
        assert_eq!(run.action(), *filter.eval(&call), "{call:x?}: {run:?}");
        if program.always_allows(call.arch, call.nr) {
            assert_eq!(run.ret, Action::ALLOW.to_ret(), "{call:x?}");
        }
    }
    if filter.node_count() > 400 {
        return;
    }
    match filter.emit_for(program.endian()) {
        Ok(again) => assert_eq!(again.lift().as_ref(), Ok(&filter)),
        Err(EmitError::TooLong { .. }) => {}
        Err(e) => panic!("{e}"),
    }
    if let Err(e @ (RenderError::Unproved | RenderError::Unread(_))) = filter.render() {
        panic!("{e}");
    }
}

/// A program in any wrapping: it is read or refused with a reason; every wrapping it is written in gives the
/// same instructions back.
pub fn container(data: &[u8]) {
    for wrapping in std::iter::once(None).chain(Container::ALL.iter().copied().map(Some)) {
        let options = ReadOptions { container: wrapping, ..ReadOptions::default() };
        let read = match container::read(data, &options) {
            Ok(read) => read,
            Err(errors) => {
                assert!(!errors.is_empty(), "refused without a reason");
                continue;
            }
        };
        if wrapping.is_some() && read.code.insns.len() > 50 {
            continue;
        }
        for &other in Container::ALL {
            let Ok(bytes) = container::write(&read.code, other, None) else { continue };
            let told = ReadOptions { container: Some(other), arch: None, endian: Some(read.code.endian) };
            match container::read(&bytes, &told) {
                Ok(again) => assert_eq!(again.code, read.code, "{}", other.name()),
                Err(errors) => panic!("{}: {}", other.name(), errors[0]),
            }
        }
    }
}

/// Instructions, valid or not: their listing assembles to exactly them, and a graph can be drawn.
pub fn disasm(data: &[u8]) {
    let (endian, rest) = program::endian(data);
    let whole = rest.len() / 8 * 8;
    let code = Code::from_bytes(&rest[..whole], endian).expect("whole instructions");
    comes_back(&code);
    let Ok(program) = code.check() else { return };
    let drawn = graph::graph(&Code::from(&program), &disasm::Options::default());
    drop((drawn.to_dot(), drawn.to_svg()));
}

/// Bytes as a program: the check says which instruction is wrong, or the program runs to its end.
pub fn check(data: &[u8]) {
    let (endian, rest) = program::endian(data);
    let read = Program::from_bytes(rest, endian);
    let twice = Code::from_bytes(rest, endian).and_then(Code::check);
    assert_eq!(read, twice);
    match read {
        Ok(program) => {
            assert_eq!(program.to_bytes(), rest);
            let mut numbers = program::Numbers::new(data);
            for _ in 0..10 {
                let call = numbers.call(&[Arch::X86_64], &[]);
                let run = program.run(&call);
                assert!(run.steps as usize <= program.len() && run.last < program.len());
                let traced = trace::trace(&program, &call, &disasm::Options::default());
                assert_eq!(traced.execution, run);
            }
        }
        Err(e) => {
            assert!(e.at <= rest.len() / 8, "{e}");
            assert!(!e.to_string().is_empty());
        }
    }
}

/// A file of any format, whose name is its first line (what has no such line is of the format its first byte
/// counts to): it is read or refused, and what is read can be written again.
pub fn format(data: &[u8]) {
    let end = data.iter().position(|b| *b == b'\n').unwrap_or(data.len());
    let named = std::str::from_utf8(&data[..end]).ok().and_then(Format::from_name);
    let (format, rest) = match (named, data.split_first()) {
        (Some(format), _) => (format, data.get(end + 1..).unwrap_or_default()),
        (None, Some((first, rest))) => (Format::ALL[usize::from(*first) % Format::ALL.len()], rest),
        (None, None) => return,
    };
    callgate_formats::fuzz_read(format, rest);
    drop(callgate_formats::detect(None, rest));
    let options = Options { accept: Accept::Any, ..Options::new(Arch::X86_64) };
    let Ok(import) = callgate_formats::read(&String::from_utf8_lossy(rest), format, &options) else { return };
    assert!(!import.policies.is_empty(), "read, but there is no policy");
    for named in import.policies {
        let size: usize = named.policy.rules.iter().map(|rule| rule.calls.len()).sum();
        if size < 500 {
            drop(callgate_formats::write(&named.policy, format, &options));
        }
    }
}
