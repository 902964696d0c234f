//! `help`: a topic, a verb's help, a code's page, a format's, a built-in policy.

use crate::args::Help;
use crate::failure::{Failure, Outcome};
use crate::help::{TOPICS, find, names};
use crate::output::print;
use crate::say::Say;
use std::fmt::Write;

pub(crate) fn help(args: &Help, _: &Say) -> Outcome {
    let topic = args.topic.join("-");
    if topic.is_empty() {
        print(&listed())?;
        return Ok(0);
    }
    let mut command = crate::command();
    if let Some(verb) = command.find_subcommand_mut(&topic).filter(|v| !v.is_hide_set()) {
        print(&verb.render_long_help().to_string())?;
        return Ok(0);
    }
    let text = find(&topic).ok_or_else(|| unknown(&topic))?;
    print(&text)?;
    Ok(0)
}

/// The program's help, and the topics.
fn listed() -> String {
    let mut out = crate::command().render_help().to_string();
    out.push_str("\nTopics, for `callgate help TOPIC`:\n");
    for topic in TOPICS {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {:<16} {}", topic.name, topic.about);
    }
    out.push_str("\n`callgate help VERB` says more than `callgate VERB --help`.\n");
    out
}

fn unknown(topic: &str) -> Failure {
    let lower = topic.to_ascii_lowercase();
    let all: Vec<String> = names().map(|n| n.0.to_owned()).collect();
    let begins = |name: &&str| {
        let name = name.to_ascii_lowercase();
        lower.len() >= 3 && name.len() >= 3 && (name.starts_with(&lower) || lower.starts_with(&name))
    };
    let mut near: Vec<&str> = all.iter().map(String::as_str).filter(begins).take(5).collect();
    if near.is_empty() {
        near.extend(callgate::nearest(&lower, all.iter().map(String::as_str)));
        near.extend(callgate::nearest(&topic.to_ascii_uppercase(), all.iter().map(String::as_str)));
        near.dedup();
    }
    Failure::input(match &near[..] {
        [] if callgate::Syscall::from_name(topic).is_some() => {
            format!("{topic}: no topic but a system call; `callgate syscalls {topic}` shows it")
        }
        [] => format!("{topic}: no such topic; `callgate help` lists them"),
        near => {
            format!("{topic}: no such topic; did you mean {}? `callgate help` lists them", near.join(", "))
        }
    })
}
