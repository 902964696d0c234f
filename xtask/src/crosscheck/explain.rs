//! `data/disagreements.txt`: `SOURCES TABLES NAMES KIND: why`, lists parted by commas; `*` stands for any.

use super::claims::{Disagreement, SOURCES};
use crate::data::{self, Row};
use crate::files::Result;

struct Explanation {
    row: Row,
    sources: Vec<String>,
    tables: Vec<String>,
    names: Vec<String>,
    kind: String,
    why: String,
}

/// Prints every disagreement with its explanation; fails on one without, and on an explanation that explains
/// nothing although its source was `present`.
pub(crate) fn judge(found: &[Disagreement], present: &[&str]) -> Result<()> {
    let explanations = read()?;
    let mut used = vec![0usize; explanations.len()];
    let mut unexplained = 0;
    for disagreement in found {
        match explanations.iter().position(|e| e.covers(disagreement)) {
            Some(at) => used[at] += 1,
            None => {
                unexplained += 1;
                let Disagreement { source, table, name, kind, detail } = disagreement;
                println!("UNEXPLAINED {source} {table} {name} {kind}: {detail}");
            }
        }
    }
    for (explanation, count) in explanations.iter().zip(&used) {
        let Explanation { sources, tables, names, kind, why, row } = explanation;
        if *count > 0 {
            let (sources, tables, names) = (sources.join(","), tables.join(","), names.join(","));
            println!("{sources} {tables} {names} {kind} ({count} times): {why}");
        } else if sources.iter().all(|s| s == "*" || present.contains(&s.as_str())) {
            return Err(row.error("explains nothing any more"));
        }
    }
    match unexplained {
        0 => Ok(()),
        n => Err(format!("{n} disagreements have no explanation in data/disagreements.txt")),
    }
}

fn read() -> Result<Vec<Explanation>> {
    let mut out = Vec::new();
    for row in data::rows("data/disagreements.txt")? {
        let (head, why) = row.text.split_once(": ").ok_or_else(|| row.error("expected '…: why'"))?;
        let [sources, tables, names, kind] = head.split_whitespace().collect::<Vec<_>>()[..] else {
            return Err(row.error("expected SOURCES TABLES NAMES KIND: why"));
        };
        if let Some(stray) = sources.split(',').find(|s| *s != "*" && !SOURCES.contains(s)) {
            return Err(row.error(format_args!("no source {stray}")));
        }
        let list = |cell: &str| cell.split(',').map(str::to_owned).collect::<Vec<_>>();
        let (sources, tables, names) = (list(sources), list(tables), list(names));
        let (kind, why) = (kind.to_owned(), why.to_owned());
        out.push(Explanation { sources, tables, names, kind, why, row });
    }
    Ok(out)
}

impl Explanation {
    fn covers(&self, d: &Disagreement) -> bool {
        let among = |list: &[String], word: &str| list.iter().any(|l| l == "*" || l == word);
        among(&self.sources, d.source)
            && among(&self.tables, &d.table)
            && among(&self.names, &d.name)
            && self.kind == d.kind
    }
}
