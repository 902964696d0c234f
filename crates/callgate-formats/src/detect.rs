//! What a file is, and why it is taken for that.

use std::path::Path;

macro_rules! formats {
    ($($variant:ident $name:literal $doc:literal;)*) => {
        /// A notation for seccomp policies.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Format { $(#[doc = $doc] $variant,)* }

        impl Format {
            /// Every format.
            pub const ALL: &'static [Format] = &[$(Format::$variant,)*];

            /// The name, as the command line takes it.
            pub const fn name(self) -> &'static str {
                match self { $(Format::$variant => $name,)* }
            }

            /// What it is, in a few words.
            pub const fn describe(self) -> &'static str {
                match self { $(Format::$variant => $doc,)* }
            }
        }
    };
}

formats! {
    Callgate "callgate" "callgate's own policy language.";
    Oci "oci" "OCI `linux.seccomp`: a profile, or a bundle's `config.json`.";
    Docker "docker" "Docker's profile dialect, with conditions on the host.";
    Containers "containers" "The profile dialect of Podman, Buildah and CRI-O.";
    Spo "spo" "Kubernetes `SeccompProfile` of the Security Profiles Operator.";
    Seccompiler "seccompiler" "Firecracker's and rust-vmm's JSON, one filter a thread.";
    GoSeccomp "go-seccomp-bpf" "Elastic's go-seccomp-bpf YAML.";
    Minijail "minijail" "minijail's policy files, as its run-time parser reads them.";
    MinijailPython "minijail-python" "minijail's policy files, as its build-time compiler reads them.";
    Systemd "systemd" "systemd units and drop-ins.";
    Kafel "kafel" "kafel's policy language.";
    Nsjail "nsjail" "An nsjail configuration with a kafel policy inside.";
    Firejail "firejail" "firejail profiles.";
    Lxc "lxc" "LXC seccomp profiles, versions 1 and 2.";
    Snapd "snapd" "snapd's seccomp source files.";
    Android "android" "bionic's SECCOMP_*.TXT lists.";
    Pledge "pledge" "OpenBSD-like promises, as the Linux port takes them.";
    Asm "asm" "seccomp-tools assembly.";
    Disasm "disasm" "A disassembly by seccomp-tools or ceccomp.";
    Pfc "pfc" "libseccomp's pseudo filter code.";
    Bpf "bpf" "A raw program, eight bytes an instruction.";
    C "c" "A C header holding a program.";
    Rust "rust" "A Rust constant holding a program.";
}

impl Format {
    /// The format with this name.
    pub fn from_name(name: &str) -> Option<Format> {
        Format::ALL.iter().copied().find(|f| f.name() == name).or(match name {
            "cg" => Some(Format::Callgate),
            "moby" => Some(Format::Docker),
            "podman" | "containers-common" => Some(Format::Containers),
            "firecracker" => Some(Format::Seccompiler),
            "kubernetes" => Some(Format::Spo),
            "minijail-c" => Some(Format::Minijail),
            "seccomp-tools" => Some(Format::Asm),
            "raw" => Some(Format::Bpf),
            _ => None,
        })
    }
}

/// What a file was taken for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Detected {
    /// The format.
    pub format: Format,
    /// What gave it away.
    pub why: String,
}

/// Says what a file is, by its contents first and its name second; `None` if nothing fits.
pub fn detect(path: Option<&Path>, bytes: &[u8]) -> Option<Detected> {
    let _ = bytes;
    let extension = path?.extension()?.to_str()?;
    let format = match extension {
        "cg" => Format::Callgate,
        "bpf" => Format::Bpf,
        _ => return None,
    };
    Some(Detected { format, why: format!("the name ends in .{extension}") })
}
