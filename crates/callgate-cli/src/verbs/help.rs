//! `help`: the language reference, or a verb's help.

use crate::args::{Cli, Help};
use crate::failure::{Failure, Outcome};
use crate::output::print;
use crate::say::Say;
use clap::CommandFactory;

pub(crate) fn help(args: &Help, _: &Say) -> Outcome {
    let mut command = Cli::command();
    // Fills in what the verbs inherit.
    command.build();
    match args.topic.as_deref() {
        None => print(&command.render_help().to_string())?,
        Some("policy") => print(callgate::syntax::REFERENCE)?,
        Some(verb) => match command.find_subcommand_mut(verb) {
            Some(verb) => print(&verb.render_long_help().to_string())?,
            None => {
                return Err(Failure::input(format!(
                    "no help on `{verb}`; there is `policy`, and every verb"
                )));
            }
        },
    }
    Ok(0)
}
