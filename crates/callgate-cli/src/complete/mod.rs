//! What may stand where the cursor is: the definition of the command line, read at run time, so that completions know
//! every verb, option and name that the tool itself knows.

mod kind;
mod line;
mod place;
mod values;

pub(crate) use kind::Kind;
pub(crate) use line::split;
use place::{Expected, Place};

/// Something that may be typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Candidate {
    /// The whole word.
    pub(crate) value: String,
    /// What it is, in a line; may be empty.
    pub(crate) about: String,
}

impl Candidate {
    fn new(value: impl Into<String>, about: impl Into<String>) -> Candidate {
        Candidate { value: value.into(), about: about.into() }
    }
}

/// What else may stand there, which a shell knows better.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Also {
    /// Nothing.
    #[default]
    Nothing,
    /// Names of files.
    Files,
    /// Names of folders.
    Folders,
    /// A command, or a word of it: it begins behind `--`.
    Command,
}

/// What may stand somewhere.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) also: Also,
}

/// What may stand for the last of these words, of which the program's name is none.
pub(crate) fn complete(words: &[String]) -> Answer {
    let (current, before) = match words.split_last() {
        Some((current, before)) => (current.as_str(), before),
        None => ("", &[][..]),
    };
    let command = crate::command();
    let place = Place::find(&command, before);
    let mut answer = match &place.expected {
        Expected::Command => Answer { also: Also::Command, ..Answer::default() },
        Expected::Value(arg) => values_of(&place, arg, "", current),
        Expected::Word => word(&place, current),
    };
    answer.candidates.retain(|c| c.value.starts_with(current));
    answer
}

/// An option, a verb, or what stands by itself.
fn word(place: &Place<'_>, current: &str) -> Answer {
    if let Some((option, value)) = current.split_once('=').filter(|_| current.starts_with("--")) {
        return match place.option(option).filter(|arg| place::takes_values(arg)) {
            Some(arg) => values_of(place, arg, &format!("{option}="), value),
            None => Answer::default(),
        };
    }
    if current.starts_with('-') && current != "-" {
        return Answer { candidates: options(place), also: Also::Nothing };
    }
    if place.verb.is_none() {
        let verbs = place.command.get_subcommands().filter(|v| !v.is_hide_set());
        let candidates = verbs.map(|v| Candidate::new(v.get_name(), first_line(v.get_about()))).collect();
        return Answer { candidates, also: Also::Nothing };
    }
    match place.positional() {
        Some(arg) => values_of(place, arg, "", current),
        None => Answer { candidates: options(place), also: Also::Nothing },
    }
}

/// Every option that may be given here.
fn options(place: &Place<'_>) -> Vec<Candidate> {
    let mut all = Vec::new();
    for arg in place.command.get_arguments().filter(|a| !a.is_positional() && !a.is_hide_set()) {
        let about = first_line(arg.get_help());
        all.extend(arg.get_short().map(|short| Candidate::new(format!("-{short}"), about.as_str())));
        all.extend(arg.get_long().map(|long| Candidate::new(format!("--{long}"), about.as_str())));
    }
    if place.reads_processes() {
        all.push(Candidate::new("--pid", "What this process is filtered by, as an input"));
    }
    if place.command.get_positionals().any(clap::Arg::is_last_set) {
        all.push(Candidate::new("--", "The command and its arguments"));
    }
    all.sort_by(|a, b| a.value.cmp(&b.value));
    all
}

/// The values of an option or of what stands by itself; `head` is what the word has before the value.
fn values_of(place: &Place<'_>, arg: &clap::Arg, head: &str, current: &str) -> Answer {
    let verb = place.verb.unwrap_or_default();
    let listed = arg.get_possible_values();
    let (kind, mut answer) = if listed.is_empty() {
        let kind = kind::of(verb, arg.get_id().as_str()).unwrap_or(Kind::Free);
        (kind, values::of(kind, &place.given))
    } else {
        let value = |v: &clap::builder::PossibleValue| Candidate::new(v.get_name(), first_line(v.get_help()));
        (Kind::Free, Answer { candidates: listed.iter().map(value).collect(), also: Also::Nothing })
    };
    // Of a list only the last item is completed.
    let list = match arg.get_value_delimiter().or(kind.delimiter()) {
        Some(delimiter) => current.rfind(delimiter).map_or("", |at| &current[..=at]),
        None => "",
    };
    for candidate in &mut answer.candidates {
        candidate.value.insert_str(0, list);
        candidate.value.insert_str(0, head);
    }
    answer
}

fn first_line(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(|t| t.to_string().lines().next().unwrap_or_default().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is offered for the last word of a line.
    fn offered(line: &str) -> Vec<String> {
        complete(&split(line)[1..]).candidates.into_iter().map(|c| c.value).collect()
    }

    fn also(line: &str) -> Also {
        complete(&split(line)[1..]).also
    }

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        assert_eq!(offered(line), expected, "{line}");
    }

    #[test]
    fn verbs_and_options() {
        check("callgate ex", &["explain"]);
        check("callgate --color never dis", &["disasm"]);
        check("callgate run --agent", &["--agent", "--agent-metadata"]);
        check("callgate --color al", &["always"]);
        check("callgate learn --via=t", &["--via=trace"]);
        assert!(offered("callgate check web.cg --").contains(&"--sarif".into()));
        assert!(!offered("callgate ").contains(&"complete".into()), "hidden");
    }

    #[test]
    fn names() {
        check("callgate run no-n", &["no-network", "no-new-exec"]);
        check("callgate explain x.bpf clone", &["clone", "clone3"]);
        check("callgate compile x.cg -a x86_64,she", &["x86_64,sheb"]);
        check("callgate syscalls @sock", &["@sockets"]);
        check("callgate syscalls --constants socket_ty", &["socket_type"]);
        check("callgate convert x.cg -t minijail-", &["minijail-python"]);
        check(
            "callgate check --explain CG010",
            &(101..110)
                .map(|n| format!("CG0{n}"))
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        );
        check("callgate check --libc mus", &["musl-"]);
        check("callgate learn --default errno(EPER", &["errno(EPERM)"]);
        check("callgate help sup", &["supervise", "supervising"]);
        check("callgate doctor --require run,lea", &["run,learn"]);
        check("callgate explain docker.json --caps all,CAP_SYS_AD", &["all,CAP_SYS_ADMIN"]);
    }

    #[test]
    fn constants_of_the_argument() {
        check("callgate emu web.cg socket AF_NETL", &["AF_NETLINK"]);
        check("callgate emu web.cg socket AF_UNIX SOCK_RA", &["SOCK_RAW"]);
        check("callgate emu web.cg openat AT_FDCWD 0 O_RDWR|O_CLO", &["O_RDWR|O_CLOEXEC"]);
        check("callgate emu web.cg fcntl 3 F_GETPI", &["F_GETPIPE_SZ"]);
        check("callgate emu web.cg fcntl 3 F_SETFD FD_", &["FD_CLOEXEC"]);
        check("callgate emu web.cg getpid A", &[]);
    }

    #[test]
    fn statements() {
        check("callgate prove a.cg never", &["never"]);
        check("callgate prove a.cg never al", &["allow"]);
        check("callgate prove a.cg never allow execv", &["execve", "execveat"]);
        assert_eq!(also("callgate prove a.cg equal "), Also::Files);
        assert_eq!(also("callgate prove a.cg never allow "), Also::Nothing);
    }

    #[test]
    fn what_a_shell_knows() {
        assert_eq!(also("callgate check --fix "), Also::Files);
        assert_eq!(also("callgate learn --merge a.jsonl "), Also::Files);
        assert_eq!(also("callgate learn --cgroup "), Also::Folders);
        assert_eq!(also("callgate run strict -- "), Also::Command);
        assert_eq!(also("callgate run strict -- ls --al"), Also::Command);
        assert_eq!(also("callgate dump --pid "), Also::Nothing);
        let me = std::process::id().to_string();
        assert!(offered("callgate explain --pid ").contains(&me));
        assert!(offered(&format!("callgate explain pid:{me}")).contains(&format!("pid:{me}")));
        // What it reads is given by then.
        check(&format!("callgate explain --pid {me} getpi"), &["getpid"]);
    }

    #[test]
    fn nothing_is_offered_for_nonsense() {
        check("callgate nonsense ", &[]);
        check("callgate run --nonsense=", &[]);
        check("callgate fmt --nons", &[]);
        assert_eq!(complete(&[]).candidates, complete(&[String::new()]).candidates);
    }
}
