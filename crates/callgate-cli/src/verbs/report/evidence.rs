//! What was recorded: which calls, how often, by whom.

use super::page::{Page, escape, push};
use callgate::{Arch, Syscall};
use callgate_trace::learn::Recording;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
struct Row<'r> {
    times: u64,
    runs: BTreeSet<&'r str>,
    programs: BTreeSet<&'r str>,
    threads: BTreeSet<&'r str>,
}

pub(super) fn section(page: &mut Page, recording: &Recording) {
    let mut rows: BTreeMap<(Arch, String), Row<'_>> = BTreeMap::new();
    for (key, counts) in recording.calls() {
        let name = Syscall::from_number(key.arch, key.nr)
            .map_or_else(|| format!("number {}", key.nr), |call| call.name().to_owned());
        let row = rows.entry((key.arch, name)).or_default();
        row.times = counts.values().fold(row.times, |sum, n| sum.saturating_add(*n));
        row.runs.extend(counts.keys().map(String::as_str));
        row.programs.insert(&key.program);
        row.threads.insert(&key.thread);
    }
    let runs = recording.runs();
    page.section("evidence", "What was seen", |out| {
        let plural = if runs == 1 { "" } else { "s" };
        out.element("p", &format!("{} calls in {runs} run{plural}.", rows.len()));
        let columns = ["call", "architecture", "times", "runs", "programs", "threads"];
        out.table("Recorded calls", "evidence", &columns);
        for ((arch, name), row) in &rows {
            let list = |names: &BTreeSet<&str>| {
                escape(&names.iter().filter(|n| !n.is_empty()).copied().collect::<Vec<_>>().join(", "))
            };
            let mut text = String::new();
            push(
                &mut text,
                format_args!(
                    "<tr><th scope=\"row\"><code>{}</code></th><td>{}</td><td>{}</td><td>{} of {runs}</td><td>{}</td><td>{}</td></tr>\n",
                    escape(name),
                    arch.name(),
                    row.times,
                    row.runs.len(),
                    list(&row.programs),
                    list(&row.threads)
                ),
            );
            out.raw(&text);
        }
        out.end_table();
    });
}
