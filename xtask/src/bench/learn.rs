//! What watching costs: real programs alone, under every way of `callgate learn`, and under `strace -f -c`.
//!
//! All ways take turns in each round. A wall-clock time is the lower quartile of its rounds, a CPU time the sum;
//! both are told as multiples of the program alone.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::files::{self, Result};

const ROUNDS: usize = 9;
/// How `learn` watches; the last is not one of its own: the second run, under what was learned in the first.
const WAYS: [&str; 6] = ["alone", "strace", "trace", "notify", "bpf", "confirm"];

const SOURCE: &str = r#"
    #include <pthread.h>
    #include <stdlib.h>
    #include <sys/syscall.h>
    #include <sys/wait.h>
    #include <unistd.h>
    static void *work(void *unused) {
        for (int i = 0; i < 5000; i++) syscall(SYS_getppid);
        return unused;
    }
    int main(int argc, char **argv) {
        pthread_t threads[4];
        int there[2], back[2];
        char byte = 0;
        switch (argv[1][0]) {
        case 'g': for (int i = 0; i < 50000; i++) syscall(SYS_getppid); break;
        case 't': for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, work, 0);
                  for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
                  break;
        default:  if (pipe(there) || pipe(back)) return 1;
                  if (fork() == 0) for (;;) {
                      if (read(there[0], &byte, 1) != 1 || byte == 1) _exit(0);
                      write(back[1], &byte, 1);
                  }
                  for (int i = 0; i < 2000; i++) { write(there[1], &byte, 1); read(back[0], &byte, 1); }
                  byte = 1;
                  write(there[1], &byte, 1);
                  wait(0);
        }
        return 0;
    }
"#;

/// A program and its arguments.
type Load = (&'static str, Vec<String>);

/// Prints the ratios. callgate is built first, as it is shipped, unless `CALLGATE` names a binary.
pub(super) fn print() -> Result<()> {
    let callgate = match std::env::var_os("CALLGATE") {
        Some(binary) => binary.into(),
        None => built()?,
    };
    let folder = std::env::temp_dir().join(format!("callgate-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let done = measure(&callgate, &folder);
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

fn measure(callgate: &Path, folder: &Path) -> Result<()> {
    let loads = loads(folder)?;
    println!("{:<10} {:>8}  wall and CPU as multiples of the program alone", "", "alone");
    println!(
        "{:<10} {:>8}  {}",
        "",
        "ms",
        WAYS[1..].iter().map(|w| format!("{w:<13} ")).collect::<String>().trim_end()
    );
    for (name, command) in loads {
        let policy = folder.join("policy.cg");
        let learned = run(&mut learn(callgate, &["-o", &text(&policy)], &command));
        let mut wall = vec![Vec::new(); WAYS.len()];
        let mut cpu = [0; WAYS.len()];
        let mut fails = [false; WAYS.len()];
        for _ in 0..ROUNDS {
            for (index, way) in WAYS.iter().enumerate() {
                let mut command = way_of(callgate, way, &policy, folder, &command);
                let (ticks, start) = (children_ticks()?, Instant::now());
                fails[index] |= !run(&mut command);
                wall[index].push(start.elapsed());
                cpu[index] += children_ticks()? - ticks;
            }
        }
        let quartile = |times: &Vec<Duration>| {
            let mut times = times.clone();
            times.sort();
            times[times.len() / 4].as_secs_f64()
        };
        let alone = quartile(&wall[0]);
        let mut cells = String::new();
        for index in 1..WAYS.len() {
            let cell = if fails[index] || !learned {
                "fails".to_owned()
            } else {
                format!(
                    "{:.2} {:.2}",
                    quartile(&wall[index]) / alone,
                    cpu[index] as f64 / cpu[0].max(1) as f64
                )
            };
            cells.push_str(&format!("{cell:<13} "));
        }
        println!("{name:<10} {:>8.1}  {}", alone * 1000.0, cells.trim_end());
    }
    Ok(())
}

fn loads(folder: &Path) -> Result<Vec<Load>> {
    let (source, program) = (folder.join("load.c"), folder.join("load"));
    std::fs::write(&source, SOURCE).map_err(|e| e.to_string())?;
    let built = Command::new("cc").args(["-O1", "-pthread", "-w", "-o"]).arg(&program).arg(&source).status();
    if !built.is_ok_and(|s| s.success()) {
        return Err("cc is needed for some of the programs".to_owned());
    }
    let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let own = |mode: &str| vec![text(&program), mode.to_owned()];
    Ok(vec![
        ("getppid", own("g")),
        ("threads", own("t")),
        ("pipe", own("p")),
        ("find", words(&["find", "/usr/share/doc", "/usr/share/man", "-newer", "/etc/passwd"])),
        ("gzip", words(&["gzip", "-1c", &text(&program)])),
        ("python", words(&["/usr/bin/python3", "-ISc", "pass"])),
        ("cc", words(&["cc", "-w", "-c", "-o", "/dev/null", &text(&source)])),
    ])
}

fn way_of(callgate: &Path, way: &str, policy: &Path, folder: &Path, command: &[String]) -> Command {
    let recording = text(&folder.join("recording.jsonl"));
    match way {
        "alone" => {
            let mut alone = Command::new(&command[0]);
            alone.args(&command[1..]);
            alone
        }
        "strace" => {
            let mut strace = Command::new("strace");
            strace.args(["-f", "-c", "-qq", "-o", "/dev/null"]).args(command);
            strace
        }
        "confirm" => learn(callgate, &["--via", "trace", "--confirm", &text(policy)], command),
        via => learn(callgate, &["--via", via, "--record", &recording], command),
    }
}

fn learn(callgate: &Path, options: &[&str], command: &[String]) -> Command {
    let mut learn = Command::new(callgate);
    learn.arg("learn").args(options).arg("--").args(command);
    learn
}

/// Runs it, silently; whether it ended well. What was not learned in the first run is none of its faults.
fn run(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|s| matches!(s.code(), Some(0 | 1)))
}

/// The CPU time of children that ended, in clock ticks.
///
/// Source: `proc_pid_stat(5)`, `cutime` and `cstime`.
fn children_ticks() -> Result<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").map_err(|e| e.to_string())?;
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
    Ok(fields.skip(13).take(2).filter_map(|f| f.parse::<u64>().ok()).sum())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
