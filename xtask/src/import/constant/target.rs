//! How to read one architecture's headers with this machine's compiler.

use crate::files::{self, Result};
use std::path::{Path, PathBuf};

/// An architecture as its C compiler would present it.
pub(crate) struct Target {
    /// The canonical name.
    pub(crate) arch: &'static str,
    /// Its folder under the kernel's `arch`.
    pub(crate) folder: &'static str,
    model: Model,
    /// What its compiler predefines.
    predefined: &'static [&'static str],
}

/// The sizes and alignments that decide `sizeof` of a structure, as modes of an x86 compiler.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Model {
    /// 64-bit `long` and pointers.
    Lp64,
    /// 32-bit `long`, 64-bit values aligned to 8.
    Ilp32,
    /// 32-bit `long`, 64-bit values aligned to 4.
    Ilp32Align4,
    /// 32-bit `long`, nothing aligned to more than 2.
    Ilp32Align2,
}

/// Every architecture; the first one's order of names is kept.
pub(crate) const TARGETS: &[Target] = {
    use Model::{Ilp32, Ilp32Align2, Ilp32Align4, Lp64};
    const fn target(
        arch: &'static str,
        folder: &'static str,
        model: Model,
        predefined: &'static [&'static str],
    ) -> Target {
        Target { arch, folder, model, predefined }
    }
    &[
        target("x86_64", "x86", Lp64, &["__x86_64__"]),
        target("x86", "x86", Ilp32Align4, &["__i386__"]),
        target("x32", "x86", Ilp32, &["__x86_64__", "__ILP32__"]),
        target("arm", "arm", Ilp32, &["__arm__", "__ARM_EABI__", "__ARMEL__"]),
        target("aarch64", "arm64", Lp64, &["__aarch64__", "__AARCH64EL__"]),
        target("loongarch64", "loongarch", Lp64, &["__loongarch__", "__loongarch_lp64", "__loongarch64"]),
        target("m68k", "m68k", Ilp32Align2, &["__m68k__", "__mc68000__"]),
        target("mips", "mips", Ilp32, &["__mips__", "_MIPS_SIM=1", "__MIPSEB__", "_MIPS_SZLONG=32"]),
        target("mipsel", "mips", Ilp32, &["__mips__", "_MIPS_SIM=1", "__MIPSEL__", "_MIPS_SZLONG=32"]),
        target("mips64", "mips", Lp64, &["__mips__", "_MIPS_SIM=3", "__MIPSEB__", "_MIPS_SZLONG=64"]),
        target("mipsel64", "mips", Lp64, &["__mips__", "_MIPS_SIM=3", "__MIPSEL__", "_MIPS_SZLONG=64"]),
        target("mips64n32", "mips", Ilp32, &["__mips__", "_MIPS_SIM=2", "__MIPSEB__", "_MIPS_SZLONG=32"]),
        target("mipsel64n32", "mips", Ilp32, &["__mips__", "_MIPS_SIM=2", "__MIPSEL__", "_MIPS_SZLONG=32"]),
        target("parisc", "parisc", Ilp32, &["__hppa__", "__hppa"]),
        target("parisc64", "parisc", Lp64, &["__hppa__", "__hppa"]),
        target("ppc", "powerpc", Ilp32, &["__powerpc__", "__PPC__", "__BIG_ENDIAN__"]),
        target("ppc64", "powerpc", Lp64, &["__powerpc__", "__PPC__", "__powerpc64__", "__BIG_ENDIAN__"]),
        target("ppc64le", "powerpc", Lp64, &["__powerpc__", "__PPC__", "__powerpc64__", "__LITTLE_ENDIAN__"]),
        target("riscv64", "riscv", Lp64, &["__riscv", "__riscv_xlen=64"]),
        target("s390", "s390", Ilp32, &["__s390__"]),
        target("s390x", "s390", Lp64, &["__s390__", "__s390x__"]),
        target("sh", "sh", Ilp32Align4, &["__sh__", "__LITTLE_ENDIAN__"]),
        target("sheb", "sh", Ilp32Align4, &["__sh__", "__BIG_ENDIAN__"]),
    ]
};

/// Headers that no longer know a 31-bit `long`, replaced for the architecture that has it.
const REPLACED: &[(&str, &str, &str)] = &[(
    "s390",
    "asm/bitsperlong.h",
    "#ifndef __BITS_PER_LONG\n#define __BITS_PER_LONG 32\n#include <asm-generic/bitsperlong.h>\n#endif\n",
)];

/// What an x86 compiler predefines that would give it away.
const OWN: &[&str] =
    &["__x86_64__", "__x86_64", "__amd64__", "__amd64", "__i386__", "__i386", "i386", "__ILP32__"];

/// C headers that some kernel headers include for programs, with as much in them as those use.
const C_LIBRARY: &[(&str, &str)] = &[
    ("linux/compiler.h", ""),
    ("linux/compiler_types.h", ""),
    ("linux/version.h", ""),
    ("limits.h", ""),
    ("stdlib.h", ""),
    ("stdint.h", C_INTEGERS),
    ("inttypes.h", C_INTEGERS),
    ("stddef.h", "#ifndef NULL\ntypedef __SIZE_TYPE__ size_t;\n#define NULL ((void *)0)\n#endif\n"),
    ("stdbool.h", "#define bool _Bool\n"),
    ("string.h", ""),
    ("time.h", C_TIME),
    ("sys/time.h", C_TIME),
    ("sys/types.h", C_TYPES),
    ("sys/socket.h", C_SOCKETS),
    ("netinet/if_ether.h", "#include <linux/if_ether.h>\n"),
    ("sys/ioctl.h", "#include <linux/ioctl.h>\n"),
    ("netinet/in.h", "#include <linux/in.h>\n"),
    ("net/if.h", "#include <linux/if.h>\n"),
    ("endian.h", ""),
];

const C_INTEGERS: &str = "#ifndef C_INTEGERS\n#define C_INTEGERS\n\
typedef signed char int8_t; typedef unsigned char uint8_t; typedef short int16_t; typedef unsigned short uint16_t;\n\
typedef int int32_t; typedef unsigned int uint32_t; typedef long long int64_t; typedef unsigned long long uint64_t;\n\
typedef __UINTPTR_TYPE__ uintptr_t; typedef __INTPTR_TYPE__ intptr_t;\n#endif\n";

const C_SOCKETS: &str = "#ifndef C_SOCKETS\n#define C_SOCKETS\n#include <linux/socket.h>\n\
typedef unsigned short sa_family_t;\n#define sockaddr_storage __kernel_sockaddr_storage\n\
struct sockaddr { sa_family_t sa_family; char sa_data[14]; };\n#endif\n";

const C_TYPES: &str = "#ifndef C_TYPES\n#define C_TYPES\n#include <asm/posix_types.h>\n#include <stddef.h>\n\
typedef __kernel_long_t time_t; typedef __kernel_ssize_t ssize_t; typedef __kernel_loff_t loff_t;\n\
typedef __kernel_pid_t pid_t;\n\
typedef unsigned char u_char; typedef unsigned short u_short; typedef unsigned int u_int; typedef unsigned long u_long;\n\
#endif\n";

const C_TIME: &str = "#include <sys/types.h>\n#include <linux/time.h>\n";

impl Target {
    /// The compiler's arguments: the model, the macros, and where headers are.
    pub(crate) fn arguments(&self, tree: &Path, made: &Path) -> Vec<String> {
        let mode: &[&str] = match self.model {
            Model::Lp64 => &["-m64"],
            Model::Ilp32 => &["-mx32"],
            Model::Ilp32Align4 => &["-m32"],
            Model::Ilp32Align2 => &["-m32", "-fpack-struct=2"],
        };
        let mut out: Vec<String> = mode.iter().map(|s| (*s).to_owned()).collect();
        out.extend(["-std=gnu11", "-ffreestanding", "-w", "-nostdinc"].map(str::to_owned));
        // What the installed headers have had removed or replaced.
        out.extend(
            [
                "-D__user=",
                "-D__force=",
                "-D__iomem=",
                "-D__attribute_const__=",
                "-D__packed=__attribute__((packed))",
            ]
            .map(str::to_owned),
        );
        out.extend(OWN.iter().filter(|own| !self.predefined.contains(own)).map(|own| format!("-U{own}")));
        let foreign = self.predefined.iter().filter(|p| !OWN.contains(p));
        out.extend(foreign.map(|macro_| format!("-D{macro_}")));
        let folders = [
            made.join("replaced").join(self.arch),
            made.join("c"),
            made.join(self.folder),
            tree.join("arch").join(self.folder).join("include/uapi"),
            tree.join("include/uapi"),
        ];
        out.extend(folders.iter().map(|f| format!("-I{}", f.display())));
        out
    }

    /// Whether programs on this architecture have this header.
    pub(crate) fn has(&self, header: &str, tree: &Path, made: &Path) -> bool {
        let own = tree.join("arch").join(self.folder).join("include/uapi");
        [made.join("c"), made.join(self.folder), own, tree.join("include/uapi")]
            .iter()
            .any(|folder| folder.join(header).exists())
    }
}

/// Writes the headers the kernel's build would generate into `made`, and the C library's few.
pub(crate) fn make_headers(tree: &Path, made: &Path) -> Result<()> {
    for (name, text) in C_LIBRARY {
        files::write(made.join("c").join(name), text)?;
    }
    for (arch, header, text) in REPLACED {
        files::write(made.join("replaced").join(arch).join(header), text)?;
    }
    let mandatory = kbuild(&tree.join("include/uapi/asm-generic/Kbuild"), &["mandatory-y"])?;
    let mut folders: Vec<&str> = TARGETS.iter().map(|t| t.folder).collect();
    folders.dedup();
    for folder in folders {
        let own = tree.join("arch").join(folder).join("include/uapi/asm");
        let own_kbuild = own.join("Kbuild");
        let generic = kbuild(&own_kbuild, &["generic-y"])?;
        for header in mandatory.iter().chain(&generic).filter(|h| !own.join(h).exists()) {
            let text = format!("#include <asm-generic/{header}>\n");
            files::write(made.join(folder).join("asm").join(header), &text)?;
        }
        // Numbers of calls come from elsewhere.
        for header in kbuild(&own_kbuild, &["generated-y", "syscall-y"])? {
            files::write(made.join(folder).join("asm").join(header), "")?;
        }
    }
    Ok(())
}

/// The words of the `VARIABLE += words` lines of a Kbuild file.
fn kbuild(path: &PathBuf, variables: &[&str]) -> Result<Vec<String>> {
    let text = files::read(path)?;
    let lines = text.lines().filter_map(|line| {
        let (name, words) = line.split_once("+=")?;
        variables.contains(&name.trim()).then_some(words)
    });
    Ok(lines.flat_map(str::split_whitespace).map(str::to_owned).collect())
}
