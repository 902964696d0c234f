//! Writing kafel policies.

use super::names;
use crate::flat::{Conj, Flat, FlatCall, FlatNumber, flatten, flatten_numbers};
use crate::place::{Error, Place};
use callgate::{Action, Arch, ArgCmp, Op, Policy, Width};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Writes a policy. With several architectures every call says which it is for.
pub(crate) fn write(policy: &Policy) -> Result<String, Error> {
    let mut statements = Vec::new();
    let mut default = policy.default;
    for (i, arch) in policy.arches.iter().enumerate() {
        let flat = flatten(policy, *arch).map_err(|(call, _)| {
            let what = format!("the conditions of {} are too many to be written one by one", call.name());
            Error::new(Place::default(), what)
        })?;
        if i == 0 {
            default = flat.default;
        }
        let on = match policy.arches.len() {
            1 => String::new(),
            // An architecture kafel does not know is left out; its calls are killed.
            _ => match names::arch_name(*arch) {
                Some(name) => format!(" ON {name}"),
                None => continue,
            },
        };
        let numbers = flatten_numbers(policy, *arch).map_err(|_| {
            Error::new(Place::default(), "the conditions of numbers are too many to be written one by one")
        })?;
        one_arch(&flat, &numbers, &on, &mut statements)?;
    }
    let mut out = statements.join(",\n");
    if !out.is_empty() {
        out.push('\n');
    }
    let _ = writeln!(out, "DEFAULT {}", word(default));
    Ok(out)
}

/// A call or a number, and what it gets.
struct Entry<'a> {
    name: String,
    arguments: Arguments,
    branches: &'a [(Conj, Action)],
    otherwise: Action,
}

fn one_arch(
    flat: &Flat,
    numbers: &[FlatNumber],
    on: &str,
    statements: &mut Vec<String>,
) -> Result<(), Error> {
    let mut entries = Vec::new();
    for call in &flat.calls {
        // A call kafel has no name for is written by its number.
        let name = match (names::name_of(call.call, flat.arch), call.call.number(flat.arch)) {
            (Some(name), _) => name.to_owned(),
            (None, Some(number)) => format!("SYSCALL[{number}]"),
            (None, None) => continue,
        };
        let arguments = Arguments::of(call, &name, flat.arch);
        entries.push(Entry { name, arguments, branches: &call.branches, otherwise: call.otherwise });
    }
    for number in numbers {
        let name = format!("SYSCALL[{}]", number.nr);
        let arguments = Arguments::declared(&name, &number.branches);
        entries.push(Entry { name, arguments, branches: &number.branches, otherwise: number.otherwise });
    }
    let mut plain: BTreeMap<Action, Vec<String>> = BTreeMap::new();
    for entry in entries.iter().filter(|e| e.branches.is_empty()) {
        plain.entry(entry.otherwise).or_default().push(format!("{}{on}", entry.name));
    }
    for (action, names) in plain {
        statements.push(format!("{} {{\n  {}\n}}", word(action), names.join(",\n  ")));
    }
    for Entry { name, arguments, branches, otherwise } in entries.iter().filter(|e| !e.branches.is_empty()) {
        // Neighbouring conditions with one action are alternatives.
        let mut groups: Vec<(Action, Vec<&Conj>)> = Vec::new();
        for (conj, action) in *branches {
            match groups.last_mut() {
                Some((last, list)) if last == action => list.push(conj),
                _ => groups.push((*action, vec![conj])),
            }
        }
        for (action, conjs) in groups {
            let any = conjs.iter().map(|c| arguments.conj(c)).collect::<Result<Vec<_>, _>>()?;
            let declared = arguments.declaration();
            let condition = any.join(" ||\n    ");
            statements
                .push(format!("{} {{\n  {name}{declared}{on} {{\n    {condition}\n  }}\n}}", word(action)));
        }
        if *otherwise != flat.default {
            statements.push(format!("{} {{\n  {name}{on}\n}}", word(*otherwise)));
        }
    }
    Ok(())
}

/// The nearest action kafel knows that is not weaker.
fn word(action: Action) -> String {
    match action {
        Action::Allow(_) => "ALLOW".into(),
        Action::Log(_) => "LOG".into(),
        Action::Notify(_) => "USER_NOTIF".into(),
        Action::Errno(errno) => format!("ERRNO({})", errno.0),
        Action::Trap(data) => format!("TRAP({data})"),
        Action::Trace(data) => format!("TRACE({data})"),
        Action::KillThread(_) => "KILL".into(),
        Action::KillProcess(_) | Action::Unknown(_) => "KILL_PROCESS".into(),
    }
}

/// How the arguments of a call are named: by the kernel's names where each is compared as wide as the
/// kernel reads it, else by names declared here, which are 64 bits wide.
struct Arguments {
    of: String,
    names: Vec<String>,
    declared: bool,
}

impl Arguments {
    fn of(call: &FlatCall, name: &str, arch: Arch) -> Arguments {
        let params = call.call.params(arch).unwrap_or_default();
        let usual = call.branches.iter().flat_map(|b| &b.0).all(|t| {
            params.get(usize::from(t.arg.get())).is_some_and(|p| {
                p.width == t.width
                    && p.name.starts_with(|c: char| c.is_ascii_alphabetic())
                    && (t.width == Width::W64 || largest(t.op) <= u64::from(u32::MAX))
            })
        });
        if !usual {
            return Arguments::declared(name, &call.branches);
        }
        let names = params.iter().map(|p| p.name.to_owned()).collect();
        Arguments { of: name.to_owned(), names, declared: false }
    }

    fn declared(name: &str, branches: &[(Conj, Action)]) -> Arguments {
        let tested = branches.iter().flat_map(|b| &b.0).map(|t| t.arg.get());
        let last = tested.filter(|i| *i < 6).max().unwrap_or(0);
        let names = (0..=last).map(|i| format!("arg{i}")).collect();
        Arguments { of: name.to_owned(), names, declared: true }
    }

    fn declaration(&self) -> String {
        if self.declared { format!("({})", self.names.join(", ")) } else { String::new() }
    }

    fn conj(&self, conj: &Conj) -> Result<String, Error> {
        let all = conj.iter().map(|t| self.test(t)).collect::<Result<Vec<_>, _>>()?;
        Ok(all.join(" && "))
    }

    fn test(&self, test: &ArgCmp) -> Result<String, Error> {
        let Some(name) = self.names.get(usize::from(test.arg.get())) else {
            let what = format!("{}: kafel does not see the instruction pointer", self.of);
            return Err(Error::new(Place::default(), what));
        };
        let half = test.width == Width::W32;
        let low = if half { 0xffff_ffff } else { u64::MAX };
        let operand = if half && self.declared { format!("({name} & 0xffffffff)") } else { name.clone() };
        let (op, value) = match test.op {
            Op::Eq(v) => ("==", v),
            Op::Ne(v) => ("!=", v),
            Op::Lt(v) => ("<", v),
            Op::Le(v) => ("<=", v),
            Op::Gt(v) => (">", v),
            Op::Ge(v) => (">=", v),
            Op::MaskedEq { mask, value } => {
                return Ok(format!("({name} & {:#x}) == {:#x}", mask & low, value & low));
            }
        };
        Ok(format!("{operand} {op} {:#x}", value & low))
    }
}

fn largest(op: Op) -> u64 {
    match op {
        Op::Eq(v) | Op::Ne(v) | Op::Lt(v) | Op::Le(v) | Op::Gt(v) | Op::Ge(v) => v,
        Op::MaskedEq { mask, value } => mask.max(value),
    }
}
