//! The `callgate` tool: one file a verb, under `verbs/`.
//!
//! It is a library only so that chores and tests can ask its definition: manual pages and completions are made from
//! [`command`]. It is no interface for other programs; those use the `callgate` crate.

mod args;
mod argv;
mod callers;
mod complete;
mod domain;
mod failure;
mod help;
mod input;
mod live;
mod output;
mod random;
mod report;
mod say;
mod screen;
mod tuning;
mod verbs;

use args::{Cli, Verb};
use clap::CommandFactory;
use failure::Failure;
use std::io::Write;
use std::process::ExitCode;

pub use help::{TOPICS, Topic};

/// The tool's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The definition of everything that may be typed, with what the verbs inherit filled in.
pub fn command() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// The tool, with the arguments this process was started with; its exit status.
pub fn main() -> ExitCode {
    let words = argv::argv(std::env::args_os());
    let cli = match Cli::parse_words(&words) {
        Ok(cli) => cli,
        Err(e) => {
            if !e.use_stderr() {
                return asked_for(&e);
            }
            // Nobody is left to tell that nobody can be told.
            let _ = e.print();
            if let Some(tip) = argv::tip(&words, &e) {
                let _ = writeln!(std::io::stderr(), "\n  tip: {tip}");
            }
            return ExitCode::from(2);
        }
    };
    let say = say::Say::new(cli.shared.color);
    let done = match &cli.verb {
        Verb::Run(verb) => verbs::run::run(verb, &say),
        Verb::Supervise(verb) => verbs::supervise::supervise(verb, &say),
        Verb::Learn(verb) => verbs::learn::learn(verb, &say),
        Verb::Check(verb) => verbs::check::check(verb, &say),
        Verb::Test(verb) => verbs::test::test(verb, &say),
        Verb::Compile(verb) => verbs::compile::compile(verb, &say),
        Verb::Fmt(verb) => verbs::fmt::fmt(verb, &say),
        Verb::Disasm(verb) => verbs::disasm::disasm(verb, &say),
        Verb::Asm(verb) => verbs::asm::asm(verb, &say),
        Verb::Emu(verb) => verbs::emu::emu(verb, &say),
        Verb::Explain(verb) => verbs::explain::explain(verb, &say),
        Verb::Diff(verb) => verbs::diff::diff(verb, &say),
        Verb::Prove(verb) => verbs::prove::prove(verb, &say),
        Verb::Optimize(verb) => verbs::optimize::optimize(verb, &say),
        Verb::Merge(verb) => verbs::merge::merge(verb, &say),
        Verb::Dump(verb) => verbs::dump::dump(verb, &say),
        Verb::Syscalls(verb) => verbs::syscalls::syscalls(verb, &say),
        Verb::Why(verb) => verbs::why::why(verb, &say),
        Verb::Doctor(verb) => verbs::doctor::doctor(verb, &say),
        Verb::Convert(verb) => verbs::convert::convert(verb, &say),
        Verb::Report(verb) => verbs::report::report(verb, &say),
        Verb::Help(verb) => verbs::help::help(verb, &say),
        Verb::Completions(verb) => verbs::complete::completions(verb, &say),
        Verb::Complete(verb) => verbs::complete::complete(verb, &say),
    };
    ended(done, &say)
}

/// Help or the version, which is a result like any other: it fails where it cannot be written.
fn asked_for(text: &clap::Error) -> ExitCode {
    let written = text.print().and_then(|()| std::io::stdout().flush());
    ended(output::printed(written).map(|()| 0), &say::Say::new(say::Color::Auto))
}

/// What a verb came to, said and told to whoever started this.
fn ended(done: Result<u8, Failure>, say: &say::Say) -> ExitCode {
    match done {
        Ok(code) => ExitCode::from(code),
        Err(Failure { code, messages, .. }) => {
            for message in messages {
                say.error(&message);
            }
            ExitCode::from(code)
        }
    }
}
