//! What an architecture's kernel build decides about parameters.

use crate::codegen::signature_row::Declared;

/// An architecture as far as its calling convention matters here.
pub(crate) struct Machine {
    /// The canonical name.
    pub(crate) arch: &'static str,
    /// Its table under `data/syscalls`.
    pub(crate) table: &'static str,
    /// Its folder under the kernel's `arch`.
    pub(crate) folder: &'static str,
    /// How the ABI passes a 64-bit value.
    wide: Wide,
    big_endian: bool,
    /// The Kconfig symbols of [`DECIDING`] that are on.
    config: &'static [&'static str],
}

/// How a 64-bit value is passed to a native entry point.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wide {
    /// In one register.
    Whole,
    /// In the next two, wherever they are.
    Pair,
    /// In the next two that begin at an even position; one may be skipped.
    AlignedPair,
}

/// The symbols that choose between two definitions of one entry point.
const DECIDING: &[&str] = &[
    "CLONE_BACKWARDS",
    "CLONE_BACKWARDS2",
    "CLONE_BACKWARDS3",
    "OLD_SIGSUSPEND",
    "OLD_SIGSUSPEND3",
    "ARCH_SPLIT_ARG64",
];

const fn machine(
    arch: &'static str,
    table: &'static str,
    folder: &'static str,
    wide: Wide,
    big_endian: bool,
    config: &'static [&'static str],
) -> Machine {
    Machine { arch, table, folder, wide, big_endian, config }
}

/// Every architecture; the symbols are the `select` lines of `arch/*/Kconfig`.
pub(crate) const MACHINES: &[Machine] = {
    use Wide::{AlignedPair, Pair, Whole};
    const BACKWARDS: &[&str] = &["CLONE_BACKWARDS"];
    const S390: &[&str] = &["CLONE_BACKWARDS2", "OLD_SIGSUSPEND3"];
    &[
        machine(
            "x86",
            "x86",
            "x86",
            Pair,
            false,
            &["CLONE_BACKWARDS", "OLD_SIGSUSPEND3", "ARCH_SPLIT_ARG64"],
        ),
        machine("x86_64", "x86_64", "x86", Whole, false, &[]),
        machine("x32", "x32", "x86", Whole, false, &[]),
        machine("arm", "arm", "arm", AlignedPair, false, &["CLONE_BACKWARDS", "OLD_SIGSUSPEND3"]),
        machine("aarch64", "aarch64", "arm64", Whole, false, BACKWARDS),
        machine("loongarch64", "loongarch64", "loongarch", Whole, false, &[]),
        machine("m68k", "m68k", "m68k", Pair, true, &["OLD_SIGSUSPEND3"]),
        machine("mips", "mips", "mips", AlignedPair, true, BACKWARDS),
        machine("mipsel", "mips", "mips", AlignedPair, false, BACKWARDS),
        machine("mips64", "mips64", "mips", Whole, true, BACKWARDS),
        machine("mipsel64", "mips64", "mips", Whole, false, BACKWARDS),
        machine("mips64n32", "mips64n32", "mips", Whole, true, BACKWARDS),
        machine("mipsel64n32", "mips64n32", "mips", Whole, false, BACKWARDS),
        machine("parisc", "parisc", "parisc", AlignedPair, true, &["CLONE_BACKWARDS", "ARCH_SPLIT_ARG64"]),
        machine("parisc64", "parisc64", "parisc", Whole, true, BACKWARDS),
        machine(
            "ppc",
            "ppc",
            "powerpc",
            AlignedPair,
            true,
            &["CLONE_BACKWARDS", "OLD_SIGSUSPEND", "ARCH_SPLIT_ARG64"],
        ),
        machine("ppc64", "ppc64", "powerpc", Whole, true, &["CLONE_BACKWARDS", "OLD_SIGSUSPEND"]),
        machine("ppc64le", "ppc64", "powerpc", Whole, false, &["CLONE_BACKWARDS", "OLD_SIGSUSPEND"]),
        machine("riscv64", "riscv64", "riscv", Whole, false, BACKWARDS),
        machine("s390", "s390", "s390", AlignedPair, true, S390),
        machine("s390x", "s390x", "s390", Whole, true, S390),
        machine("sh", "sh", "sh", Pair, false, &["OLD_SIGSUSPEND"]),
        machine("sheb", "sh", "sh", Pair, true, &["OLD_SIGSUSPEND"]),
    ]
};

impl Machine {
    /// Whether a Kconfig symbol is on; `None` where it decides nothing here.
    pub(crate) fn config(&self, symbol: &str) -> Option<bool> {
        match symbol {
            // 31-bit programs have run on 64-bit kernels alone for long: that table holds compat entry points.
            "COMPAT" if self.arch == "s390" => return Some(true),
            "COMPAT" if self.wide != Wide::Whole => return Some(false),
            "32BIT" => return Some(self.wide != Wide::Whole),
            _ => {}
        }
        DECIDING.contains(&symbol).then(|| self.config.contains(&symbol))
    }

    /// The parameters as registers: a 64-bit value becomes two of them on a 32-bit ABI.
    pub(crate) fn registers(&self, params: &[Declared]) -> Vec<Declared> {
        let mut out: Vec<Declared> = Vec::new();
        for param in params {
            if self.wide == Wide::Whole || !is_64_bits(&param.ctype) {
                out.push(param.clone());
                continue;
            }
            if self.wide == Wide::AlignedPair && !out.len().is_multiple_of(2) {
                out.push(Declared { ctype: "u32".into(), name: "_pad".into() });
            }
            let half = |end: &str| Declared { ctype: "u32".into(), name: format!("{}_{end}", param.name) };
            let (first, second) = if self.big_endian { ("high", "low") } else { ("low", "high") };
            out.extend([half(first), half(second)]);
        }
        out
    }
}

/// Whether a C type is 64 bits wide on a 32-bit ABI.
fn is_64_bits(ctype: &str) -> bool {
    let base = ctype.trim_start_matches("const ");
    ["loff_t", "u64", "__u64", "s64", "__s64", "long long", "unsigned long long", "compat_loff_t"]
        .contains(&base)
}

#[cfg(test)]
mod tests {
    use super::MACHINES;
    use crate::codegen::signature_row::{Declared, print_params};

    #[track_caller]
    fn check(arch: &str, expected: &str) {
        let param = |ctype: &str, name: &str| Declared { ctype: ctype.into(), name: name.into() };
        let pread = [param("int", "fd"), param("char *", "b"), param("size_t", "n"), param("loff_t", "pos")];
        let machine = MACHINES.iter().find(|m| m.arch == arch).expect("known");
        assert_eq!(print_params(Some(&machine.registers(&pread))), expected);
    }

    #[test]
    fn a_64_bit_value_takes_two_registers_on_a_32_bit_abi() {
        check("x86_64", "int fd, char * b, size_t n, loff_t pos");
        check("arm", "int fd, char * b, size_t n, u32 _pad, u32 pos_low, u32 pos_high");
        check("mips", "int fd, char * b, size_t n, u32 _pad, u32 pos_high, u32 pos_low");
        check("m68k", "int fd, char * b, size_t n, u32 pos_high, u32 pos_low");
    }
}
