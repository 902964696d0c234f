//! The policies that ship, by every compiler at hand: counts side by side, and a chart of the ratios.

use super::chart::{Bars, chart};
use super::counts::{heading, row};
use super::goals::mean;
use super::measure::{Counts, counts};
use super::others::{Others, difference};
use super::rules::{COMPILERS, programs};
use super::sheet::{Limit, Sheet};
use super::subject::{Subject, shipped};
use crate::files::{self, Result};
use crate::libseccomp::{Library, USUAL};
use callgate::Program;
use std::fmt::Write as _;

const CHART: &str = "bench/rivals.svg";
const FILE: &str = "bench/rivals.txt";
const COLUMNS: [&str; 3] = ["executed a call", "length", "time to load, by the model"];

/// Which of a compiler's ways the chart leaves out: the other one is better.
const NOT_DRAWN: [&str; 2] = ["gvisor", "minijail"];

/// The compiler whose programs execute least, and what ours may execute of that, on average over the policies.
pub(super) const BEST: (&str, f64) = ("gvisor-hot", 0.88);

const HEADER: &str = "\
# Other compilers' programs for the policies in bench/policies, by `cargo xtask bench --rivals`. Columns as in
# counts.txt; each compiler is told the policy's mix of calls if it can be: gvisor-hot which calls are made, the most
# frequent first, minijail-freq how often. A policy that a compiler has no words for is left out.
# meaning   `equal` if the program was proved to be the policy's function; `but for` what the compiler cannot be told,
#           and proved equal in all else (widths: it compares 64 bits, or 32, where the policy says otherwise; x32: it has
#           the default action for those numbers); otherwise a call that it answers differently
";

/// A program's counts.
struct Line {
    policy: String,
    compiler: &'static str,
    counts: Counts,
    meaning: String,
    /// Executed by it for a call the cache cannot answer, and by ours for what the compiler was told.
    uncached: Option<(f64, f64)>,
}

impl Line {
    fn text(&self) -> String {
        format!("{}  {}", row(&self.policy, self.compiler, &self.counts), self.meaning)
    }
}

/// Fetches the compilers, prints the table, and writes it and the chart if every compiler is there.
pub(super) fn print() -> Result<()> {
    let mut library = Library::open(USUAL)?;
    let mut others = Others::fetch()?;
    let about = about(library.as_ref(), &others);
    let lines = measured(library.as_mut(), &mut others)?;
    let text = text(&about, &lines);
    print!("{text}");
    println!();
    let mut sheet = Sheet::default();
    judge(&lines, &mut sheet);
    if let (Some(library), true) = (library, others.complete()) {
        files::write(FILE, &text)?;
        files::write(CHART, &drawn(&lines, &library))?;
        println!("{FILE} and {CHART} are written");
    } else {
        println!("as not every compiler is here, {FILE} and {CHART} stay as they are");
    }
    sheet.end()
}

/// Compares the file with what the compilers at hand do, if they are those it was written with.
pub(super) fn check() -> Result<()> {
    let mut library = Library::open(USUAL)?;
    let mut others = Others::fetch()?;
    let about = about(library.as_ref(), &others);
    let old = files::read(FILE)?;
    let known = |line: &&String| old.lines().any(|l| l.strip_prefix("# by ") == Some(line.as_str()));
    let (same, other): (Vec<&String>, Vec<&String>) = about.iter().partition(known);
    for line in &other {
        println!("{FILE} was not written with {line}: its lines are not compared");
    }
    let tool = |compiler: &str| compiler.trim_end_matches(['1', '2']).split('-').next().map(str::to_string);
    let compared = |line: &&Line| {
        let tool = tool(line.compiler);
        same.iter().any(|about| about.split(' ').next().map(str::to_string) == tool)
    };
    let mut message = String::new();
    let lines = measured(library.as_mut(), &mut others)?;
    let lines: Vec<&Line> = lines.iter().filter(compared).collect();
    for line in &lines {
        let text = line.text();
        if !old.lines().any(|old| old == text) {
            let _ = writeln!(message, "  + {text}");
        }
    }
    if !message.is_empty() {
        return Err(format!(
            "{FILE} has other lines; `cargo xtask bench --rivals` writes it anew:\n{message}"
        ));
    }
    println!("{} lines of {FILE} are as they were", lines.len());
    Ok(())
}

/// Holds ours against the compilers that are built.
pub(super) fn hold(others: &mut Others, sheet: &mut Sheet) -> Result<()> {
    judge(&measured(None, others)?, sheet);
    Ok(())
}

/// A line about each compiler, ours excepted.
fn about(library: Option<&Library>, others: &Others) -> Vec<String> {
    let mut about: Vec<String> =
        library.iter().map(|library| format!("libseccomp {}", library.version)).collect();
    about.push("seccompiler 0.5".into());
    about.extend(others.about.iter().cloned());
    about
}

/// Every policy by every compiler.
fn measured(mut library: Option<&mut Library>, others: &mut Others) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for subject in shipped()? {
        let count = |program: &Program| counts(program, &subject.filter, &subject.policy, &subject.events);
        let mut ours = None;
        for (compiler, program) in COMPILERS.iter().zip(programs(&subject, library.as_deref_mut())?) {
            let Some(program) = program else { continue };
            let (policy, meaning) = (subject.name.clone(), meaning(&program, &subject)?);
            let counts = count(&program);
            let ours = *ours.get_or_insert(counts.uncached);
            let uncached = counts.uncached.zip(ours);
            lines.push(Line { policy, compiler, counts, meaning, uncached });
        }
        for made in others.programs(&subject, 1)? {
            let counts = count(&made.program);
            let policy = subject.name.clone();
            let uncached = made.uncached()?;
            lines.push(Line { policy, compiler: made.compiler, counts, meaning: made.meaning, uncached });
        }
    }
    Ok(lines)
}

fn meaning(program: &Program, subject: &Subject) -> Result<String> {
    let filter = program.lift().map_err(|e| format!("{}: {e}", subject.name))?;
    if filter == subject.filter { Ok("equal".into()) } else { difference(&filter, &subject.filter) }
}

fn text(about: &[String], lines: &[Line]) -> String {
    let mut out = HEADER.to_string();
    for line in about {
        let _ = writeln!(out, "# by {line}");
    }
    let _ = writeln!(out, "{}  meaning", heading("policy", "compiler"));
    for line in lines {
        let _ = writeln!(out, "{}", line.text());
    }
    out
}

/// Ours beside each of the others, for the same function if that is what they compile: the closest on every policy,
/// and the best on average.
fn judge(lines: &[Line], sheet: &mut Sheet) {
    let mut ratios = Vec::new();
    for ours in lines.iter().filter(|line| line.compiler == COMPILERS[0]) {
        let others = lines.iter().filter(|l| l.policy == ours.policy && l.compiler != COMPILERS[0]);
        let executed: Vec<(&str, (f64, f64))> =
            others.filter_map(|l| Some((l.compiler, l.uncached?))).collect();
        let part = |(theirs, ours): (f64, f64)| ours / theirs;
        if let Some((compiler, (theirs, ours_for))) =
            executed.iter().max_by(|a, b| part(a.1).total_cmp(&part(b.1)))
        {
            let what = format!("uncached, against {compiler}");
            sheet.line(&ours.policy, &what, *ours_for, Limit::Most(*theirs));
        }
        let best = executed.iter().find(|(compiler, _)| *compiler == BEST.0);
        ratios.extend(best.map(|(_, both)| part(*both)));
    }
    if !ratios.is_empty() {
        let what = format!("uncached, of {}'s, {} policies", BEST.0, ratios.len());
        sheet.line("all", &what, mean(&ratios), Limit::Most(BEST.1));
    }
}

fn drawn(lines: &[Line], library: &Library) -> String {
    let mut rows: Vec<(String, Vec<Bars>)> = Vec::new();
    for ours in lines.iter().filter(|line| line.compiler == COMPILERS[0]) {
        let others = lines.iter().filter(|l| {
            l.policy == ours.policy && l.compiler != COMPILERS[0] && !NOT_DRAWN.contains(&l.compiler)
        });
        let bars: Vec<Bars> = others.map(|l| bars(l.compiler, &ours.counts, &l.counts)).collect();
        if !bars.is_empty() {
            rows.push((ours.policy.clone(), bars));
        }
    }
    let title = "How many times what callgate’s programs cost, others’ do";
    let note = [
        "callgate = 1, at the green lines; logarithmic.".to_string(),
        format!(
            "libseccomp {} as it is by default (1) and with its binary tree (2); seccompiler 0.5; gVisor’s told which \
             calls are hot; minijail’s told how often each is made; the crate kafel.",
            library.version
        ),
    ];
    chart(title, &note, &COLUMNS, &rows)
}

/// What another compiler's program costs, by ours.
fn bars(compiler: &str, ours: &Counts, theirs: &Counts) -> Bars {
    let executed = theirs.uncached.zip(ours.uncached).map(|(theirs, ours)| theirs / ours);
    let length = theirs.len as f64 / ours.len as f64;
    Bars {
        compiler: compiler.to_string(),
        ratios: vec![executed, Some(length), Some(theirs.load() / ours.load())],
    }
}
