//! `tables/risk.rs`: risky calls. `data/risks.txt` says at its head what its lines are.

use super::argument::Arguments;
use super::calls::Calls;
use super::cell;
use crate::data;
use crate::files::Result;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const FROM: &str = "data/risks.txt";

/// Reads the rows and gives each call its own.
pub(crate) fn generate(calls: &Calls) -> Result<String> {
    let arguments = Arguments::read(calls)?;
    let mut risks = BTreeMap::new();
    for row in data::rows(FROM)? {
        let expected = || row.error("expected LEVEL CALL… [if CONDITION] — REASON");
        let (head, reason) = row.text.split_once(" — ").ok_or_else(expected)?;
        let (level, names) = head.split_once(' ').ok_or_else(expected)?;
        let level = match level {
            "high" => "High",
            "medium" => "Medium",
            "low" => "Low",
            _ => return Err(row.error(format_args!("'{level}' is not high, medium or low"))),
        };
        let (names, condition) = match names.split_once(" if ") {
            Some((names, condition)) => (names, Some(condition.trim())),
            None => (names, None),
        };
        if condition.is_some() && names.split_whitespace().count() != 1 {
            return Err(row.error("a condition speaks of one call"));
        }
        for name in names.split_whitespace() {
            if let Some(condition) = condition {
                arguments.lacking(&row, name, condition)?;
            }
            let entry = (level, condition.map(str::to_owned), reason.to_owned());
            if risks.insert(cell::call(calls, &row, name)?, entry).is_some() {
                return Err(row.error(format_args!("{name} is there twice")));
            }
        }
    }
    let mut out = String::from(
        "use crate::risk::{Level, Risk};\nuse crate::syscall::Syscall;\n\n\
         /// By call.\npub(crate) static RISKS: &[Risk] = &[\n",
    );
    for (call, (level, condition, reason)) in risks {
        let _ = writeln!(
            out,
            "Risk {{ call: Syscall::from_index({call}), level: Level::{level}, condition: {condition:?}, \
             reason: {reason:?} }},"
        );
    }
    out.push_str("];\n");
    Ok(out)
}
