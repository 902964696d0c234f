//! Tests of kind `bpf-sim`: what a program of the library answers to given calls.
//!
//! The suite's script starts several processes a call; here each test program runs once and its output is
//! interpreted in place, by the rules of the suite's simulator: any instruction that libseccomp does not
//! emit is a failure.

use super::build::Suite;
use super::{Library, Tally, must};
use crate::files::Result;
use callgate::abi::insn::op;
use callgate::{Action, Arch, Program, SeccompData};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

/// The only opcodes the suite's simulator knows.
const KNOWN: [u16; 8] = [op::LD_ABS, op::AND_K, op::OR_K, op::JA, op::JEQ_K, op::JGT_K, op::JGE_K, op::RET_K];

/// Runs every case.
pub(super) fn run(suite: &Suite, library: &Library) -> Result<Tally> {
    let arches = Arches::of(suite)?;
    let mut run = Run { suite, library, arches, numbers: BTreeMap::new(), tally: Tally::default() };
    for unknown in run.arches.unknown.clone() {
        // Its cases in groups of architectures are not run.
        run.error("all", &unknown)?;
    }
    for path in batches(suite)? {
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut kind = "";
        let mut programs = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
            if let Some(named) = line.strip_prefix("test type:") {
                kind = named.trim();
            } else if kind == "bpf-sim" {
                run.line(&line.split_whitespace().collect::<Vec<_>>(), &mut programs)?;
            }
        }
    }
    Ok(run.tally)
}

fn batches(suite: &Suite) -> Result<Vec<PathBuf>> {
    let folder = &suite.tests;
    let files = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = files.filter_map(|f| f.ok().map(|f| f.path())).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "tests"));
    paths.sort();
    Ok(paths)
}

struct Run<'a> {
    suite: &'a Suite,
    library: &'a Library,
    arches: Arches,
    /// What the library's resolver says a name is.
    numbers: BTreeMap<(&'static str, String), i64>,
    tally: Tally,
}

impl Run<'_> {
    /// One line: name, architectures, call, six arguments, the expected action.
    fn line(&mut self, fields: &[&str], programs: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
        let [name, arches, call, args @ .., expected] = fields else {
            return Err(format!("a case of fewer than four fields: {fields:?}"));
        };
        let arches = match self.arches.chosen(arches) {
            Ok(arches) => arches,
            Err(reason) => return self.error(name, &reason),
        };
        if arches.is_empty() {
            self.tally.skipped += 1;
            return Ok(());
        }
        if !programs.contains_key(*name) {
            let made = self.program(name);
            let made = made.unwrap_or_else(|reason| {
                eprintln!("{name}: {reason}");
                Vec::new()
            });
            programs.insert((*name).to_string(), made);
        }
        let bytes = &programs[*name];
        if bytes.is_empty() {
            self.tally.errors += 1;
            return Ok(());
        }
        let ranges = args.iter().map(|a| range(a)).collect::<Result<Vec<_>>>()?;
        for arch in arches {
            let (low, high) = match range(call) {
                Ok((low, high)) => (low.cast_signed(), high.cast_signed()),
                Err(_) => {
                    let n = self.number(arch, call)?;
                    (n, n)
                }
            };
            for nr in low..=high {
                self.calls(name, bytes, arch, nr as u32, &ranges, &mut [0; 6], 0, expected);
            }
        }
        Ok(())
    }

    /// A case that cannot be run.
    fn error(&mut self, name: &str, reason: &str) -> Result<()> {
        eprintln!("{}: {name}: {reason}", self.library.name);
        self.tally.errors += 1;
        Ok(())
    }

    /// Every combination of the arguments from `at` on.
    #[expect(clippy::too_many_arguments, reason = "a loop nest, unrolled")]
    fn calls(
        &mut self,
        name: &str,
        bytes: &[u8],
        arch: Arch,
        nr: u32,
        ranges: &[(u64, u64)],
        args: &mut [u64; 6],
        at: usize,
        expected: &str,
    ) {
        if let (Some((low, high)), true) = (ranges.get(at), at < 6) {
            for value in *low..=*high {
                args[at] = value;
                self.calls(name, bytes, arch, nr, ranges, args, at + 1, expected);
            }
            return;
        }
        let found = answer(bytes, arch, nr, *args);
        // After 2.6 a trap is written with its number even where that is 0.
        if found == expected.replace("TRAP(0)", "TRAP") {
            self.tally.passed += 1;
        } else {
            self.tally.failed += 1;
            eprintln!(
                "{}: {name}: {} {nr} {args:x?}: {found}, not {expected}",
                self.library.name,
                arch.name()
            );
        }
    }

    fn program(&self, name: &str) -> Result<Vec<u8>> {
        let program = self.suite.tests.join(name);
        must(Command::new(program).arg("-b").env("LD_LIBRARY_PATH", &self.library.folder))
            .map_err(|e| format!("{}: {e}", self.library.name))
    }

    fn number(&mut self, arch: Arch, name: &str) -> Result<i64> {
        let key = (arch.name(), name.to_string());
        if let Some(known) = self.numbers.get(&key) {
            return Ok(*known);
        }
        let resolver = self.suite.tools.join("scmp_sys_resolver");
        let said = must(
            Command::new(resolver)
                .args(["-a", arch.name(), "-t", name])
                .env("LD_LIBRARY_PATH", &self.library.folder),
        )?;
        let said = String::from_utf8_lossy(&said);
        let number =
            said.trim().parse().map_err(|_| format!("{name} on {}: number {said:?}", arch.name()))?;
        self.numbers.insert(key, number);
        Ok(number)
    }
}

/// What the program answers, in the suite's words.
fn answer(bytes: &[u8], arch: Arch, nr: u32, args: [u64; 6]) -> String {
    let program = match Program::from_bytes(bytes, arch.endian()) {
        Ok(program) => program,
        Err(e) => return format!("no program: {e}"),
    };
    if let Some(insn) = program.insns().iter().find(|i| !KNOWN.contains(&i.code)) {
        return format!("unknown instruction {:#x}", insn.code);
    }
    match program.run(&SeccompData { nr, arch: arch.token(), ip: 0, args }).action() {
        Action::KillProcess(_) => "KILL_PROCESS".into(),
        Action::KillThread(_) => "KILL".into(),
        Action::Trap(0) => "TRAP".into(),
        Action::Trap(message) => format!("TRAP({message})"),
        Action::Errno(errno) => format!("ERRNO({})", errno.0),
        Action::Notify(_) => "NOTIFY".into(),
        Action::Trace(message) => format!("TRACE({message})"),
        Action::Log(_) => "LOG".into(),
        Action::Allow(_) => "ALLOW".into(),
        Action::Unknown(raw) => format!("{raw:#x}"),
    }
}

/// The architectures this release's script means by `all_le` and the like.
struct Arches {
    native: Arch,
    groups: BTreeMap<&'static str, Vec<Arch>>,
    /// What is wrong with those of the script that nobody knows here.
    unknown: BTreeSet<String>,
}

impl Arches {
    fn of(suite: &Suite) -> Result<Arches> {
        let path = suite.tests.join("regression");
        let script = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut unknown = BTreeSet::new();
        let lists = [("all_le", "LE"), ("all_be", "BE"), ("all_32", "32B"), ("all_64", "64B")].map(
            |(group, mark)| {
                let lead = format!("GLBL_ARCH_{mark}_SUPPORT=\"");
                let list = script.split_once(&lead).and_then(|(_, rest)| rest.split_once('"'));
                let list = list.ok_or(format!("{}: no list {lead}", path.display()))?.0;
                let names = list.split_whitespace().filter(|word| *word != "\\");
                let known =
                    names.filter_map(|name| named(name).map_err(|reason| unknown.insert(reason)).ok());
                Ok((group, known.collect::<Vec<_>>()))
            },
        );
        Ok(Arches {
            native: Arch::NATIVE.ok_or("this machine's architecture has no filters")?,
            groups: lists.into_iter().collect::<Result<_>>()?,
            unknown,
        })
    }

    /// The architectures a case is for on this machine.
    fn chosen(&self, field: &str) -> Result<Vec<Arch>> {
        let (mut chosen, mut avoided) = (Vec::new(), Vec::new());
        for word in field.split(',') {
            let (add, name) = match word.strip_prefix('+') {
                Some(name) => (true, name),
                None => (false, word),
            };
            if let Some(name) = word.strip_prefix('-') {
                avoided.extend(Arch::from_name(name));
                continue;
            }
            let mut group = match self.groups.get(name) {
                Some(group) => group.clone(),
                None if name == "all" => {
                    ["all_le", "all_be"].iter().flat_map(|g| &self.groups[g]).copied().collect()
                }
                None => vec![named(name)?],
            };
            if !add {
                group.retain(|a| *a == self.native);
            }
            chosen.extend(group);
        }
        chosen.retain(|a| !avoided.contains(a));
        Ok(chosen)
    }
}

fn named(name: &str) -> Result<Arch> {
    Arch::from_name(name).ok_or_else(|| format!("unknown architecture {name}"))
}

/// A value or an inclusive range, decimal or hexadecimal; `N` is 0.
fn range(field: &str) -> Result<(u64, u64)> {
    let value = |text: &str| {
        let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => (digits, 16),
            None => (text, 10),
        };
        let signed = || text.parse::<i64>().map(i64::cast_unsigned);
        u64::from_str_radix(digits, radix).or_else(|_| signed()).map_err(|_| format!("{text} is no number"))
    };
    match field.split_once('-') {
        _ if field == "N" => Ok((0, 0)),
        Some((low, high)) if !low.is_empty() => Ok((value(low)?, value(high)?)),
        _ => value(field).map(|v| (v, v)),
    }
}
