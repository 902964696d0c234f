//! Kafel's names of calls: those of the kernel's functions (`SYSCALL_DEFINE`), where these differ
//! from the `__NR_` names everybody else uses.
//!
//! Source: the entry points in the kernel's system-call tables (`arch/*/syscall*.tbl`), in the form
//! they had before the 64-bit-time variants, which is what kafel's own tables follow.

use callgate::{Arch, Syscall};

/// Kafel's name, then the `__NR_` name.
type Alias = (&'static str, &'static str);

const AMD64: &[Alias] = &[
    ("newstat", "stat"),
    ("newfstat", "fstat"),
    ("newlstat", "lstat"),
    ("newuname", "uname"),
    ("sendfile64", "sendfile"),
    ("sysctl", "_sysctl"),
    ("umount", "umount2"),
];

/// arm64 and riscv64.
const GENERIC: &[Alias] = &[
    ("newfstat", "fstat"),
    ("newuname", "uname"),
    ("sync_file_range2", "sync_file_range"),
    ("umount", "umount2"),
];

/// What i386, arm and m68k have in common: user and group ids of 16 bits came first and lost their
/// names to those of 32.
const OLD_32: &[Alias] = &[
    ("chown", "chown32"),
    ("chown16", "chown"),
    ("fchown", "fchown32"),
    ("fchown16", "fchown"),
    ("getegid", "getegid32"),
    ("getegid16", "getegid"),
    ("geteuid", "geteuid32"),
    ("geteuid16", "geteuid"),
    ("getgid", "getgid32"),
    ("getgid16", "getgid"),
    ("getgroups", "getgroups32"),
    ("getgroups16", "getgroups"),
    ("getresgid", "getresgid32"),
    ("getresgid16", "getresgid"),
    ("getresuid", "getresuid32"),
    ("getresuid16", "getresuid"),
    ("getrlimit", "ugetrlimit"),
    ("getuid", "getuid32"),
    ("getuid16", "getuid"),
    ("lchown", "lchown32"),
    ("lchown16", "lchown"),
    ("llseek", "_llseek"),
    ("newfstat", "fstat"),
    ("newlstat", "lstat"),
    ("newstat", "stat"),
    ("newuname", "uname"),
    ("old_getrlimit", "getrlimit"),
    ("old_mmap", "mmap"),
    ("old_readdir", "readdir"),
    ("old_select", "select"),
    ("oldumount", "umount"),
    ("select", "_newselect"),
    ("setfsgid", "setfsgid32"),
    ("setfsgid16", "setfsgid"),
    ("setfsuid", "setfsuid32"),
    ("setfsuid16", "setfsuid"),
    ("setgid", "setgid32"),
    ("setgid16", "setgid"),
    ("setgroups", "setgroups32"),
    ("setgroups16", "setgroups"),
    ("setregid", "setregid32"),
    ("setregid16", "setregid"),
    ("setresgid", "setresgid32"),
    ("setresgid16", "setresgid"),
    ("setresuid", "setresuid32"),
    ("setresuid16", "setresuid"),
    ("setreuid", "setreuid32"),
    ("setreuid16", "setreuid"),
    ("setuid", "setuid32"),
    ("setuid16", "setuid"),
    ("sysctl", "_sysctl"),
    ("umount", "umount2"),
];

const I386: &[Alias] = &[
    ("fstat", "oldfstat"),
    ("lstat", "oldlstat"),
    ("mmap_pgoff", "mmap2"),
    ("olduname", "oldolduname"),
    ("stat", "oldstat"),
    ("uname", "olduname"),
];

const ARM: &[Alias] = &[("mmap_pgoff", "mmap2"), ("sync_file_range2", "arm_sync_file_range")];

const M68K: &[Alias] = &[("fstat", "oldfstat"), ("lstat", "oldlstat"), ("stat", "oldstat")];

const MIPS_O32: &[Alias] = &[
    ("llseek", "_llseek"),
    ("newfstat", "fstat"),
    ("newlstat", "lstat"),
    ("newstat", "stat"),
    ("newuname", "uname"),
    ("old_readdir", "readdir"),
    ("oldumount", "umount"),
    ("select", "_newselect"),
    ("sysctl", "_sysctl"),
    ("umount", "umount2"),
];

const MIPS64: &[Alias] = &[
    ("newfstat", "fstat"),
    ("newlstat", "lstat"),
    ("newstat", "stat"),
    ("newuname", "uname"),
    ("select", "_newselect"),
    ("sendfile64", "sendfile"),
    ("sysctl", "_sysctl"),
    ("umount", "umount2"),
];

fn aliases(arch: Arch) -> impl Iterator<Item = &'static Alias> {
    let (common, own): (&[Alias], &[Alias]) = match arch {
        Arch::X86_64 => (AMD64, &[]),
        Arch::Aarch64 | Arch::Riscv64 => (GENERIC, &[]),
        Arch::X86 => (OLD_32, I386),
        Arch::Arm => (OLD_32, ARM),
        Arch::M68k => (OLD_32, M68K),
        Arch::Mips | Arch::Mipsel => (MIPS_O32, &[]),
        Arch::Mips64 | Arch::Mipsel64 => (MIPS64, &[]),
        _ => (&[], &[]),
    };
    common.iter().chain(own)
}

/// The architecture of a name after `ON`, in either case.
pub(super) fn arch(name: &str) -> Option<Arch> {
    Some(match &*name.to_ascii_lowercase() {
        "arm" => Arch::Arm,
        "aarch64" | "arm64" => Arch::Aarch64,
        "x86_64" | "amd64" => Arch::X86_64,
        "x86" | "i386" => Arch::X86,
        "mips" | "mipso32" => Arch::Mips,
        "mips64" => Arch::Mips64,
        "riscv64" | "rv64" => Arch::Riscv64,
        "m68k" => Arch::M68k,
        _ => return None,
    })
}

/// The name after `ON` for an architecture.
pub(super) fn arch_name(arch: Arch) -> Option<&'static str> {
    Some(match arch {
        Arch::Arm => "arm",
        Arch::Aarch64 => "aarch64",
        Arch::X86_64 => "x86_64",
        Arch::X86 => "i386",
        Arch::Mips => "mips",
        Arch::Mips64 => "mips64",
        Arch::Riscv64 => "riscv64",
        Arch::M68k => "m68k",
        _ => return None,
    })
}

/// The call kafel means by a name on an architecture; one that has a number there.
pub(super) fn resolve(name: &str, arch: Arch) -> Option<Syscall> {
    let alias = aliases(arch).find(|a| a.0 == name);
    let call = match alias {
        Some((_, real)) => Syscall::from_name(real)?,
        // A name that belongs to a call kafel calls otherwise means nothing.
        None if aliases(arch).any(|a| a.1 == name) => return None,
        None => Syscall::from_name(name)?,
    };
    call.number(arch)?;
    Some(call)
}

/// What kafel calls a call on an architecture; `None` where it has no number or kafel cannot say
/// the name.
pub(super) fn name_of(call: Syscall, arch: Arch) -> Option<&'static str> {
    call.number(arch)?;
    let name = match aliases(arch).find(|a| a.1 == call.name()) {
        Some((kafel, _)) => kafel,
        None => call.name(),
    };
    (resolve(name, arch) == Some(call) && name.starts_with(|c: char| c.is_ascii_alphabetic())).then_some(name)
}

/// Every name kafel knows on an architecture.
pub(super) fn all(arch: Arch) -> impl Iterator<Item = &'static str> {
    Syscall::of_arch(arch).filter_map(move |(_, call)| name_of(call, arch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        let number = |name, arch| resolve(name, arch).and_then(|c| c.number(arch));
        assert_eq!(number("newstat", Arch::X86_64), Some(4));
        assert_eq!(number("stat", Arch::X86_64), None);
        assert_eq!(number("umount", Arch::X86_64), Some(166));
        assert_eq!(number("chown", Arch::X86), Some(212));
        assert_eq!(number("chown16", Arch::X86), Some(182));
        assert_eq!(number("uname", Arch::X86), Some(109));
        assert_eq!(number("stat", Arch::X86), Some(18));
        assert_eq!(number("clock_gettime", Arch::X86), Some(265));
        assert_eq!(number("umount", Arch::Aarch64), Some(39));
    }

    #[test]
    fn every_alias_names_a_call() {
        for arch in Arch::ALL {
            for (kafel, real) in aliases(*arch) {
                let Some(call) = Syscall::from_name(real) else { panic!("{real} is no call") };
                if call.number(*arch).is_some() {
                    assert_eq!(name_of(call, *arch), Some(*kafel), "{real} on {}", arch.name());
                }
            }
        }
    }
}
