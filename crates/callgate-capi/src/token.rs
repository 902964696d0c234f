//! Architectures as the interface numbers them: audit tokens, except that x32 has one of its own.

use callgate::Arch;

/// `SCMP_ARCH_X32`: the kernel reports x32 calls under x86_64's token.
const X32: u32 = 0x4000_003e;

/// The `SCMP_ARCH_*` token.
pub(crate) fn of(arch: Arch) -> u32 {
    if arch == Arch::X32 { X32 } else { arch.token() }
}

/// The architecture with this token; 0 is the native one.
pub(crate) fn parse(token: u32) -> Option<Arch> {
    if token == 0 {
        return Arch::NATIVE;
    }
    Arch::ALL.iter().copied().find(|a| of(*a) == token)
}

/// Whether only the low halves of arguments count there.
pub(crate) fn is_narrow(arch: Arch) -> bool {
    arch.pointer_bits() == 32
}
