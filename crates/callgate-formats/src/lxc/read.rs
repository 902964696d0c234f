//! Reading profiles: the version, the kind of list, the headers.

use super::rule::{self, RuleLine};
use crate::detect::Format;
use crate::import::{Collect, Effect, Import};
use crate::libseccomp::{Added, RuleSet, Target};
use crate::options::Options;
use crate::place::Error;
use crate::scan::{Pos, Source};
use callgate::{Action, Arch, Syscall};

/// Reads a profile for a host.
pub(crate) fn read(text: &str, options: &Options) -> Result<Import, Error> {
    let source = Source::main(text, options);
    let mut lines = source.lines();
    let first = lines.next().map(|(_, l)| l.trim()).unwrap_or_default();
    let start = Pos { line: 1, col: 1 };
    let mut collect = Collect::new(options);
    let policy_line = lines.next().unwrap_or((2, ""));
    if policy_line.1.contains("debug") {
        return Err(source.error(Pos { line: 2, col: 1 }, "debug is not implemented by LXC"));
    }
    let set = match first {
        "1" => version_1(&source, policy_line, lines, options)?,
        "2" => version_2(&source, policy_line, lines, options, &mut collect)?,
        _ => return Err(source.error(start, format!("expected version 1 or 2, not `{first}`"))),
    };
    collect.check()?;
    let lines: Vec<u32> = set.origins().iter().map(|o| o.line).collect();
    let (policy, overlaps) = set.finish();
    for (a, b) in overlaps.pairs {
        let what =
            format!("overlaps with line {}, which has another action; libseccomp's order decides", lines[a]);
        collect.note(source.place(Pos { line: lines[b], col: 1 }), what);
    }
    if overlaps.more {
        collect.note(source.place(start), "more rules overlap than are listed here");
    }
    Ok(Import::one(Format::Lxc, policy, collect))
}

/// Numbers of permitted calls of the native architecture.
fn version_1<'a>(
    source: &Source,
    (number, policy): (u32, &str),
    lines: impl Iterator<Item = (u32, &'a str)>,
    options: &Options,
) -> Result<RuleSet, Error> {
    if !policy.contains("allowlist") {
        return Err(source.error(Pos { line: number, col: 1 }, "version 1 needs `allowlist` here"));
    }
    let arches = options.arches.clone().unwrap_or_else(|| vec![options.host]);
    let native = arches.first().copied().unwrap_or(options.host);
    let mut set = RuleSet::new(Action::KILL_THREAD, arches);
    let mut lines = lines.peekable();
    while let Some((line, text)) = lines.next() {
        // What follows the last line end is no line.
        if text.is_empty() && lines.peek().is_none() {
            break;
        }
        let pos = Pos { line, col: 1 };
        let digits: String = text.trim_start().chars().take_while(char::is_ascii_digit).collect();
        let number: u32 = digits
            .parse()
            .ok()
            .filter(|n| *n <= i32::MAX as u32)
            .ok_or_else(|| source.error(pos, format!("expected a call's number, not `{text}`")))?;
        let target = match Syscall::from_number(native, number) {
            Some(call) => Target::Call(call),
            None => Target::Number(number),
        };
        let at = set.source(source.origin(pos));
        if set.add(target, Action::ALLOW, &[], at).is_err() {
            return Err(source.error(pos, format!("libseccomp takes no rule for {number}")));
        }
    }
    Ok(set)
}

fn version_2<'a>(
    source: &Source,
    (number, policy): (u32, &str),
    lines: impl Iterator<Item = (u32, &'a str)>,
    options: &Options,
    collect: &mut Collect,
) -> Result<RuleSet, Error> {
    let pos = Pos { line: number, col: 1 };
    let starts = |words: [&str; 2]| words.iter().any(|w| policy.starts_with(w));
    let (mut default, on_hit) = if starts(["denylist", "blacklist"]) {
        (Action::ALLOW, Action::KILL_THREAD)
    } else if starts(["allowlist", "whitelist"]) {
        (Action::KILL_THREAD, Action::ALLOW)
    } else {
        return Err(source.error(pos, format!("expected allowlist or denylist, not `{policy}`")));
    };
    if let Some((_, action)) = policy.split_once(' ')
        && !action.trim().is_empty()
    {
        default = rule::action(action.trim_start())
            .ok_or_else(|| source.error(pos, format!("unknown default action `{}`", action.trim())))?;
    }
    let (arches, known_host) = match &options.arches {
        Some(arches) => (arches.clone(), true),
        None => host_arches(options.host),
    };
    let mut set = RuleSet::new(default, arches);
    // Whether the lines are for this host at all.
    let mut here = known_host;
    for (line, text) in lines {
        let pos = Pos { line, col: 1 };
        if text.ends_with('\r') && !text.starts_with('#') {
            let what = "the line ends in a carriage return, which LXC takes for a part of it; save the file with the \
                        line ends of Unix";
            return Err(source.error(pos, what));
        }
        if text.starts_with('#') || text.is_empty() {
            continue;
        }
        if text.starts_with('[') {
            here = match header(text) {
                Some(arches) => arches.is_empty() || arches.contains(&options.host),
                None => return Err(source.error(pos, format!("unknown architecture {text}"))),
            };
            continue;
        }
        if !here {
            continue;
        }
        match RuleLine::parse(text, on_hit) {
            Err(what) => collect.problem(source.problem(pos, what)),
            Ok(rule) => add(&mut set, &rule, source, pos, collect),
        }
    }
    Ok(set)
}

fn add(set: &mut RuleSet, rule: &RuleLine<'_>, source: &Source, pos: Pos, collect: &mut Collect) {
    let effect = if rule.action.permits() { Effect::Stricter } else { Effect::Weaker };
    let Some(call) = Syscall::from_name(rule.name) else {
        let known = Syscall::all().map(Syscall::name);
        return collect.unknown_in(source, "system call", rule.name, pos, effect, known);
    };
    let at = set.source(source.origin(pos));
    match set.add(Target::Call(call), rule.action, &rule.compares, at) {
        Ok(Added::New) => {}
        Ok(Added::Redundant(other)) => {
            let line = set.origin(other).line;
            collect.note(source.place(pos), format!("{}: line {line} says the same already", rule.name));
        }
        Ok(Added::Overruled(other)) => {
            let line = set.origin(other).line;
            collect.note(source.place(pos), format!("{}: no effect, line {line} decides", rule.name));
        }
        Ok(Added::Overrules(other)) => {
            let line = set.origin(other).line;
            collect
                .note(source.place(pos), format!("{}: line {line} has no effect beside this one", rule.name));
        }
        Err(refused) => {
            let what = format!("{}: libseccomp refuses the rule: {}", rule.name, refused.why());
            collect.problem(source.problem(pos, what));
        }
    }
}

/// The architectures of a host's filter, the native one first, and whether LXC knows the host.
fn host_arches(host: Arch) -> (Vec<Arch>, bool) {
    let arches = match host {
        Arch::X86_64 => vec![Arch::X86_64, Arch::X86, Arch::X32],
        Arch::Aarch64 => vec![Arch::Aarch64, Arch::Arm],
        Arch::Ppc64 => vec![Arch::Ppc64, Arch::Ppc],
        Arch::Mips64 => vec![Arch::Mips64, Arch::Mips, Arch::Mips64n32],
        Arch::Mipsel64 => vec![Arch::Mipsel64, Arch::Mipsel, Arch::Mipsel64n32],
        Arch::X86
        | Arch::Arm
        | Arch::Ppc
        | Arch::Ppc64le
        | Arch::Mips
        | Arch::Mipsel
        | Arch::S390
        | Arch::S390x => vec![host],
        // Elsewhere only lines behind [all] count.
        _ => return (vec![host], false),
    };
    (arches, true)
}

/// The hosts a header is for: none means all. A header only leaves out the lines on other hosts; on
/// these a rule is added for every architecture.
fn header(text: &str) -> Option<&'static [Arch]> {
    let name = text.strip_prefix('[')?.strip_suffix(']')?;
    let lower = name.to_ascii_lowercase();
    if name != lower && name != name.to_ascii_uppercase() && name != "X86_64" {
        return None;
    }
    Some(match &*lower {
        "all" => &[],
        "x86" => &[Arch::X86, Arch::X86_64],
        "x32" | "x86_64" => &[Arch::X86_64],
        "arm" => &[Arch::Arm, Arch::Aarch64],
        "arm64" => &[Arch::Aarch64],
        "ppc64le" => &[Arch::Ppc64le],
        "ppc64" => &[Arch::Ppc64],
        "ppc" => &[Arch::Ppc, Arch::Ppc64],
        "mips64" | "mips64n32" => &[Arch::Mips64],
        "mips" => &[Arch::Mips, Arch::Mips64],
        "mipsel64" | "mipsel64n32" => &[Arch::Mipsel64],
        "mipsel" => &[Arch::Mipsel, Arch::Mipsel64],
        "s390x" => &[Arch::S390x],
        "s390" => &[Arch::S390],
        "loongarch64" => &[Arch::Loongarch64],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use callgate::{Errno, SeccompData};

    fn eval(text: &str, name: &str, args: [u64; 6], arch: Arch) -> Action {
        let import = read(text, &Options::new(Arch::X86_64)).unwrap_or_else(|e| panic!("{text}: {e}"));
        let nr = Syscall::from_name(name).and_then(|c| c.number(arch)).unwrap();
        import.policies[0].policy.eval(&SeccompData { nr, arch: arch.token(), ip: 0, args })
    }

    #[test]
    fn lists_and_actions() {
        let text = "2\ndenylist\nreject_force_umount # comment\n[all]\nbpf notify [0,5,SCMP_CMP_EQ]\nread errno 5\n[arm]\nwrite\n";
        assert_eq!(eval(text, "umount2", [0, 1, 0, 0, 0, 0], Arch::X86_64), Action::Errno(Errno(13)));
        assert_eq!(eval(text, "umount2", [0; 6], Arch::X86), Action::ALLOW);
        assert_eq!(eval(text, "bpf", [5, 0, 0, 0, 0, 0], Arch::X32), Action::Notify(0));
        assert_eq!(eval(text, "read", [0; 6], Arch::X86), Action::Errno(Errno(5)));
        assert_eq!(eval(text, "write", [0; 6], Arch::X86_64), Action::ALLOW, "for another host");
        let text = "2\nallowlist trap\n[x86]\nopen\n";
        assert_eq!(
            eval(text, "open", [0; 6], Arch::X86_64),
            Action::ALLOW,
            "a header only skips other hosts"
        );
        assert_eq!(eval(text, "read", [0; 6], Arch::X86_64), Action::Trap(0));
        let text = "2\ndenylist errno 1\nmount allow [3,0x10,SCMP_CMP_MASKED_EQ,0xf0]\n";
        assert_eq!(eval(text, "mount", [0, 0, 0, 0x1f, 0, 0], Arch::X86_64), Action::ALLOW);
        assert_eq!(eval(text, "mount", [0, 0, 0, 0x2f, 0, 0], Arch::X86_64), Action::Errno(Errno(1)));
    }

    #[test]
    fn version_1_is_numbers() {
        assert_eq!(eval("1\nallowlist\n0\n 1 \n", "write", [0; 6], Arch::X86_64), Action::ALLOW);
        assert_eq!(eval("1\nallowlist\n0\n", "write", [0; 6], Arch::X86_64), Action::KILL_THREAD);
    }

    #[test]
    fn errors() {
        let error = |text| read(text, &Options::new(Arch::X86_64)).unwrap_err().to_string();
        assert_eq!(error("3\n"), "1:1: expected version 1 or 2, not `3`");
        assert_eq!(error("1\nwhitelist\n"), "2:1: version 1 needs `allowlist` here");
        assert_eq!(error("1\nallowlist\n\n2\n"), "3:1: expected a call's number, not ``");
        assert_eq!(error("2\ndenylist\nraed\n"), "3:1: unknown system call raed; did you mean read?");
        assert_eq!(
            error("2\ndenylist\nread allow\n"),
            "3:1: read: libseccomp refuses the rule: its action is the default action"
        );
        assert!(error("2\r\ndenylist\r\nread\r\n").starts_with("3:1: the line ends in a carriage return"));
        assert_eq!(error("2\ndenylist\nread [0,1,==]\n"), "3:1: unknown action `[0,1,==]`");
        assert_eq!(error("2\ndenylist\nread errno 1 [7,1,==]\n"), "3:1: argument 7 does not exist");
        assert_eq!(error("2\ndenylist\n[vax]\n"), "3:1: unknown architecture [vax]");
    }
}
