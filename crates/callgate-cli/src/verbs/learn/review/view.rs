//! The rules on a screen: a list with what becomes of each, and all there is to say about one of them.

use super::{Answer, Rule};
use crate::screen::{Key, Screen, fit};
use callgate::abi::risk::{self, Risk};
use std::io;

/// What is shown.
pub(super) struct View<'a> {
    rules: &'a [Rule<'a>],
    answers: Vec<Answer>,
    /// The rule that keys are about.
    at: usize,
    /// The first rule in the list's window.
    top: usize,
    color: bool,
}

/// What a key led to.
enum Next {
    On,
    Write,
    Stop,
}

impl<'a> View<'a> {
    pub(super) fn new(rules: &'a [Rule<'a>], color: bool) -> View<'a> {
        View { rules, answers: vec![Answer::Allow; rules.len()], at: 0, top: 0, color }
    }

    /// Shows the rules until the person is done: an answer for each.
    ///
    /// # Errors
    ///
    /// When the person stops, or the terminal is gone.
    pub(super) fn run(mut self, screen: &mut Screen) -> io::Result<Vec<Answer>> {
        let mut shown = Vec::new();
        loop {
            let (rows, columns) = screen.size();
            let lines = self.frame(rows, columns);
            if lines != shown {
                screen.draw(&lines)?;
                shown = lines;
            }
            match self.press(screen.key()?) {
                Next::On => {}
                Next::Write => return Ok(self.answers),
                Next::Stop => return Err(io::Error::other("stopped: nothing is written")),
            }
        }
    }

    fn press(&mut self, key: Key) -> Next {
        let last = self.rules.len().saturating_sub(1);
        const PAGE: usize = 10;
        match key {
            Key::Letter('w') => return Next::Write,
            Key::Letter('q') | Key::Stop => return Next::Stop,
            Key::Letter('a') => self.answer(Answer::Allow),
            Key::Letter('l') => self.answer(Answer::LeaveOut),
            Key::Letter('e') => self.answer(Answer::Error),
            Key::Letter('r') => {
                let rest = self.answers.iter_mut().skip(self.at);
                rest.for_each(|answer| *answer = Answer::Allow);
                self.at = last;
            }
            Key::Up | Key::Letter('k') => self.at = self.at.saturating_sub(1),
            Key::Down | Key::Letter('j') | Key::Enter => self.at = (self.at + 1).min(last),
            Key::PageUp => self.at = self.at.saturating_sub(PAGE),
            Key::PageDown => self.at = (self.at + PAGE).min(last),
            Key::Home => self.at = 0,
            Key::End => self.at = last,
            Key::Letter(_) | Key::Nothing => {}
        }
        Next::On
    }

    /// Answers, and goes on to the next.
    fn answer(&mut self, answer: Answer) {
        if let Some(place) = self.answers.get_mut(self.at) {
            *place = answer;
        }
        self.at = (self.at + 1).min(self.rules.len().saturating_sub(1));
    }

    /// The lines of the screen, as many as it has rows at most.
    fn frame(&mut self, rows: usize, columns: usize) -> Vec<String> {
        let count = |answer| self.answers.iter().filter(|a| **a == answer).count();
        let head = format!(
            "{} rules: {} allowed, {} left out, {} errno(EPERM)",
            self.rules.len(),
            count(Answer::Allow),
            count(Answer::LeaveOut),
            count(Answer::Error)
        );
        let keys = "a allow  l leave out  e errno(EPERM)  r allow the rest  w write  q quit  arrows move";
        let detail = self.detail(columns);
        // The list gets what the rest leaves, and half of the screen at least.
        let room = rows.saturating_sub(3);
        let below = detail.len().min(room / 2);
        let window = room - below;
        if self.at < self.top {
            self.top = self.at;
        } else if self.at >= self.top + window {
            self.top = self.at + 1 - window;
        }
        let mut lines = vec![self.painted(&fit(&head, columns), "1")];
        for (at, rule) in self.rules.iter().enumerate().skip(self.top).take(window) {
            let (mark, color) = match self.answers[at] {
                Answer::Allow | Answer::All => ("a", "32"),
                Answer::LeaveOut => ("l", "2"),
                Answer::Error => ("e", "33"),
            };
            let pointer = if at == self.at { '>' } else { ' ' };
            let risky = if rule.risks().next().is_some() { '!' } else { ' ' };
            let line = fit(&format!("{pointer} {mark} {risky} {}", rule.lines.join(" ")), columns);
            lines.push(self.painted(&line, if at == self.at { "7" } else { color }));
        }
        lines.push(self.painted(&"-".repeat(columns), "2"));
        lines.extend(detail.into_iter().take(below));
        lines.push(self.painted(&fit(keys, columns), "1"));
        lines
    }

    /// All there is to say about the rule that keys are about.
    fn detail(&self, columns: usize) -> Vec<String> {
        let Some(rule) = self.rules.get(self.at) else { return Vec::new() };
        let risks = rule.risks().map(|risk: &Risk| {
            self.painted(&fit(&format!("! {}: {}", risk.call.name(), risk.reason), columns), "31")
        });
        let text = rule.remarks.iter().chain(&rule.lines).map(|line| fit(line, columns));
        risks.chain(text).collect()
    }

    fn painted(&self, text: &str, color: &str) -> String {
        if self.color { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

impl Rule<'_> {
    /// Why calls of it are a risk.
    pub(super) fn risks(&self) -> impl Iterator<Item = &'static Risk> {
        self.calls().filter_map(risk::of)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules;
    use super::*;

    const TEXT: &str = "default kill\n\nallow read  # 3 times\n# starts programs\nallow execve,\n    ptrace  # once\nallow write\n";

    fn view(text: &str, keys: &[Key], rows: usize, columns: usize) -> Vec<String> {
        let rules = rules(text);
        let mut view = View::new(&rules, false);
        for key in keys {
            view.frame(rows, columns);
            view.press(*key);
        }
        view.frame(rows, columns)
    }

    #[test]
    fn a_frame() {
        let lines = view(TEXT, &[Key::Letter('l')], 24, 60);
        assert_eq!(lines[0], "3 rules: 2 allowed, 1 left out, 0 errno(EPERM)");
        assert_eq!(lines[1], "  l   allow read  # 3 times");
        assert_eq!(lines[2], "> a ! allow execve,     ptrace  # once");
        assert!(
            lines.iter().any(|l| l == "# starts programs")
                && lines.iter().any(|l| l.starts_with("! ptrace: "))
        );
    }

    #[test]
    fn any_window_will_do() {
        let many: String = (0..300).map(|n| format!("allow read if fd == {n}\n")).collect();
        for (rows, columns) in [(6, 20), (7, 200), (24, 80), (100, 30)] {
            for keys in [&[][..], &[Key::End], &[Key::End, Key::Up, Key::PageUp]] {
                let lines = view(&many, keys, rows, columns);
                assert!(lines.len() <= rows, "{rows}x{columns}: {}", lines.len());
                assert!(lines.iter().all(|l| l.chars().count() <= columns), "{rows}x{columns}");
                assert!(lines.iter().any(|l| l.starts_with('>')), "{rows}x{columns}: {lines:?}");
            }
        }
        assert_eq!(view("default kill\n", &[Key::Letter('e'), Key::Down], 6, 20)[0], "0 rules: 0 allowed,…");
    }
}
