//! What was learned, rule by rule, with a person: on a screen where the terminal is one, else question by question.

mod view;

use crate::failure::Failure;
use crate::say::Color;
use crate::screen::Screen;
use callgate::abi::risk;
use callgate::{Policy, Syscall};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};

/// The person at the terminal, whatever standard input and output are.
pub(super) struct Terminal {
    read: BufReader<File>,
    write: File,
}

impl Terminal {
    /// # Errors
    ///
    /// When there is none.
    pub(super) fn open() -> Result<Terminal, Failure> {
        let open = || -> io::Result<Terminal> {
            let read = BufReader::new(File::open("/dev/tty")?);
            Ok(Terminal { read, write: File::options().write(true).open("/dev/tty")? })
        };
        open().map_err(|e| Failure::input(format!("--review needs a terminal: /dev/tty: {e}")))
    }

    /// The policy as it is left: every rule is shown and asked about.
    pub(super) fn review(&mut self, text: &str, color: Color) -> Result<String, Failure> {
        let failed = |e: io::Error| Failure::input(format!("/dev/tty: {e}"));
        let rules = rules(text);
        let tty = File::options().read(true).write(true).open("/dev/tty").map_err(failed)?;
        let answers = if Screen::suits(&tty) {
            let color = color.on(&tty);
            let mut screen = Screen::open(tty).map_err(failed)?;
            view::View::new(&rules, color).run(&mut screen)
        } else {
            self.walk(&rules)
        };
        let reviewed = answered(text, &rules, &answers.map_err(failed)?);
        let policy = Policy::parse(&reviewed).map_err(Failure::input)?;
        policy.compile().map_err(Failure::input)?;
        Ok(reviewed)
    }

    fn walk(&mut self, rules: &[Rule<'_>]) -> io::Result<Vec<Answer>> {
        let mut answers = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            let answer = match answers.last() {
                Some(Answer::All) => Answer::All,
                _ => self.ask(rule, at + 1, rules.len())?,
            };
            answers.push(answer);
        }
        Ok(answers)
    }

    fn ask(&mut self, rule: &Rule<'_>, number: usize, of: usize) -> io::Result<Answer> {
        writeln!(self.write, "\n{number}/{of}")?;
        for line in rule.remarks.iter().chain(&rule.lines) {
            writeln!(self.write, "  {line}")?;
        }
        for risk in rule.calls().filter_map(risk::of) {
            writeln!(self.write, "  ! {}: {}", risk.call.name(), risk.reason)?;
        }
        loop {
            write!(self.write, "[a]llow, [l]eave out, [e]rror EPERM, allow [r]est? ")?;
            self.write.flush()?;
            let mut answer = String::new();
            if self.read.read_line(&mut answer)? == 0 {
                return Err(io::Error::other("the end came before the last rule: nothing is written"));
            }
            match answer.trim() {
                "a" | "" => return Ok(Answer::Allow),
                "l" => return Ok(Answer::LeaveOut),
                "e" => return Ok(Answer::Error),
                "r" => return Ok(Answer::All),
                _ => {}
            }
        }
    }
}

/// A rule of the draft.
struct Rule<'a> {
    /// Its lines: a list goes on behind its commas.
    lines: Vec<&'a str>,
    /// The remarks above it, which are about it.
    remarks: Vec<&'a str>,
    /// Where it begins.
    at: usize,
}

impl Rule<'_> {
    /// The calls it names.
    fn calls(&self) -> impl Iterator<Item = Syscall> {
        let words =
            self.lines.iter().flat_map(|l| l.split("  #").next().unwrap_or_default().split([' ', ',']));
        words.filter_map(Syscall::from_name)
    }
}

/// What a draft allows, rule by rule.
fn rules(text: &str) -> Vec<Rule<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut rules = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if !lines[at].starts_with("allow ") {
            at += 1;
            continue;
        }
        let more = lines[at..].iter().take_while(|l| l.ends_with(',')).count();
        let end = (at + more + 1).min(lines.len());
        let above = lines[..at].iter().rev().take_while(|l| l.starts_with('#')).count();
        rules.push(Rule { lines: lines[at..end].to_vec(), remarks: lines[at - above..at].to_vec(), at });
        at = end;
    }
    rules
}

/// The draft after the answers.
fn answered(text: &str, rules: &[Rule<'_>], answers: &[Answer]) -> String {
    let mut done = String::new();
    let mut lines = text.lines().enumerate();
    let mut next = rules.iter().zip(answers).peekable();
    while let Some((at, line)) = lines.next() {
        match next.next_if(|(rule, _)| rule.at == at) {
            Some((rule, answer)) => {
                done.push_str(&answer.apply(&rule.lines));
                // The others of its lines.
                lines.by_ref().take(rule.lines.len() - 1).for_each(drop);
            }
            None => {
                done.push_str(line);
                done.push('\n');
            }
        }
    }
    done
}

/// What becomes of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    Allow,
    LeaveOut,
    Error,
    /// This and all that follow.
    All,
}

impl Answer {
    /// The rule after it.
    fn apply(self, rule: &[&str]) -> String {
        let text = rule.join("\n");
        match self {
            Answer::Allow | Answer::All => format!("{text}\n"),
            Answer::LeaveOut => {
                let lines: Vec<String> = rule.iter().map(|l| format!("# left out: {l}")).collect();
                format!("{}\n", lines.join("\n"))
            }
            Answer::Error => format!("errno(EPERM){}\n", text.strip_prefix("allow").unwrap_or(&text)),
        }
    }
}
