//! What surrounds seccomp: other ABIs a filter must think of, ways around it, helpers beside it.
//!
//! # Safety
//!
//! Raw calls take null pointers on purpose, or pointers to live locals; the one instruction in assembly
//! makes a call that takes no arguments, and declares what it changes.
#![expect(unsafe_code, reason = "raw calls in a child")]

use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use super::trial::ask;
use super::{Feature, State, Trial, feature, judge};
use crate::bpf::{Counter, Target};
use crate::error::Error;
use crate::pidfd;

pub(super) fn probe(features: &mut Vec<Feature>) -> Result<(), Error> {
    if cfg!(target_arch = "x86_64") {
        let ia32 = "32-bit programs; where it works, a filter must look at the architecture";
        let x32 = "x32 programs; where it works, a filter must look at bit 30 of the number";
        features.push(feature("abi.ia32", "2.6", ia32, ia32_call()?));
        features.push(feature("abi.x32", "3.4", x32, ask(x32_call)?));
    }
    let mut add = |name, since, needed_for, trial| features.push(feature(name, since, needed_for, trial));
    add("pidfd.open", "5.3", "holding on to a process", ask(|| open_self().map(|_| 0))?);
    add(
        "pidfd.getfd",
        "5.6",
        "fetching a listener without asking its process to send it",
        ask(|| pidfd::get_fd(open_self()?.as_fd(), 2).map(|_| 0))?,
    );
    add("around.io-uring", "5.1", "nothing here: its operations pass every filter by", ask(io_uring)?);
    add("around.bpf", "5.15", "learning from the kernel's tracepoint", ask(bpf)?);
    add("around.audit-log", "3.16", "reading denials as they happen", ask(audit)?);
    let landlock = ask(landlock)?;
    let state = match landlock {
        Trial::Ok(abi) => State::Works(format!("ABI {abi}")),
        other => judge(other),
    };
    let needed_for = "rules about paths and ports, beside a filter";
    features.push(Feature { name: "around.landlock", state, since: "5.13", needed_for });
    Ok(())
}

#[cfg(target_arch = "x86_64")]
fn ia32_call() -> Result<Trial, Error> {
    let trial = ask(|| {
        /// `getppid` of i386.
        const GETPPID: i64 = 64;
        let result: i64;
        // SAFETY: a call without arguments through the 32-bit gate; without that gate, this child faults.
        unsafe {
            std::arch::asm!(
                "int 0x80",
                inlateout("rax") GETPPID => result,
                lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _,
            );
        }
        let result = i64::from(result as i32);
        if result == super::loading::getppid() {
            return Ok(0);
        }
        let errno = i32::try_from(-result).unwrap_or(libc::ENOSYS);
        Err(Error::Call { call: "int 0x80", errno, hint: "" })
    })?;
    Ok(match trial {
        Trial::Killed(libc::SIGSEGV | libc::SIGILL) => {
            let hint = "switched off (ia32_emulation, CONFIG_IA32_EMULATION)";
            Trial::Failed(Error::Call { call: "int 0x80", errno: libc::ENOSYS, hint })
        }
        other => other,
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn ia32_call() -> Result<Trial, Error> {
    Ok(Trial::Failed(Error::Refused { what: "not on this machine" }))
}

fn x32_call() -> Result<i64, Error> {
    // SAFETY: takes no pointers.
    let ret = unsafe { libc::syscall(libc::SYS_getppid | 0x4000_0000) };
    if ret < 0 {
        return Err(Error::last("getppid of x32", "the kernel was built without CONFIG_X86_X32_ABI"));
    }
    Ok(0)
}

fn open_self() -> Result<OwnedFd, Error> {
    pidfd::open(i32::try_from(std::process::id()).unwrap_or(0))
}

fn io_uring() -> Result<i64, Error> {
    // `struct io_uring_params`, 120 bytes of integers.
    let mut params = [0u64; 15];
    // SAFETY: as large as the kernel's structure; the result is a new descriptor.
    unsafe {
        let fd = libc::syscall(libc::SYS_io_uring_setup, 1usize, params.as_mut_ptr());
        if fd < 0 {
            return Err(Error::last("io_uring_setup", "kernel.io_uring_disabled may forbid it"));
        }
        drop(OwnedFd::from_raw_fd(fd as i32));
    }
    Ok(0)
}

fn landlock() -> Result<i64, Error> {
    /// `LANDLOCK_CREATE_RULESET_VERSION`.
    const VERSION: usize = 1;
    // SAFETY: with this flag the pointer is null and the size 0.
    let abi = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0usize, 0usize, VERSION) };
    if abi < 0 {
        return Err(Error::last("landlock_create_ruleset", "EOPNOTSUPP: not among the boot parameter lsm="));
    }
    Ok(abi as i64)
}

/// Count this process's calls.
fn bpf() -> Result<i64, Error> {
    let me = i32::try_from(std::process::id()).unwrap_or(0);
    Counter::start(Target::Process(me), &|_, _| Vec::new(), true, true).map(|_| 0)
}

/// Join the multicast group that gets every audit record.
fn audit() -> Result<i64, Error> {
    const AUDIT_NLGRP_READLOG: u32 = 1;
    // SAFETY: a zeroed address is valid, and completed before use; the socket is a new descriptor.
    unsafe {
        let fd = libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_AUDIT);
        if fd < 0 {
            return Err(Error::last("socket(NETLINK_AUDIT)", ""));
        }
        let _owned = OwnedFd::from_raw_fd(fd);
        let mut address: libc::sockaddr_nl = std::mem::zeroed();
        address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
        address.nl_groups = 1 << (AUDIT_NLGRP_READLOG - 1);
        let len = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
        if libc::bind(fd, (&raw const address).cast(), len) != 0 {
            return Err(Error::last("bind(AUDIT_NLGRP_READLOG)", "needs CAP_AUDIT_READ"));
        }
    }
    Ok(0)
}
