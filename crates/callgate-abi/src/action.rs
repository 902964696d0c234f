//! The verdict of a filter, and its encoding as `SECCOMP_RET_*` both ways.
//!
//! Source: `include/uapi/linux/seccomp.h`, `seccomp(2)`.

use crate::errno::Errno;

/// What the kernel does with a call. Declared from strictest to loosest, in the order in which the
/// kernel ranks the verdicts of stacked filters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Action {
    /// Kill the whole process with `SIGSYS` (Linux 4.14). The 16 data bits reach the core dump's
    /// `si_errno`.
    KillProcess(u16),
    /// Kill the calling thread only.
    KillThread(u16),
    /// Send `SIGSYS` to the thread; the data arrives in `si_errno`.
    Trap(u16),
    /// Do not execute the call; return this error. The kernel clamps values above 4095.
    Errno(Errno),
    /// Hand the call to the supervisor holding the notification descriptor (Linux 5.0).
    Notify(u16),
    /// Hand the call to the ptrace tracer with this message; without one the call fails `ENOSYS`.
    Trace(u16),
    /// Execute the call and log it (Linux 4.14).
    Log(u16),
    /// Execute the call. Data bits are legal but useless, and keep the call out of the kernel's
    /// cache of always-allowed numbers.
    Allow(u16),
    /// A value whose action part the kernel does not know; it kills the process. The whole value
    /// is kept so that a program can be told apart and written back.
    Unknown(u32),
}

impl Action {
    /// `SECCOMP_RET_ALLOW` without data.
    pub const ALLOW: Action = Action::Allow(0);
    /// `SECCOMP_RET_KILL_PROCESS` without data.
    pub const KILL_PROCESS: Action = Action::KillProcess(0);
    /// `SECCOMP_RET_KILL_THREAD` without data.
    pub const KILL_THREAD: Action = Action::KillThread(0);
    /// `SECCOMP_RET_LOG` without data.
    pub const LOG: Action = Action::Log(0);

    const ACTION_FULL: u32 = 0xffff_0000;

    /// The value a filter returns for this action.
    pub const fn to_ret(self) -> u32 {
        match self {
            Action::KillProcess(d) => 0x8000_0000 | d as u32,
            Action::KillThread(d) => d as u32,
            Action::Trap(d) => 0x0003_0000 | d as u32,
            Action::Errno(e) => 0x0005_0000 | e.0 as u32,
            Action::Notify(d) => 0x7fc0_0000 | d as u32,
            Action::Trace(d) => 0x7ff0_0000 | d as u32,
            Action::Log(d) => 0x7ffc_0000 | d as u32,
            Action::Allow(d) => 0x7fff_0000 | d as u32,
            Action::Unknown(raw) => raw,
        }
    }

    /// The action a filter's return value stands for.
    pub const fn from_ret(raw: u32) -> Action {
        let data = (raw & 0xffff) as u16;
        match raw & Self::ACTION_FULL {
            0x8000_0000 => Action::KillProcess(data),
            0x0000_0000 => Action::KillThread(data),
            0x0003_0000 => Action::Trap(data),
            0x0005_0000 => Action::Errno(Errno(data)),
            0x7fc0_0000 => Action::Notify(data),
            0x7ff0_0000 => Action::Trace(data),
            0x7ffc_0000 => Action::Log(data),
            0x7fff_0000 => Action::Allow(data),
            _ => Action::Unknown(raw),
        }
    }

    /// The kernel's precedence among stacked filters: the action part as a signed number, lowest
    /// wins (`kernel/seccomp.c`, `ACTION_ONLY`). Data does not count.
    pub const fn precedence(self) -> i32 {
        (self.to_ret() & Self::ACTION_FULL) as i32
    }

    /// Whether the call is executed without asking anybody (`Allow`, `Log`).
    pub const fn permits(self) -> bool {
        matches!(self, Action::Allow(_) | Action::Log(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives() {
        for high in 0..=0xffffu32 {
            for low in [0u32, 1, 38, 0xffff] {
                let raw = high << 16 | low;
                assert_eq!(Action::from_ret(raw).to_ret(), raw);
            }
        }
    }
}
