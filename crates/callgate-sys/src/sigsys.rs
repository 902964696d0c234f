//! Saying, from inside the program, which call a filter trapped.
//!
//! [`report`] installs a handler for `SIGSYS`. It writes one line to standard error, by one `write`, and then
//! lets the program die of the signal as it would have without the handler, the registers for a core dump
//! included. The filter must permit `write`; where it does not, the kernel kills the program by `SIGSYS`
//! without a word.
//!
//! # Safety
//!
//! The handler runs in the middle of anything. It allocates nothing, takes no lock, touches only its own stack,
//! tables that never change and the context the kernel hands to it, which lies on the same stack, and makes
//! `write` and `rt_sigaction`, which are async-signal-safe (`signal-safety(7)`).
#![expect(unsafe_code, reason = "a signal handler")]

use std::ffi::c_void;
use std::fmt::Write;
use std::mem::MaybeUninit;
use std::ptr;

use callgate_abi::{Arch, SeccompData, Syscall};

use crate::error::Error;

/// `si_code` of a filter's trap, `include/uapi/asm-generic/siginfo.h`.
const SYS_SECCOMP: i32 = 1;

/// From now on, when a filter traps a call of any thread of this process, say on standard error which one, with
/// its number and arguments, before the process dies of it:
///
/// ```text
/// callgate: a filter trapped socket(0x10, 0x3, 0x0): call 41 on x86_64, data 0, at 0x7f2c5a3b9a27
/// ```
///
/// Only `SECCOMP_RET_TRAP` can be caught, a kill cannot. Executing another program puts the default back.
///
/// # Errors
///
/// `rt_sigaction` failed: an outer filter forbids it.
pub fn report() -> Result<(), Error> {
    // SAFETY: plain data; zeroes are an empty mask and no flags.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void) = handle;
    action.sa_sigaction = handler as libc::sighandler_t;
    // On the thread's alternate stack, if it has one.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the handler has the signature that SA_SIGINFO asks for and is sound at any time, see above.
    if unsafe { libc::sigaction(libc::SIGSYS, &raw const action, ptr::null_mut()) } != 0 {
        return Err(Error::last("rt_sigaction(SIGSYS)", "an outer filter may forbid it"));
    }
    Ok(())
}

extern "C" fn handle(_: i32, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel hands over a filled-in siginfo; `_sigsys` begins behind three ints, aligned for its
    // pointer, and holds the address, the number and the token (`include/uapi/asm-generic/siginfo.h`).
    let (code, data, ip, nr, token) = unsafe {
        let union: *const u8 = info.cast::<u8>().add(if size_of::<usize>() == 8 { 16 } else { 12 });
        let ip = union.cast::<usize>().read();
        let ints = union.add(size_of::<usize>()).cast::<u32>();
        ((*info).si_code, (*info).si_errno, ip as u64, ints.read(), ints.add(1).read())
    };
    let mut line = Line { bytes: [0; 512], len: 0 };
    if code == SYS_SECCOMP {
        // SAFETY: the context is the one of this signal.
        let args = unsafe { args(context.cast(), token) };
        let call = SeccompData { nr, arch: token, ip, args: args.unwrap_or_default() };
        describe(&mut line, &call, args.is_some(), data);
    } else {
        let _ = line.write_str("callgate: SIGSYS, sent by a process\n");
    }
    // SAFETY: initialised bytes of this stack. What is not written stays unsaid.
    unsafe { libc::write(libc::STDERR_FILENO, line.bytes.as_ptr().cast(), line.len) };
    // SAFETY: plain data.
    let mut default: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    default.sa_sigaction = libc::SIG_DFL;
    // SAFETY: valid pointers. If the filter traps this, too, the process dies at once: `SIGSYS` is blocked here.
    unsafe { libc::sigaction(libc::SIGSYS, &raw const default, ptr::null_mut()) };
    // SAFETY: as above.
    if code != SYS_SECCOMP || !unsafe { again(context.cast()) } {
        // Delivered when the handler returns and the signal is no longer blocked.
        // SAFETY: takes no pointers.
        unsafe { libc::raise(libc::SIGSYS) };
    }
}

fn describe(line: &mut Line, call: &SeccompData, with_args: bool, data: i32) {
    let arch = Arch::of_call(call.arch, call.nr);
    let known = arch.and_then(|a| Syscall::from_number(a, call.nr));
    let params = arch.and_then(|a| known?.params(a)).map_or(6, <[_]>::len).min(6);
    // A line that is too long is cut.
    let _ = line.write_str("callgate: a filter trapped ");
    let _ = line.write_str(known.map_or("an unknown call", Syscall::name));
    let _ = line.write_str("(");
    if !with_args {
        let _ = line.write_str("...");
    }
    let shown = if with_args { params } else { 0 };
    for (i, arg) in call.args[..shown].iter().enumerate() {
        let _ = write!(line, "{}{arg:#x}", if i == 0 { "" } else { ", " });
    }
    let _ = write!(line, "): call {}", call.nr);
    let _ = match arch {
        Some(arch) => write!(line, " on {}", arch.name()),
        None => write!(line, " under audit token {:#010x}", call.arch),
    };
    let _ = writeln!(line, ", data {data}, at {:#x}", call.ip);
}

/// Text on the stack.
struct Line {
    bytes: [u8; 512],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = &mut self.bytes[self.len..];
        let n = text.len().min(room.len());
        room[..n].copy_from_slice(&text.as_bytes()[..n]);
        self.len += n;
        if n == text.len() { Ok(()) } else { Err(std::fmt::Error) }
    }
}

/// The arguments of the call in a signal's context.
///
/// # Safety
///
/// `context` is the one a handler was given.
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
unsafe fn args(context: *const libc::ucontext_t, token: u32) -> Option<[u64; 6]> {
    use libc::{REG_R8, REG_R9, REG_R10, REG_RBP, REG_RBX, REG_RCX, REG_RDI, REG_RDX, REG_RSI};
    // SAFETY: the caller's promise.
    let registers = unsafe { &(*context).uc_mcontext.gregs };
    let at = |i: i32| registers[i.unsigned_abs() as usize].cast_unsigned();
    if token == Arch::X86.token() {
        return Some([REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_RBP].map(|i| at(i) & 0xffff_ffff));
    }
    Some([REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9].map(at))
}

#[cfg(target_arch = "aarch64")]
unsafe fn args(context: *const libc::ucontext_t, _: u32) -> Option<[u64; 6]> {
    // SAFETY: the caller's promise.
    unsafe { (*context).uc_mcontext.regs.first_chunk().copied() }
}

#[cfg(not(any(all(target_arch = "x86_64", target_pointer_width = "64"), target_arch = "aarch64")))]
unsafe fn args(_: *const libc::ucontext_t, _: u32) -> Option<[u64; 6]> {
    None
}

/// Let the thread make the call again when the handler returns; false where that is not known how. A trap
/// leaves the registers as they were before the call, but for the instruction pointer behind it.
///
/// # Safety
///
/// `context` is the one a handler was given for a trap.
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
unsafe fn again(context: *mut libc::ucontext_t) -> bool {
    // `syscall`, `int 0x80` and `sysenter` are two bytes long.
    // SAFETY: the caller's promise; the thread goes back to the instruction it came from.
    unsafe { (*context).uc_mcontext.gregs[libc::REG_RIP.unsigned_abs() as usize] -= 2 };
    true
}

#[cfg(target_arch = "aarch64")]
unsafe fn again(context: *mut libc::ucontext_t) -> bool {
    // SAFETY: the caller's promise; the thread goes back to its `svc`.
    unsafe { (*context).uc_mcontext.pc -= 4 };
    true
}

#[cfg(not(any(all(target_arch = "x86_64", target_pointer_width = "64"), target_arch = "aarch64")))]
unsafe fn again(_: *mut libc::ucontext_t) -> bool {
    false
}
