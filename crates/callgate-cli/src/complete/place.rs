//! Where in a command line the cursor is.

use clap::{Arg, Command};

/// What the words before the cursor say about it.
pub(super) struct Place<'a> {
    /// The verb's definition, or the program's own.
    pub(super) command: &'a Command,
    pub(super) verb: Option<&'a str>,
    /// What stands by itself behind the verb.
    pub(super) given: Vec<&'a str>,
    pub(super) expected: Expected<'a>,
}

/// What comes next.
pub(super) enum Expected<'a> {
    /// The value of this option.
    Value(&'a Arg),
    /// A command, or a word of it.
    Command,
    /// Anything else.
    Word,
}

impl<'a> Place<'a> {
    /// Reads the words before the cursor.
    pub(super) fn find(program: &'a Command, words: &'a [String]) -> Place<'a> {
        let mut place = Place { command: program, verb: None, given: Vec::new(), expected: Expected::Word };
        for word in words {
            place.expected = place.after(word);
            if let Expected::Command = place.expected {
                break;
            }
        }
        place
    }

    /// What is expected behind this word.
    fn after(&mut self, word: &'a str) -> Expected<'a> {
        if let Expected::Value(arg) = self.expected {
            let many = arg.get_num_args().is_some_and(|n| n.max_values() > 1);
            if !(many || optional(arg)) || !word.starts_with('-') {
                // The input of that name stands before the others.
                if arg.get_id() == "pid" && self.option("--pid").is_none() {
                    self.given.insert(0, word);
                }
                return if many { Expected::Value(arg) } else { Expected::Word };
            }
        }
        if word == "--" {
            let command = self.command.get_positionals().any(Arg::is_last_set);
            return if command { Expected::Command } else { Expected::Word };
        }
        if word.starts_with('-') && word != "-" {
            let valued = |arg: &&Arg| takes_values(arg);
            if word.contains('=') {
                return Expected::Word;
            }
            if word == "--pid" && self.reads_processes() {
                return Expected::Value(&PID);
            }
            // A short option may have its value in the same word, and flags before it.
            let arg = match word.strip_prefix('-').filter(|w| !w.starts_with('-')) {
                Some(cluster) => {
                    let valued = cluster.char_indices().find_map(|(at, c)| {
                        let arg = self.short(c).filter(valued)?;
                        Some((arg, at + c.len_utf8() == cluster.len()))
                    });
                    valued.and_then(|(arg, last)| last.then_some(arg))
                }
                None => self.option(word).filter(valued),
            };
            return arg.map_or(Expected::Word, Expected::Value);
        }
        if self.verb.is_none() {
            let verb = self.command.get_subcommands().find(|v| v.get_name() == word);
            (self.command, self.verb) = match verb {
                Some(verb) => (verb, Some(verb.get_name())),
                None => (&*NONE, Some("")),
            };
        } else {
            self.given.push(word);
        }
        Expected::Word
    }

    /// The option with this long name, `--` included.
    pub(super) fn option(&self, word: &str) -> Option<&'a Arg> {
        let name = word.strip_prefix("--")?;
        self.command.get_arguments().find(|arg| {
            arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|all| all.contains(&name))
        })
    }

    fn short(&self, c: char) -> Option<&'a Arg> {
        self.command.get_arguments().find(|arg| arg.get_short() == Some(c))
    }

    /// What stands by itself and comes next.
    pub(super) fn positional(&self) -> Option<&'a Arg> {
        let all: Vec<&Arg> = self.command.get_positionals().filter(|arg| !arg.is_last_set()).collect();
        let more = |arg: &&&Arg| arg.get_num_args().is_some_and(|n| n.max_values() > 1) || is_list(arg);
        all.get(self.given.len()).or_else(|| all.last().filter(more)).copied()
    }

    /// Whether `--pid N` is an input of this verb, as `pid:N` is.
    pub(super) fn reads_processes(&self) -> bool {
        let inputs = self.command.get_positionals().any(|arg| {
            super::kind::of(self.verb.unwrap_or_default(), arg.get_id().as_str()) == Some(super::Kind::Input)
        });
        inputs && self.option("--pid").is_none()
    }
}

/// Whether an option is followed by a value.
pub(super) fn takes_values(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

/// Whether the value may be left out.
fn optional(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|n| n.min_values() == 0)
}

fn is_list(arg: &Arg) -> bool {
    matches!(arg.get_action(), clap::ArgAction::Append)
}

/// `--pid`, which is made an input before the line is parsed.
static PID: std::sync::LazyLock<Arg> = std::sync::LazyLock::new(|| Arg::new("pid").long("pid").num_args(1));

/// A verb that is none.
static NONE: std::sync::LazyLock<Command> = std::sync::LazyLock::new(|| Command::new("none"));
