//! Names of constants as other tools' files write them.

use callgate::Arch;
use callgate::abi::constant;

/// Second names of constants in the kernel's and the C library's headers.
const ALIASES: &[(&str, &str)] = &[
    ("PTRACE_PEEKUSER", "PTRACE_PEEKUSR"),
    ("PTRACE_POKEUSER", "PTRACE_POKEUSR"),
    ("SIOCINQ", "FIONREAD"),
    ("SIOCOUTQ", "TIOCOUTQ"),
];

/// The value of a constant, by any of its names. `PF_` names are those of `AF_`.
pub(crate) fn constant(name: &str, arch: Arch) -> Option<u64> {
    if let Some(value) = constant::value(name, arch) {
        return Some(value);
    }
    if let Some((_, other)) = ALIASES.iter().find(|(alias, _)| *alias == name) {
        return constant::value(other, arch);
    }
    constant::value(&format!("AF_{}", name.strip_prefix("PF_")?), arch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_names() {
        assert_eq!(constant("PF_UNIX", Arch::X86_64), Some(1));
        assert_eq!(constant("SIOCINQ", Arch::X86_64), constant("FIONREAD", Arch::X86_64));
        assert_eq!(constant("PF_NONSENSE", Arch::X86_64), None);
        for (alias, name) in ALIASES {
            assert!(constant::value(name, Arch::X86_64).is_some(), "{alias}");
        }
    }
}
