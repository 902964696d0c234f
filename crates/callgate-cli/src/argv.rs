//! What was typed, before it is parsed: `--pid N` is an input like any other.

use std::ffi::OsString;

/// Turns `--pid N` into the input `pid:N`, in front of the verb's other inputs. `dump` and `learn` have an option of
/// that name, and behind `--` words belong to a command.
pub(crate) fn argv(typed: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = typed.collect();
    let end = words.iter().position(|w| w == "--").unwrap_or(words.len());
    let Some(verb) = verb(&words[..end]) else { return words };
    if words[verb] == "dump" || words[verb] == "learn" {
        return words;
    }
    let Some(at) = (verb + 1..end).find(|i| pid(&words[*i]).is_some()) else { return words };
    let (input, taken) = match pid(&words[at]) {
        Some("") => match words.get(at + 1).filter(|_| at + 1 < end).and_then(|w| w.to_str()) {
            Some(pid) => (format!("pid:{pid}"), 2),
            None => return words,
        },
        Some(pid) => (format!("pid:{pid}"), 1),
        None => return words,
    };
    words.drain(at..at + taken);
    words.insert(verb + 1, input.into());
    words
}

/// Other tools' and other people's words for verbs.
const WORDS: &[(&str, &str)] = &[
    ("analyze", "check"),
    ("assemble", "asm"),
    ("decompile", "explain"),
    ("disassemble", "disasm"),
    ("eval", "emu"),
    ("exec", "run"),
    ("export", "convert"),
    ("format", "fmt"),
    ("import", "convert"),
    ("lint", "check"),
    ("load", "run"),
    ("lookup", "syscalls"),
    ("record", "learn"),
    ("resolve", "syscalls"),
    ("show", "explain"),
    ("simulate", "emu"),
    ("strace", "learn"),
    ("syscall", "syscalls"),
    ("trace", "learn"),
    ("verify", "prove"),
];

/// What was meant, where the parser does not see it.
pub(crate) fn tip(words: &[OsString], error: &clap::Error) -> Option<String> {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    let end = words.iter().position(|w| w == "--");
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand if error.get(ContextKind::SuggestedSubcommand).is_none() => {
            let typed = text(ContextKind::InvalidSubcommand)?;
            let command = crate::command();
            let verbs = command.get_subcommands().filter(|c| !c.is_hide_set()).map(clap::Command::get_name);
            let other = WORDS.iter().find(|w| w.0 == typed).map(|w| w.1);
            match other.or_else(|| callgate::nearest(typed, verbs)) {
                Some(verb) => Some(format!("did you mean '{verb}'?")),
                None if std::path::Path::new(typed).exists() => {
                    Some(format!("a verb stands in front of the input: 'callgate explain {typed}'"))
                }
                None => None,
            }
        }
        ErrorKind::UnknownArgument if end.is_none() => {
            let verb = words.get(verb(words)?)?.to_str()?;
            let word = text(ContextKind::InvalidArg).filter(|word| !word.starts_with('-'))?;
            let policy = if matches!(verb, "run" | "supervise") { "POLICY " } else { "" };
            matches!(verb, "run" | "supervise" | "learn" | "dump")
                .then(|| format!("a command stands behind '--': 'callgate {verb} {policy}-- {word} …'"))
        }
        _ => None,
    }
}

/// Where the verb stands: options of the program itself come before it.
fn verb(words: &[OsString]) -> Option<usize> {
    let mut at = 1;
    while let Some(word) = words.get(at) {
        match word.to_str() {
            Some("--color") => at += 2,
            Some(word) if word.starts_with('-') => at += 1,
            _ => return Some(at),
        }
    }
    None
}

/// What `--pid=N` names; empty where the number is the next word.
fn pid(word: &OsString) -> Option<&str> {
    match word.to_str()? {
        "--pid" => Some(""),
        word => word.strip_prefix("--pid="),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: &str, expected: &str) {
        let words = argv(typed.split(' ').map(OsString::from));
        let words: Vec<_> = words.iter().map(|w| w.to_string_lossy()).collect();
        assert_eq!(words.join(" "), expected);
    }

    #[track_caller]
    fn tips(typed: &str) -> Option<String> {
        let words: Vec<OsString> = typed.split(' ').map(OsString::from).collect();
        tip(&words, &crate::args::Cli::parse_words(&words).unwrap_err())
    }

    #[test]
    fn what_was_meant() {
        assert_eq!(tips("callgate rnu strict -- ls").unwrap(), "did you mean 'run'?");
        assert_eq!(tips("callgate lint strict").unwrap(), "did you mean 'check'?");
        assert_eq!(
            tips("callgate /dev/null").unwrap(),
            "a verb stands in front of the input: 'callgate explain /dev/null'"
        );
        assert_eq!(tips("callgate frobnicate"), None);
        assert_eq!(
            tips("callgate run strict ls -l").unwrap(),
            "a command stands behind '--': 'callgate run POLICY -- ls …'"
        );
        assert_eq!(
            tips("callgate learn true").unwrap(),
            "a command stands behind '--': 'callgate learn -- true …'"
        );
        assert_eq!(tips("callgate learn --frob"), None);
        assert_eq!(tips("callgate check"), None);
    }

    #[test]
    fn a_process_is_an_input() {
        check("callgate emu read --pid 7 3", "callgate emu pid:7 read 3");
        check("callgate --color never explain --pid=7", "callgate --color never explain pid:7");
        check("callgate dump --pid 7", "callgate dump --pid 7");
        check("callgate run strict -- kill --pid 7", "callgate run strict -- kill --pid 7");
        check("callgate explain --pid", "callgate explain --pid");
    }
}
