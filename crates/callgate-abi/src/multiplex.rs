//! Calls reached through another call: `socketcall(2)` and `ipc(2)`.
//!
//! On x86, m68k, mips (o32), ppc, s390 and sh the socket and System V IPC calls are, or once were only, sub-calls of
//! one call whose first argument selects them. Their real arguments lie behind a pointer (`socketcall`) or move
//! by one (`ipc`), so a filter cannot test them there.
//! Source: `include/uapi/linux/net.h`, `include/uapi/linux/ipc.h`.

use crate::arch::Arch;
use crate::syscall::Syscall;
use crate::tables::multiplex as table;

/// A call that stands for many.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Multiplexer {
    /// `socketcall(call, args)`.
    Socketcall,
    /// `ipc(call, first, second, third, ptr, fifth)`; the upper 16 bits of `call` hold a version.
    Ipc,
}

impl Multiplexer {
    /// Both.
    pub const ALL: [Multiplexer; 2] = [Multiplexer::Socketcall, Multiplexer::Ipc];

    /// The multiplexing call itself.
    pub const fn call(self) -> Syscall {
        match self {
            Multiplexer::Socketcall => Syscall::from_index(table::SOCKETCALL),
            Multiplexer::Ipc => Syscall::from_index(table::IPC),
        }
    }

    /// The bits of the first argument that hold the sub-number.
    pub const fn mask(self) -> u32 {
        match self {
            Multiplexer::Socketcall => u32::MAX,
            Multiplexer::Ipc => 0xffff,
        }
    }

    /// The calls behind it with their sub-numbers, ascending.
    pub fn calls(self) -> impl ExactSizeIterator<Item = (u32, Syscall)> + Clone {
        self.rows().iter().map(|row| (u32::from(row.0), Syscall::from_index(row.1)))
    }

    /// The call with this sub-number (`SYS_SOCKET` = 1, `SEMOP` = 1, …).
    pub fn call_of(self, sub: u32) -> Option<Syscall> {
        self.calls().find(|c| c.0 == sub).map(|c| c.1)
    }

    /// Whether `arch` has this multiplexer.
    pub fn is_on(self, arch: Arch) -> bool {
        self.call().number(arch).is_some()
    }

    fn rows(self) -> &'static [(u8, u16)] {
        match self {
            Multiplexer::Socketcall => table::SOCKETCALL_CALLS,
            Multiplexer::Ipc => table::IPC_CALLS,
        }
    }
}

/// The multiplexer and sub-number that reach `call`, on any architecture.
///
/// ```
/// use callgate_abi::{Syscall, multiplex::{Multiplexer, of_call}};
/// let bind = Syscall::from_name("bind").unwrap();
/// assert_eq!(of_call(bind), Some((Multiplexer::Socketcall, 2)));
/// ```
pub fn of_call(call: Syscall) -> Option<(Multiplexer, u32)> {
    Multiplexer::ALL.iter().find_map(|m| m.calls().find(|c| c.1 == call).map(|c| (*m, c.0)))
}

/// The multiplexer and sub-number that reach `call` on `arch`, beside its own number if it has one.
pub fn of_call_on(call: Syscall, arch: Arch) -> Option<(Multiplexer, u32)> {
    of_call(call).filter(|m| m.0.is_on(arch))
}

/// The negative number libseccomp's API uses for a multiplexed call: -100 less the `socketcall` sub-number,
/// -200 less the `ipc` one.
pub fn pseudo_number(call: Syscall) -> Option<i32> {
    let (multiplexer, sub) = of_call(call)?;
    Some(-pseudo_base(multiplexer) - i32::try_from(sub).ok()?)
}

/// The call behind one of libseccomp's negative numbers.
pub fn from_pseudo_number(number: i32) -> Option<Syscall> {
    Multiplexer::ALL.iter().find_map(|m| {
        let sub = number.checked_neg()?.checked_sub(pseudo_base(*m))?;
        m.call_of(u32::try_from(sub).ok()?)
    })
}

fn pseudo_base(multiplexer: Multiplexer) -> i32 {
    match multiplexer {
        Multiplexer::Socketcall => 100,
        Multiplexer::Ipc => 200,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    #[test]
    fn numbers_and_back() {
        for multiplexer in Multiplexer::ALL {
            for (sub, call) in multiplexer.calls() {
                assert_eq!(of_call(call), Some((multiplexer, sub)));
                assert_eq!(multiplexer.call_of(sub), Some(call));
                assert_eq!(from_pseudo_number(pseudo_number(call).unwrap()), Some(call));
            }
        }
        assert_eq!(pseudo_number(Syscall::from_name("socket").unwrap()), Some(-101));
        assert_eq!(pseudo_number(Syscall::from_name("shmctl").unwrap()), Some(-224));
        for none in [0, -1, -100, -121, -205, -225, i32::MIN, i32::MAX] {
            assert_eq!(from_pseudo_number(none), None, "{none}");
        }
    }

    #[test]
    fn where_they_are() {
        let on = |m: Multiplexer| {
            let arches = Arch::ALL.iter().filter(|a| m.is_on(**a));
            arches.map(|a| a.name()).collect::<Vec<_>>()
        };
        let expected =
            ["x86", "m68k", "mips", "mipsel", "ppc", "ppc64", "ppc64le", "s390", "s390x", "sh", "sheb"];
        assert_eq!(on(Multiplexer::Socketcall), expected);
        assert_eq!(on(Multiplexer::Ipc), expected);
    }
}
