//! Reading rules: easyseccomp's grammar, its directives applied.

use super::lex::{Kind, Token, tokens};
use super::lower::{Lower, Test, Value, Variable};
use crate::import::{Collect, Import};
use crate::options::Options;
use crate::place::Error;
use crate::scan::{Pos, Source};
use crate::{Format, suggest};
use callgate::{Action, Errno};

/// How the two sides of a test are related.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Relation {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// Reads a file. Names for `#ifdef` are given on easyseccomp's command line: none is defined here.
pub(crate) fn read(text: &str, options: &Options) -> Result<Import, Error> {
    let source = Source::main(text, options);
    let tokens = tokens(&source)?;
    let mut words = Words { source: &source, tokens: &tokens };
    let mut collect = Collect::new(options);
    let mut lower = Lower::new(&source, options);
    // The directives that are open, and whether what they hold counts.
    let mut open: Vec<bool> = Vec::new();
    while words.kind() != &Kind::End {
        let pos = words.pos();
        if let Kind::Directive(name, argument) = words.kind().clone() {
            words.bump();
            match (&*name, argument) {
                ("ifdef", Some(symbol)) => {
                    let what = format!("{symbol} is not defined, what follows is left out");
                    collect.note(source.place(pos), what);
                    open.push(false);
                }
                ("ifndef", Some(_)) => open.push(true),
                ("endif", None) if open.pop().is_some() => {}
                _ => return Err(source.error(pos, format!("unexpected directive #{name}"))),
            }
            continue;
        }
        let counts = open.iter().all(|o| *o);
        let mut tests = Vec::new();
        if !words.is("=>") {
            loop {
                tests.push(words.test()?);
                if !words.eat("&&") {
                    break;
                }
            }
        }
        words.expect("=>")?;
        let action = words.action()?;
        // Easyseccomp's grammar asks for one behind a condition only.
        if !words.eat(";") && !tests.is_empty() {
            words.expect(";")?;
        }
        if counts {
            lower.rule(&tests, action, pos, &mut collect)?;
        }
    }
    if !open.is_empty() {
        return Err(source.error(words.pos(), "a directive is never ended"));
    }
    let policy = lower.finish(&mut collect)?;
    collect.check()?;
    Ok(Import::one(Format::Easyseccomp, policy, collect))
}

struct Words<'a> {
    source: &'a Source,
    tokens: &'a [Token],
}

impl Words<'_> {
    fn kind(&self) -> &Kind {
        self.tokens.first().map_or(&Kind::End, |t| &t.kind)
    }

    fn pos(&self) -> Pos {
        self.tokens.first().map_or(Pos::default(), |t| t.pos)
    }

    fn bump(&mut self) -> Kind {
        let kind = self.kind().clone();
        if kind != Kind::End {
            self.tokens = &self.tokens[1..];
        }
        kind
    }

    fn is(&self, mark: &str) -> bool {
        matches!(self.kind(), Kind::Mark(m) if *m == mark)
    }

    fn eat(&mut self, mark: &str) -> bool {
        let found = self.is(mark);
        if found {
            self.bump();
        }
        found
    }

    fn expect(&mut self, mark: &str) -> Result<(), Error> {
        let pos = self.pos();
        if self.eat(mark) { Ok(()) } else { Err(self.source.error(pos, format!("expected `{mark}`"))) }
    }

    fn test(&mut self) -> Result<Test, Error> {
        // Brackets stand around one comparison only: counting them is enough, however many there are.
        let mut open = 0usize;
        while self.eat("(") {
            open += 1;
        }
        let test = self.comparison()?;
        for _ in 0..open {
            self.expect(")")?;
        }
        Ok(test)
    }

    fn comparison(&mut self) -> Result<Test, Error> {
        let pos = self.pos();
        let variable = match self.bump() {
            Kind::Variable(name) => match &*name {
                "arch" => Variable::Arch,
                "syscall" => Variable::Syscall,
                _ => match name.strip_prefix("arg").map(str::parse) {
                    Some(Ok(index @ 0..=5)) => Variable::Arg(index),
                    _ => {
                        let mut problem = self.source.problem(pos, format!("unknown variable ${name}"));
                        if let Some(near) = suggest::nearest(&name, ["syscall", "arch"]) {
                            problem = problem.help(format!("did you mean ${near}?"));
                        }
                        return Err(problem.into());
                    }
                },
            },
            _ => return Err(self.source.error(pos, "expected $syscall, $arch or $arg0 to $arg5")),
        };
        let mask = if self.eat("&") { Some(self.value()?) } else { None };
        let negated = matches!(self.kind(), Kind::Word(w) if w == "not");
        if negated {
            self.bump();
        }
        if matches!(self.kind(), Kind::Word(w) if w == "in") && mask.is_none() {
            self.bump();
            return self.set(variable, negated, pos);
        }
        let at = self.pos();
        let relation = match self.bump() {
            Kind::Mark("==") => Relation::Eq,
            Kind::Mark("!=") => Relation::Ne,
            Kind::Mark("<") => Relation::Lt,
            Kind::Mark("<=") => Relation::Le,
            Kind::Mark(">") => Relation::Gt,
            Kind::Mark(">=") => Relation::Ge,
            _ => return Err(self.source.error(at, "expected a comparison")),
        };
        Ok(Test::Compare { variable, mask, relation, value: self.value()?, pos })
    }

    fn set(&mut self, variable: Variable, negated: bool, pos: Pos) -> Result<Test, Error> {
        if let Kind::Kernel(version) = self.kind().clone() {
            self.bump();
            return Ok(Test::Kernel { variable, version, pos });
        }
        self.expect("(")?;
        let mut values = vec![self.value()?];
        while self.eat(",") {
            values.push(self.value()?);
        }
        self.expect(")")?;
        Ok(Test::In { variable, negated, values, pos })
    }

    fn value(&mut self) -> Result<Value, Error> {
        let pos = self.pos();
        match self.bump() {
            Kind::Number(number) => Ok(Value::Number(number)),
            Kind::Constant(name) => Ok(Value::Name(name, pos)),
            _ => Err(self.source.error(pos, "expected a number or an @name")),
        }
    }

    fn action(&mut self) -> Result<Action, Error> {
        let pos = self.pos();
        let Kind::Word(word) = self.bump() else {
            return Err(self.source.error(pos, "expected an action"));
        };
        self.expect("(")?;
        let at = self.pos();
        let data = match self.kind().clone() {
            Kind::Number(number) => Some(u16::try_from(number).ok()),
            Kind::Word(name) => Some(Errno::from_name(&name).map(|e| e.0)),
            _ => None,
        };
        if data.is_some() {
            self.bump();
        }
        self.expect(")")?;
        let data = match data {
            Some(None) => return Err(self.source.error(at, "unknown error number")),
            Some(Some(data)) => data,
            None => 0,
        };
        Ok(match &*word {
            "ALLOW" => Action::ALLOW,
            "TRAP" => Action::Trap(0),
            "NOTIFY" => Action::Notify(0),
            "LOG" => Action::LOG,
            "KILL" | "KILL_THREAD" => Action::KILL_THREAD,
            "KILL_PROCESS" => Action::KILL_PROCESS,
            "ERRNO" => Action::Errno(Errno(data)),
            "TRACE" => Action::Trace(data),
            _ => {
                let mut problem = self.source.problem(pos, format!("unknown action {word}"));
                let known = ["ALLOW", "TRAP", "NOTIFY", "LOG", "KILL", "KILL_PROCESS", "ERRNO", "TRACE"];
                if let Some(near) = suggest::nearest(&word, known) {
                    problem = problem.help(format!("did you mean {near}?"));
                }
                return Err(problem.into());
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use callgate::{Arch, SeccompData};

    fn eval(text: &str, arch: u32, nr: u32, args: [u64; 6]) -> Action {
        let import = read(text, &Options::new(Arch::X86_64)).unwrap_or_else(|e| panic!("{text}: {e}"));
        let data = SeccompData { nr, arch, ip: 0, args };
        let policy = &import.policies[0].policy;
        assert_eq!(policy.lower().unwrap().eval(&data), &policy.eval(&data));
        policy.eval(&data)
    }

    const X86_64: u32 = 0xc000_003e;
    const EPERM: Action = Action::Errno(Errno::EPERM);

    #[test]
    fn rules_do_not_look_at_the_architecture() {
        let text =
            "// c\n$syscall == @mkdir => ALLOW();\n$syscall in (1, 2,300) => LOG();\n=> ERRNO(EPERM);\n";
        assert_eq!(eval(text, X86_64, 83, [0; 6]), Action::ALLOW);
        assert_eq!(eval(text, 0x4000_0003, 83, [0; 6]), Action::ALLOW, "whatever 83 is there");
        assert_eq!(eval(text, 1234, 300, [0; 6]), Action::LOG);
        assert_eq!(eval(text, X86_64, 0x4000_0001, [0; 6]), EPERM);
    }

    #[test]
    fn tests_of_all_kinds() {
        let text = "$arch != @x86_64 => KILL();\n$arg0 & 6 >= 4 && $syscall < 2 => ERRNO(7);\n\
                    ($arg1 == 5) && $syscall >= 2 => TRAP();\n$arg2 not in (1,2) => NOTIFY();\n=> ALLOW();";
        assert_eq!(eval(text, 0x4000_0003, 1, [0; 6]), Action::KILL_THREAD);
        assert_eq!(
            eval(text, X86_64, 1, [1 << 32 | 5, 0, 0, 0, 0, 0]),
            Action::Errno(Errno(7)),
            "the low word"
        );
        assert_eq!(eval(text, X86_64, 1, [2, 0, 1, 0, 0, 0]), Action::ALLOW);
        assert_eq!(eval(text, X86_64, 2, [4, 5, 1, 0, 0, 0]), Action::Trap(0));
        assert_eq!(eval(text, X86_64, 1, [0; 6]), Action::Notify(0));
        let text = "$syscall in KERNEL(5.1) => ALLOW();\n=> ERRNO(ENOSYS);";
        assert_eq!(eval(text, X86_64, 434, [0; 6]), Action::Errno(Errno::ENOSYS), "pidfd_open came with 5.3");
        assert_eq!(eval(text, X86_64, 425, [0; 6]), Action::ALLOW);
    }

    #[test]
    fn directives() {
        let text = "#ifdef A\n#ifndef B\n=> ALLOW();\n#endif\n#endif\n#ifndef B\n=> ERRNO(1);\n#endif\n";
        assert_eq!(eval(text, X86_64, 1, [0; 6]), EPERM);
    }

    #[test]
    fn errors() {
        let error = |text| read(text, &Options::new(Arch::X86_64)).unwrap_err().to_string();
        assert_eq!(
            error("$syscall == @raed => ALLOW();\n=> LOG();"),
            "1:13: unknown system call raed; did you mean read?"
        );
        assert_eq!(error("$syscall == 1 => ALOW();"), "1:18: unknown action ALOW; did you mean ALLOW?");
        assert_eq!(error("$syscall == 1 => ALLOW();"), "the last rule must have no condition");
        assert_eq!(error("$arg6 == 1 => ALLOW();"), "1:1: unknown variable $arg6");
        assert_eq!(error("$syscall == 1 => ALLOW()"), "1:25: expected `;`");
        assert!(error("$syscall == @mmap2 => ALLOW();\n=> LOG();").contains("has no number on x86_64"));
        assert_eq!(error("#ifdef A\n=> ALLOW();"), "2:12: a directive is never ended");
    }
}
