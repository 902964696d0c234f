//! Ask the kernel: what happens to these calls under this program, in a process that can be spared.
//!
//! # Safety
//!
//! The child forked here makes nothing but system calls on plain values, some of them chosen by the
//! caller, and stores their results in a page shared with the parent; it neither allocates nor returns.
//! A call that the program permits is really executed, in a child without anything of the caller's to
//! lose but its open descriptors and memory copy: what it does to the system is the caller's concern.
#![expect(unsafe_code, reason = "system calls in a forked child")]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use callgate_abi::{Arch, Insn, SeccompData};

use crate::error::Error;
use crate::install::{Flags, install};
use crate::raw::{fork_raw, leave};
use crate::shared::{Shared, ZeroInit};

/// How many calls one child tries at most.
const BATCH: usize = 256;

/// What became of a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fate {
    /// It returned this value: a negative error number, or whatever the call returns.
    Returned(i64),
    /// The process was killed by this signal.
    Killed(i32),
}

/// What the children leave behind.
struct Page {
    /// Calls begun.
    begun: AtomicU32,
    /// Calls that returned.
    done: AtomicU32,
    /// The error number of the load, if it failed.
    failed: AtomicU32,
    results: [AtomicU64; BATCH],
}

// SAFETY: integers, for which all zero bytes are a value.
unsafe impl ZeroInit for Page {}

/// Loads `program` in a forked child and makes `calls` there, as many children in turn as get killed. The
/// audit token of each call picks the convention: the native one, or `int 0x80` on x86_64.
///
/// # Errors
///
/// The load failed, no child could be made, or a call's convention cannot be used from this code.
pub fn attempt(program: &[Insn], calls: &[SeccompData]) -> Result<Vec<Fate>, Error> {
    if calls.iter().any(|c| !can_make(c.arch)) {
        return Err(Error::Refused { what: "calls under this architecture cannot be made from here" });
    }
    let mut fates = Vec::with_capacity(calls.len());
    while fates.len() < calls.len() {
        let rest = &calls[fates.len()..calls.len().min(fates.len() + BATCH)];
        let page: Shared<Page> = Shared::new()?;
        // SAFETY: `child` keeps to what `fork_raw` asks for.
        let pid = unsafe { fork_raw(false) }?;
        if pid == 0 {
            child(program, rest, &page);
        }
        let mut status = 0;
        // SAFETY: a valid place for the status.
        while unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) } == -1 {
            if crate::raw::errno() != libc::EINTR {
                return Err(Error::last("waitpid", ""));
            }
        }
        let failed = page.failed.load(Ordering::SeqCst);
        if failed != 0 {
            return Err(Error::Call {
                call: "seccomp(SECCOMP_SET_MODE_FILTER)",
                errno: failed as i32,
                hint: "",
            });
        }
        let done = page.done.load(Ordering::SeqCst) as usize;
        fates.extend(page.results[..done].iter().map(|r| Fate::Returned(r.load(Ordering::SeqCst) as i64)));
        if done < rest.len() && page.begun.load(Ordering::SeqCst) as usize > done {
            let signal = if libc::WIFSIGNALED(status) { libc::WTERMSIG(status) } else { 0 };
            fates.push(Fate::Killed(signal));
        } else if done < rest.len() {
            return Err(Error::Refused { what: "the child ended before it made its calls" });
        }
    }
    Ok(fates)
}

fn child(program: &[Insn], calls: &[SeccompData], page: &Page) -> ! {
    let quiet = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: plain values; a core dump too many is no harm.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const quiet) };
    if let Err(e) = install(program, Flags { no_new_privs: true, ..Flags::default() }) {
        page.failed.store(e.errno().unwrap_or(libc::EIO) as u32, Ordering::SeqCst);
        leave(0);
    }
    for (i, call) in calls.iter().enumerate() {
        page.begun.store(i as u32 + 1, Ordering::SeqCst);
        // SAFETY: the caller of `attempt` chose the call; this process is made to be lost.
        let result = unsafe { make(call) };
        page.results[i].store(result as u64, Ordering::SeqCst);
        page.done.store(i as u32 + 1, Ordering::SeqCst);
    }
    leave(0)
}

/// Whether this code can make calls under the architecture with this audit token.
pub fn can_make(token: u32) -> bool {
    let native = Arch::NATIVE.is_some_and(|a| a.token() == token);
    native || (cfg!(target_arch = "x86_64") && token == Arch::X86.token())
}

/// Makes a call and returns what the kernel left in the result register.
#[cfg(target_arch = "x86_64")]
unsafe fn make(call: &SeccompData) -> i64 {
    let [a, b, c, d, e, f] = call.args;
    let result: i64;
    if call.arch == Arch::X86.token() {
        // SAFETY: saves the two registers the compiler keeps for itself; the rest is declared.
        unsafe {
            std::arch::asm!(
                "push rbp",
                "push rbx",
                "mov ebx, r9d",
                "mov ebp, r8d",
                "int 0x80",
                "pop rbx",
                "pop rbp",
                inlateout("rax") u64::from(call.nr) => result,
                in("rcx") b, in("rdx") c, in("rsi") d, in("rdi") e,
                inlateout("r8") f => _, inlateout("r9") a => _,
                lateout("r10") _, lateout("r11") _,
            );
        }
        return i64::from(result as i32);
    }
    // SAFETY: the convention of `syscall(2)`; all registers it changes are declared.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") u64::from(call.nr) => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    result
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn make(call: &SeccompData) -> i64 {
    let [a, b, c, d, e, f] = call.args.map(|n| n as libc::c_long);
    // SAFETY: the caller's contract.
    let result = unsafe { libc::syscall(call.nr as libc::c_long, a, b, c, d, e, f) };
    if result == -1 { -i64::from(crate::raw::errno()) } else { result as i64 }
}
