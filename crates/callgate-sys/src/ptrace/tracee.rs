//! One traced thread: the requests of `ptrace(2)`, typed.
//!
//! # Safety
//!
//! Only requests that read or resume the *other* thread are made. The kernel writes into local variables of
//! the size it is told, or into vectors of the length it was asked for first. A thread that is not ours or
//! not stopped is answered with `ESRCH`.
#![expect(unsafe_code, reason = "ptrace")]

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use callgate_abi::Insn;

use crate::error::Error;
use crate::raw::errno;

const TRACE_HINT: &str =
    "same user or CAP_SYS_PTRACE needed, at most one tracer, and yama or a container may forbid it";
const STOP_HINT: &str = "the thread is gone, not stopped, or not traced by this thread";

/// Which events stop a tracee, beyond signals.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Options {
    /// Follow new processes and threads, and report executions.
    pub follow: bool,
    /// Follow new threads, not processes, and report executions.
    pub threads: bool,
    /// Stop where a filter answers `SECCOMP_RET_TRACE`.
    pub seccomp: bool,
    /// Stop where a thread ends, its registers as they were: [`Stop::Other`](super::Stop::Other) with
    /// `PTRACE_EVENT_EXIT`, the message being its status as `waitpid` gives it.
    pub exit: bool,
    /// Kill all tracees when the tracer dies.
    pub exit_kill: bool,
    /// Switch the filters of the tracee off as long as it is traced (`CAP_SYS_ADMIN`, and the tracer
    /// itself must not be filtered).
    pub suspend_seccomp: bool,
}

impl Options {
    fn bits(self) -> usize {
        // Always: syscall stops are told apart from traps.
        let mut bits = libc::PTRACE_O_TRACESYSGOOD;
        if self.follow {
            bits |= libc::PTRACE_O_TRACEFORK
                | libc::PTRACE_O_TRACEVFORK
                | libc::PTRACE_O_TRACECLONE
                | libc::PTRACE_O_TRACEEXEC;
        }
        if self.threads {
            bits |= libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_TRACEEXEC;
        }
        if self.seccomp {
            bits |= libc::PTRACE_O_TRACESECCOMP;
        }
        if self.exit {
            bits |= libc::PTRACE_O_TRACEEXIT;
        }
        if self.exit_kill {
            bits |= libc::PTRACE_O_EXITKILL;
        }
        if self.suspend_seccomp {
            bits |= libc::PTRACE_O_SUSPEND_SECCOMP;
        }
        bits as usize
    }
}

/// What a stopped thread is doing (`PTRACE_GET_SYSCALL_INFO`, Linux 5.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SyscallInfo {
    /// It is in no call, or this stop is not about it.
    None,
    /// It is about to make a call.
    Entry {
        /// The audit token of the call's convention.
        arch: u32,
        /// The number; x32 calls carry bit 30.
        nr: u64,
        /// The arguments.
        args: [u64; 6],
        /// The instruction pointer.
        ip: u64,
        /// The stack pointer.
        sp: u64,
    },
    /// It has made one.
    Exit {
        /// The audit token of the call's convention.
        arch: u32,
        /// What the call returned, an error number negative.
        value: i64,
        /// Whether `value` is an error.
        is_error: bool,
    },
    /// A filter answered `SECCOMP_RET_TRACE`.
    Seccomp {
        /// The audit token of the call's convention.
        arch: u32,
        /// The number; x32 calls carry bit 30.
        nr: u64,
        /// The arguments.
        args: [u64; 6],
        /// The instruction pointer.
        ip: u64,
        /// The stack pointer.
        sp: u64,
        /// The 16 data bits of the filter's answer.
        data: u32,
    },
}

/// `struct ptrace_syscall_info` with its largest variant.
#[repr(C)]
#[derive(Default)]
struct RawInfo {
    op: u8,
    pad: [u8; 3],
    arch: u32,
    ip: u64,
    sp: u64,
    nr_or_value: u64,
    /// For an exit, the first byte tells whether the value is an error.
    args: [u64; 6],
    ret_data: u32,
    reserved: u32,
}

const _: () = assert!(size_of::<RawInfo>() == 88);
#[cfg(target_env = "gnu")]
const _: () = {
    assert!(size_of::<RawInfo>() == size_of::<libc::ptrace_syscall_info>());
    assert!(std::mem::offset_of!(RawInfo, arch) == std::mem::offset_of!(libc::ptrace_syscall_info, arch));
    assert!(std::mem::offset_of!(RawInfo, nr_or_value) == std::mem::offset_of!(libc::ptrace_syscall_info, u));
};

/// `include/uapi/linux/ptrace.h`. The libc crate has them with another type for each C library, and not all.
#[derive(Clone, Copy)]
#[repr(usize)]
enum Request {
    PokeData = 5,
    PokeUser = 6,
    Cont = 7,
    Detach = 17,
    Syscall = 24,
    GetEventMsg = 0x4201,
    GetSigInfo = 0x4202,
    SetSigInfo = 0x4203,
    GetRegSet = 0x4204,
    SetRegSet = 0x4205,
    Seize = 0x4206,
    Interrupt = 0x4207,
    Listen = 0x4208,
    GetSigMask = 0x420a,
    SetSigMask = 0x420b,
    GetFilter = 0x420c,
    GetMetadata = 0x420d,
    GetSyscallInfo = 0x420e,
}

/// A thread traced by the calling thread. Dropping it changes nothing: a tracee can only be let go while it
/// is stopped, by [`Tracee::detach`], or by the end of the tracer.
#[derive(Debug)]
pub struct Tracee {
    tid: i32,
    /// Only the thread that attached may make requests.
    _bound: PhantomData<*const ()>,
}

impl Tracee {
    /// Attach to `tid` without stopping it (`PTRACE_SEIZE`).
    ///
    /// # Errors
    ///
    /// `EPERM` without the right to, or when somebody else traces it; `ESRCH` when it is gone.
    pub fn seize(tid: i32, options: Options) -> Result<Tracee, Error> {
        let tracee = Tracee::new(tid);
        tracee.request(Request::Seize, 0, options.bits(), "ptrace(PTRACE_SEIZE)", TRACE_HINT)?;
        Ok(tracee)
    }

    /// A thread that became a tracee by itself, as child of a tracee ([`Options::follow`]).
    pub fn new(tid: i32) -> Tracee {
        Tracee { tid, _bound: PhantomData }
    }

    /// Its number.
    pub fn tid(&self) -> i32 {
        self.tid
    }

    /// Stop it; the stop is then told by [`wait_for`](super::wait_for).
    ///
    /// A call it sleeps in is interrupted and restarted, some by way of `restart_syscall`, which its filters
    /// may forbid.
    ///
    /// # Errors
    ///
    /// `ESRCH` when it is gone.
    pub fn interrupt(&self) -> Result<(), Error> {
        self.request(Request::Interrupt, 0, 0, "ptrace(PTRACE_INTERRUPT)", STOP_HINT).map(drop)
    }

    /// Let it run, delivering `signal` (0: none).
    ///
    /// # Errors
    ///
    /// `ESRCH` when it is gone or not stopped.
    pub fn cont(&self, signal: i32) -> Result<(), Error> {
        let signal = signal.cast_unsigned() as usize;
        self.request(Request::Cont, 0, signal, "ptrace(PTRACE_CONT)", STOP_HINT).map(drop)
    }

    /// Let it run to the next entry to or exit from a call, delivering `signal` (0: none).
    ///
    /// # Errors
    ///
    /// As [`Tracee::cont`].
    pub fn cont_to_syscall(&self, signal: i32) -> Result<(), Error> {
        let signal = signal.cast_unsigned() as usize;
        self.request(Request::Syscall, 0, signal, "ptrace(PTRACE_SYSCALL)", STOP_HINT).map(drop)
    }

    /// Leave it stopped as job control wants it, until it is continued.
    ///
    /// # Errors
    ///
    /// As [`Tracee::cont`]; `EIO` when this is no group stop.
    pub fn listen(&self) -> Result<(), Error> {
        self.request(Request::Listen, 0, 0, "ptrace(PTRACE_LISTEN)", STOP_HINT).map(drop)
    }

    /// Stop tracing it, delivering `signal` (0: none).
    ///
    /// # Errors
    ///
    /// As [`Tracee::cont`].
    pub fn detach(&self, signal: i32) -> Result<(), Error> {
        let signal = signal.cast_unsigned() as usize;
        self.request(Request::Detach, 0, signal, "ptrace(PTRACE_DETACH)", STOP_HINT).map(drop)
    }

    /// The number that goes with the event it stopped for.
    ///
    /// # Errors
    ///
    /// As [`Tracee::cont`].
    pub fn event_message(&self) -> Result<u64, Error> {
        let mut message = 0usize;
        let place = (&raw mut message).expose_provenance();
        self.request(Request::GetEventMsg, 0, place, "ptrace(PTRACE_GETEVENTMSG)", STOP_HINT)?;
        Ok(message as u64)
    }

    /// The call it is stopped at.
    ///
    /// # Errors
    ///
    /// As [`Tracee::cont`]; `EIO` before Linux 5.3.
    pub fn syscall_info(&self) -> Result<SyscallInfo, Error> {
        let RawInfo { op, arch, ip, sp, nr_or_value: nr, args, ret_data: data, .. } = self.raw_info()?;
        Ok(match op {
            1 => SyscallInfo::Entry { arch, nr, args, ip, sp },
            2 => SyscallInfo::Exit { arch, value: nr.cast_signed(), is_error: args[0].to_ne_bytes()[0] != 0 },
            3 => SyscallInfo::Seccomp { arch, nr, args, ip, sp, data },
            _ => SyscallInfo::None,
        })
    }

    /// The audit token of the convention by which it made its last call.
    ///
    /// # Errors
    ///
    /// As [`Tracee::syscall_info`].
    pub fn syscall_arch(&self) -> Result<u32, Error> {
        Ok(self.raw_info()?.arch)
    }

    fn raw_info(&self) -> Result<RawInfo, Error> {
        let mut info = RawInfo::default();
        let place = (&raw mut info).expose_provenance();
        let call = "ptrace(PTRACE_GET_SYSCALL_INFO)";
        self.request(Request::GetSyscallInfo, size_of::<RawInfo>(), place, call, "needs Linux 5.3")?;
        Ok(info)
    }

    /// Its filter number `index`, counted from the one loaded first; `None` beyond the last.
    ///
    /// # Errors
    ///
    /// `EACCES` without `CAP_SYS_ADMIN` in the initial user namespace or when the caller itself is
    /// filtered, `EINVAL` when the thread has no filters, `EIO` when the kernel was built without
    /// `CONFIG_CHECKPOINT_RESTORE`, `ESRCH` when it is gone or not stopped.
    pub fn filter(&self, index: usize) -> Result<Option<Vec<Insn>>, Error> {
        const CALL: &str = "ptrace(PTRACE_SECCOMP_GET_FILTER)";
        let Some(len) = self.filter_request(Request::GetFilter, index, 0, CALL)? else { return Ok(None) };
        let mut program = vec![Insn::stmt(0, 0); usize::try_from(len).unwrap_or(0)];
        // The length cannot change: filters are never replaced, and the thread is stopped.
        let place = program.as_mut_ptr().expose_provenance();
        Ok(self.filter_request(Request::GetFilter, index, place, CALL)?.map(|_| program))
    }

    /// Whether its filter number `index`, counted as in [`Tracee::filter`], was loaded with
    /// [`Flags::log`](crate::Flags::log) (`PTRACE_SECCOMP_GET_METADATA`, Linux 4.16).
    ///
    /// # Errors
    ///
    /// As [`Tracee::filter`].
    pub fn filter_logs(&self, index: usize) -> Result<Option<bool>, Error> {
        const LOG: u64 = 1 << 1;
        let mut metadata = [index as u64, 0];
        let place = (&raw mut metadata).expose_provenance();
        let call = "ptrace(PTRACE_SECCOMP_GET_METADATA)";
        let size = size_of_val(&metadata);
        let answer = self.filter_request(Request::GetMetadata, size, place, call)?;
        Ok(answer.map(|_| metadata[1] & LOG != 0))
    }

    fn filter_request(
        &self,
        request: Request,
        address: usize,
        data: usize,
        call: &'static str,
    ) -> Result<Option<libc::c_long>, Error> {
        match self.request(request, address, data, call, "") {
            Ok(n) => Ok(Some(n)),
            Err(Error::Call { errno: libc::ENOENT, .. }) => Ok(None),
            Err(Error::Call { call, errno, .. }) => {
                let hint = match errno {
                    libc::EACCES | libc::EPERM => {
                        "needs CAP_SYS_ADMIN in the initial user namespace and a caller that is not filtered itself"
                    }
                    libc::EINVAL => "the thread has no filters",
                    libc::EIO => "the kernel was built without CONFIG_CHECKPOINT_RESTORE",
                    _ => STOP_HINT,
                };
                Err(Error::Call { call, errno, hint })
            }
            Err(e) => Err(e),
        }
    }

    /// Its general registers, as many bytes as fit `buffer`; how many there are tells its width (on x86_64,
    /// 216 for `user_regs_struct`, 68 for a 32-bit thread).
    ///
    /// # Errors
    ///
    /// As [`Tracee::cont`].
    pub fn registers(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut iov = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        let place = (&raw mut iov).expose_provenance();
        let set = libc::NT_PRSTATUS as usize;
        self.request(Request::GetRegSet, set, place, "ptrace(PTRACE_GETREGSET)", STOP_HINT)?;
        Ok(iov.iov_len)
    }

    /// Set its general registers, laid out as [`Tracee::registers`] gives them.
    ///
    /// # Errors
    ///
    /// As [`Tracee::cont`]; `EINVAL` or `EIO` for values the kernel does not let a tracer set.
    pub fn set_registers(&self, buffer: &[u8]) -> Result<(), Error> {
        self.set_register_set(libc::NT_PRSTATUS as usize, buffer)
    }

    fn set_register_set(&self, set: usize, buffer: &[u8]) -> Result<(), Error> {
        let iov = libc::iovec { iov_base: buffer.as_ptr().cast_mut().cast(), iov_len: buffer.len() };
        let place = (&raw const iov).expose_provenance();
        self.request(Request::SetRegSet, set, place, "ptrace(PTRACE_SETREGSET)", STOP_HINT).map(drop)
    }

    /// Whether [`Tracee::skip_call`] is possible on this machine.
    pub const CAN_SKIP: bool =
        cfg!(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64"));

    /// At a stop for a filter's `SECCOMP_RET_TRACE` or at the entry to a call: keep the kernel from executing
    /// it, and let it return `value`, errors as negative numbers. The number becomes -1, which is no call
    /// (`seccomp(2)`).
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where [`CAN_SKIP`](Tracee::CAN_SKIP) is false; `ESRCH` as [`Tracee::cont`].
    pub fn skip_call(&self, value: i64) -> Result<(), Error> {
        if !Tracee::CAN_SKIP {
            return Err(Error::Refused { what: "calls cannot be skipped by a tracer on this machine" });
        }
        let mut registers = [0; 512];
        let len = self.registers(&mut registers)?;
        if cfg!(target_arch = "aarch64") {
            // `NT_ARM_SYSTEM_CALL`, `include/uapi/linux/elf.h`.
            self.set_register_set(0x404, &(-1i32).to_ne_bytes())?;
            match len {
                // A 32-bit thread: r0 is the first of `struct pt_regs`.
                72 => registers[..4].copy_from_slice(&(value as i32).to_ne_bytes()),
                _ => registers[..8].copy_from_slice(&value.to_ne_bytes()),
            }
        } else if len == 68 {
            // eax and orig_eax, `arch/x86/include/asm/user_32.h`.
            registers[6 * 4..][..4].copy_from_slice(&(value as i32).to_ne_bytes());
            registers[11 * 4..][..4].copy_from_slice(&(-1i32).to_ne_bytes());
        } else {
            // rax and orig_rax, `arch/x86/include/asm/user_64.h`.
            registers[10 * 8..][..8].copy_from_slice(&value.to_ne_bytes());
            registers[15 * 8..][..8].copy_from_slice(&(-1i64).to_ne_bytes());
        }
        self.set_registers(&registers[..len])
    }

    /// Write `bytes` at `address`, read-only text included (`PTRACE_POKEDATA`): pages of a file become
    /// private copies.
    ///
    /// # Errors
    ///
    /// `EIO` or `EFAULT` where nothing is mapped; `ESRCH` as [`Tracee::cont`].
    pub fn poke(&self, address: u64, bytes: &[u8]) -> Result<(), Error> {
        const WORD: usize = size_of::<libc::c_long>();
        let call = "ptrace(PTRACE_POKEDATA)";
        let address = usize::try_from(address).map_err(|_| Error::Call {
            call,
            errno: libc::EFAULT,
            hint: "beyond this machine's addresses",
        })?;
        // Whole words where words begin, which never lie on two pages; what is beside the bytes stays as it is.
        let (mut at, mut rest) = (address, bytes);
        while !rest.is_empty() {
            let start = at / WORD * WORD;
            let (here, behind) = rest.split_at(rest.len().min(start + WORD - at));
            let mut word = [0; WORD];
            if here.len() < WORD {
                crate::memory::read_exact(self.tid, start as u64, &mut word)?;
            }
            word[at - start..][..here.len()].copy_from_slice(here);
            self.request(Request::PokeData, start, usize::from_ne_bytes(word), call, STOP_HINT)?;
            (at, rest) = (start + WORD, behind);
        }
        Ok(())
    }

    /// The signal it stopped for.
    ///
    /// # Errors
    ///
    /// `EINVAL` in a stop that is not about a signal; `ESRCH` as [`Tracee::cont`].
    pub fn signal_info(&self) -> Result<libc::siginfo_t, Error> {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        let place = info.as_mut_ptr().expose_provenance();
        self.request(Request::GetSigInfo, 0, place, "ptrace(PTRACE_GETSIGINFO)", STOP_HINT)?;
        // SAFETY: zeroed, and filled in by the kernel.
        Ok(unsafe { info.assume_init() })
    }

    /// Set one general register, by its place in words in `struct user`.
    pub(super) fn set_register(&self, place: usize, value: u64) -> Result<(), Error> {
        let value = usize::try_from(value).unwrap_or(usize::MAX);
        let at = place * size_of::<libc::c_long>();
        self.request(Request::PokeUser, at, value, "ptrace(PTRACE_POKEUSER)", STOP_HINT).map(drop)
    }

    /// The signals it blocks.
    pub(super) fn signal_mask(&self) -> Result<u64, Error> {
        let mut mask = 0_u64;
        let place = (&raw mut mask).expose_provenance();
        self.request(Request::GetSigMask, size_of::<u64>(), place, "ptrace(PTRACE_GETSIGMASK)", STOP_HINT)?;
        Ok(mask)
    }

    /// Let it block these signals.
    pub(super) fn set_signal_mask(&self, mask: u64) -> Result<(), Error> {
        let place = (&raw const mask).expose_provenance();
        let call = "ptrace(PTRACE_SETSIGMASK)";
        self.request(Request::SetSigMask, size_of::<u64>(), place, call, STOP_HINT).map(drop)
    }

    /// Where it stopped for a filter's trap: let the signal tell that the call was made at `address`
    /// (`si_call_addr`, `sigaction(2)`).
    pub(super) fn move_trapped_call(&self, address: u64) -> Result<(), Error> {
        const SYS_SECCOMP: i32 = 1;
        let mut info = self.signal_info()?;
        if info.si_code == SYS_SECCOMP {
            let place = (&raw mut info).cast::<u64>();
            // SAFETY: the structure has 128 bytes; the address is the third word of it, behind signal, error
            // number, code and padding (`include/uapi/asm-generic/siginfo.h`, 64 bits).
            unsafe { place.add(2).write_unaligned(address) };
            let place = (&raw const info).expose_provenance();
            self.request(Request::SetSigInfo, 0, place, "ptrace(PTRACE_SETSIGINFO)", STOP_HINT)?;
        }
        Ok(())
    }

    fn request(
        &self,
        request: Request,
        address: usize,
        data: usize,
        call: &'static str,
        hint: &'static str,
    ) -> Result<libc::c_long, Error> {
        // SAFETY: `address` and `data` are what the request wants, see each caller; where they are pointers,
        // they are to live local memory of the size the request writes. The raw call, unlike the C
        // library's function, returns data only by pointer.
        let ret = unsafe { libc::syscall(libc::SYS_ptrace, request as usize, self.tid, address, data) };
        if ret < 0 { Err(Error::Call { call, errno: errno(), hint }) } else { Ok(ret) }
    }
}
