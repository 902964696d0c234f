//! What a call's arguments are.

use crate::arch::Arch;
use crate::constant::{Kind, Set};
use crate::tables::constant::column;
use crate::tables::signature as table;

/// How much of an argument register the kernel reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Width {
    /// The low 32 bits (`int`, `unsigned int`, `pid_t`, …); the rest is ignored by the kernel.
    W32,
    /// All 64 bits on a 64-bit ABI (`long`, `size_t`, pointers).
    W64,
    /// All 64 bits of the slot in `seccomp_data`, on any ABI. No signature has this width, as no kernel reads the
    /// upper half of a 32-bit ABI's register; but a filter sees what is there. On x86, a 64-bit program that
    /// calls by `int $0x80` may put anything there (`arch/x86/include/asm/syscall.h`, `syscall_get_arguments`).
    Slot,
}

/// What an argument is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// A plain number.
    Value,
    /// A file descriptor.
    Fd,
    /// A pointer to a path name.
    Path,
    /// A pointer to anything else.
    Pointer,
    /// A set of flag bits.
    Flags,
    /// File mode bits.
    Mode,
    /// A process or thread id.
    Pid,
    /// A user or group id.
    Id,
    /// A size or count in bytes or elements.
    Size,
    /// A file offset, or one half of it.
    Offset,
    /// A command or option that selects what the call does.
    Command,
    /// A signal number.
    Signal,
}

/// One parameter of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Param {
    /// The name to print: the manual page's where it has one, else the one in the kernel's `SYSCALL_DEFINE`.
    pub name: &'static str,
    /// Other names it has, in the kernel or in manual pages.
    pub aliases: &'static [&'static str],
    /// The C type in the kernel's definition.
    pub ctype: &'static str,
    /// How much of the register is read on a 64-bit ABI. Every argument is 32 bits wide on a 32-bit one.
    pub width: Width,
    /// How many of the low bits make a difference on a 64-bit ABI: fewer than `width` says where the type is
    /// `umode_t` (16), or where the kernel takes a `long` and then uses an `int` of it (`flags` of `clone`).
    /// A rule that looks for one value can be passed by another that differs in the bits above.
    pub bits: u8,
    /// Whether the type is signed.
    pub signed: bool,
    /// What it is for.
    pub role: Role,
    /// The constants it takes, where they are a known set.
    pub set: Option<Set>,
    /// The position of the parameter that chooses among them, where `set` is a [choice](crate::constant::Kind).
    pub selector: Option<u8>,
}

impl Param {
    /// A row of the generated table, the fields in their order.
    #[expect(clippy::too_many_arguments, reason = "one line of the table is one parameter")]
    pub(crate) const fn new(
        name: &'static str,
        aliases: &'static [&'static str],
        ctype: &'static str,
        width: Width,
        bits: u8,
        signed: bool,
        role: Role,
        set: Option<Set>,
        selector: Option<u8>,
    ) -> Param {
        Param { name, aliases, ctype, width, bits, signed, role, set, selector }
    }

    /// Whether `name` is one of its names.
    pub fn answers_to(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }

    /// The constants it takes when the parameter at [`selector`](Param::selector) is `selector`.
    pub fn set_for(&self, selector: u64, arch: Arch) -> Option<Set> {
        let set = self.set?;
        if set.kind() == Kind::Choice { set.choose(selector, arch) } else { Some(set) }
    }
}

/// The parameters of the call with this index.
pub(crate) fn params(call: u16, arch: Arch) -> Option<&'static [Param]> {
    let column = 1 << column(arch);
    let own = &table::VARIANTS[table::VARIANTS.partition_point(|v| v.0 < call)..];
    let own = own.iter().take_while(|v| v.0 == call).find(|v| v.1 & column != 0);
    let (start, length) = own.map_or(table::COMMON[usize::from(call)], |v| v.2);
    let (start, length) = (usize::from(start), usize::from(length));
    table::PARAMS.get(start..start + length)
}
