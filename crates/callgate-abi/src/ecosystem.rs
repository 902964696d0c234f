//! What other projects call an architecture.

use crate::arch::{Arch, audit_name, audit_token};

/// A world with its own names for architectures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Ecosystem {
    /// The OCI runtime specification and container profiles: `SCMP_ARCH_X86_64`.
    Oci,
    /// libseccomp's `seccomp_arch_resolve_name`: `x86_64`.
    Libseccomp,
    /// systemd's `SystemCallArchitectures=`: `x86-64`.
    Systemd,
    /// Go's `GOARCH`: `amd64`.
    Go,
    /// The first part of a Rust target triple: `x86_64`.
    Rust,
    /// Debian's package architectures: `amd64`.
    Debian,
    /// The kernel's audit tokens: `AUDIT_ARCH_X86_64`.
    Kernel,
}

impl Arch {
    /// The architecture's name in `ecosystem`; `None` where it has none of its own.
    ///
    /// ```
    /// use callgate_abi::{Arch, Ecosystem};
    /// assert_eq!(Arch::Ppc64le.name_in(Ecosystem::Debian), Some("ppc64el"));
    /// assert_eq!(Arch::X32.name_in(Ecosystem::Kernel), None);
    /// ```
    pub fn name_in(self, ecosystem: Ecosystem) -> Option<&'static str> {
        let row = &NAMES[self as usize];
        match ecosystem {
            Ecosystem::Oci => Some(row.oci),
            Ecosystem::Libseccomp => Some(self.name()),
            Ecosystem::Systemd => row.systemd,
            Ecosystem::Go => row.go,
            Ecosystem::Rust => row.rust,
            Ecosystem::Debian => row.debian,
            Ecosystem::Kernel if self == Arch::X32 => None,
            Ecosystem::Kernel => audit_name(self.token()),
        }
    }

    /// The architecture with this name in any ecosystem, `uname -m` and the usual aliases included.
    ///
    /// Where two worlds disagree about a word the canonical name wins: `mips64` is big-endian n64.
    ///
    /// ```
    /// use callgate_abi::Arch;
    /// for name in ["amd64", "x86-64", "x86_64", "SCMP_ARCH_X86_64", "AUDIT_ARCH_X86_64"] {
    ///     assert_eq!(Arch::parse(name), Some(Arch::X86_64));
    /// }
    /// ```
    pub fn parse(name: &str) -> Option<Arch> {
        let with = |e: Ecosystem| Arch::ALL.iter().copied().find(|a| a.name_in(e) == Some(name));
        Arch::from_name(name)
            .or_else(|| BY_ROW.iter().find_map(|e| with(*e)))
            .or_else(|| audit_token(name).and_then(|token| Arch::of_call(token, 0)))
            .or_else(|| ALIASES.iter().find(|a| a.0 == name).map(|a| a.1))
    }
}

/// The ecosystems whose names are in [`NAMES`].
const BY_ROW: &[Ecosystem] =
    &[Ecosystem::Oci, Ecosystem::Systemd, Ecosystem::Go, Ecosystem::Rust, Ecosystem::Debian];

struct Names {
    oci: &'static str,
    systemd: Option<&'static str>,
    go: Option<&'static str>,
    rust: Option<&'static str>,
    debian: Option<&'static str>,
}

macro_rules! names {
    ($($arch:ident $oci:literal $systemd:tt $go:tt $rust:tt $debian:tt;)*) => {
        /// In the order of [`Arch`].
        static NAMES: [Names; Arch::ALL.len()] = [$(Names {
            oci: $oci,
            systemd: names!(@ $systemd),
            go: names!(@ $go),
            rust: names!(@ $rust),
            debian: names!(@ $debian),
        },)*];

        #[cfg(test)]
        const ORDER: &[Arch] = &[$(Arch::$arch,)*];
    };
    (@ -) => { None };
    (@ $name:literal) => { Some($name) };
}

// arch, OCI, systemd, Go, Rust, Debian
names! {
    X86 "SCMP_ARCH_X86" "x86" "386" "i686" "i386";
    X86_64 "SCMP_ARCH_X86_64" "x86-64" "amd64" "x86_64" "amd64";
    X32 "SCMP_ARCH_X32" "x32" - - "x32";
    Arm "SCMP_ARCH_ARM" "arm" "arm" "arm" "armhf";
    Aarch64 "SCMP_ARCH_AARCH64" "arm64" "arm64" "aarch64" "arm64";
    Loongarch64 "SCMP_ARCH_LOONGARCH64" "loongarch64" "loong64" "loongarch64" "loong64";
    M68k "SCMP_ARCH_M68K" "m68k" - "m68k" "m68k";
    Mips "SCMP_ARCH_MIPS" "mips" "mips" "mips" "mips";
    Mipsel "SCMP_ARCH_MIPSEL" "mips-le" "mipsle" "mipsel" "mipsel";
    Mips64 "SCMP_ARCH_MIPS64" "mips64" "mips64" "mips64" "mips64";
    Mipsel64 "SCMP_ARCH_MIPSEL64" "mips64-le" "mips64le" "mips64el" "mips64el";
    Mips64n32 "SCMP_ARCH_MIPS64N32" "mips64-n32" - - "mipsn32";
    Mipsel64n32 "SCMP_ARCH_MIPSEL64N32" "mips64-le-n32" - - "mipsn32el";
    Parisc "SCMP_ARCH_PARISC" "parisc" - - "hppa";
    Parisc64 "SCMP_ARCH_PARISC64" "parisc64" - - -;
    Ppc "SCMP_ARCH_PPC" "ppc" - "powerpc" "powerpc";
    Ppc64 "SCMP_ARCH_PPC64" "ppc64" "ppc64" "powerpc64" "ppc64";
    Ppc64le "SCMP_ARCH_PPC64LE" "ppc64-le" "ppc64le" "powerpc64le" "ppc64el";
    Riscv64 "SCMP_ARCH_RISCV64" "riscv64" "riscv64" "riscv64gc" "riscv64";
    S390 "SCMP_ARCH_S390" "s390" - - "s390";
    S390x "SCMP_ARCH_S390X" "s390x" "s390x" "s390x" "s390x";
    Sh "SCMP_ARCH_SH" "sh" - - "sh4";
    Sheb "SCMP_ARCH_SHEB" - - - "sh4eb";
}

/// Further spellings: `uname -m`, other Rust targets, Go's reserved names, older Debian ports.
static ALIASES: &[(&str, Arch)] = &[
    ("i486", Arch::X86),
    ("i586", Arch::X86),
    ("ia32", Arch::X86),
    ("x86_32", Arch::X86),
    ("x64", Arch::X86_64),
    ("amd64p32", Arch::X32),
    ("armel", Arch::Arm),
    ("armv5te", Arch::Arm),
    ("armv5tel", Arch::Arm),
    ("armv6l", Arch::Arm),
    ("armv7", Arch::Arm),
    ("armv7a", Arch::Arm),
    ("armv7l", Arch::Arm),
    ("armv8l", Arch::Arm),
    ("thumbv7neon", Arch::Arm),
    ("mips64n32el", Arch::Mipsel64n32),
    ("mips64p32", Arch::Mips64n32),
    ("mips64p32le", Arch::Mipsel64n32),
    ("mips64r6el", Arch::Mipsel64),
    ("hppa64", Arch::Parisc64),
    ("powerpcspe", Arch::Ppc),
    ("riscv64a23", Arch::Riscv64),
    ("sh4a", Arch::Sh),
    ("sh4aeb", Arch::Sheb),
];

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn rows_are_in_the_order_of_arch() {
        assert_eq!(ORDER, Arch::ALL);
    }

    #[test]
    fn every_name_parses_back() {
        for arch in Arch::ALL.iter().copied() {
            for ecosystem in BY_ROW.iter().copied().chain([Ecosystem::Libseccomp, Ecosystem::Kernel]) {
                if let Some(name) = arch.name_in(ecosystem) {
                    assert_eq!(Arch::parse(name), Some(arch), "{name} in {ecosystem:?}");
                }
            }
        }
    }

    #[test]
    fn no_alias_repeats_a_name() {
        for (alias, _) in ALIASES {
            let named = |e: Ecosystem| Arch::ALL.iter().any(|a| a.name_in(e) == Some(*alias));
            assert!(Arch::from_name(alias).is_none() && !BY_ROW.iter().any(|e| named(*e)), "{alias}");
        }
        assert_eq!(Arch::parse("vax"), None);
        assert_eq!(Arch::parse(""), None);
    }
}
