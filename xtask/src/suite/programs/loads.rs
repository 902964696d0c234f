//! What a program loads into the kernel, with one library or the other.

use super::text;
use crate::files::Result;
use crate::suite::{Library, folder};
use callgate::abi::{Insn, Word};
use callgate::{Action, Arch, Diagram, Filter, Program, SeccompData, Syscall};
use callgate_sys::ptrace::{Load, Loaded, trace_loads};
use callgate_sys::spawn::{self, Outcome};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How long a program may take, in seconds.
const LIMIT: &str = "60";

/// A program at work.
pub(super) struct Work<'a> {
    pub(super) command: Vec<&'a str>,
    /// What it reads.
    pub(super) reads: &'a str,
    /// Shell words run before it, in a mount namespace of its own.
    pub(super) before: &'a str,
}

/// What came of it.
pub(super) struct Came {
    pub(super) outcome: Outcome,
    pub(super) output: String,
    pub(super) errors: String,
    /// The filters in force, each once, in their order, with the loading thread's name.
    pub(super) filters: Vec<(String, Vec<Insn>)>,
    /// Whether the process of each load had this project's library mapped.
    pub(super) ours: bool,
}

/// Runs a program under the tracer; with `library`, that file lies over the installed one, for this program and its
/// children alone.
pub(super) fn run(work: &Work<'_>, library: Option<&Library>, place: &Path) -> Result<Came> {
    folder(place)?;
    let [reads, output, errors] = ["reads", "output", "errors"].map(|name| place.join(name));
    crate::files::write(&reads, work.reads)?;
    let script = format!(
        "set -e; if [ -n \"$OURS\" ]; then mount --bind \"$OURS\" \"$STOCK\"; fi; {}\n\
         exec timeout --foreground -k 5 {LIMIT} \"$@\" <\"$READS\" >\"$OUTPUT\" 2>\"$ERRORS\"",
        work.before
    );
    let ours = library.map(|l| l.folder.join("libseccomp.so.2"));
    let variables = [
        format!("OURS={}", ours.as_deref().unwrap_or(Path::new("")).display()),
        format!("STOCK={}", installed_library()?.display()),
        format!("READS={}", reads.display()),
        format!("OUTPUT={}", output.display()),
        format!("ERRORS={}", errors.display()),
        "LANG=C".into(),
    ];
    let mut argv: Vec<&str> = vec!["unshare", "--mount", "env"];
    argv.extend(variables.iter().map(String::as_str));
    argv.extend(["sh", "-c", &script, "sh"]);
    argv.extend(&work.command);
    let inode = ours.as_deref().map(|file| file.metadata().map(|m| m.ino()));
    let inode = inode.transpose().map_err(|e| format!("the library: {e}"))?;
    let (mut filters, mut mapped) = (Vec::new(), true);
    let command = spawn::Command::new(&argv).map_err(|e| e.to_string())?;
    let mut broken = None;
    let mut on_load = |load: &Load| {
        let Loaded::Filter { program, .. } = &load.what else { return ControlFlow::Continue(()) };
        if load.result.is_in_force() {
            match program {
                Ok(program) if filters.iter().any(|(_, known)| known == program) => {}
                Ok(program) => filters.push((load.comm.clone(), program.clone())),
                Err(e) => broken = Some(e.to_string()),
            }
            mapped &= inode.is_none_or(|inode| maps(load.pid, inode));
        }
        ControlFlow::Continue(())
    };
    let outcome = trace_loads(command, &mut on_load, &mut |_| {}).map_err(|e| e.to_string())?;
    if let Some(broken) = broken {
        return Err(format!("a program could not be read: {broken}"));
    }
    let read =
        |path: &Path| std::fs::read(path).map(|b| text(&b)).map_err(|e| format!("{}: {e}", path.display()));
    Ok(Came {
        outcome,
        output: read(&output)?,
        errors: read(&errors)?,
        ours: mapped && !filters.is_empty(),
        filters,
    })
}

/// Whether a process has the file of this inode in its memory.
fn maps(pid: i32, inode: u64) -> bool {
    let text = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    text.lines().any(|l| l.split_whitespace().nth(4) == Some(&inode.to_string()))
}

/// The file the loader takes for the stock library.
fn installed_library() -> Result<PathBuf> {
    let output = Command::new("ldconfig").arg("-p").output().map_err(|e| format!("ldconfig: {e}"))?;
    let list = text(&output.stdout);
    let native = |l: &&str| l.contains("libseccomp.so.2 ") && l.contains("x86-64");
    let line = list.lines().find(native).ok_or("libseccomp.so.2 is not installed")?;
    let path = line.rsplit(' ').next().unwrap_or_default();
    std::fs::canonicalize(path).map_err(|e| format!("{path}: {e}"))
}

/// Compares what was loaded with each library, load by load.
pub(super) fn compare(stock: &Came, own: &Came) -> Result<String> {
    if stock.filters.len() != own.filters.len() {
        return Err(format!(
            "{} filters, with the stock library {}: {}",
            own.filters.len(),
            stock.filters.len(),
            own.errors
        ));
    }
    let (mut newer, mut shorter) = (BTreeSet::new(), (0, 0));
    for ((comm, theirs), (_, ours)) in stock.filters.iter().zip(&own.filters) {
        shorter = (shorter.0 + ours.len(), shorter.1 + theirs.len());
        let lift = |insns: &[Insn]| -> Result<Filter> {
            let program = Program::new(insns.to_vec()).map_err(|e| e.to_string())?;
            program.lift().map_err(|e| e.to_string())
        };
        differences(comm, &lift(theirs)?, &lift(ours)?, &mut newer)?;
    }
    let mut said = format!("{} filters PROVED equal", own.filters.len());
    if !newer.is_empty() {
        let names: Vec<&str> = newer.into_iter().collect();
        said += &format!(", but for calls the stock library does not know: {}", names.join(" "));
    }
    Ok(format!("{said}; {} instructions, with the stock library {}", shorter.0, shorter.1))
}

/// The calls two filters answer differently, each of which must be one the stock library has no name for.
fn differences(comm: &str, theirs: &Filter, ours: &Filter, newer: &mut BTreeSet<&'static str>) -> Result<()> {
    let pairs = theirs.beside(ours).map_err(|e| e.to_string())?;
    let differ = |p: &Diagram<(Action, Action)>| p.witness(|(a, b)| a != b);
    let Some(first) = differ(&pairs) else { return Ok(()) };
    let mut known = Vec::new();
    for &arch in Arch::ALL {
        let here = pairs.restrict(Word::ARCH, arch.token());
        if differ(&here).is_none() {
            continue;
        }
        for call in Syscall::all() {
            let Some(number) = call.number(arch) else { continue };
            let Some(data) = differ(&here.restrict(Word::NR, number)) else { continue };
            let data = SeccompData { nr: number, arch: arch.token(), ..data };
            if stock_knows(arch, call)? {
                known.push(format!("{} on {}: {}", call.name(), arch.name(), describe(&pairs, &data)));
            } else {
                newer.insert(call.name());
            }
        }
    }
    if known.is_empty() && !newer.is_empty() {
        return Ok(());
    }
    if known.is_empty() {
        known.push(format!("{first:x?}: {}", describe(&pairs, &first)));
    }
    let more = known.len().saturating_sub(4);
    known.truncate(4);
    if more > 0 {
        known.push(format!("{more} more"));
    }
    Err(format!("the filter of {comm} differs: {}", known.join("; ")))
}

fn describe(pairs: &Diagram<(Action, Action)>, data: &SeccompData) -> String {
    let (theirs, ours) = pairs.eval(data);
    format!("{theirs:?} for {ours:?}")
}

/// Whether the installed library has a number for a call.
fn stock_knows(arch: Arch, call: Syscall) -> Result<bool> {
    let output = Command::new("scmp_sys_resolver").args(["-a", arch.name(), call.name()]).output();
    let output = output.map_err(|e| format!("scmp_sys_resolver: {e}"))?;
    // Pseudo numbers below -10000 are those of calls the architecture does not have, those above of parts of
    // `socketcall` and `ipc`.
    let number = text(&output.stdout).trim().parse::<i64>();
    Ok(output.status.success() && number.is_ok_and(|n| n > -10_000 && n != -1))
}
