//! The classic first program: it reads a line, writes it back, sleeps, then starts another process.
//!
//! `first_filter none` runs without a filter. `first_filter filtered` allows what the first part needs
//! and nothing else: the new process is what kills it, and a shell shows 159 (128 + SIGSYS).

use callgate::{Action, Policy};
use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() == Some("filtered") {
        Policy::new(Action::KILL_PROCESS)
            .allow(["read", "write", "clock_nanosleep", "nanosleep", "brk", "mmap", "munmap", "exit_group"])?
            // What the C library and Rust's runtime do on the way out, and after a signal.
            .allow(["sigaltstack", "rt_sigreturn", "restart_syscall", "futex"])?
            .install()?;
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    print!("You said: {line}");
    std::io::stdout().flush()?;
    std::thread::sleep(Duration::from_millis(10));
    println!("Now for another process.");
    let status = std::process::Command::new("true").status()?;
    println!("It ended: {status}.");
    Ok(())
}
