//! One line of a version 2 profile: `name [action] [arguments]`.

use crate::libseccomp::Compare;
use callgate::{Action, Errno, Op};

/// A rule as written.
#[derive(Debug)]
pub(super) struct RuleLine<'a> {
    pub(super) name: &'a str,
    pub(super) action: Action,
    pub(super) compares: Vec<Compare>,
}

/// An action by its beginning, as LXC tells them apart.
pub(super) fn action(text: &str) -> Option<Action> {
    if text.starts_with("kill") {
        return Some(Action::KILL_THREAD);
    }
    if let Some(number) = text.strip_prefix("errno") {
        let number = number.trim_start();
        let (negative, digits) = match number.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, number),
        };
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let value: i64 = digits[..end].parse().ok()?;
        // libseccomp keeps 16 bits.
        return Some(Action::Errno(Errno(if negative { -value } else { value } as u16)));
    }
    [("allow", Action::ALLOW), ("trap", Action::Trap(0)), ("notify", Action::Notify(0))]
        .into_iter()
        .find(|(word, _)| text.starts_with(word))
        .map(|(_, action)| action)
}

impl<'a> RuleLine<'a> {
    /// Parses a line; the error says what is wrong with it.
    pub(super) fn parse(line: &'a str, default: Action) -> Result<RuleLine<'a>, String> {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim_start_matches(' ');
        let action = match rest {
            "" => default,
            comment if comment.starts_with('#') => default,
            word => action(word).ok_or_else(|| format!("unknown action `{}`", word.trim_end()))?,
        };
        if name.starts_with("reject_force_umount") {
            // umount2 with MNT_FORCE.
            let compares = vec![Compare { arg: 1, op: Op::MaskedEq { mask: 1, value: 1 } }];
            return Ok(RuleLine { name: "umount2", action: Action::Errno(Errno(13)), compares });
        }
        let mut compares = Vec::new();
        if line.contains('[') {
            // Whatever stands behind the last bracket is taken for an argument too.
            let parts = line.split(']').filter(|p| !p.is_empty()).take(6);
            for part in parts {
                let inner = part.split_once('[').map(|(_, inner)| inner);
                let inner = inner.ok_or_else(|| format!("expected [argument], not `{}`", part.trim()))?;
                compares.push(compare(inner)?);
            }
        }
        Ok(RuleLine { name, action, compares })
    }
}

/// `index,value,operator[,mask]`.
fn compare(text: &str) -> Result<Compare, String> {
    let mut fields = text.split(',');
    let mut field =
        |what: &str| fields.next().map(str::trim).ok_or_else(|| format!("[{text}] has no {what}"));
    let index = field("argument")?;
    let arg = number(index).ok_or_else(|| format!("`{index}` is no argument's index"))?;
    let arg =
        u8::try_from(arg).ok().filter(|a| *a < 6).ok_or_else(|| format!("argument {arg} does not exist"))?;
    let value = field("value")?;
    let value = number(value).ok_or_else(|| format!("`{value}` is no number"))?;
    let op = field("operator")?;
    let op = match op {
        "SCMP_CMP_NE" | "!=" => Op::Ne(value),
        "SCMP_CMP_LT" | "<" => Op::Lt(value),
        "SCMP_CMP_LE" | "<=" => Op::Le(value),
        "SCMP_CMP_EQ" | "==" => Op::Eq(value),
        "SCMP_CMP_GE" | ">=" => Op::Ge(value),
        "SCMP_CMP_GT" | ">" => Op::Gt(value),
        "SCMP_CMP_MASKED_EQ" | "&=" => {
            let mask = fields.next().map(str::trim).unwrap_or("0");
            let mask = number(mask).ok_or_else(|| format!("`{mask}` is no number"))?;
            return Ok(Compare { arg, op: Op::MaskedEq { mask, value } });
        }
        _ => return Err(format!("unknown operator `{op}`")),
    };
    Ok(Compare { arg, op })
}

/// A number as `strtoull` with base 0 reads it.
fn number(text: &str) -> Option<u64> {
    if text.starts_with('+') {
        return None;
    }
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => u64::from_str_radix(&text[1..], 8).ok(),
        None => text.parse().ok(),
    }
}
