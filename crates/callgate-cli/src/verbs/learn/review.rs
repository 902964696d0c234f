//! A walk through what was learned, rule by rule.

use crate::failure::Failure;
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
    pub(super) fn review(&mut self, text: &str) -> Result<String, Failure> {
        let reviewed = self.walk(text).map_err(|e| Failure::input(format!("/dev/tty: {e}")))?;
        let policy = Policy::parse(&reviewed).map_err(Failure::input)?;
        policy.compile().map_err(Failure::input)?;
        Ok(reviewed)
    }

    fn walk(&mut self, text: &str) -> io::Result<String> {
        let rules = text.lines().filter(|l| l.starts_with("allow ")).count();
        let mut done = String::new();
        let (mut number, mut all) = (0, false);
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let mut rule = vec![line];
            if line.starts_with("allow ") {
                // A list goes on behind its commas.
                while rule.last().is_some_and(|l| l.ends_with(',')) {
                    rule.extend(lines.next());
                }
                number += 1;
                let answer = if all { Answer::Allow } else { self.ask(&rule, number, rules, &done)? };
                all |= answer == Answer::All;
                done.push_str(&answer.apply(&rule));
            } else {
                done.push_str(line);
                done.push('\n');
            }
        }
        Ok(done)
    }

    fn ask(&mut self, rule: &[&str], number: usize, of: usize, before: &str) -> io::Result<Answer> {
        writeln!(self.write, "\n{number}/{of}")?;
        // The remarks above it are about it.
        let remarks: Vec<&str> = before.lines().rev().take_while(|l| l.starts_with('#')).collect();
        for line in remarks.iter().rev().chain(rule) {
            writeln!(self.write, "  {line}")?;
        }
        let words = rule.iter().flat_map(|l| l.split("  #").next().unwrap_or_default().split([' ', ',']));
        for risk in words.filter_map(Syscall::from_name).filter_map(risk::of) {
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

#[derive(Clone, Copy, PartialEq, Eq)]
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
