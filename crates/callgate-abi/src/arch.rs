//! The architectures seccomp knows, by audit token.
//!
//! Source: `include/uapi/linux/audit.h`, `include/uapi/linux/elf-em.h`, each architecture's
//! `asm/syscall.h` (`syscall_get_arch`).

use crate::kernel::Kernel;
use crate::tables::audit::AUDIT_ARCHES;

/// Byte order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

macro_rules! arches {
    ($($variant:ident $name:literal $token:literal $bits:literal $endian:ident $doc:literal;)*) => {
        /// A system-call convention: what the kernel calls an audit architecture, with x32 told apart
        /// from x86_64 by bit 30 of the number.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Arch { $(#[doc = $doc] $variant,)* }

        impl Arch {
            /// Every architecture, in this type's order.
            pub const ALL: &'static [Arch] = &[$(Arch::$variant,)*];

            /// The canonical name, as the policy language writes it.
            pub const fn name(self) -> &'static str {
                match self { $(Arch::$variant => $name,)* }
            }

            /// The `AUDIT_ARCH_*` token in `seccomp_data.arch`; x32 shares x86_64's.
            pub const fn token(self) -> u32 {
                match self { $(Arch::$variant => $token,)* }
            }

            /// Width of a register as the call sees it, 32 or 64. x32 passes 64-bit registers.
            pub const fn register_bits(self) -> u32 {
                match self { $(Arch::$variant => $bits,)* }
            }

            /// Byte order.
            pub const fn endian(self) -> Endian {
                match self { $(Arch::$variant => Endian::$endian,)* }
            }
        }
    };
}

arches! {
    X86 "x86" 0x4000_0003 32 Little "32-bit x86 (i386).";
    X86_64 "x86_64" 0xc000_003e 64 Little "64-bit x86 (amd64).";
    X32 "x32" 0xc000_003e 64 Little "The x32 ABI: x86_64 with 32-bit pointers, numbers with bit 30 set.";
    Arm "arm" 0x4000_0028 32 Little "32-bit Arm, EABI.";
    Aarch64 "aarch64" 0xc000_00b7 64 Little "64-bit Arm.";
    Loongarch64 "loongarch64" 0xc000_0102 64 Little "64-bit LoongArch.";
    M68k "m68k" 0x0000_0004 32 Big "Motorola 68000.";
    Mips "mips" 0x0000_0008 32 Big "32-bit MIPS, o32, big-endian.";
    Mipsel "mipsel" 0x4000_0008 32 Little "32-bit MIPS, o32, little-endian.";
    Mips64 "mips64" 0x8000_0008 64 Big "64-bit MIPS, n64, big-endian.";
    Mipsel64 "mipsel64" 0xc000_0008 64 Little "64-bit MIPS, n64, little-endian.";
    Mips64n32 "mips64n32" 0xa000_0008 64 Big "64-bit MIPS with 32-bit pointers, n32, big-endian.";
    Mipsel64n32 "mipsel64n32" 0xe000_0008 64 Little "64-bit MIPS with 32-bit pointers, n32, little-endian.";
    Parisc "parisc" 0x0000_000f 32 Big "32-bit PA-RISC.";
    Parisc64 "parisc64" 0x8000_000f 64 Big "64-bit PA-RISC.";
    Ppc "ppc" 0x0000_0014 32 Big "32-bit PowerPC.";
    Ppc64 "ppc64" 0x8000_0015 64 Big "64-bit PowerPC, big-endian.";
    Ppc64le "ppc64le" 0xc000_0015 64 Little "64-bit PowerPC, little-endian.";
    Riscv64 "riscv64" 0xc000_00f3 64 Little "64-bit RISC-V.";
    S390 "s390" 0x0000_0016 32 Big "31-bit S/390.";
    S390x "s390x" 0x8000_0016 64 Big "64-bit S/390.";
    Sh "sh" 0x4000_002a 32 Little "SuperH, little-endian.";
    Sheb "sheb" 0x0000_002a 32 Big "SuperH, big-endian.";
}

impl Arch {
    /// The bit that marks an x32 number (`__X32_SYSCALL_BIT`).
    pub const X32_BIT: u32 = 0x4000_0000;

    /// The architecture this code was compiled for, if it is one of [`Arch::ALL`].
    pub const NATIVE: Option<Arch> = if cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) {
        Some(Arch::X86_64)
    } else if cfg!(target_arch = "x86_64") {
        Some(Arch::X32)
    } else if cfg!(target_arch = "x86") {
        Some(Arch::X86)
    } else if cfg!(target_arch = "aarch64") {
        Some(Arch::Aarch64)
    } else if cfg!(target_arch = "arm") {
        Some(Arch::Arm)
    } else if cfg!(target_arch = "riscv64") {
        Some(Arch::Riscv64)
    } else if cfg!(target_arch = "loongarch64") {
        Some(Arch::Loongarch64)
    } else if cfg!(target_arch = "s390x") {
        Some(Arch::S390x)
    } else if cfg!(all(target_arch = "powerpc64", target_endian = "little")) {
        Some(Arch::Ppc64le)
    } else if cfg!(all(target_arch = "powerpc64", target_endian = "big")) {
        Some(Arch::Ppc64)
    } else if cfg!(target_arch = "powerpc") {
        Some(Arch::Ppc)
    } else if cfg!(target_arch = "m68k") {
        Some(Arch::M68k)
    } else if cfg!(all(target_arch = "mips64", target_pointer_width = "64", target_endian = "big")) {
        Some(Arch::Mips64)
    } else if cfg!(all(target_arch = "mips64", target_pointer_width = "64")) {
        Some(Arch::Mipsel64)
    } else if cfg!(all(target_arch = "mips64", target_endian = "big")) {
        Some(Arch::Mips64n32)
    } else if cfg!(target_arch = "mips64") {
        Some(Arch::Mipsel64n32)
    } else if cfg!(all(target_arch = "mips", target_endian = "big")) {
        Some(Arch::Mips)
    } else if cfg!(target_arch = "mips") {
        Some(Arch::Mipsel)
    } else {
        None
    };

    /// The architecture with this canonical name; [`Arch::parse`] takes other spellings too.
    pub fn from_name(name: &str) -> Option<Arch> {
        Arch::ALL.iter().copied().find(|a| a.name() == name)
    }

    /// The architecture of a call with this audit token and number. Under x86_64's token every number
    /// from the x32 bit on counts as x32's, as filters have always tested it; the kernel knows none above
    /// x32's last.
    pub fn of_call(token: u32, nr: u32) -> Option<Arch> {
        let arch = Arch::ALL.iter().copied().find(|a| a.token() == token)?;
        Some(if arch == Arch::X86_64 && nr >= Arch::X32_BIT { Arch::X32 } else { arch })
    }

    /// The other ABIs that a process of this one can come to use on a kernel that serves them all, by a mode
    /// switch or an `execve`. A filter that knows one of them must say what happens to the rest.
    ///
    /// ```
    /// use callgate_abi::Arch;
    /// assert_eq!(Arch::X86_64.siblings(), [Arch::X86, Arch::X32]);
    /// assert_eq!(Arch::Arm.siblings(), [Arch::Aarch64]);
    /// ```
    pub const fn siblings(self) -> &'static [Arch] {
        match self {
            Arch::X86 => &[Arch::X86_64, Arch::X32],
            Arch::X86_64 => &[Arch::X86, Arch::X32],
            Arch::X32 => &[Arch::X86_64, Arch::X86],
            Arch::Arm => &[Arch::Aarch64],
            Arch::Aarch64 => &[Arch::Arm],
            Arch::Mips => &[Arch::Mips64, Arch::Mips64n32],
            Arch::Mips64 => &[Arch::Mips, Arch::Mips64n32],
            Arch::Mips64n32 => &[Arch::Mips64, Arch::Mips],
            Arch::Mipsel => &[Arch::Mipsel64, Arch::Mipsel64n32],
            Arch::Mipsel64 => &[Arch::Mipsel, Arch::Mipsel64n32],
            Arch::Mipsel64n32 => &[Arch::Mipsel64, Arch::Mipsel],
            Arch::Parisc => &[Arch::Parisc64],
            Arch::Parisc64 => &[Arch::Parisc],
            Arch::Ppc => &[Arch::Ppc64],
            Arch::Ppc64 => &[Arch::Ppc],
            Arch::S390 => &[Arch::S390x],
            Arch::S390x => &[Arch::S390],
            Arch::Loongarch64 | Arch::M68k | Arch::Ppc64le | Arch::Riscv64 | Arch::Sh | Arch::Sheb => &[],
        }
    }

    /// Width of a pointer and of C's `long`, 32 or 64: x32 and n32 pass 64-bit registers but have 32-bit pointers.
    pub const fn pointer_bits(self) -> u32 {
        match self {
            Arch::X32 | Arch::Mips64n32 | Arch::Mipsel64n32 => 32,
            _ => self.register_bits(),
        }
    }

    /// The first kernel that serves this ABI.
    pub const fn since(self) -> Kernel {
        match self {
            Arch::X86 => Kernel::new(1, 0),
            Arch::M68k | Arch::Mips | Arch::Mipsel | Arch::Ppc => Kernel::new(2, 0),
            Arch::Parisc | Arch::Parisc64 | Arch::S390 | Arch::S390x | Arch::Sh | Arch::Sheb => {
                Kernel::new(2, 4)
            }
            Arch::X86_64
            | Arch::Mips64
            | Arch::Mipsel64
            | Arch::Mips64n32
            | Arch::Mipsel64n32
            | Arch::Ppc64 => Kernel::new(2, 6),
            Arch::Arm => Kernel::with_patch(2, 6, 16),
            Arch::X32 => Kernel::new(3, 4),
            Arch::Aarch64 => Kernel::new(3, 7),
            Arch::Ppc64le => Kernel::new(3, 13),
            Arch::Riscv64 => Kernel::new(4, 15),
            Arch::Loongarch64 => Kernel::new(5, 19),
        }
    }

    /// The first kernel that no longer serves this ABI.
    pub const fn removed(self) -> Option<Kernel> {
        match self {
            Arch::S390 => Some(Kernel::new(6, 19)),
            _ => None,
        }
    }
}

/// The name of an audit token in `include/uapi/linux/audit.h`, architectures outside [`Arch::ALL`] included.
///
/// ```
/// use callgate_abi::arch::{audit_name, audit_token};
/// assert_eq!(audit_name(0xc000_003e), Some("AUDIT_ARCH_X86_64"));
/// assert_eq!(audit_token("AUDIT_ARCH_SPARC"), Some(2));
/// ```
pub fn audit_name(token: u32) -> Option<&'static str> {
    AUDIT_ARCHES.iter().find(|a| a.1 == token).map(|a| a.0)
}

/// The audit token with this name, `AUDIT_ARCH_` included.
pub fn audit_token(name: &str) -> Option<u32> {
    AUDIT_ARCHES.binary_search_by_key(&name, |a| a.0).ok().map(|i| AUDIT_ARCHES[i].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_the_kernels() {
        for arch in Arch::ALL {
            let name = audit_name(arch.token()).unwrap();
            assert_eq!(audit_token(name), Some(arch.token()));
            let bits = if arch.token() & 0x8000_0000 != 0 { 64 } else { 32 };
            assert_eq!(arch.register_bits(), bits, "{arch:?}");
            assert_eq!(arch.endian() == Endian::Little, arch.token() & 0x4000_0000 != 0, "{arch:?}");
        }
    }

    #[test]
    fn siblings_are_mutual() {
        for arch in Arch::ALL {
            for sibling in arch.siblings() {
                assert!(sibling.siblings().contains(arch), "{arch:?} {sibling:?}");
                assert_eq!(sibling.endian(), arch.endian());
            }
        }
    }
}
