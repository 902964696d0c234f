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

    #[test]
    fn a_process_is_an_input() {
        check("callgate emu read --pid 7 3", "callgate emu pid:7 read 3");
        check("callgate --color never explain --pid=7", "callgate --color never explain pid:7");
        check("callgate dump --pid 7", "callgate dump --pid 7");
        check("callgate run strict -- kill --pid 7", "callgate run strict -- kill --pid 7");
        check("callgate explain --pid", "callgate explain --pid");
    }
}
