//! `tables/multiplex.rs`: the calls behind `socketcall` and `ipc`.

use super::calls::Calls;
use crate::data;
use crate::files::Result;
use std::fmt::Write as _;

pub(crate) fn generate(calls: &Calls) -> Result<String> {
    let mut out = String::new();
    for multiplexer in ["socketcall", "ipc"] {
        let index = calls.index(multiplexer).ok_or(format!("no call {multiplexer}"))?;
        let upper = multiplexer.to_uppercase();
        let _ = writeln!(out, "/// Index of `{multiplexer}`.\npub(crate) const {upper}: u16 = {index};\n");
        let _ = writeln!(out, "/// Sub-number and call index, ascending by the first.");
        let _ = writeln!(out, "pub(crate) static {upper}_CALLS: &[(u8, u16)] = &[");
        let mut last = 0;
        for row in data::rows("data/multiplex.txt")? {
            let [via, sub, call] = row.cells()[..] else {
                return Err(row.error("expected MULTIPLEXER SUB-NUMBER CALL"));
            };
            if via != multiplexer {
                continue;
            }
            let sub = u8::try_from(row.number(sub)?).map_err(|_| row.error("out of range"))?;
            if sub <= last {
                return Err(row.error("sub-numbers must ascend"));
            }
            last = sub;
            let index = calls.index(call).ok_or_else(|| row.error(format_args!("no call {call}")))?;
            let _ = writeln!(out, "({sub}, {index}), // {call}");
        }
        out.push_str("];\n\n");
    }
    Ok(out)
}
