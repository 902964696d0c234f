//! What programs cost in the running kernel: loading them, and the calls they are asked about. Every number
//! is a difference or a ratio within one run, next to no filter at all and to the shortest filter that the
//! kernel must run.

use super::least::least;
use super::measure::counts;
use super::others::Others;
use super::rules;
use super::sheet::{Limit, Sheet};
use super::subject::{self, Subject};
use crate::files::Result;
use crate::helper::{Helper, hex};
use crate::libseccomp::{Library, USUAL};
use callgate::abi::Word;
use callgate::abi::insn::{Insn, op};
use callgate::{Action, Arch, Program, Syscall};
use std::hint::black_box;
use std::time::Instant;

const HELPER: &str = include_str!("kernel.c");

/// Interleaved rounds, and what is done in each.
const ROUNDS: usize = 20;
const LOADS: usize = 6;
const BATCHES: usize = 20;
const CALLS: usize = 2000;

/// What loading may take, of what libseccomp's tree takes.
const LOAD: f64 = 0.45;
/// Nanoseconds that a call may take beyond the floor.
const BEYOND: f64 = 3.0;
/// The policy whose compiling and loading together may take so many nanoseconds.
const BOTH: (&str, f64) = ("container-3", 0.5e6);
/// What a merged stack may add to a call, of what the stack adds.
const PART: f64 = 0.2;

/// Policies with a call whose arguments they ask, that the kernel refuses or answers at once.
const HOT: &[(&str, &str, [u64; 6])] = &[
    ("container", "personality", [0xffff_ffff, 0, 0, 0, 0, 0]),
    ("container-3", "personality", [0xffff_ffff, 0, 0, 0, 0, 0]),
    ("device", "ioctl", [u64::MAX, 0xc018_643a, 0, 0, 0, 0]),
    ("vmm-main", "ioctl", [u64::MAX, 0x5421, 0, 0, 0, 0]),
    ("vmm-vcpu", "ioctl", [u64::MAX, 0xae80, 0, 0, 0, 0]),
    ("vmm-api", "ioctl", [u64::MAX, 0x5421, 0, 0, 0, 0]),
];

/// Prints the tables.
pub(super) fn print() -> Result<()> {
    if Arch::NATIVE != Some(Arch::X86_64) {
        return Err("calls are made as x86_64 makes them".into());
    }
    let Some(mut helper) = Helper::start("kernel", HELPER, &[])? else {
        return Err("without a C compiler nothing is timed".into());
    };
    let mut library = Library::open(USUAL)?;
    let subjects = subject::shipped()?;
    let mut sheet = Sheet::default();
    println!("seccomp(2), microseconds, the shortest of {} loads", ROUNDS * LOADS);
    println!(
        "{:<14} {:>8} {:>10} {:>11} {:>11} {:>11} {:>8} {:>8}",
        "policy", "shortest", "callgate", "libseccomp1", "libseccomp2", "seccompiler", "ratio", "floor"
    );
    let shortest = hex(&shortest()?.to_bytes());
    let mut rows: Vec<Row> = Vec::new();
    for subject in &subjects {
        let programs = rules::programs(subject, library.as_mut())?;
        // The model's figure for libseccomp's tree, of which a part is allowed.
        let model = programs[2]
            .as_ref()
            .map(|program| counts(program, &subject.filter, &subject.policy, &subject.events).load());
        let programs = programs.map(|p| p.map(|p| hex(&p.to_bytes()))).to_vec();
        rows.push(Row { subject, programs, model, loads: [f64::INFINITY; 4], shortest: f64::INFINITY });
    }
    let mut compiled = f64::INFINITY;
    for _ in 0..ROUNDS {
        for row in &mut rows {
            let mut load = |program: &str| one(&helper.ask(&format!("load {LOADS} {program}\n"))?);
            row.shortest = row.shortest.min(load(&shortest)?);
            for (program, best) in row.programs.iter().zip(&mut row.loads) {
                if let Some(program) = program {
                    *best = best.min(load(program)?);
                }
            }
            if row.subject.name == BOTH.0 {
                let start = Instant::now();
                let program = row.subject.policy.compile().map_err(|e| e.to_string())?;
                compiled = compiled.min(start.elapsed().as_nanos() as f64);
                drop(black_box(program));
            }
        }
    }
    for row in &rows {
        let shown = |ns: f64| if ns.is_finite() { format!("{:.1}", ns / 1000.0) } else { "-".to_string() };
        let ratio = row.ratio().map_or("-".to_string(), |ratio| format!("{ratio:.2}"));
        let [ours, linear, tree, other] = row.loads.map(shown);
        println!(
            "{:<14} {:>8} {ours:>10} {linear:>11} {tree:>11} {other:>11} {ratio:>8} {:>8}",
            row.subject.name,
            shown(row.shortest),
            row.floor().map_or("-".to_string(), |floor| format!("{floor:.2}"))
        );
    }
    let ratios: Vec<f64> = rows.iter().filter_map(Row::ratio).collect();
    if !ratios.is_empty() {
        println!("{:<64} {:>11.2}", "geometric mean of the ratios", super::goals::mean(&ratios));
    }
    println!();
    for row in &rows {
        let Some((ratio, floor)) = row.ratio().zip(row.floor()) else { continue };
        let what = "loaded, of libseccomp's tree";
        if floor > LOAD {
            sheet.out_of_reach(&row.subject.name, what, ratio, LOAD, floor);
        } else {
            sheet.line(&row.subject.name, what, ratio, Limit::Most(LOAD));
        }
    }
    if let Some(row) = rows.iter().find(|row| row.subject.name == BOTH.0) {
        let (both, limit) = ((compiled + row.loads[0]) / 1e6, Limit::Most(BOTH.1 / 1e6));
        sheet.line(BOTH.0, "compiled, proved and loaded, milliseconds", both, limit);
    }
    others(&mut helper, &rows)?;
    hot(&mut helper, &rows, &mut sheet)?;
    sheet.end()
}

/// Times the loading of programs by compilers in processes of their own, if they are built, with ours in each round.
fn others(helper: &mut Helper, rows: &[Row<'_>]) -> Result<()> {
    let mut others = Others::built()?;
    if others.about.is_empty() {
        println!("\nno other compiler is built here (`cargo xtask bench --rivals` does that)");
        return Ok(());
    }
    println!("\n{}; seccomp(2), microseconds", others.about.join(", "));
    println!("{:<14} {:<14} {:>11} {:>11} {:>8}", "policy", "compiler", "theirs", "callgate", "ratio");
    let mut programs = Vec::new();
    for row in rows {
        for made in others.programs(row.subject, 1)? {
            programs.push((row, made.compiler, hex(&made.program.to_bytes()), [f64::INFINITY; 2]));
        }
    }
    for _ in 0..ROUNDS {
        for (row, _, program, best) in &mut programs {
            let ours = row.programs[0].as_deref().unwrap_or_default();
            for (program, best) in [program.as_str(), ours].iter().zip(best) {
                *best = best.min(one(&helper.ask(&format!("load {LOADS} {program}\n"))?)?);
            }
        }
    }
    for (row, compiler, _, [theirs, ours]) in &programs {
        println!(
            "{:<14} {compiler:<14} {:>11.1} {:>11.1} {:>8.2}",
            row.subject.name,
            theirs / 1000.0,
            ours / 1000.0,
            ours / theirs
        );
    }
    Ok(())
}

/// A policy's programs, in hexadecimal, by compiler, and how long each took to load.
struct Row<'a> {
    subject: &'a Subject,
    programs: Vec<Option<String>>,
    /// Microseconds for libseccomp's tree, by the model.
    model: Option<f64>,
    loads: [f64; 4],
    /// The shortest program there is, in the same rounds.
    shortest: f64,
}

impl Row<'_> {
    /// The least that loading any program takes, of what libseccomp's tree takes, both by the model.
    fn floor(&self) -> Option<f64> {
        self.model.map(|theirs| least(&self.subject.policy, &self.subject.filter) / theirs)
    }

    /// What loading ours takes, of what libseccomp's tree takes.
    fn ratio(&self) -> Option<f64> {
        self.loads[2].is_finite().then(|| self.loads[0] / self.loads[2])
    }
}

/// Times one call under each program.
fn hot(helper: &mut Helper, rows: &[Row<'_>], sheet: &mut Sheet) -> Result<()> {
    println!(
        "\nnanoseconds a call, the tenth percentile of {} batches; beyond `floor` what the program itself costs",
        ROUNDS * BATCHES
    );
    println!(
        "{:<14} {:<12} {:>8} {:>8} {:>9} {:>11} {:>11} {:>11} {:>7}",
        "policy",
        "call",
        "native",
        "floor",
        "callgate",
        "libseccomp1",
        "libseccomp2",
        "seccompiler",
        "beyond"
    );
    let mut reached = Vec::new();
    for (name, call, args) in HOT {
        let Some(row) = rows.iter().find(|row| row.subject.name == *name) else {
            return Err(format!("there is no policy {name}"));
        };
        let mut columns = vec![Some("-".to_string()), Some(hex(&floor()?.to_bytes()))];
        columns.extend(row.programs.iter().cloned());
        let times = timed(helper, name, call, args, &columns)?;
        let beyond = times[2].zip(times[1]).map_or(f64::NAN, |(ours, floor)| ours - floor);
        print!("{name:<14} {call:<12}");
        for (width, ns) in [8, 8, 9, 11, 11, 11].iter().zip(&times) {
            print!(" {:>width$}", ns.map_or("-".to_string(), |ns| format!("{ns:.1}")));
        }
        println!(" {beyond:>7.1}");
        reached.push((name, call, beyond));
    }
    println!();
    for (name, call, beyond) in reached {
        sheet.line(name, &format!("{call}, nanoseconds beyond the floor"), beyond, Limit::Most(BEYOND));
    }
    stacks(helper, sheet)
}

/// Times one call under stacks of filters and what they are merged into.
fn stacks(helper: &mut Helper, sheet: &mut Sheet) -> Result<()> {
    println!("\nthe same under stacks; what is beyond `native` as a part of the stack's");
    println!(
        "{:<14} {:<12} {:>8} {:>8} {:>9} {:>8} {:>8}",
        "stack", "call", "filters", "native", "stack", "merged", "part"
    );
    // Refused by the kernel for its length, once the filters have passed it.
    let (call, args) = ("mmap", [0, 0, 1, 0x22, u64::MAX, 0]);
    let mut reached = Vec::new();
    for stack in super::stack::shipped()? {
        let filters: Vec<String> = stack.filters.iter().map(|f| hex(&f.to_bytes())).collect();
        let columns = [Some("-".to_string()), Some(filters.join(",")), Some(hex(&stack.merged.to_bytes()))];
        let times = timed(helper, &stack.name, call, &args, &columns)?;
        let [native, all, merged] = [0, 1, 2].map(|i| times[i].unwrap_or(f64::NAN));
        let part = (merged - native) / (all - native);
        println!(
            "{:<14} {call:<12} {:>8} {native:>8.1} {all:>9.1} {merged:>8.1} {part:>8.3}",
            stack.name,
            filters.len(),
        );
        reached.push((stack.name, part));
    }
    println!();
    for (name, part) in reached {
        sheet.line(&name, "merged, beyond native, of the stack's", part, Limit::Most(PART));
    }
    Ok(())
}

/// The tenth percentile under each program, batches of all of them in turn.
fn timed(
    helper: &mut Helper,
    name: &str,
    call: &str,
    args: &[u64; 6],
    columns: &[Option<String>],
) -> Result<Vec<Option<f64>>> {
    let nr = Syscall::from_name(call).and_then(|c| c.number(Arch::X86_64)).ok_or("an unknown call")?;
    let args: String = args.iter().map(|a| format!("{a:x} ")).collect();
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); columns.len()];
    for _ in 0..ROUNDS {
        for (program, times) in columns.iter().zip(&mut times) {
            let Some(program) = program else { continue };
            let answer = helper.ask(&format!("call {BATCHES} {CALLS} {nr} {args}{program}\n"))?;
            for word in answer.split_whitespace() {
                times.push(one(word).map_err(|_| format!("{name}: {answer}"))?);
            }
        }
    }
    Ok(times.iter_mut().map(|t| tenth(t)).collect())
}

/// The tenth percentile: what the machine does when nothing disturbs it.
fn tenth(times: &mut [f64]) -> Option<f64> {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 10).copied()
}

/// The shortest program there is.
fn shortest() -> Result<Program> {
    Program::new(vec![Insn::stmt(op::RET_K, Action::ALLOW.to_ret())]).map_err(|e| e.to_string())
}

/// The shortest program that the kernel cannot answer from its cache.
fn floor() -> Result<Program> {
    let argument = Word::arg_lo(0).offset(callgate::abi::Endian::Little);
    let insns = vec![Insn::stmt(op::LD_ABS, argument), Insn::stmt(op::RET_K, Action::ALLOW.to_ret())];
    Program::new(insns).map_err(|e| e.to_string())
}

fn one(answer: &str) -> Result<f64> {
    answer.trim().parse().map_err(|_| format!("the kernel was not timed: {answer}"))
}
