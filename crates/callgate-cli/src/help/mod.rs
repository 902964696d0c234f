//! Topics of `callgate help`, which are the pages of `docs/`, and pages of the manual, too.

mod made;
mod section;

use callgate::syntax::REFERENCE;
use callgate_formats::Format;

/// Something there is help on, beside the verbs.
pub struct Topic {
    /// The word that asks for it.
    pub name: &'static str,
    /// What it is about, in a line.
    pub about: &'static str,
    text: Text,
}

/// Where a topic's text comes from.
#[derive(Clone, Copy)]
enum Text {
    /// Pages of `docs/`, one after the other.
    Pages(&'static [&'static str]),
    /// Sections of one, by their headings.
    Sections(&'static str, &'static [&'static str]),
    /// Made of what the tool itself knows.
    Made(fn() -> String),
    /// A page's sections, and what the tool knows about them.
    Both(&'static str, &'static [&'static str], fn() -> String),
}

macro_rules! page {
    ($name:literal) => {
        include_str!(concat!("../../docs/", $name, ".md"))
    };
}

/// The topics, in the order in which they are listed.
pub const TOPICS: &[Topic] = &[
    topic("policy", "the policy language, all of it", Text::Pages(&[REFERENCE])),
    topic("actions", "what may become of a call", Text::Sections(REFERENCE, &["Actions"])),
    topic("calls", "naming calls in a rule", Text::Sections(REFERENCE, &["Calls"])),
    topic("groups", "groups of calls", Text::Both(REFERENCE, &["Groups"], made::groups)),
    topic("arguments", "conditions on arguments", Text::Sections(REFERENCE, &["Conditions"])),
    topic(
        "architectures",
        "policies for several of them, and for x32",
        Text::Both(REFERENCE, &["Architectures"], made::architectures),
    ),
    topic("answers", "`on` lines: what a supervisor does", Text::Sections(REFERENCE, &["Answers"])),
    topic("expectations", "`expect` lines: a policy's tests", Text::Sections(REFERENCE, &["Expectations"])),
    topic(
        "builtins",
        "the policies that come with callgate",
        Text::Both(REFERENCE, &["Built-in policies"], made::builtins),
    ),
    topic("inputs", "what can be read, and how it is named", Text::Pages(&[page!("inputs")])),
    topic("beside", "files that are read with the one you name", Text::Pages(&[page!("beside")])),
    topic(
        "formats",
        "other programs' notations; `help NAME` says more of one",
        Text::Both(page!("formats/README"), &["Formats"], made::formats),
    ),
    topic("codes", "everything `check` may say; `help CG0103` says more of one", Text::Made(made::codes)),
    topic("findings", "how `check` works, and how findings are allowed", Text::Pages(&[page!("check")])),
    topic("learning", "policies from what a program calls", Text::Pages(&[page!("learning")])),
    topic(
        "recording",
        "the text that `learn --record` writes, and how a command is watched",
        Text::Pages(&[page!("recording")]),
    ),
    topic("supervising", "answering calls in the kernel's place", Text::Pages(&[page!("supervise")])),
    topic("targets", "what a program is to be fast on", Text::Pages(&[page!("targets")])),
    topic("profiles", "how often each call is made", Text::Pages(&[page!("profile")])),
    topic("assembler", "programs as text", Text::Pages(&[page!("assembler")])),
    topic("kernel-features", "what the kernel has to have", Text::Pages(&[page!("kernel-features")])),
    topic("exit-codes", "how a verb ends", Text::Pages(&[page!("exit-codes")])),
    topic("json", "what `--json` prints, and its schemas", Text::Pages(&[page!("schemas/README")])),
    topic("shells", "completions for bash, zsh, fish and nushell", Text::Pages(&[page!("completions")])),
];

const fn topic(name: &'static str, about: &'static str, text: Text) -> Topic {
    Topic { name, about, text }
}

/// Other words for a topic.
const ALSO: &[(&str, &str)] = &[
    ("language", "policy"),
    ("cg", "policy"),
    ("action", "actions"),
    ("group", "groups"),
    ("conditions", "arguments"),
    ("expect", "expectations"),
    ("notify", "answers"),
    ("built-in", "builtins"),
    ("lints", "codes"),
    ("errors", "codes"),
    ("exit", "exit-codes"),
    ("kernel", "kernel-features"),
    ("features", "kernel-features"),
    ("schemas", "json"),
    ("target", "targets"),
    ("shell", "shells"),
];

impl Topic {
    /// Its text, in Markdown.
    pub fn text(&self) -> String {
        match self.text {
            Text::Pages(pages) => pages.join("\n"),
            Text::Sections(page, headings) => section::of(page, headings),
            Text::Made(made) => made(),
            Text::Both(page, headings, made) => {
                format!("{}\n{}", section::of(page, headings).trim_end(), made())
            }
        }
    }
}

/// The text of the topic with this name: one of [`TOPICS`], a code, a notation or a built-in policy.
pub(crate) fn find(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase().replace([' ', '_'], "-");
    let lower = ALSO.iter().find(|also| also.0 == lower).map_or(lower, |also| also.1.to_owned());
    if let Some(topic) = TOPICS.iter().find(|t| t.name == lower) {
        return Some(topic.text());
    }
    made::code(&lower)
        .or_else(|| Format::from_name(&lower).map(|format| format_page(format).to_owned()))
        .or_else(|| callgate::builtin::get(&lower).map(str::to_owned))
}

/// Every word that `help` takes beside the verbs, with what it is about.
pub(crate) fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let verbs = crate::args::verbs().into_iter();
    let topics = TOPICS.iter().map(|t| (t.name, t.about));
    let formats = Format::ALL.iter().map(|f| (f.name(), f.describe()));
    let builtins = callgate::builtin::names().map(|n| (n, callgate::builtin::summary(n).unwrap_or_default()));
    verbs.chain(topics).chain(formats).chain(builtins).chain(callgate::lint::codes())
}

/// The page of a notation.
fn format_page(format: Format) -> &'static str {
    match format {
        Format::Callgate => page!("formats/callgate"),
        Format::Oci => page!("formats/oci"),
        Format::Docker => page!("formats/docker"),
        Format::Containers => page!("formats/containers"),
        Format::Spo => page!("formats/spo"),
        Format::Seccompiler => page!("formats/seccompiler"),
        Format::GoSeccomp => page!("formats/go-seccomp-bpf"),
        Format::Minijail | Format::MinijailPython => page!("formats/minijail"),
        Format::Systemd => page!("formats/systemd"),
        Format::Kafel => page!("formats/kafel"),
        Format::Nsjail => page!("formats/nsjail"),
        Format::Firejail => page!("formats/firejail"),
        Format::Lxc => page!("formats/lxc"),
        Format::Snapd => page!("formats/snapd"),
        Format::Android => page!("formats/android"),
        Format::Pledge => page!("formats/pledge"),
        Format::Easyseccomp => page!("formats/easyseccomp"),
        Format::Pfc => page!("formats/pfc"),
        Format::Asm | Format::Disasm | Format::Bpf => page!("formats/programs"),
        Format::C | Format::Rust => page!("formats/constants"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_says_something() {
        for topic in TOPICS {
            let text = topic.text();
            assert!(text.starts_with('#'), "{}: {text:.80}", topic.name);
            assert!(text.lines().count() > 5, "{}", topic.name);
        }
        for (also, name) in ALSO {
            assert_eq!(find(also), TOPICS.iter().find(|t| t.name == *name).map(Topic::text), "{also}");
        }
    }

    #[test]
    fn every_name_is_found() {
        let verbs = crate::args::verbs();
        for (name, _) in names().filter(|n| !verbs.contains(n)) {
            assert!(find(name).is_some(), "{name}");
        }
        assert_eq!(find("CG0103"), find("103"));
        assert!(find("exit codes").is_some() && find("Kernel Features").is_some());
        assert!(find("nonsense").is_none());
    }
}
