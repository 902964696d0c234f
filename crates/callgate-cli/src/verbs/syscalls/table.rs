//! Many calls, a line each.

use super::page::signature;
use callgate::abi::risk::{self, Level};
use callgate::{Arch, Syscall};
use std::fmt::Write;

/// A table with a number for each architecture, the kernel that had the call first, and its signature.
pub(super) fn table(calls: &[Syscall], arches: &[Arch]) -> String {
    let name = width("call", calls.iter().map(|c| c.name().len()));
    let columns: Vec<(Arch, usize)> = arches.iter().map(|a| (*a, width(a.name(), [3].into_iter()))).collect();
    let mut out = format!("{:<name$}", "call");
    // Writing to a string cannot fail.
    for (arch, width) in &columns {
        let _ = write!(out, "  {:>width$}", arch.name());
    }
    out.push_str("  since   signature\n");
    for &call in calls {
        let mut line = format!("{:<name$}", call.name());
        for (arch, width) in &columns {
            let nr = call.number(*arch).map_or_else(|| "-".to_owned(), show);
            let _ = write!(line, "  {nr:>width$}");
        }
        let here = arches.iter().copied().find(|a| call.number(*a).is_some());
        let arch = here.or_else(|| Arch::ALL.iter().copied().find(|a| call.number(*a).is_some()));
        let since = arch.and_then(|a| call.since(a)).map_or_else(|| "never".to_owned(), |k| k.to_string());
        let _ = write!(line, "  {since:<7}");
        if let Some(arch) = arch {
            let _ = write!(line, " {}", signature(call, arch));
            if let Some(gone) = call.removed(arch) {
                let _ = write!(line, "  [gone since {gone}]");
            }
        }
        if risk::of(call).is_some_and(|r| r.level == Level::High) {
            line.push_str("  [risky]");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    let plural = if calls.len() == 1 { "call" } else { "calls" };
    let _ = writeln!(out, "{} {plural}", calls.len());
    out
}

/// A call number: those with a flag bit in hexadecimal.
pub(super) fn show(nr: u32) -> String {
    if nr < 0x1_0000 { nr.to_string() } else { format!("{nr:#x}") }
}

fn width(title: &str, cells: impl Iterator<Item = usize>) -> usize {
    cells.max().unwrap_or(0).max(title.len())
}
