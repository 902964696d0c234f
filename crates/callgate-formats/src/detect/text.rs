//! Line-oriented notations, told apart by what no other of them has.

use super::{Detected, Format, found};
use crate::android::ARCHITECTURES;
use crate::minijail::only_build_time;
use callgate::Syscall;
use std::path::Path;

/// The notation of a text, by its lines.
pub(super) fn sniff(text: &str, path: Option<&Path>) -> Option<Detected> {
    let extension = path.and_then(Path::extension).and_then(|e| e.to_str()).unwrap_or_default();
    // callgate's own files are not guessed at.
    if extension == "cg" {
        return found(Format::Callgate, "the name ends in .cg");
    }
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).take(4000).collect();
    let code = |comment: char| lines.iter().copied().filter(move |l| !l.starts_with(comment));
    nsjail(&lines)
        .or_else(|| pfc(&lines))
        .or_else(|| systemd(&lines, extension))
        .or_else(|| lxc(text))
        .or_else(|| android(&lines, path))
        .or_else(|| firejail(&lines, extension))
        .or_else(|| easyseccomp(&lines))
        .or_else(|| kafel(text, extension))
        .or_else(|| minijail(text, &code('#').collect::<Vec<_>>(), extension))
        .or_else(|| asm(&code('#').collect::<Vec<_>>()))
        .or_else(|| pledge(&code('#').collect::<Vec<_>>()))
        .or_else(|| snapd(&code('#').collect::<Vec<_>>(), path))
}

fn nsjail(lines: &[&str]) -> Option<Detected> {
    let key = ["seccomp_string:", "seccomp_policy_file:"]
        .into_iter()
        .find(|k| lines.iter().any(|l| l.starts_with(k)))?;
    found(Format::Nsjail, format!("it has {key}, a field of nsjail's configuration"))
}

fn pfc(lines: &[&str]) -> Option<Detected> {
    let pseudo = |l: &&&str| l.starts_with("# pseudo filter code") || l.starts_with("if ($arch ==");
    let line = lines.iter().find(pseudo)?;
    found(Format::Pfc, format!("it has the line {line:.40}"))
}

fn systemd(lines: &[&str], extension: &str) -> Option<Detected> {
    let sections = ["[Service]", "[Unit]", "[Socket]", "[Mount]", "[Swap]"];
    if let Some(section) = sections.into_iter().find(|s| lines.contains(s)) {
        return found(Format::Systemd, format!("it has the section {section}"));
    }
    if lines.iter().any(|l| l.starts_with("SystemCallFilter=")) {
        return found(Format::Systemd, "it has SystemCallFilter=");
    }
    match extension {
        "service" | "socket" | "mount" | "swap" => {
            found(Format::Systemd, format!("the name ends in .{extension}"))
        }
        _ => None,
    }
}

fn lxc(text: &str) -> Option<Detected> {
    let mut lines = text.lines();
    let version = lines.next()?.trim();
    let kind = lines.next()?.split_whitespace().next()?;
    let kinds = ["allowlist", "denylist", "whitelist", "blacklist"];
    if (version == "1" || version == "2") && kinds.contains(&kind) {
        return found(Format::Lxc, format!("its first lines are {version} and {kind}"));
    }
    None
}

fn android(lines: &[&str], path: Option<&Path>) -> Option<Detected> {
    let name = path.and_then(Path::file_name).and_then(|n| n.to_str()).unwrap_or_default();
    if name.starts_with("SECCOMP_") && name.ends_with(".TXT") {
        return found(Format::Android, "it is called as bionic's lists are");
    }
    let stub = |l: &&&str| {
        let Some((name, rest)) = l.split_once('(') else { return false };
        let Some((_, arches)) = rest.rsplit_once(')') else { return false };
        let word =
            |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:|,".contains(&b));
        word(name.split_whitespace().next_back().unwrap_or_default().trim_start_matches('*'))
            && !arches.trim().is_empty()
            && arches
                .split(',')
                .all(|a| ARCHITECTURES.contains(&a.split('#').next().unwrap_or_default().trim()))
    };
    let line = lines.iter().filter(|l| !l.starts_with('#')).find(stub)?;
    found(Format::Android, format!("it lists stubs with their architectures: {line:.60}"))
}

fn firejail(lines: &[&str], extension: &str) -> Option<Detected> {
    let own = |l: &&&str| {
        let word = l.split_whitespace().next().unwrap_or_default();
        let include =
            word == "include" && [".inc", ".local", ".profile", ".net"].iter().any(|e| l.ends_with(e));
        let keyword = word == "seccomp"
            || word.starts_with("seccomp.")
            || [
                "seccomp-error-action",
                "memory-deny-write-execute",
                "restrict-namespaces",
                "noroot",
                "nonewprivs",
            ]
            .contains(&word)
            || l.starts_with("caps.drop ")
            || l.starts_with("caps.keep ");
        // A line of its own, `seccomp` is as well the name of a call.
        let alone = *l == &"seccomp" && !["profile", "local", "inc"].contains(&extension);
        include || (keyword && !alone && !l.contains([':', '{', '=']))
    };
    if let Some(line) = lines.iter().find(own) {
        return found(Format::Firejail, format!("it has the line {line:.40}, as firejail profiles do"));
    }
    if extension == "profile" { found(Format::Firejail, "the name ends in .profile") } else { None }
}

fn easyseccomp(lines: &[&str]) -> Option<Detected> {
    let rule = |l: &&&str| l.starts_with("=>") || (l.starts_with(['$', '(']) && l.contains("=>"));
    let line = lines.iter().find(rule)?;
    found(Format::Easyseccomp, format!("it has the rule {line:.40}"))
}

fn kafel(text: &str, extension: &str) -> Option<Detected> {
    let words: Vec<&str> = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || "_{}#(),".contains(c)))
        .flat_map(|w| w.split_inclusive(['{', '}', '(', ')', ',']))
        .filter(|w| !w.is_empty())
        .collect();
    let actions = ["ALLOW", "KILL", "DENY", "LOG", "KILL_PROCESS", "KILL_THREAD", "USER_NOTIF"];
    for (i, word) in words.iter().enumerate() {
        let next = words.get(i + 1).copied().unwrap_or_default();
        let bare = word.trim_end_matches('{');
        let opens = word.ends_with('{') || next.starts_with('{');
        if actions.contains(&bare) && opens {
            return found(Format::Kafel, format!("it has a block {bare} {{"));
        }
        let block = next.ends_with('{') || words.get(i + 2).is_some_and(|w| w.starts_with('{'));
        if *word == "POLICY" && block {
            return found(Format::Kafel, "it has a block POLICY {");
        }
        let default = ["ERRNO(", "TRAP(", "TRACE("].contains(&next) || actions.contains(&next);
        if *word == "DEFAULT" && default {
            return found(Format::Kafel, "it has DEFAULT with an action");
        }
        if ["ERRNO(", "TRAP(", "TRACE("].contains(word)
            && words.get(i + 2).is_some_and(|w| w.starts_with('{'))
        {
            return found(Format::Kafel, "it has a block of an action with a number");
        }
    }
    let preprocessed = |l: &str| l.starts_with("#include \"") || l.starts_with("#define ");
    if let Some(line) = text.lines().find(|l| preprocessed(l)).filter(|_| !text.contains("BPF_")) {
        return found(Format::Kafel, format!("it has the line {line:.40}"));
    }
    if extension == "kafel" { found(Format::Kafel, "the name ends in .kafel") } else { None }
}

fn minijail(text: &str, code: &[&str], extension: &str) -> Option<Detected> {
    let directive = code
        .iter()
        .find(|l| ["@include ", "@frequency ", "@default ", "@denylist"].iter().any(|d| l.starts_with(d)));
    let statement = code.iter().find(|l| {
        let Some((name, filter)) = l.split_once(':') else { return false };
        let name = name.split(['[', '@']).next().unwrap_or_default().trim();
        let known = Syscall::from_name(name).is_some() || (name.starts_with('{') && name.contains(','));
        let filter = filter.trim();
        let starts = ["arg", "return", "allow", "kill", "trap", "trace", "log", "user-notify", "{", "1"];
        known && starts.iter().any(|s| filter.starts_with(s))
    });
    let why = match (directive, statement) {
        (Some(line), _) => format!("it has {}", line.split_whitespace().next().unwrap_or_default()),
        (None, Some(line)) => format!("it has the line {line:.40}"),
        (None, None) if extension == "policy" => "the name ends in .policy".into(),
        (None, None) => return None,
    };
    match only_build_time(text) {
        Some((pos, what)) => found(
            Format::MinijailPython,
            format!("{why}, and in line {} {what}, which only its compiler takes", pos.line),
        ),
        None => found(Format::Minijail, why),
    }
}

fn asm(code: &[&str]) -> Option<Detected> {
    let load = |l: &&&str| {
        let plain: String = l.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
        let plain = plain.split_once(':').map_or(plain.as_str(), |(_, rest)| rest);
        ["a=arch", "a=sys_number", "a=args["].iter().any(|s| plain.starts_with(s))
    };
    let line = code.iter().find(load)?;
    found(Format::Asm, format!("it has the statement {line:.40}"))
}

fn pledge(code: &[&str]) -> Option<Detected> {
    const PROMISES: [&str; 34] = [
        "stdio",
        "rpath",
        "wpath",
        "cpath",
        "dpath",
        "tmppath",
        "inet",
        "mcast",
        "fattr",
        "chown",
        "flock",
        "unix",
        "dns",
        "getpw",
        "sendfd",
        "recvfd",
        "tape",
        "tty",
        "proc",
        "exec",
        "prot_exec",
        "settime",
        "ps",
        "vminfo",
        "id",
        "pf",
        "route",
        "wroute",
        "audio",
        "video",
        "bpf",
        "unveil",
        "error",
        "netlink",
    ];
    let mut words = code.iter().flat_map(|l| l.split_whitespace()).map(|w| w.trim_matches('"'));
    let first = words.clone().next()?;
    if words.all(|w| PROMISES.contains(&w.to_ascii_lowercase().as_str())) {
        return found(Format::Pledge, format!("it is a list of promises: {first:.20} is one"));
    }
    None
}

fn snapd(code: &[&str], path: Option<&Path>) -> Option<Detected> {
    if let Some(word) = ["@unrestricted", "@complain"].into_iter().find(|w| code.contains(w)) {
        return found(Format::Snapd, format!("it has {word}"));
    }
    let bare = |l: &&&str| {
        let name = l.split_whitespace().next().unwrap_or_default().trim_start_matches('~');
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let known = code.iter().filter(|l| {
        let name = l.split_whitespace().next().unwrap_or_default().trim_start_matches('~');
        Syscall::from_name(name).is_some()
    });
    let (all, known) = (code.len(), known.count());
    let likely = all > 0 && code.iter().filter(bare).count() == all && known * 10 >= all * 7;
    let named =
        path.is_some_and(|p| p.to_str().is_some_and(|p| p.ends_with(".seccomp") || p.ends_with(".src")));
    if likely || (named && known > 0) {
        return found(Format::Snapd, "its lines start with the names of system calls");
    }
    None
}
