//! The preprocessor conditions a definition stands under, where they decide between two of them.

/// Conditions that must all hold, each with the truth it must have.
pub(crate) type Guard = Vec<(String, bool)>;

/// The open conditionals of a file while it is read from the top.
#[derive(Default)]
pub(crate) struct Guards {
    open: Vec<Guard>,
}

impl Guards {
    /// Reads a line that begins with `#`.
    pub(crate) fn directive(&mut self, line: &str) {
        let text = line[1..].trim();
        let (word, rest) = text.split_once(|c: char| !c.is_alphanumeric()).unwrap_or((text, ""));
        let rest = rest.trim();
        match word {
            "if" => self.open.push(vec![(rest.to_owned(), true)]),
            "ifdef" => self.open.push(vec![(format!("defined({rest})"), true)]),
            "ifndef" => self.open.push(vec![(format!("defined({rest})"), false)]),
            "elif" | "else" => {
                if let Some(branch) = self.open.last_mut() {
                    if let Some(before) = branch.last_mut() {
                        before.1 = !before.1;
                    }
                    if word == "elif" {
                        branch.push((rest.to_owned(), true));
                    }
                }
            }
            "endif" => {
                self.open.pop();
            }
            _ => {}
        }
    }

    /// What holds here.
    pub(crate) fn current(&self) -> Guard {
        self.open.iter().flatten().cloned().collect()
    }
}

/// Whether a guard can hold in a kernel whose answers `config` gives (`None`: not known, could be either).
pub(crate) fn holds(guard: &Guard, config: &dyn Fn(&str) -> Option<bool>) -> bool {
    guard.iter().all(|(expression, wanted)| evaluate(expression, config).is_none_or(|truth| truth == *wanted))
}

/// `defined(A) || defined(B)`, `defined(A) && …`, with `!`; anything else is unknown.
fn evaluate(expression: &str, config: &dyn Fn(&str) -> Option<bool>) -> Option<bool> {
    if expression.contains("||") {
        let sides: Vec<Option<bool>> = expression.split("||").map(|e| evaluate(e, config)).collect();
        return if sides.contains(&Some(true)) {
            Some(true)
        } else if sides.contains(&None) {
            None
        } else {
            Some(false)
        };
    }
    if expression.contains("&&") {
        let sides: Vec<Option<bool>> = expression.split("&&").map(|e| evaluate(e, config)).collect();
        return if sides.contains(&Some(false)) {
            Some(false)
        } else if sides.contains(&None) {
            None
        } else {
            Some(true)
        };
    }
    let term = expression.trim();
    if let Some(rest) = term.strip_prefix('!') {
        return evaluate(rest, config).map(|truth| !truth);
    }
    config(term.strip_prefix("defined(")?.strip_suffix(')')?.trim().strip_prefix("CONFIG_")?)
}

#[cfg(test)]
mod tests {
    use super::{Guards, holds};

    fn check(directives: &str, on: &str, expected: bool) {
        let mut guards = Guards::default();
        directives.lines().for_each(|line| guards.directive(line));
        let config = |name: &str| if name == "UNKNOWN" { None } else { Some(name == on) };
        assert_eq!(holds(&guards.current(), &config), expected, "{directives} with {on}");
    }

    #[test]
    fn the_branch_taken_is_the_first_that_holds() {
        let branches = ["#ifdef CONFIG_A", "#elif defined(CONFIG_B)", "#else"];
        for (upto, on) in ["A", "B", "C"].iter().enumerate() {
            for last in 0..branches.len() {
                check(&branches[..=last].join("\n"), on, last == upto);
            }
        }
        check("#ifdef CONFIG_UNKNOWN", "A", true);
        check("#if defined(CONFIG_A) || defined(CONFIG_UNKNOWN)", "A", true);
        check("#if !defined(CONFIG_A)", "A", false);
        check("#ifdef CONFIG_A\n#endif", "B", true);
    }
}
