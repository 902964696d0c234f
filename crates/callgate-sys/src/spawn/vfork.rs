//! A child that borrows its parent's memory until it executes a program, as `posix_spawn` does it: nothing is
//! copied, and nothing that was copied has to be taken down again.
//!
//! # Safety
//!
//! The parent's thread sleeps until the child has executed a program or ended (`CLONE_VFORK`), so that nothing it
//! lent is used by both at a time. The child has a stack of its own. What it may do is its caller's contract.
#![expect(unsafe_code, reason = "clone")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::null_mut;

use crate::error::Error;

/// Bytes of stack, and below them bytes that nobody may touch.
const STACK: usize = 256 << 10;
const GUARD: usize = 64 << 10;

/// Before Linux 5.16 a child that a filter kills takes down whoever it shares memory with, when its core is dumped
/// (commit 0258b5fd7c71 of Linux: "coredump: Limit coredumps to a single thread group").
const SINCE: (u32, u32) = (5, 16);

/// Whether a child may borrow memory here.
pub(super) fn is_safe() -> bool {
    let mut names = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: a valid place for the answer.
    if unsafe { libc::uname(names.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: zeroed and then filled in with strings that end in a zero.
    let names = unsafe { names.assume_init() };
    let release: &[c_char] = &names.release;
    // SAFETY: as above; the array outlives the borrow.
    let release = unsafe { CStr::from_ptr(release.as_ptr()) };
    release.to_str().is_ok_and(|release| version(release).is_some_and(|version| version >= SINCE))
}

/// `5.16` of `5.16.0-rc3-generic`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// Memory for the child to stand on.
struct Stack(*mut c_void);

impl Stack {
    fn new() -> Result<Stack, Error> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        // SAFETY: a new anonymous mapping, placed by the kernel, disturbs nothing.
        let base = unsafe { libc::mmap(null_mut(), GUARD + STACK, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(Error::last("mmap", ""));
        }
        let stack = Stack(base);
        // SAFETY: within the mapping just made, which nobody else knows.
        if unsafe { libc::mprotect(stack.0.byte_add(GUARD), STACK, libc::PROT_READ | libc::PROT_WRITE) } != 0
        {
            return Err(Error::last("mprotect", ""));
        }
        Ok(stack)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this size; the child no longer stands on it.
        unsafe { libc::munmap(self.0, GUARD + STACK) };
    }
}

/// Run `child` in a process of its own that borrows this one's memory; returns when it has executed a program or
/// ended.
///
/// # Safety
///
/// `child` may only use async-signal-safe functions, must not allocate nor unwind, and must never return. Every signal
/// must be blocked in the calling thread, so that no handler runs in the child.
pub(super) unsafe fn vfork<F: Fn()>(child: &F) -> Result<libc::pid_t, Error> {
    extern "C" fn start<F: Fn()>(child: *mut c_void) -> c_int {
        // SAFETY: the reference that `vfork` passed, whose owner sleeps.
        let child = unsafe { &*child.cast::<F>() };
        child();
        // Not reached, by the contract.
        125
    }
    let stack = Stack::new()?;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the top of a mapped stack, which is aligned to a page; `start` gets the reference it expects.
    let pid = unsafe {
        let top = stack.0.byte_add(GUARD + STACK);
        libc::clone(start::<F>, top, flags, std::ptr::from_ref(child).cast_mut().cast())
    };
    if pid < 0 {
        return Err(Error::last("clone", "the limit on processes (ulimit -u, pids cgroup) may be reached"));
    }
    Ok(pid)
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn releases_are_read() {
        assert_eq!(version("6.18.0"), Some((6, 18)));
        assert_eq!(version("5.16-rc1"), Some((5, 16)));
        assert_eq!(version("5.10.0-28-amd64"), Some((5, 10)));
        assert_eq!(version("unknown"), None);
        assert!(version("5.9.1") < Some(super::SINCE) && version("10.0") > Some(super::SINCE));
    }
}
