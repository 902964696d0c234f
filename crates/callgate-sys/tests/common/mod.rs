//! What the live tests share: tiny filters, and forked children to try them in.
#![expect(unsafe_code, reason = "fork")]
#![allow(dead_code, reason = "each test program uses its part")]

pub(crate) mod elf;

use std::panic::{AssertUnwindSafe, catch_unwind};

use callgate_abi::insn::op;
use callgate_abi::{Action, Errno, Insn};

/// A filter that answers the calls of `rules` (native numbers) as told, and everything else with `default`.
pub(crate) fn filter(rules: &[(libc::c_long, Action)], default: Action) -> Vec<Insn> {
    let mut program = vec![Insn::stmt(op::LD_ABS, 0)];
    for (nr, action) in rules {
        program.push(Insn::jump(op::JEQ_K, u32::try_from(*nr).unwrap(), 0, 1));
        program.push(Insn::stmt(op::RET_K, action.to_ret()));
    }
    program.push(Insn::stmt(op::RET_K, default.to_ret()));
    program
}

/// A filter that fails `nr` with `errno`.
pub(crate) fn deny(nr: libc::c_long, errno: i32) -> Vec<Insn> {
    filter(&[(nr, Action::Errno(Errno(u16::try_from(errno).unwrap())))], Action::ALLOW)
}

/// A filter that lets everything through.
pub(crate) fn allow_all() -> Vec<Insn> {
    filter(&[], Action::ALLOW)
}

/// Run `body` in a forked child; its `waitpid` status.
pub(crate) fn in_child(body: impl FnOnce()) -> i32 {
    // SAFETY: the child has a copy of this thread; the C library makes its allocator usable after fork.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork");
    if pid == 0 {
        let ok = catch_unwind(AssertUnwindSafe(body)).is_ok();
        // SAFETY: ends the child without running the parent's destructors; by `exit` if need be.
        unsafe {
            let code = if ok { 0 } else { 101 };
            libc::syscall(libc::SYS_exit_group, code);
            libc::syscall(libc::SYS_exit, code);
            libc::abort()
        }
    }
    wait_for(pid)
}

/// The `waitpid` status of `pid`.
pub(crate) fn wait_for(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: a valid place for the status.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    status
}

/// Run `body` in a forked child, where nothing may panic.
pub(crate) fn check(body: impl FnOnce()) {
    let status = in_child(body);
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "child ended with {status:#x}");
}

/// `errno` after a raw call with up to three arguments, 0 when it succeeded.
pub(crate) fn errno_of(nr: libc::c_long, args: [usize; 3]) -> i32 {
    // SAFETY: the tests call what only reads its arguments.
    if unsafe { libc::syscall(nr, args[0], args[1], args[2]) } >= 0 {
        return 0;
    }
    std::io::Error::last_os_error().raw_os_error().unwrap()
}

/// The last line's worth of a process's status file.
pub(crate) fn status_field(pid: &str, name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|l| l.starts_with(&format!("{name}:"))).unwrap();
    line.split_once(':').unwrap().1.trim().to_string()
}
