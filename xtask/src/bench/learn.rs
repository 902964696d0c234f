//! What watching costs: real programs alone, under every way of `callgate learn`, and under `strace -f -c`.
//!
//! All ways take turns in each round. A time is that of the second best of its rounds, as others use the machine too;
//! wall-clock and processor time are told as multiples of the program alone. Only what the goals are about is measured,
//! which takes about a minute, unless loads are named.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::files::{self, Result};

const ROUNDS: usize = 11;
/// How `learn` watches; the last is not one of its own: the second run, under what was learned in the first.
const WAYS: [&str; 7] = ["alone", "strace", "trace", "fast", "notify", "bpf", "confirm"];

/// What must hold: the load, the way, what of it, and the most it may be.
const GOALS: [(&str, &str, Of, f64); 14] = [
    ("find", "trace", Of::StraceWall, 0.6),
    ("find", "fast", Of::Wall, 1.3),
    ("find", "fast", Of::Cpu, 1.3),
    ("threads", "fast", Of::Wall, 1.3),
    ("threads", "fast", Of::Cpu, 1.3),
    ("getppid", "bpf", Of::Cpu, 2.0),
    ("storm", "bpf", Of::Cpu, 2.0),
    ("threads", "bpf", Of::Cpu, 1.2),
    ("pipe", "bpf", Of::Cpu, 1.2),
    ("find", "bpf", Of::Cpu, 1.2),
    ("gzip", "bpf", Of::Cpu, 1.2),
    ("python", "bpf", Of::Cpu, 1.2),
    ("cc", "bpf", Of::Cpu, 1.2),
    ("find", "confirm", Of::Wall, 1.3),
];

/// Reads and parses a file of its own, a few times.
const PARSES: &str = "import ast, os\nfor _ in range(60): ast.parse(open(os.__file__).read())";

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// With the program alone.
    Wall,
    /// With the program alone.
    Cpu,
    /// With the program under strace.
    StraceWall,
}

/// A program and its arguments.
type Load = (&'static str, Vec<String>);

/// Wall-clock and processor time, in microseconds; `None` where the command fails, or is not measured.
type Times = Option<(f64, f64)>;

/// Prints the ratios. callgate is built first, as it is shipped, unless `CALLGATE` names a binary; `loads` are the
/// names of those wanted, all if there are none.
pub(super) fn print(loads: &[&str]) -> Result<()> {
    let callgate = match std::env::var_os("CALLGATE") {
        Some(binary) => binary.into(),
        None => built()?,
    };
    let folder = std::env::temp_dir().join(format!("callgate-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let done = measure(&callgate, &folder, loads);
    let _ = std::fs::remove_dir_all(&folder);
    done
}

fn built() -> Result<PathBuf> {
    let root = files::root();
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "-q", "-p", "callgate-cli"]).current_dir(root);
    if !build.status().map_err(|e| e.to_string())?.success() {
        return Err("callgate does not build".to_owned());
    }
    Ok(root.join("target/release/callgate"))
}

fn measure(callgate: &Path, folder: &Path, wanted: &[&str]) -> Result<()> {
    let meter = compiled(folder, "meter", include_str!("learn/meter.c"))?;
    let mut all = Vec::new();
    println!("{:<10} {:>8}  wall and CPU as multiples of the program alone", "", "alone");
    let heads: String = WAYS[1..].iter().map(|w| format!("{w:<13} ")).collect();
    println!("{:<10} {:>8}  {}", "", "ms", heads.trim_end());
    let is_wanted = |name| match wanted {
        [] => GOALS.iter().any(|goal| goal.0 == name),
        wanted => wanted.contains(&name),
    };
    for (name, command) in loads(folder)?.into_iter().filter(|load| is_wanted(load.0)) {
        let policy = folder.join("policy.cg");
        let learned = run(&meter, &learn(callgate, &["-o", &text(&policy)], &command)).is_some();
        let mut times: Vec<Option<Vec<(f64, f64)>>> = vec![Some(Vec::new()); WAYS.len()];
        for _ in 0..ROUNDS {
            let ways = WAYS.iter().zip(&mut times);
            for (way, times) in ways.filter(|(way, _)| !wanted.is_empty() || is_needed(name, way)) {
                match run(&meter, &way_of(callgate, way, &policy, folder, &command)) {
                    Some(time) if learned => times.iter_mut().for_each(|t| t.push(time)),
                    _ => *times = None,
                }
            }
        }
        let times: Vec<Times> = times.into_iter().map(|t| t.and_then(good)).collect();
        let Some(alone) = times[0] else { return Err(format!("{name} fails")) };
        let cell = |(way, times): (&&str, &Times)| match times {
            Some((wall, cpu)) => format!("{:.2} {:.2}", wall / alone.0, cpu / alone.1),
            None if !wanted.is_empty() || is_needed(name, way) => "fails".to_owned(),
            None => "-".to_owned(),
        };
        let cells: String = WAYS[1..].iter().zip(&times[1..]).map(|t| format!("{:<13} ", cell(t))).collect();
        println!("{name:<10} {:>8.1}  {}", alone.0 / 1000.0, cells.trim_end());
        all.push((name, times));
    }
    judge(&all)
}

/// Prints every goal with what is reached.
fn judge(all: &[(&str, Vec<Times>)]) -> Result<()> {
    let mut missed = 0;
    println!("\n{:<24} {:<42} {:>8} {:>8}", "", "", "reached", "goal");
    for (load, way, of, most) in GOALS {
        let Some((_, times)) = all.iter().find(|(name, _)| *name == load) else { continue };
        let of_way = |way: &str| WAYS.iter().position(|w| *w == way).and_then(|i| times[i]);
        let what = match of {
            Of::Wall => "wall, of the program alone",
            Of::Cpu => "CPU, of the program alone",
            Of::StraceWall => "wall, of strace -f -c",
        };
        let base = of_way(if of == Of::StraceWall { "strace" } else { "alone" });
        let ratio = of_way(way).zip(base).map(|(ours, base)| match of {
            Of::Cpu => ours.1 / base.1,
            Of::Wall | Of::StraceWall => ours.0 / base.0,
        });
        let reached = ratio.is_some_and(|r| r <= most);
        missed += usize::from(!reached);
        let verdict = if reached { "ok" } else { "MISSED" };
        let ratio = ratio.map_or("fails".to_owned(), |r| format!("{r:.2}"));
        println!("{:<24} {what:<42} {ratio:>8} {most:>8.2}  {verdict}", format!("{load}, {way}"));
    }
    if missed > 0 { Err(format!("{missed} goals are missed")) } else { Ok(()) }
}

/// Whether a goal is about it, or measures others by it.
fn is_needed(load: &str, way: &str) -> bool {
    way == "alone"
        || GOALS.iter().any(|(of, by, what, _)| {
            *of == load && (*by == way || (*what == Of::StraceWall && way == "strace"))
        })
}

/// The second best of each: the best may be an accident. `None` where there are not so many.
fn good(times: Vec<(f64, f64)>) -> Times {
    let of = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times.get(1).copied()
    };
    Some((of(times.iter().map(|t| t.0).collect())?, of(times.iter().map(|t| t.1).collect())?))
}

fn compiled(folder: &Path, name: &str, source: &str) -> Result<String> {
    let (file, program) = (folder.join(format!("{name}.c")), folder.join(name));
    std::fs::write(&file, source).map_err(|e| e.to_string())?;
    let built = Command::new("cc").args(["-O1", "-pthread", "-w", "-o"]).arg(&program).arg(&file).status();
    if built.is_ok_and(|s| s.success()) { Ok(text(&program)) } else { Err("cc is needed".to_owned()) }
}

fn loads(folder: &Path) -> Result<Vec<Load>> {
    let program = compiled(folder, "load", include_str!("learn/load.c"))?;
    // Enough to compile that the beginning does not count for most.
    let function = |n| {
        format!("int f{n}(int m) {{ int s = {n}; for (int i = 0; i < m; i++) s += s * i ^ m; return s; }}\n")
    };
    let source = folder.join("many.c");
    std::fs::write(&source, (0..400).map(function).collect::<String>()).map_err(|e| e.to_string())?;
    let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let own = |mode: &str| vec![program.clone(), mode.to_owned()];
    Ok(vec![
        ("getppid", own("g")),
        ("storm", own("s")),
        ("threads", own("t")),
        ("pipe", own("p")),
        ("find", words(&["find", "/usr/share/doc", "/usr/share/man", "-newer", "/etc/passwd"])),
        ("gzip", words(&["gzip", "-1c", "/usr/bin/python3", "/usr/bin/git"])),
        ("python", words(&["/usr/bin/python3", "-ISc", PARSES])),
        ("cc", words(&["cc", "-O2", "-c", "-o", "/dev/null", &text(&source)])),
        // What beginning and ending takes.
        ("true", words(&["true"])),
    ])
}

fn way_of(callgate: &Path, way: &str, policy: &Path, folder: &Path, command: &[String]) -> Vec<String> {
    let recording = text(&folder.join("recording.jsonl"));
    match way {
        "alone" => command.to_vec(),
        "strace" => {
            let strace = ["strace", "-f", "-c", "-qq", "-o", "/dev/null"].map(str::to_owned);
            strace.into_iter().chain(command.iter().cloned()).collect()
        }
        "confirm" => learn(callgate, &["--via", "trace", "--confirm", &text(policy)], command),
        "fast" => learn(callgate, &["--fast", "--record", &recording], command),
        via => learn(callgate, &["--via", via, "--record", &recording], command),
    }
}

fn learn(callgate: &Path, options: &[&str], command: &[String]) -> Vec<String> {
    let ours =
        [text(callgate), "learn".to_owned()].into_iter().chain(options.iter().map(|o| (*o).to_owned()));
    ours.chain(["--".to_owned()]).chain(command.iter().cloned()).collect()
}

/// Runs it, silently; its times if it ended well. What was not learned in the first run is none of its faults.
fn run(meter: &str, command: &[String]) -> Option<(f64, f64)> {
    let output = Command::new(meter).args(command).stdin(Stdio::null()).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = said.split_whitespace();
    let mut number = || words.next()?.parse::<f64>().ok();
    let (wall, cpu, code) = (number()?, number()?, number()?);
    (code <= 1.0).then_some((wall, cpu))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
