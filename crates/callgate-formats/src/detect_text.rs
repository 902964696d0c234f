//! Telling the text notations apart, by what only one of them has.

use crate::detect::{Detected, Format};
use crate::minijail;
use crate::pledge;
use callgate::Syscall;
use std::path::Path;

/// How much of a file is looked at.
const LINES: usize = 2000;

/// Says which text notation a file is in.
pub(crate) fn detect_text(path: Option<&Path>, text: &str) -> Option<Detected> {
    let name = path.and_then(Path::file_name).and_then(|n| n.to_str()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().take(LINES).map(str::trim).filter(|l| !l.is_empty()).collect();
    let code: Vec<&str> = lines.iter().copied().filter(|l| !l.starts_with('#')).collect();
    program(&lines)
        .or_else(|| lxc(text))
        .or_else(|| nsjail(&code))
        .or_else(|| unit(name, &lines))
        .or_else(|| android(name, &code))
        .or_else(|| kafel(text))
        .or_else(|| minijail(text, &code))
        .or_else(|| firejail(name, &code))
        .or_else(|| promises(&code))
        .or_else(|| snapd(name, &code))
}

fn found(format: Format, why: impl Into<String>) -> Option<Detected> {
    Some(Detected { format, why: why.into() })
}

/// Programs as text.
fn program(lines: &[&str]) -> Option<Detected> {
    if lines.first().is_some_and(|l| l.starts_with("# pseudo filter code start")) {
        return found(Format::Pfc, "it begins like libseccomp's pseudo filter code");
    }
    let is_row = |l: &&&str| {
        let address = l.strip_prefix('L').unwrap_or(l);
        address
            .split_once(": 0x")
            .is_some_and(|(a, _)| a.len() == 4 && a.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    if lines.iter().filter(is_row).count() > 1 {
        return found(Format::Disasm, "it has lines of a disassembly, `0000: 0x20 …`");
    }
    if lines.iter().any(|l| l.starts_with("A = ")) && lines.iter().any(|l| l.starts_with("return ")) {
        return found(Format::Asm, "it loads A and returns, as seccomp-tools assembly");
    }
    if lines.iter().any(|l| l.contains("BPF_STMT(")) {
        return found(Format::C, "it has BPF_STMT");
    }
    None
}

fn lxc(text: &str) -> Option<Detected> {
    let mut lines = text.lines();
    let version = lines.next()?.trim();
    let policy = lines.next()?;
    let is_policy = ["allowlist", "denylist", "whitelist", "blacklist"].iter().any(|w| policy.starts_with(w));
    if matches!(version, "1" | "2") && is_policy {
        return found(Format::Lxc, format!("it begins with version {version} and the kind of list"));
    }
    None
}

fn nsjail(code: &[&str]) -> Option<Detected> {
    let field = ["seccomp_string:", "seccomp_policy_file:", "seccomp_string ", "seccomp_log:"];
    let found_field = code.iter().find_map(|l| field.iter().find(|f| l.starts_with(**f)))?;
    found(Format::Nsjail, format!("it has {}", found_field.trim_end_matches([':', ' '])))
}

fn unit(name: &str, lines: &[&str]) -> Option<Detected> {
    const SECTIONS: &[&str] = &["[Unit]", "[Service]", "[Socket]", "[Mount]", "[Swap]", "[Scope]", "[Exec]"];
    let kind = name.rsplit('.').next().unwrap_or_default();
    if matches!(kind, "service" | "socket" | "mount" | "swap") {
        let section = lines.iter().find(|l| SECTIONS.contains(l))?;
        return found(Format::Systemd, format!("its name ends in .{kind} and it has a section {section}"));
    }
    let section = lines.iter().find(|l| !l.starts_with(['#', ';'])).filter(|l| SECTIONS.contains(l))?;
    found(Format::Systemd, format!("it begins with {section}"))
}

fn android(name: &str, code: &[&str]) -> Option<Detected> {
    let is_entry = |l: &&str| {
        let arches = l.rsplit_once(')').map(|(_, a)| a.trim());
        l.contains('(')
            && arches.is_some_and(|a| {
                let known = ["all", "arm", "arm64", "riscv64", "x86", "x86_64", "lp32", "lp64"];
                a.split(',').all(|w| known.contains(&w.trim()))
            })
    };
    if !code.is_empty() && code.iter().all(is_entry) {
        return found(Format::Android, "every line is a C prototype with the architectures it is for");
    }
    if name.starts_with("SECCOMP_") && name.ends_with(".TXT") {
        return found(Format::Android, "its name is that of one of bionic's lists");
    }
    None
}

/// The text without kafel's comments.
fn without_comments(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("/*") {
        out.push_str(&rest[..at]);
        out.push(' ');
        rest = rest[at + 2..].split_once("*/").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out.lines().map(|l| l.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn kafel(text: &str) -> Option<Detected> {
    if !["POLICY", "DEFAULT", "{", "#include"].iter().any(|w| text.contains(w)) {
        return None;
    }
    let code = without_comments(text);
    let words: Vec<&str> =
        code.split(|c: char| c.is_whitespace() || c == ',').filter(|w| !w.is_empty()).take(LINES).collect();
    let pair =
        |first: &str, second: &dyn Fn(&str) -> bool| words.windows(2).any(|w| w[0] == first && second(w[1]));
    let is_name = |w: &str| w.starts_with(|c: char| c.is_ascii_alphabetic());
    if pair("POLICY", &is_name) {
        return found(Format::Kafel, "it defines a POLICY");
    }
    let is_action = |w: &str| {
        let bare = w.split(['(', '{']).next().unwrap_or_default();
        matches!(
            bare,
            "ALLOW"
                | "LOG"
                | "KILL"
                | "KILL_THREAD"
                | "KILL_PROCESS"
                | "DENY"
                | "USER_NOTIF"
                | "ERRNO"
                | "TRAP"
                | "TRACE"
        )
    };
    if pair("DEFAULT", &is_action) {
        return found(Format::Kafel, "it has a DEFAULT action");
    }
    if words.iter().any(|w| is_action(w) && w.ends_with('{'))
        || words.windows(2).any(|w| is_action(w[0]) && w[1] == "{")
    {
        return found(Format::Kafel, "it has an action with a block");
    }
    if pair("#include", &|w| w.starts_with('"')) {
        return found(Format::Kafel, "it includes another policy");
    }
    None
}

fn minijail(text: &str, code: &[&str]) -> Option<Detected> {
    let is_line = |l: &&&str| {
        if l.starts_with('@') {
            return ["@include ", "@frequency ", "@default ", "@denylist"].iter().any(|d| l.starts_with(d));
        }
        let name = l.split([':', '[']).next().unwrap_or_default().trim();
        l.contains(':') && (l.starts_with('{') || Syscall::from_name(name).is_some())
    };
    // Continued lines look like anything.
    let lines = code.iter().filter(is_line).count();
    if lines == 0 || lines * 2 < code.len() {
        return None;
    }
    match minijail::only_build_time(text) {
        Some((pos, why)) => found(
            Format::MinijailPython,
            format!(
                "its lines are `call: condition`; line {} has {why}, which only minijail's compiler takes",
                pos.line
            ),
        ),
        None => found(Format::Minijail, "its lines are `call: condition`"),
    }
}

fn firejail(name: &str, code: &[&str]) -> Option<Detected> {
    let is_ours = |l: &&&str| {
        let word = l.split_whitespace().next().unwrap_or_default();
        matches!(
            word,
            "seccomp"
                | "seccomp.drop"
                | "seccomp.keep"
                | "seccomp.block-secondary"
                | "caps.drop"
                | "nonewprivs"
                | "noroot"
                | "private-dev"
                | "protocol"
                | "restrict-namespaces"
        ) || (word == "include" && (l.ends_with(".inc") || l.ends_with(".local") || l.ends_with(".profile")))
    };
    let lines = code.iter().filter(is_ours).count();
    if lines > 0 && ["profile", "inc", "local"].contains(&name.rsplit('.').next().unwrap_or_default()) {
        return found(Format::Firejail, "its name and lines are those of a firejail profile");
    }
    if lines > 2 {
        return found(Format::Firejail, "it has lines of a firejail profile");
    }
    None
}

fn promises(code: &[&str]) -> Option<Detected> {
    let mut words = code.iter().flat_map(|l| l.split_whitespace()).peekable();
    words.peek()?;
    let mut count = 0;
    for word in words {
        if !pledge::is_promise(word) {
            return None;
        }
        count += 1;
    }
    // Some promises have the names of calls.
    if count > code.len() || code.iter().any(|l| l.eq_ignore_ascii_case("stdio")) {
        return found(Format::Pledge, "its words are promises");
    }
    None
}

fn snapd(name: &str, code: &[&str]) -> Option<Detected> {
    let is_line = |l: &&&str| {
        let name = l.split_whitespace().next().unwrap_or_default().trim_start_matches('~');
        matches!(**l, "@unrestricted" | "@complain") || Syscall::from_name(name).is_some()
    };
    let lines = code.iter().filter(is_line).count();
    let kind = name.rsplit('.').next().unwrap_or_default();
    if lines > 0 && lines * 2 > code.len() {
        return found(Format::Snapd, "its lines begin with the names of calls");
    }
    if matches!(kind, "seccomp" | "src") && !code.is_empty() {
        return found(Format::Snapd, format!("its name ends in .{kind}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(name: &str, text: &str) -> Option<Format> {
        detect_text(Some(Path::new(name)), text).map(|d| d.format)
    }

    #[test]
    fn contents_decide() {
        for (format, text) in [
            (Format::Kafel, "POLICY a { ALLOW { read } }"),
            (Format::Kafel, "/* x: y */ ERRNO(1) { read }\n"),
            (Format::Kafel, "DEFAULT KILL_PROCESS"),
            (Format::Minijail, "# c\nread: 1\nioctl: arg1 == 5 || \\\n  arg1 == 6\n"),
            (Format::MinijailPython, "read: allow\n"),
            (Format::MinijailPython, "@default trap\nread: 1\n"),
            (Format::Systemd, "# c\n[Service]\nSystemCallFilter=@default\n"),
            (Format::Lxc, "2\ndenylist\n[all]\nread\n"),
            (Format::Nsjail, "name: \"x\"\nseccomp_string: \"DEFAULT ALLOW\"\n"),
            (Format::Firejail, "include globals.local\ncaps.drop all\nseccomp\nnoroot\n"),
            (Format::Android, "read(int, void*) all\nmmap2:mmap2(void*) arm,lp64\n"),
            (Format::Pledge, "stdio rpath getpw\n"),
            (Format::Snapd, "# c\nread\nioctl - TIOCSTI\n~socket AF_ALG\n"),
            (Format::Asm, "A = sys_number\nA == 5 ? x : next\nreturn ALLOW\n"),
            (
                Format::Disasm,
                "0000: 0x20 0x00 0x00 0x00000004 A = arch\n0001: 0x06 0x00 0x00 0x7fff0000 return ALLOW\n",
            ),
        ] {
            assert_eq!(detect("x", text), Some(format), "{text}");
        }
        assert_eq!(detect("x", "hello world\n"), None);
        assert_eq!(detect("x", ""), None);
    }
}
