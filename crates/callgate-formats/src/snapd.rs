//! snapd's seccomp sources: templates and the snippets interfaces add, one call a line.
//!
//! Source: snapd 2.6x, `cmd/snap-seccomp`.

use crate::detect::Format;
use crate::import::{Collect, Effect, Import, Named};
use crate::libseccomp::{Compare, RuleSet, Target};
use crate::names;
use crate::options::Options;
use crate::place::Error;
use crate::scan::{Pos, Source, words};
use crate::suggest;
use callgate::{Action, Arch, Errno, Op, Policy, Syscall};

/// Permission denied: what a line with `~` answers.
const EACCES: Action = Action::Errno(Errno(13));

/// Calls whose ids are compared in their low word only, so that -1 can be written.
const LOW_WORD: &[&str] = &[
    "chown",
    "chown32",
    "copy_file_range",
    "fchown",
    "fchown32",
    "fchownat",
    "lchown",
    "lchown32",
    "setgid",
    "setgid32",
    "setregid",
    "setregid32",
    "setresgid",
    "setresgid32",
    "setresuid",
    "setresuid32",
    "setreuid",
    "setreuid32",
    "setuid",
    "setuid32",
];

/// Reads a template: the filter of permitted calls, and one of denied calls where there are any.
pub(crate) fn read(text: &str, options: &Options) -> Result<Import, Error> {
    let source = Source::main(text, options);
    let mut collect = Collect::new(options);
    let arches = options.arches.clone().unwrap_or_else(|| match options.host {
        Arch::X86_64 => vec![Arch::X86_64, Arch::X86],
        Arch::Aarch64 => vec![Arch::Aarch64, Arch::Arm],
        Arch::Ppc64 => vec![Arch::Ppc64, Arch::Ppc],
        host => vec![host],
    });
    let directive = |name: &str| source.lines().find(|(_, l)| l.trim_end() == name).map(|(line, _)| line);
    if let Some(line) = directive("@unrestricted") {
        collect.note(source.place(Pos { line, col: 1 }), "@unrestricted: snapd installs no filter");
        let policy = Policy { arches, bad_arch: Action::ALLOW, ..Policy::new(Action::ALLOW) };
        return Ok(Import::one(Format::Snapd, policy, collect));
    }
    let default = match directive("@complain") {
        Some(_) => Action::LOG,
        None => Action::Errno(Errno::EPERM),
    };
    let mut allow = RuleSet::new(default, arches.clone());
    let mut deny = RuleSet::new(Action::ALLOW, arches);
    let mut denies = false;
    for (number, line) in source.lines() {
        let text = line.trim_end();
        if text.is_empty() || text.starts_with('#') || text == "@complain" {
            continue;
        }
        let pos = Pos { line: number, col: 1 };
        if text.starts_with('@') {
            let problem = source.problem(pos, format!("unknown directive {text}"));
            collect.problem(problem.help("there are @unrestricted and @complain"));
            continue;
        }
        let (is_denied, rule) = match text.strip_prefix('~') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        denies |= is_denied;
        let (set, action) = if is_denied { (&mut deny, EACCES) } else { (&mut allow, Action::ALLOW) };
        add(rule, action, set, &source, number, options, &mut collect);
    }
    collect.check()?;
    let mut policies = vec![Named { name: None, policy: allow.finish().0 }];
    if denies {
        policies[0].name = Some("allow".into());
        policies.push(Named { name: Some("deny".into()), policy: deny.finish().0 });
    }
    let mut import = Import::several(Format::Snapd, policies, collect);
    import.stack = true;
    Ok(import)
}

fn add(
    text: &str,
    action: Action,
    set: &mut RuleSet,
    source: &Source,
    line: u32,
    options: &Options,
    collect: &mut Collect,
) {
    let mut parts = words(text);
    let Some((col, name)) = parts.next() else { return };
    let call = match Syscall::from_name(name) {
        Some(call) => call,
        None => {
            let effect = if action.permits() { Effect::Stricter } else { Effect::Weaker };
            let known = Syscall::all().map(Syscall::name);
            return collect.unknown_in(source, "system call", name, Pos { line, col }, effect, known);
        }
    };
    let mut compares = Vec::new();
    for (index, (col, word)) in (0u8..).zip(parts.take(7)) {
        let pos = Pos { line, col };
        if index > 5 {
            return collect.problem(source.problem(pos, "a call has at most six arguments"));
        }
        if word == "-" {
            continue;
        }
        match argument(word, name, options) {
            Ok(op) => compares.push(Compare { arg: index, op }),
            Err(what) => {
                let mut problem = source.problem(pos, what);
                let name = word.trim_start_matches(['!', '<', '>', '=', '|']);
                if let Some(near) = suggest::nearest(name, suggest::constants()) {
                    problem = problem.help(format!("did you mean {near}?"));
                }
                return collect.problem(problem);
            }
        }
    }
    let at = set.source(source.origin(Pos { line, col }));
    if let Err(refused) = set.add(Target::Call(call), action, &compares, at) {
        let what = format!("{name}: libseccomp refuses the rule: {}", refused.why());
        collect.problem(source.problem(Pos { line, col }, what));
    }
}

/// The test an argument's word stands for.
fn argument(word: &str, call: &str, options: &Options) -> Result<Op, String> {
    let low_word = LOW_WORD.contains(&call);
    let number = |text: &str| number(text, low_word, options.host);
    let op = if let Some(rest) = word.strip_prefix(">=") {
        Op::Ge(number(rest)?)
    } else if let Some(rest) = word.strip_prefix("<=") {
        Op::Le(number(rest)?)
    } else if let Some(rest) = word.strip_prefix('!') {
        Op::Ne(number(rest)?)
    } else if let Some(rest) = word.strip_prefix('<') {
        Op::Lt(number(rest)?)
    } else if let Some(rest) = word.strip_prefix('>') {
        Op::Gt(number(rest)?)
    } else if let Some(rest) = word.strip_prefix('|') {
        let bits = number(rest)?;
        Op::MaskedEq { mask: bits, value: bits }
    } else if let Some((mask, value)) = word.split_once('|') {
        Op::MaskedEq { mask: number(mask)?, value: number(value)? }
    } else if let Some(user) = word.strip_prefix("u:").or_else(|| word.strip_prefix("g:")) {
        Op::Eq(id(user)?)
    } else {
        Op::Eq(number(word)?)
    };
    match op {
        Op::Eq(value) if low_word => Ok(Op::MaskedEq { mask: 0xffff_ffff, value }),
        _ if low_word => Err(format!("{word}: {call} only takes tests for equality")),
        _ => Ok(op),
    }
}

fn number(text: &str, low_word: bool, host: Arch) -> Result<u64, String> {
    // A family of a library's own, which snapd's table has too.
    if matches!(text, "AF_CONN" | "PF_CONN") {
        return Ok(123);
    }
    if let Some(value) = names::constant(text, host) {
        return Ok(value);
    }
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty();
    if digits(text) {
        return text.parse::<u32>().map(u64::from).map_err(|_| format!("{text} does not fit in 32 bits"));
    }
    if let Some(rest) = text.strip_prefix('-').filter(|r| digits(r)) {
        if !low_word {
            return Err(format!("{text}: negative numbers have a meaning for ids only"));
        }
        let value: i32 = format!("-{rest}").parse().map_err(|_| format!("{text} does not fit in 32 bits"))?;
        return Ok(u64::from(value as u32));
    }
    Err(format!("unknown constant {text}"))
}

/// Users and groups whose numbers are the same everywhere.
fn id(name: &str) -> Result<u64, String> {
    match name {
        "root" => Ok(0),
        // Reserved for snaps by snapd itself.
        "snap_daemon" => Ok(584_788),
        "snap_microk8s" => Ok(584_789),
        "snap_aziotedge" => Ok(584_790),
        "snap_aziotdu" => Ok(584_791),
        _ => Err(format!("the number of {name} depends on the machine")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use callgate::SeccompData;

    fn eval(text: &str, name: &str, args: [u64; 6]) -> Vec<Action> {
        let import = read(text, &Options::new(Arch::X86_64)).unwrap_or_else(|e| panic!("{text}: {e}"));
        let nr = Syscall::from_name(name).and_then(|c| c.number(Arch::X86_64)).unwrap();
        let data = SeccompData { nr, arch: Arch::X86_64.token(), ip: 0, args };
        import.policies.iter().map(|n| n.policy.eval(&data)).collect()
    }

    #[test]
    fn arguments_by_position() {
        let eperm = Action::Errno(Errno::EPERM);
        let text = "# c\nread\nsetpriority 0 - <=19\nioctl - !5\nchown - u:root -1\nmknod - |2 -\n";
        assert_eq!(eval(text, "read", [0; 6]), [Action::ALLOW]);
        assert_eq!(eval(text, "write", [0; 6]), [eperm]);
        assert_eq!(eval(text, "setpriority", [0, 9, 19, 0, 0, 0]), [Action::ALLOW]);
        assert_eq!(eval(text, "setpriority", [0, 9, 20, 0, 0, 0]), [eperm]);
        assert_eq!(eval(text, "ioctl", [0, 5, 0, 0, 0, 0]), [eperm]);
        assert_eq!(eval(text, "chown", [7, 1 << 40, 0xffff_ffff, 0, 0, 0]), [Action::ALLOW], "the low word");
        assert_eq!(eval(text, "mknod", [0, 7, 0, 0, 0, 0]), [Action::ALLOW]);
    }

    #[test]
    fn denied_calls_are_a_filter_of_their_own() {
        let text = "ioctl\n~ioctl - 21522\n";
        assert_eq!(eval(text, "ioctl", [0, 21522, 0, 0, 0, 0]), [Action::ALLOW, EACCES]);
        assert_eq!(eval(text, "ioctl", [0; 6]), [Action::ALLOW, Action::ALLOW]);
        assert_eq!(eval("@complain\nread", "write", [0; 6]), [Action::LOG]);
        assert_eq!(eval("@unrestricted\n", "write", [0; 6]), [Action::ALLOW]);
    }

    #[test]
    fn errors() {
        let error = |text| read(text, &Options::new(Arch::X86_64)).unwrap_err().to_string();
        assert_eq!(error("raed"), "1:1: unknown system call raed; did you mean read?");
        assert_eq!(error("read -1"), "1:6: -1: negative numbers have a meaning for ids only");
        assert_eq!(error("setuid >0"), "1:8: >0: setuid only takes tests for equality");
        assert_eq!(error("read 1 2 3 4 5 6 7"), "1:18: a call has at most six arguments");
        assert_eq!(error("chown - u:lxd"), "1:9: the number of lxd depends on the machine");
        assert!(error("@comlain").contains("unknown directive @comlain"));
    }
}
