//! Conditions for people: the language's own words, put so that they read well.

use callgate::syntax::condition_text;
use callgate::{Arch, ArgCmp, Cond, Op, Syscall, Width};

/// The condition in the policy language, with tests of one argument gathered.
pub(crate) fn text(condition: &Cond, call: Option<(Syscall, Arch)>) -> String {
    condition_text(&gathered(condition, call), call)
}

/// The same condition, where alternatives that look at one argument alone are one set of values.
fn gathered(condition: &Cond, call: Option<(Syscall, Arch)>) -> Cond {
    match condition {
        Cond::True | Cond::Arg(_) => condition.clone(),
        Cond::Not(inner) => Cond::Not(Box::new(gathered(inner, call))),
        Cond::All(all) => match range(condition) {
            Some((arg, low, high)) => Cond::Any(members(arg, low, high, call)),
            None => Cond::All(all.iter().map(|c| gathered(c, call)).collect()),
        },
        Cond::Any(any) => {
            let mut sets: Vec<(ArgCmp, Vec<Cond>)> = Vec::new();
            let mut others = Vec::new();
            for alternative in any {
                let Some((arg, low, high)) = range(alternative) else {
                    others.push(gathered(alternative, call));
                    continue;
                };
                let members = members(arg, low, high, call);
                match sets.iter_mut().find(|s| s.0.arg == arg.arg && s.0.width == arg.width) {
                    Some(set) => set.1.extend(members),
                    None => sets.push((arg, members)),
                }
            }
            let mut parts: Vec<Cond> = sets.into_iter().map(|s| one(Cond::Any, s.1)).collect();
            parts.extend(others);
            one(Cond::Any, parts)
        }
    }
}

fn one(many: fn(Vec<Cond>) -> Cond, mut parts: Vec<Cond>) -> Cond {
    match (parts.len(), parts.pop()) {
        (1, Some(part)) => part,
        (_, Some(part)) => {
            parts.push(part);
            many(parts)
        }
        (_, None) => many(parts),
    }
}

/// A test of one argument as a range of values.
fn range(condition: &Cond) -> Option<(ArgCmp, u64, u64)> {
    let top = |arg: &ArgCmp| if arg.width == Width::W32 { u64::from(u32::MAX) } else { u64::MAX };
    match condition {
        Cond::Arg(arg) => match arg.op {
            Op::Eq(v) => Some((*arg, v, v)),
            Op::Le(v) => Some((*arg, 0, v)),
            Op::Lt(v) => Some((*arg, 0, v.checked_sub(1)?)),
            Op::Ge(v) => Some((*arg, v, top(arg))),
            Op::Gt(v) => Some((*arg, v.checked_add(1)?, top(arg))),
            Op::Ne(_) | Op::MaskedEq { .. } => None,
        },
        Cond::All(both) => match &both[..] {
            [a, b] => {
                let ((arg, low, high), (other, from, to)) = (range(a)?, range(b)?);
                let same = arg.arg == other.arg && arg.width == other.width;
                (same && low.max(from) <= high.min(to)).then(|| (arg, low.max(from), high.min(to)))
            }
            _ => None,
        },
        Cond::True | Cond::Any(_) | Cond::Not(_) => None,
    }
}

/// The values of a range, one by one where they have names, else from first to last.
fn members(arg: ArgCmp, low: u64, high: u64, call: Option<(Syscall, Arch)>) -> Vec<Cond> {
    const FEW: u64 = 8;
    let with = |op| Cond::Arg(ArgCmp { op, ..arg });
    let named = || {
        let (call, arch) = call?;
        let set = call.params(arch)?.get(usize::from(arg.arg.get()))?.set?;
        (low..=high).any(|v| set.name_of(v, arch).is_some()).then_some(())
    };
    match () {
        () if low == high => vec![with(Op::Eq(low))],
        () if high - low < FEW && named().is_some() => (low..=high).map(|v| with(Op::Eq(v))).collect(),
        () => vec![Cond::All(vec![with(Op::Ge(low)), with(Op::Le(high))])],
    }
}

/// `allow if A || B`, an alternative a line where it is too long for one, each line after `indent`.
pub(crate) fn wrap(text: &str, indent: &str, width: usize) -> String {
    if indent.len() + text.len() <= width {
        return format!("{indent}{text}");
    }
    let deeper = format!("{indent}      ");
    let mut out = String::new();
    for (i, alternative) in alternatives(text).into_iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let start = if i == 0 { indent.to_owned() } else { format!("{indent}    || ") };
        out.push_str(&folded(alternative, &start, &deeper, width));
    }
    out
}

/// The text cut at `||` outside of parentheses and braces.
fn alternatives(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut from) = (0i32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' | '{' => depth += 1,
            ')' | '}' => depth -= 1,
            '|' if depth == 0 && text[at..].starts_with("|| ") && text[..at].ends_with(' ') => {
                parts.push(text[from..at].trim_end());
                from = at + 3;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// Words in lines: the first after `start`, the others after `indent`.
fn folded(text: &str, start: &str, indent: &str, width: usize) -> String {
    let mut out = start.to_owned();
    let mut column = start.len();
    let mut first = true;
    for word in text.split(' ') {
        if !first {
            if column + 1 + word.len() > width {
                out.push('\n');
                out.push_str(indent);
                column = indent.len();
            } else {
                out.push(' ');
                column += 1;
            }
        }
        first = false;
        out.push_str(word);
        column += word.len();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_one_argument_are_one_set() {
        let arg = callgate::ArgIndex::new(1).unwrap();
        let cmp = |op| Cond::Arg(ArgCmp { arg, width: Width::W32, op });
        let between = |a, b| Cond::All(vec![cmp(Op::Ge(a)), cmp(Op::Le(b))]);
        let of = |parts| text(&Cond::Any(parts), None);
        assert_eq!(of(vec![cmp(Op::Le(3)), between(5, 70), cmp(Op::Eq(90))]), "arg1:32 in {0..3, 5..70, 90}");
        assert_eq!(text(&between(1, 2), None), "arg1:32 in {1..2}");
    }

    #[test]
    fn long_conditions_break_at_alternatives() {
        let text = "allow if (a == 1 || b == 2) || c == 3";
        assert_eq!(wrap(text, "  ", 24), "  allow if (a == 1 || b\n        == 2)\n      || c == 3");
        assert_eq!(wrap(text, "", 80), text);
    }
}
