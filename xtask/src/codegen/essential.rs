//! `tables/essential.rs`: calls programs cannot do without. `data/essentials.txt` says at its head what
//! its lines are.

use super::calls::Calls;
use super::cell;
use crate::data;
use crate::files::Result;
use std::fmt::Write as _;

const FROM: &str = "data/essentials.txt";

/// The needs as the file spells them, in the order of `Need`.
const NEEDS: &[(&str, &str)] = &[
    ("always", "Always"),
    ("exec", "Exec"),
    ("libc", "Libc"),
    ("threads", "Threads"),
    ("trouble", "Trouble"),
];

/// Reads the rows; those of one need stay in the file's order.
pub(crate) fn generate(calls: &Calls) -> Result<String> {
    let mut all = Vec::new();
    for row in data::rows(FROM)? {
        let expected = || row.error("expected NEED CALL [or CALL…] — REASON");
        let (head, reason) = row.text.split_once(" — ").ok_or_else(expected)?;
        let (need, names) = head.split_once(' ').ok_or_else(expected)?;
        let rank = NEEDS.iter().position(|n| n.0 == need);
        let rank = rank.ok_or_else(|| row.error(format_args!("'{need}' is no need")))?;
        let mut any = Vec::new();
        for name in names.split(" or ") {
            let call = cell::call(calls, &row, name.trim())?;
            if any.contains(&call) {
                return Err(row.error(format_args!("{name} is there twice")));
            }
            any.push(call);
        }
        all.push((rank, any, reason.to_owned()));
    }
    all.sort_by_key(|e| e.0);
    let mut out = String::from(
        "use crate::essential::{Essential, Need};\nuse crate::syscall::Syscall;\n\n\
         /// By need.\npub(crate) static ESSENTIALS: &[Essential] = &[\n",
    );
    for (rank, any, reason) in all {
        let _ = write!(out, "Essential {{ need: Need::{}, calls: &[", NEEDS[rank].1);
        for call in any {
            let _ = write!(out, "Syscall::from_index({call}), ");
        }
        let _ = writeln!(out, "], reason: {reason:?} }},");
    }
    out.push_str("];\n");
    Ok(out)
}
