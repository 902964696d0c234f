//! Programs that filter themselves.

use super::loads::{self, Came, Work};
use crate::files::Result;
use crate::suite::Library;
use std::path::Path;

/// A program, what it is asked to do, what it reads, and words that its output has when it has done it.
pub(super) struct Real {
    pub(super) name: &'static str,
    args: &'static [&'static str],
    reads: &'static str,
    says: &'static str,
    /// Whether it loads a filter.
    filters: bool,
}

pub(super) const PROGRAMS: [Real; 7] = [
    Real { name: "file", args: &["-b", "/bin/sh"], reads: "", says: "link", filters: false },
    Real { name: "man", args: &["-P", "cat", "man"], reads: "", says: "MAN", filters: true },
    Real {
        name: "tor",
        args: &["--verify-config", "--ignore-missing-torrc", "-f", "/nonexistent", "--Sandbox", "1"],
        reads: "",
        says: "valid",
        filters: false,
    },
    // It runs until it is killed: the mask of signals that it sets is not the same every time, and may block every
    // other signal. Its filter names addresses of its own memory.
    Real {
        name: "timeout",
        args: &[
            "--foreground",
            "--signal=KILL",
            "4",
            "tor",
            "--ignore-missing-torrc",
            "-f",
            "/nonexistent",
            "--Sandbox",
            "1",
            "--DisableNetwork",
            "1",
            "--DataDirectory",
            "/run/tor",
        ],
        reads: "",
        says: "Bootstrapped 0%",
        filters: true,
    },
    Real {
        name: "chronyd",
        args: &["-Q", "-t", "2", "-F", "1", "server 127.0.0.1 iburst"],
        reads: "",
        says: "",
        filters: true,
    },
    Real {
        name: "qemu-system-x86_64",
        args: &["-sandbox", "on", "-machine", "none", "-display", "none", "-monitor", "stdio"],
        reads: "info version\nquit\n",
        says: "QEMU",
        filters: true,
    },
    Real {
        name: "systemd-analyze",
        args: &["syscall-filter", "@clock"],
        reads: "",
        says: "@clock",
        filters: false,
    },
];

/// Runs a program with each library and compares what it said, how it ended and what it loaded.
pub(super) fn run(real: &Real, ours: &Library, place: &Path) -> Result<String> {
    if !super::installed(real.name) {
        return Ok("not installed".into());
    }
    let work = Work {
        command: [&[real.name], real.args].concat(),
        reads: real.reads,
        before: "mount -t tmpfs none /run",
    };
    let (stock, own) = (loads::run(&work, None, place)?, loads::run(&work, Some(ours), place)?);
    if own.outcome != stock.outcome {
        return Err(format!("{:?}, with the stock library {:?}: {}", own.outcome, stock.outcome, own.errors));
    }
    if !(own.output.clone() + &own.errors).contains(real.says) {
        return Err(format!("did not say {:?}: {}{}", real.says, own.output, own.errors));
    }
    if real.filters && stock.filters.is_empty() {
        return Ok(format!("{:?}, but loads no filter with either library: {}", own.outcome, stock.errors));
    }
    if stock.filters.is_empty() && own.filters.is_empty() {
        return Ok(format!("{:?}, as with the stock library; loads no filter", own.outcome));
    }
    if !own.ours {
        return Ok(format!("{:?}, but its filters are not the library's", own.outcome));
    }
    if real.args.contains(&"tor") && stock.filters.len() == own.filters.len() {
        let lengths = |came: &Came| came.filters.iter().map(|f| f.1.len()).sum::<usize>();
        return Ok(format!(
            "{:?}, as with the stock library; filtered, not compared: its filter holds addresses of the process; \
             {} instructions, with the stock library {}",
            own.outcome,
            lengths(&own),
            lengths(&stock)
        ));
    }
    Ok(format!("{:?}, as with the stock library; {}", own.outcome, loads::compare(&stock, &own)?))
}
