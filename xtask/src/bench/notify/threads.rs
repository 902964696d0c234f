//! A program of several threads that share a lock and whose every call is handed over, as a learner has it: with and
//! without `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP`, beside the same program alone.

use crate::files::Result;
use crate::helper;
use callgate::Policy;
use callgate::notify::{self, Options};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const PROGRAM: &str = include_str!("threads.c");

/// Interleaved rounds; the median of each counts, as the waits for another CPU are what is measured.
const ROUNDS: usize = 9;
const THREADS: usize = 4;
const CALLS: u32 = 2_000;

/// What is left of the excess over the program alone.
const LIMIT: f64 = 0.5;

/// Prints the row; an error where the flag does not gain what it must.
pub(super) fn print() -> Result<()> {
    let Some(program) = helper::compile("threads", PROGRAM)? else { return Ok(()) };
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let round = [alone(&program)?, supervised(&program, false)?, supervised(&program, true)?];
        for (all, now) in times.iter_mut().zip(round) {
            all.push(now);
        }
    }
    let [alone, plain, sync] = times.map(|mut all| {
        all.sort_unstable();
        all[all.len() / 2].as_secs_f64() * 1e3
    });
    let left = (sync - alone) / (plain - alone);
    println!(
        "{THREADS} threads, one lock, {CALLS} calls each, every call answered by one thread: alone {alone:.0} ms, \
         {plain:.0} ms, with sync {sync:.0} ms; {left:.2} of the excess is left, aimed at {LIMIT}"
    );
    if left > LIMIT {
        return Err(format!(
            "SYNC_WAKE_UP leaves {left:.2} of the excess of many threads, the limit is {LIMIT}"
        ));
    }
    Ok(())
}

fn args(program: &Path) -> [String; 3] {
    [program.display().to_string(), THREADS.to_string(), CALLS.to_string()]
}

fn alone(program: &Path) -> Result<Duration> {
    let argv = args(program);
    let start = Instant::now();
    let status = Command::new(&argv[0]).args(&argv[1..]).status().map_err(|e| e.to_string())?;
    if status.success() { Ok(start.elapsed()) } else { Err(format!("{}: {status}", argv[0])) }
}

fn supervised(program: &Path, sync: bool) -> Result<Duration> {
    let policy = Policy::parse("default notify\n").map_err(|e| e.to_string())?;
    let start = Instant::now();
    let spawned = notify::spawn(&policy, &args(program), Options::default()).map_err(|e| e.to_string())?;
    if sync {
        spawned.listener.set_sync_wake_up(true).map_err(|e| e.to_string())?;
    }
    while let Some(call) = spawned.listener.receive().map_err(|e| e.to_string())? {
        // One that died meanwhile needs no answer.
        let _ = call.continue_unchecked();
    }
    let took = start.elapsed();
    match spawned.child.wait().map_err(|e| e.to_string())?.exit_code() {
        0 => Ok(took),
        code => Err(format!("{} ended with {code} under supervision", program.display())),
    }
}
