//! What `/proc` tells of other processes: their threads, and how each is filtered.
//!
//! Reads files only; there is nothing unsafe here. Source: `proc_pid_status(5)`.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::error::Error;

/// How a thread is filtered (`Seccomp:` in its status).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mode {
    /// Not at all.
    Disabled,
    /// By the fixed list of strict mode.
    Strict,
    /// By filters.
    Filter,
}

/// A thread, as of the moment its status was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Task {
    /// The process it belongs to.
    pub pid: i32,
    /// Its own number; equal to `pid` for the first thread.
    pub tid: i32,
    /// Its name (`comm`), at most 15 bytes, which need not be UTF-8: others are replaced.
    pub comm: String,
    /// Its effective user.
    pub uid: u32,
    /// Whether and how it is filtered.
    pub mode: Mode,
    /// How many filters it has; `None` before Linux 5.9, which does not tell.
    pub filters: Option<u32>,
    /// Whether it may no longer gain privileges; `None` before Linux 4.10.
    pub no_new_privs: Option<bool>,
    /// Who traces it; 0 for nobody.
    pub tracer: i32,
}

/// Every thread of process `pid`, by ascending number. Threads that end meanwhile are left out.
///
/// # Errors
///
/// `ENOENT` when there is no such process.
pub fn tasks(pid: i32) -> Result<Vec<Task>, Error> {
    let dir = format!("/proc/{pid}/task");
    let mut tids = numbers_in(&dir).map_err(|e| failed("opendir(/proc/PID/task)", &e))?;
    tids.sort_unstable();
    let mut tasks = Vec::with_capacity(tids.len());
    for tid in tids {
        match task(tid) {
            Ok(task) => tasks.push(task),
            Err(e) if is_gone(&e) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(tasks)
}

/// The thread with number `tid`.
///
/// # Errors
///
/// `ENOENT` or `ESRCH` when there is none.
pub fn task(tid: i32) -> Result<Task, Error> {
    let call = "read(/proc/TID/status)";
    let status = fs::read(format!("/proc/{tid}/status")).map_err(|e| failed(call, &e))?;
    // The name in `status` is escaped; `comm` is not.
    let comm = fs::read(format!("/proc/{tid}/comm")).map_err(|e| failed("read(/proc/TID/comm)", &e))?;
    let comm = String::from_utf8_lossy(comm.strip_suffix(b"\n").unwrap_or(&comm)).into_owned();
    parse(tid, comm, &String::from_utf8_lossy(&status)).ok_or(Error::Refused {
        what: "/proc/TID/status lacks the lines Tgid, Uid, Seccomp: was the kernel built without seccomp?",
    })
}

/// Every process there is, by ascending number.
///
/// # Errors
///
/// When `/proc` cannot be listed.
pub fn pids() -> Result<Vec<i32>, Error> {
    let mut pids = numbers_in("/proc").map_err(|e| failed("opendir(/proc)", &e))?;
    pids.sort_unstable();
    Ok(pids)
}

/// The program a process executes; `None` for a kernel thread or without the right to look.
pub fn executable(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// The parent of a process, as of now.
pub(crate) fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; state and parent follow the last one.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// Whether the process is there, and more than a record of its end.
pub(crate) fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X'])))
}

/// Whether job control has stopped it, as far as one can see.
pub(crate) fn is_stopped(pid: i32) -> bool {
    // The name, in parentheses, may hold anything; the state follows the last one.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 't'])))
}

fn parse(tid: i32, comm: String, status: &str) -> Option<Task> {
    let field = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
    };
    let number = |name: &str| field(name)?.parse::<u32>().ok();
    Some(Task {
        pid: field("Tgid")?.parse().ok()?,
        tid,
        comm,
        // Real, effective, saved, file system.
        uid: field("Uid")?.split_whitespace().nth(1)?.parse().ok()?,
        mode: match field("Seccomp")? {
            "0" => Mode::Disabled,
            "1" => Mode::Strict,
            // 3: killed by a filter, and about to be gone.
            "2" | "3" => Mode::Filter,
            _ => return None,
        },
        filters: number("Seccomp_filters"),
        no_new_privs: number("NoNewPrivs").map(|n| n != 0),
        tracer: field("TracerPid").and_then(|n| n.parse().ok()).unwrap_or(0),
    })
}

fn numbers_in(dir: &str) -> io::Result<Vec<i32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir)? {
        if let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
            numbers.push(number);
        }
    }
    Ok(numbers)
}

fn is_gone(e: &Error) -> bool {
    matches!(e.errno(), Some(libc::ENOENT | libc::ESRCH))
}

fn failed(call: &'static str, e: &io::Error) -> Error {
    let errno = e.raw_os_error().unwrap_or(libc::EIO);
    let hint = match errno {
        libc::ENOENT | libc::ESRCH => "no such process, or /proc is not mounted",
        libc::EACCES | libc::EPERM => "/proc may be mounted with hidepid",
        _ => "",
    };
    Error::Call { call, errno, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_kernels_status_lacks_lines() {
        let text = "Name:\tx\nTgid:\t7\nTracerPid:\t3\nUid:\t1\t2\t3\t4\nSeccomp:\t1\n";
        let task = parse(9, "x".into(), text).unwrap();
        assert_eq!((task.pid, task.tid, task.uid, task.tracer), (7, 9, 2, 3));
        assert_eq!((task.mode, task.filters, task.no_new_privs), (Mode::Strict, None, None));
        assert_eq!(parse(9, "x".into(), "Name:\tx\nTgid:\t7\nUid:\t0\t0\t0\t0\n"), None);
    }

    #[test]
    fn this_process_is_there() {
        let me = i32::try_from(std::process::id()).unwrap();
        let tasks = tasks(me).unwrap();
        assert!(tasks.iter().any(|t| t.tid == me) && tasks.iter().all(|t| t.pid == me));
        assert!(pids().unwrap().contains(&me));
        assert!(executable(me).is_some());
        assert!(super::tasks(i32::MAX).unwrap_err().to_string().contains("no such process"));
    }
}
