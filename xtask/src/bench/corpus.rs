//! Tables over material that does not ship: flattened policies with what other compilers made of them, and
//! filters found in the wild. Printed only.

use super::counts::{heading, row};
use super::measure::{Counts, counts};
use super::mix::Mix;
use super::subject::Subject;
use crate::files::{self, Result};
use callgate::abi::Endian;
use callgate::emit::Target;
use callgate::{Action, Arch, ArgCmp, ArgIndex, Call, Cond, Op, Origin, Policy, Program, Rule, Width};
use std::path::{Path, PathBuf};

/// Where the material is: `CALLGATE_CORPUS`, or beside the workspace.
pub(super) fn folder() -> Option<PathBuf> {
    let beside = || [files::root().join("../shared/corpus"), files::root().join("../../shared/corpus")];
    let named = std::env::var_os("CALLGATE_CORPUS").map(PathBuf::from);
    named.into_iter().chain(beside()).find(|dir| dir.join("performance").is_dir())
}

/// Prints the tables, or says that there is nothing to print them from.
pub(super) fn print() -> Result<()> {
    let Some(folder) = folder() else {
        println!("no corpus of other people's programs here (CALLGATE_CORPUS)");
        return Ok(());
    };
    let performance = folder.join("performance");
    let traced = Mix::frequencies(&text(&performance.join("traced.frequency"))?);
    for (title, mix) in
        [("calls as traced in eight workloads", &traced), ("every call alike", &Mix::uniform())]
    {
        println!("\nThe same policy by several compilers, {title}:");
        println!("{}", heading("policy", "compiler"));
        let mut against = Vec::new();
        for file in sorted(&performance, "pol")? {
            against.push(rivals(&performance, &file, mix)?);
        }
        summary(&against);
    }
    println!("\nFilters found in the wild, and what they compile to again, calls as traced:");
    println!("{}", heading("filter", "compiler"));
    for file in sorted(&folder.join("filters"), "bpf")? {
        wild(&file, &traced)?;
    }
    Ok(())
}

/// One policy: ours, and the rival that executes least on what the kernel's cache cannot answer.
struct Against {
    policy: String,
    ours: Counts,
    best: (String, Counts),
}

/// Prints the rows of one policy.
fn rivals(folder: &Path, file: &Path, mix: &Mix) -> Result<Against> {
    let name = stem(file);
    let policy = flattened(&text(file)?).map_err(|e| format!("{}: {e}", file.display()))?;
    let subject = Subject::new(name.clone(), policy, mix)?;
    let measure = |program: &Program| counts(program, &subject.filter, &subject.policy, &subject.events);
    let ours = measure(&subject.program(Target::Bitmap)?);
    println!("{}", row(&name, "callgate", &ours));
    println!("{}", row(&name, "callgate raw", &measure(&subject.program(Target::Raw)?)));
    let mut best: Option<(String, Counts)> = None;
    for rival in sorted(&folder.join("rivals"), "bpf")? {
        let stem = stem(&rival);
        let Some((_, tool)) = stem.split_once('.').filter(|(policy, _)| *policy == name) else { continue };
        let theirs = measure(&program(&rival)?);
        println!("{}", row(&name, tool, &theirs));
        if best.as_ref().is_none_or(|(_, best)| executed(&theirs) < executed(best)) {
            best = Some((tool.to_string(), theirs));
        }
    }
    let best = best.ok_or_else(|| format!("{name}: nobody else has compiled it"))?;
    Ok(Against { policy: name, ours, best })
}

fn executed(counts: &Counts) -> f64 {
    counts.uncached.unwrap_or(0.0)
}

fn summary(against: &[Against]) {
    println!("\nUncached instructions executed, beside the best rival's:");
    let mut product = 1.0;
    for Against { policy, ours, best: (tool, theirs) } in against {
        let ratio = executed(ours) / executed(theirs);
        product *= ratio;
        println!(
            "{policy:<14} {:>6.2} / {:>6.2} of {tool:<12} = {ratio:.2}",
            executed(ours),
            executed(theirs)
        );
    }
    println!("geometric mean {:.2}", product.powf(1.0 / against.len().max(1) as f64));
}

/// Prints a filter and what becomes of it.
fn wild(file: &Path, mix: &Mix) -> Result<()> {
    let name: String = stem(file).chars().take(14).collect();
    let theirs = program(file)?;
    let filter = theirs.lift().map_err(|e| format!("{}: {e}", file.display()))?;
    // What it allows says which calls are worth trying; where that cannot be written, the plain ones are.
    let policy = match filter.render() {
        Ok(rendered) => rendered.policy,
        Err(_) => Policy { arches: vec![Arch::X86_64], ..Policy::new(Action::ALLOW) },
    };
    let subject = Subject { filter, ..Subject::new(name.clone(), policy, mix)? };
    let measure = |program: &Program| counts(program, &subject.filter, &subject.policy, &subject.events);
    let theirs = measure(&theirs);
    println!("{}", row(&name, "as found", &theirs));
    match subject.program(Target::Bitmap) {
        Ok(ours) => {
            let ours = measure(&ours);
            let worse = if executed(&ours) > executed(&theirs) { "  executes more" } else { "" };
            println!("{}{worse}", row(&name, "callgate", &ours));
        }
        Err(e) => println!("{name:<14} callgate     {e}"),
    }
    Ok(())
}

/// Lines `arch NAME`, `default RET`, `rule NAME NR RET COUNT [ARG OP A B]…`.
pub(super) fn flattened(text: &str) -> Result<Policy> {
    let mut policy = Policy { arches: Vec::new(), ..Policy::new(Action::KILL_PROCESS) };
    for (i, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = |e: &str| format!("{}: {e}: {line}", i + 1);
        let number = |word: &str| {
            let hex = word.strip_prefix("0x").map(|hex| u64::from_str_radix(hex, 16));
            hex.unwrap_or_else(|| word.parse()).map_err(|e| at(&e.to_string()))
        };
        let action = |word: &str| Ok::<_, String>(Action::from_ret(number(word)? as u32));
        match words[..] {
            [] => {}
            ["arch", name] => policy.arches.push(Arch::from_name(name).ok_or_else(|| at("unknown arch"))?),
            ["default", ret] => policy.default = action(ret)?,
            ["rule", _, nr, ret, _, ref conditions @ ..] => {
                let nr = number(nr)? as u32;
                let mut all = Vec::new();
                for condition in conditions.chunks(4) {
                    let [arg, op, a, b] = condition else { return Err(at("a condition has four words")) };
                    let (a, b) = (number(a)?, number(b)?);
                    let comparison = |op| {
                        let arg = ArgIndex::new(number(arg)? as u8).ok_or_else(|| at("no such argument"))?;
                        Ok::<_, String>(Cond::Arg(ArgCmp { arg, width: Width::W64, op }))
                    };
                    all.push(match *op {
                        "eq" => comparison(Op::Eq(a))?,
                        "ne" => comparison(Op::Ne(a))?,
                        "lt" => comparison(Op::Lt(a))?,
                        "le" => comparison(Op::Le(a))?,
                        "gt" => comparison(Op::Gt(a))?,
                        "ge" => comparison(Op::Ge(a))?,
                        // The value comes first, then the mask.
                        "meq" => comparison(Op::MaskedEq { mask: b, value: a })?,
                        "any" => Cond::Not(Box::new(comparison(Op::MaskedEq { mask: a, value: 0 })?)),
                        _ => return Err(at("unknown comparison")),
                    });
                }
                policy.rules.push(Rule {
                    calls: vec![Call::Numbers(nr..=nr)],
                    arches: Vec::new(),
                    when: Cond::All(all),
                    action: action(ret)?,
                    origin: Origin::default(),
                });
            }
            _ => return Err(at("unknown line")),
        }
    }
    Ok(policy)
}

pub(super) fn program(file: &Path) -> Result<Program> {
    let bytes = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
    Program::from_bytes(&bytes, Endian::Little).map_err(|e| format!("{}: {e}", file.display()))
}

pub(super) fn text(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))
}

pub(super) fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

pub(super) fn sorted(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == extension));
    paths.sort();
    Ok(paths)
}
