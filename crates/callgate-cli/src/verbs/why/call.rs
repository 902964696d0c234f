//! A call as a person or strace writes it.

use crate::failure::Failure;
use crate::verbs::emu;
use callgate::abi::Role;
use callgate::{Arch, SeccompData, Syscall};
use callgate_trace::decode::Memory;
use callgate_trace::remedy::Known;

/// A call that was written down.
pub(super) struct Written {
    pub(super) call: SeccompData,
    /// The arguments whose value the text says.
    pub(super) known: Known,
    /// Whether there is a name or a number and nothing else.
    pub(super) is_bare: bool,
    texts: Vec<(u64, Vec<u8>)>,
}

/// Texts are given addresses here; nothing is compared with them, since they are not known.
const TEXTS: u64 = 0x10_0000;

/// `socket(AF_NETLINK, SOCK_RAW, 0)`, a name or number alone, or a line of strace's: texts, structures and `…` stand for
/// arguments that are not known, what a call returned is left out. An argument that is not there is 0.
pub(super) fn parse(arch: Arch, line: &str) -> Result<Written, Failure> {
    let text = without_task(line.trim());
    if text.is_empty() {
        return Err(Failure::input("an empty text is no call; write one as in C, `socket(AF_INET, …)`"));
    }
    let Some((name, rest)) = text.split_once('(') else {
        let call = emu::call(arch, text, &[], "0")?;
        return Ok(Written { call, known: Known::NONE, is_bare: true, texts: Vec::new() });
    };
    let words = arguments(rest).ok_or_else(|| Failure::input(format!("{text}: no closing bracket")))?;
    let name = name.trim();
    if name.is_empty() {
        return Err(Failure::input(format!("{text}: no name of a call in front of the bracket")));
    }
    let given = words.len() - usize::from(words.last().is_some_and(|word| is_rest(word.trim())));
    if given > 6 {
        return Err(Failure::input(format!("{name}: a call has six arguments at most, not {given}")));
    }
    let mut all: Vec<String> = Vec::new();
    let mut known = Known::ALL;
    let mut texts = Vec::new();
    for (word, index) in words.iter().zip(0u8..) {
        let word = word.trim();
        if is_rest(word) && usize::from(index) + 1 == words.len() {
            known = (index..6).fold(known, Known::without);
            continue;
        }
        let (at, word) = named(arch, name, word).unwrap_or((index, word));
        if all.len() <= usize::from(at) {
            all.resize(usize::from(at) + 1, "0".to_owned());
        }
        all[usize::from(at)] = match opaque(word) {
            false => word.split('<').next().unwrap_or(word).trim().to_owned(),
            true => {
                known = known.without(at);
                let address = TEXTS + u64::from(at) * 0x1000;
                // As callgate itself prints it: what was read beside a call may change.
                let text = word.trim_start_matches('~').trim_end_matches("...");
                let quoted = text.strip_prefix('"').and_then(|w| w.strip_suffix('"'));
                quoted.filter(|_| is_path(arch, name, at)).map_or_else(
                    || "0".to_owned(),
                    |text| {
                        texts.push((address, text.bytes().chain([0]).collect()));
                        address.to_string()
                    },
                )
            }
        };
    }
    Ok(Written { call: emu::call(arch, name, &all, "0")?, known, is_bare: false, texts })
}

/// Without the `[pid 12] ` or `12 ` strace puts in front of a call.
fn without_task(text: &str) -> &str {
    let bracketed = text.strip_prefix("[pid").and_then(|rest| rest.split_once(']')).map(|(_, call)| call);
    let numbered = || {
        let (number, call) = text.split_once(' ')?;
        (number.bytes().all(|b| b.is_ascii_digit()) && call.contains('(')).then_some(call)
    };
    bracketed.or_else(numbered).unwrap_or(text).trim()
}

/// What stands between commas, up to the bracket that closes; comments are left out.
fn arguments(text: &str) -> Option<Vec<String>> {
    let mut all = vec![String::new()];
    let (mut depth, mut quoted) = (0usize, false);
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        let word = all.last_mut()?;
        match c {
            '\\' if quoted => {
                word.push(c);
                word.extend(letters.next());
                continue;
            }
            '"' => quoted = !quoted,
            _ if quoted => {}
            '/' if letters.peek() == Some(&'*') => {
                letters.next();
                let mut last = ' ';
                for c in letters.by_ref() {
                    if (last, c) == ('*', '/') {
                        break;
                    }
                    last = c;
                }
                continue;
            }
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => {
                let none = all.len() == 1 && all[0].trim().is_empty();
                return Some(if none { Vec::new() } else { all });
            }
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                all.push(String::new());
                continue;
            }
            _ => {}
        }
        word.push(c);
    }
    // A call that did not return when it was printed.
    let unfinished = all.last()?.find("<unfinished")?;
    all.last_mut()?.truncate(unfinished);
    if all.last()?.trim().is_empty() {
        all.pop();
    }
    Some(all)
}

/// Whether a word stands for whatever follows.
fn is_rest(word: &str) -> bool {
    matches!(word, "…" | "...")
}

/// Whether an argument is a path, which is shown.
fn is_path(arch: Arch, call: &str, at: u8) -> bool {
    let params = Syscall::from_name(call).and_then(|call| call.params(arch)).unwrap_or(&[]);
    params.get(usize::from(at)).is_some_and(|p| p.role == Role::Path)
}

/// Whether a word shows what is pointed to, and not the number that is passed, or is for a parameter by a name that is
/// not known.
fn opaque(word: &str) -> bool {
    let is_named = word
        .split_once('=')
        .is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    word.starts_with(['"', '{', '[', '~', '@']) || word.contains('(') || is_named || is_rest(word)
}

/// `flags=CLONE_VM`: which argument that is.
fn named<'w>(arch: Arch, call: &str, word: &'w str) -> Option<(u8, &'w str)> {
    let (name, value) = word.split_once('=')?;
    let params = Syscall::from_name(call)?.params(arch)?;
    // What strace calls a few parameters of clone.
    let name = name.trim().trim_start_matches("child_").trim_end_matches("ptr");
    let index = params.iter().position(|p| p.name == name || p.name.trim_start_matches("child_") == name)?;
    Some((u8::try_from(index).ok()?, value.trim()))
}

impl Memory for Written {
    fn read(&self, address: u64, buffer: &mut [u8]) -> usize {
        let text = self.texts.iter().find_map(|(start, text)| {
            let from = usize::try_from(address.checked_sub(*start)?).ok()?;
            text.get(from..)
        });
        let text = text.unwrap_or_default();
        let count = text.len().min(buffer.len());
        buffer[..count].copy_from_slice(&text[..count]);
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> (SeccompData, Vec<u8>) {
        let written = parse(Arch::X86_64, line).unwrap_or_else(|e| panic!("{line}: {:?}", e.messages));
        (written.call, (0..6).filter(|i| !written.known.has(*i)).collect())
    }

    #[test]
    fn what_strace_prints() {
        let (call, unknown) = words(
            r#"openat(AT_FDCWD, "/etc/a,\"b)", O_RDONLY|O_CLOEXEC) = -1 EPERM (Operation not permitted)"#,
        );
        assert_eq!((call.nr, call.args[0], call.args[2], unknown), (257, 0xffff_ff9c, 0o2_000_000, vec![1]));
        let (call, unknown) =
            words("[pid  4711] socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) = 3");
        assert_eq!((call.nr, call.args[0], unknown), (41, 16, vec![]));
        let (call, unknown) =
            words("4711  ioctl(1</dev/pts/0<char 136:0>>, TCGETS, {c_iflag=ICRNL|IXON, ...}) = 0");
        assert_eq!((call.args[0], call.args[1], unknown), (1, 0x5401, vec![2]));
        let (call, unknown) =
            words("clone(child_stack=NULL, flags=CLONE_VM|SIGCHLD, child_tidptr=0x7f00) = 12");
        assert_eq!((call.args[0], call.args[1], call.args[3], unknown), (0x111, 0, 0x7f00, vec![]));
        let (call, unknown) = words(r#"execve("/bin/true", ["true", "x"], 0x7ffd /* 20 vars */) = 0"#);
        assert_eq!((call.nr, call.args[2], unknown), (59, 0x7ffd, vec![0, 1]));
        let (_, unknown) = words(r#"statfs(~"/sys/fs/selinux", 0x7ffefd4003d0)"#);
        assert_eq!(unknown, [0]);
        let (_, unknown) = words("mknod(\"x\", S_IFCHR|0600, makedev(0x1, 0x3))");
        assert_eq!(unknown, [0, 2]);
        let (call, unknown) = words("read(3,  <unfinished ...>");
        assert_eq!((call.nr, call.args[0], unknown), (0, 3, vec![]));
    }

    #[test]
    fn what_people_write() {
        assert_eq!(words("socket(AF_NETLINK, …)").1, [1, 2, 3, 4, 5]);
        assert_eq!(words("socket(AF_NETLINK, ...)").1, [1, 2, 3, 4, 5]);
        assert_eq!(words("socket(…, SOCK_RAW, 0)").1, [0]);
        assert_eq!(words("getpid").1, [0, 1, 2, 3, 4, 5]);
        assert_eq!(words("getpid()").0, words("getpid").0);
        assert!(parse(Arch::X86_64, "socket(AF_INET").is_err());
        let many = format!("read({})", ["1"; 300].join(","));
        for (wrong, why) in [
            ("", "an empty text is no call"),
            (" (1)", "no name of a call"),
            (&many, "six arguments at most, not 300"),
            ("futex(1,2,3,4,5,6,7, …)", "at most, not 7"),
        ] {
            let said = parse(Arch::X86_64, wrong).err().unwrap().messages.join("");
            assert!(said.contains(why), "{wrong}: {said}");
        }
        assert_eq!(words("futex(1,2,3,4,5,6, …)").1, [0u8; 0]);
        assert!(parse(Arch::X86_64, "socket(AF_NOTHING)").is_err());
    }
}
