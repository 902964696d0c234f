//! What a notified call costs: the caller's time for one, supervised by this library and by libseccomp in turn. Caller
//! and supervisor are threads of one process in both; nothing is done but to answer.

mod threads;

use crate::files::Result;
use crate::helper::Helper;
use crate::libseccomp::USUAL;
use callgate::Policy;
use callgate::notify::{Listener, Options};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const HELPER: &str = include_str!("notify/calls.c");

/// Interleaved rounds; the shortest counts.
const ROUNDS: usize = 15;
const CALLS: u32 = 5_000;
/// Callers at the same time, and workers for them.
const MANY: usize = 8;

/// On one CPU an answer must not take longer. Microseconds.
const LIMIT: f64 = 8.0;

/// Prints the table.
pub(super) fn print() -> Result<()> {
    if cfg!(debug_assertions) {
        return Err(
            "times of a debug build mean nothing: run it with `cargo run --release -p xtask -- bench --notify`"
                .into(),
        );
    }
    println!("microseconds a call, the shortest of {ROUNDS} rounds of {CALLS} calls");
    println!(
        "{:<22} {:>8} {:>10} {:>10} {:>12} {:>12} {:>12}",
        "CPUs", "plain", "callgate", "sync", "libseccomp", "many", "many, sync"
    );
    table("as scheduled")?;
    threads::print()?;
    // Threads and helpers started from here on inherit it.
    let me = std::process::id().to_string();
    let pinned = std::process::Command::new("taskset").args(["-pc", "0", &me]).output();
    if !pinned.is_ok_and(|o| o.status.success()) {
        return Err("no taskset, which would put both sides on one CPU".into());
    }
    let best = table("one")?;
    if best > LIMIT {
        return Err(format!("a notified call takes {best:.1} us on one CPU, the limit is {LIMIT} us"));
    }
    Ok(())
}

/// One row; what this library takes for a call.
fn table(cpus: &str) -> Result<f64> {
    let mut helper = Helper::start("notify", HELPER, &[USUAL])?;
    let with_library = match &mut helper {
        Some(helper) => helper.line()? == "ready",
        None => false,
    };
    let mut best = [f64::INFINITY; 6];
    for _ in 0..ROUNDS {
        let (mut plain, mut library) = (f64::INFINITY, f64::INFINITY);
        if let Some(helper) = &mut helper {
            plain = nanoseconds(&helper.ask(&format!("plain {CALLS}\n"))?)?;
            if with_library {
                library = nanoseconds(&helper.ask(&format!("notified {CALLS}\n"))?)?;
            }
        }
        let round = [plain, own(1, false)?, own(1, true)?, library, own(MANY, false)?, own(MANY, true)?];
        for (best, now) in best.iter_mut().zip(round) {
            *best = best.min(now);
        }
    }
    let us = best.map(|ns| if ns.is_finite() { format!("{:.2}", ns / 1000.0) } else { "-".to_owned() });
    println!("{cpus:<22} {:>8} {:>10} {:>10} {:>12} {:>12} {:>12}", us[0], us[1], us[2], us[3], us[4], us[5]);
    Ok(best[1].min(best[2]) / 1000.0)
}

fn nanoseconds(answer: &str) -> Result<f64> {
    answer.parse().map_err(|_| format!("notify helper: answer {answer:?}"))
}

/// Nanoseconds for a call with this many callers; of several callers, the time for all their calls by their number.
fn own(callers: usize, sync: bool) -> Result<f64> {
    let policy = Policy::parse("default allow\nnotify getppid\n").map_err(|e| e.to_string())?;
    let (sender, listeners) = mpsc::channel();
    let caller = thread::spawn(move || {
        let listener = policy.install_supervised(Options::default());
        let fine = listener.is_ok();
        if sender.send(listener).is_err() || !fine {
            return Duration::ZERO;
        }
        let calls = || (0..CALLS).for_each(|_| calls_once());
        calls_once();
        let start = Instant::now();
        thread::scope(|scope| {
            for _ in 1..callers {
                scope.spawn(calls);
            }
            calls();
        });
        start.elapsed()
    });
    let listener = listeners.recv().map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
    if sync {
        listener.set_sync_wake_up(true).map_err(|e| e.to_string())?;
    }
    if callers == 1 {
        answer_all(&listener)?;
    } else {
        let answered = listener.serve(callers, |call| {
            let _ = call.return_value(7);
        });
        answered.map_err(|e| e.to_string())?;
    }
    let took = caller.join().map_err(|_| "the caller panicked")?;
    Ok(took.as_nanos() as f64 / (f64::from(CALLS) * callers as f64))
}

/// One call ahead, so that the supervisor is there.
fn calls_once() {
    std::hint::black_box(std::os::unix::process::parent_id());
}

fn answer_all(listener: &Listener) -> Result<()> {
    while let Some(call) = listener.receive().map_err(|e| e.to_string())? {
        let _ = call.return_value(7).map_err(|e| e.to_string())?;
    }
    Ok(())
}
