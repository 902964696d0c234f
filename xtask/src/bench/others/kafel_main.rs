//! Compiles policies with the `kafel` crate: a line in, a line out.
//!
//!     ROUNDS default RET [rule NR RET [case [OP ARG VALUE MASK]..]..]..
//!         ->  ok NANOSECONDS PROGRAM (hexadecimal)  |  no REASON

use kafel::{Action, CmpOp, CompileOptions, Expr, Policy, PolicyEntry};
use std::io::{BufRead as _, Write as _};
use std::time::Instant;

type Result<T> = std::result::Result<T, String>;

fn main() {
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        let answer = answer(&line).unwrap_or_else(|reason| format!("no {}", reason.replace('\n', " ")));
        println!("{answer}");
        if std::io::stdout().flush().is_err() {
            return;
        }
    }
}

fn answer(line: &str) -> Result<String> {
    let (rounds, text) = line.split_once(' ').ok_or("no rounds")?;
    let rounds: u32 = rounds.parse().map_err(|e| format!("{rounds}: {e}"))?;
    let policy = policy(text)?;
    let mut best = u128::MAX;
    let mut program = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        let made = policy.codegen().map_err(|e| e.to_string())?;
        best = best.min(start.elapsed().as_nanos());
        program = made.instructions().to_vec();
    }
    let mut hex = String::new();
    for i in program {
        let [a, b] = i.code.to_le_bytes();
        let [c, d, e, f] = i.k.to_le_bytes();
        for byte in [a, b, i.jt, i.jf, c, d, e, f] {
            hex.push_str(&format!("{byte:02x}"));
        }
    }
    Ok(format!("ok {best} {hex}"))
}

fn policy(text: &str) -> Result<Policy> {
    let mut policy = kafel::parse_policy("POLICY p { } USE p DEFAULT KILL", &CompileOptions::new())
        .map_err(|e| e.to_string())?;
    let mut words = text.split_whitespace().peekable();
    let number = |word: Option<&str>| {
        let word = word.ok_or("a number is missing")?;
        word.parse::<u64>().map_err(|e| format!("{word}: {e}"))
    };
    while let Some(word) = words.next() {
        match word {
            "default" => policy.default_action = action(number(words.next())?)?,
            "rule" => {
                let syscall_number = number(words.next())? as u32;
                let action = action(number(words.next())?)?;
                let mut any: Option<Expr> = None;
                while words.next_if_eq(&"case").is_some() {
                    let mut all: Option<Expr> = None;
                    while let Some(op) = words.next_if(|word| *word != "case" && *word != "rule") {
                        let arg = number(words.next())? as u8;
                        let (value, mask) = (number(words.next())?, number(words.next())?);
                        let next = comparison(op, arg, value, mask)?;
                        all = Some(match all {
                            Some(all) => Expr::And(Box::new(all), Box::new(next)),
                            None => next,
                        });
                    }
                    let all = all.ok_or("a case without a comparison")?;
                    any = Some(match any {
                        Some(any) => Expr::Or(Box::new(any), Box::new(all)),
                        None => all,
                    });
                }
                policy.add_entry(PolicyEntry { syscall_number, action, filter: any });
            }
            _ => return Err(format!("no word {word}")),
        }
    }
    Ok(policy)
}

fn comparison(op: &str, arg: u8, value: u64, mask: u64) -> Result<Expr> {
    let rhs = Box::new(Expr::Constant(value));
    let op = match op {
        "eq" => CmpOp::Eq,
        "ne" => CmpOp::Ne,
        "lt" => CmpOp::Lt,
        "le" => CmpOp::Le,
        "gt" => CmpOp::Gt,
        "ge" => CmpOp::Ge,
        "masked" => {
            let mask = Box::new(Expr::Constant(mask));
            return Ok(Expr::MaskedCompare { arg_index: arg, mask, op: CmpOp::Eq, rhs });
        }
        _ => return Err(format!("no comparison {op}")),
    };
    Ok(Expr::Compare(Box::new(Expr::Arg(arg)), op, rhs))
}

fn action(ret: u64) -> Result<Action> {
    let data = (ret & 0xffff) as u32;
    Ok(match (ret & 0xffff_0000, data) {
        (0x7fff_0000, 0) => Action::Allow,
        (0x7ffc_0000, 0) => Action::Log,
        (0x7ff0_0000, _) => Action::Trace(data),
        (0x0005_0000, _) => Action::Errno(data),
        (0x0003_0000, _) => Action::Trap(data),
        (0x8000_0000, 0) => Action::KillProcess,
        (0, 0) => Action::Kill,
        _ => return Err(format!("no words for the action {ret:#x}")),
    })
}
