//! Reading promises.

use super::{restrict, table};
use crate::detect::Format;
use crate::import::{Collect, Effect, Import, Named};
use crate::options::Options;
use crate::place::Error;
use crate::scan::{Pos, Source, words};
use callgate::{Action, Arch, Call, Cond, Errno, Origin, Policy, Rule, Syscall};

/// The first number the port has never heard of.
const NEWER: u32 = 447;
/// Calls that answer "not implemented", so that programs use what can be checked.
const ABSENT: &[&str] = &["clone3", "memfd_create", "openat2", "rseq", "statx"];
/// Promises of OpenBSD's the port does not have.
const OPENBSD_ONLY: &[&str] = &[
    "audio",
    "bpf",
    "disklabel",
    "drm",
    "error",
    "getpw",
    "mcast",
    "pf",
    "ps",
    "route",
    "video",
    "vmm",
    "wroute",
];

/// Reads promises; a file of several lines holds alternatives, called by their line's number.
pub(crate) fn read(text: &str, options: &Options) -> Result<Import, Error> {
    let source = Source::main(text, options);
    let mut collect = Collect::new(options);
    let arches = options.arches.as_deref().unwrap_or(std::slice::from_ref(&options.host));
    if arches != [Arch::X86_64] {
        return Err(source.error(Pos::default(), "the promises are for x86_64 only"));
    }
    let mut policies = Vec::new();
    for (line, text) in source.lines() {
        // An empty string promises nothing but exit; an empty line of a file is none.
        if text.trim().is_empty() || text.trim_start().starts_with('#') {
            continue;
        }
        if text.len() >= 256 {
            collect.problem(source.problem(Pos { line, col: 1 }, "promises are at most 255 bytes long"));
            continue;
        }
        let policy = promises(text, line, &source, options, &mut collect);
        policies.push(Named { name: Some(line.to_string()), policy });
    }
    collect.check()?;
    match policies.as_mut_slice() {
        [] => return Err(source.error(Pos::default(), "no promises")),
        [only] => only.name = None,
        _ => {}
    }
    Ok(Import::several(Format::Pledge, policies, collect))
}

fn promises(text: &str, line: u32, source: &Source, options: &Options, collect: &mut Collect) -> Policy {
    let enosys = Action::Errno(Errno::ENOSYS);
    let rule = |calls: Vec<Call>, when: Cond, action: Action, origin: &Origin| Rule {
        calls,
        arches: Vec::new(),
        when,
        action,
        origin: origin.clone(),
    };
    let always = source.origin(Pos { line, col: 1 });
    let named =
        |names: &[&str]| names.iter().filter_map(|n| Syscall::from_name(n)).map(Call::Named).collect();
    let mut rules = vec![
        rule(vec![Call::Numbers(NEWER..=u32::MAX)], Cond::True, enosys, &always),
        rule(named(ABSENT), Cond::True, enosys, &always),
        rule(named(&["exit"]), Cond::True, Action::ALLOW, &always),
    ];
    for (col, word) in words(text) {
        let pos = Pos { line, col };
        let promise = word.to_ascii_lowercase();
        let Some((_, list)) = table::PROMISES.iter().find(|(name, _)| *name == promise) else {
            collect.unknown_in(
                source,
                "promise",
                word,
                pos,
                Effect::Stricter,
                table::PROMISES.iter().map(|p| p.0),
            );
            if OPENBSD_ONLY.contains(&&*promise) {
                collect.advise("OpenBSD has it, the Linux port has not");
            }
            continue;
        };
        let origin = source.origin(pos);
        let mut plain = Vec::new();
        for item in list.split_ascii_whitespace() {
            let (name, restriction) = item.split_once('*').map_or((item, None), |(n, r)| (n, Some(r)));
            let Some(call) = Syscall::from_name(name) else { continue };
            match restriction.map(|r| restrict::condition(name, r)) {
                None => plain.push(Call::Named(call)),
                Some(Some(when)) => rules.push(rule(vec![Call::Named(call)], when, Action::ALLOW, &origin)),
                Some(None) => {
                    let what = format!("{name} of the process itself: its id is not known before it runs");
                    collect.loss(source.place(pos), what, Effect::Stricter);
                }
            }
        }
        rules.push(rule(plain, Cond::True, Action::ALLOW, &origin));
    }
    let penalty = options.default.unwrap_or(Action::KILL_THREAD);
    Policy {
        arches: vec![Arch::X86_64],
        rules,
        bad_arch: Action::KILL_PROCESS,
        x32: Some(enosys),
        ..Policy::new(penalty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use callgate::SeccompData;

    fn eval(text: &str, name: &str, args: [u64; 6]) -> Action {
        let import = read(text, &Options::new(Arch::X86_64)).unwrap_or_else(|e| panic!("{text}: {e}"));
        let nr = Syscall::from_name(name).and_then(|c| c.number(Arch::X86_64)).unwrap();
        import.policies[0].policy.eval(&SeccompData { nr, arch: Arch::X86_64.token(), ip: 0, args })
    }

    const KILL: Action = Action::KILL_THREAD;

    #[test]
    fn restrictions() {
        let mmap = |prot, flags| eval("stdio", "mmap", [0, 0, prot, flags, 0, 0]);
        assert_eq!(mmap(3, 0x22), Action::ALLOW);
        assert_eq!(mmap(7, 0x22), KILL);
        assert_eq!(mmap(3, 0x2022), KILL);
        assert_eq!(eval("stdio prot_exec", "mmap", [0, 0, 7, 0x22, 0, 0]), Action::ALLOW);
        assert_eq!(eval("rpath", "open", [0; 6]), Action::ALLOW);
        assert_eq!(eval("rpath", "open", [0, 1, 0, 0, 0, 0]), KILL);
        assert_eq!(eval("wpath", "open", [0, 1, 0, 0, 0, 0]), Action::ALLOW);
        assert_eq!(eval("inet", "socket", [2, 0x80001, 6, 0, 0, 0]), Action::ALLOW);
        assert_eq!(eval("inet", "socket", [1, 1, 0, 0, 0, 0]), KILL);
        assert_eq!(eval("unix", "socket", [1, 1, 0, 0, 0, 0]), Action::ALLOW);
        assert_eq!(eval("stdio", "kill", [1, 0, 0, 0, 0, 0]), KILL);
        assert_eq!(eval("proc", "kill", [1, 0, 0, 0, 0, 0]), Action::ALLOW);
        assert_eq!(eval("stdio", "clone", [0x10f00, 0, 0, 0, 0, 0]), Action::ALLOW);
        assert_eq!(eval("stdio", "clone", [0x11, 0, 0, 0, 0, 0]), KILL);
        assert_eq!(eval("stdio", "clone3", [0; 6]), Action::Errno(Errno::ENOSYS));
        assert_eq!(eval("STDIO", "exit", [0; 6]), Action::ALLOW);
    }

    #[test]
    fn several_lines_and_errors() {
        let import = read("stdio\nstdio exec\n", &Options::new(Arch::X86_64)).unwrap();
        assert_eq!(import.policies.len(), 2);
        let error = read("stdio rpaht", &Options::new(Arch::X86_64)).unwrap_err().to_string();
        assert_eq!(error, "1:7: unknown promise rpaht; did you mean rpath?");
        let error = read("getpw", &Options::new(Arch::X86_64)).unwrap_err().to_string();
        assert_eq!(error, "1:1: unknown promise getpw; OpenBSD has it, the Linux port has not");
    }
}
