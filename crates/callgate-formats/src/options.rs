//! What a reader or writer is told beside the text.

use crate::detect::Format;
use crate::export::Accept;
use crate::host::Capabilities;
use crate::import::{Flags, Listener};
use crate::minijail::Constants;
use callgate::abi::Kernel;
use callgate::{Action, Arch};
use std::path::Path;
use std::sync::Arc;

/// Opens a file another file refers to (an include, a frequency file, a drop-in). The path is as
/// resolved by the reader: relative ones are relative to the including file's directory.
pub type Open = Arc<dyn Fn(&Path) -> std::io::Result<String> + Send + Sync>;

/// Names the files of a folder, for readers that look for some: a unit's drop-ins.
pub type List = Arc<dyn Fn(&Path) -> std::io::Result<Vec<String>> + Send + Sync>;

/// What a reader or writer is told beside the text.
#[derive(Clone)]
pub struct Options {
    /// The file's name, for errors, rule origins and relative includes.
    pub file: Option<Arc<str>>,
    /// The architecture of the machine the policy is for.
    pub host: Arch,
    /// The architectures to read the file for, instead of those the file or its format says.
    pub arches: Option<Vec<Arch>>,
    /// The capabilities of the process the policy is for. `None`: the format's usual default (Docker's
    /// for Docker profiles, Podman's for those of containers-common).
    pub caps: Option<Capabilities>,
    /// The kernel the policy is for. `None`: the newest, so every "at least this kernel" holds.
    pub kernel: Option<Kernel>,
    /// Whose reading is meant where implementations differ. `None`: the format's own, without what
    /// one runtime adds.
    pub runtime: Option<Runtime>,
    /// The default action where a notation leaves it to the command line of its tool (minijail).
    pub default: Option<Action>,
    /// Leave out names nobody knows, and list them as losses, instead of refusing the file.
    pub ignore_unknown: bool,
    /// A constants file for minijail policies, instead of the built-in values.
    pub constants: Option<Arc<Constants>>,
    /// The one policy of several to read (`vmm.json#vcpu`); `None` reads all of them. Writers of formats
    /// that name their policies use it as the name.
    pub pick: Option<Arc<str>>,
    /// The flags to write into a file whose format has a place for them.
    pub flags: Option<Flags>,
    /// The listener to write into a file whose format has a place for it.
    pub listener: Option<Listener>,
    /// In seccompiler's JSON, write the first names of its keys, `default_action` and `filter_action`, which
    /// Firecracker's tools take, instead of `mismatch_action` and `match_action`.
    pub first_keys: bool,
    /// Which losses [`crate::write`] accepts.
    pub accept: Accept,
    /// How to get at files the file refers to. `None`: such a reference is an error.
    pub open: Option<Open>,
    /// How to find files that belong to the one read although it does not name them. `None`: the file is
    /// read alone.
    pub list: Option<List>,
    /// Files that hold profiles others are based on (`baseProfileName`), before those beside the file.
    pub bases: Vec<Arc<str>>,
}

impl Options {
    /// The defaults for a machine of this architecture.
    pub fn new(host: Arch) -> Options {
        Options {
            file: None,
            host,
            arches: None,
            caps: None,
            kernel: None,
            runtime: None,
            default: None,
            ignore_unknown: false,
            pick: None,
            constants: None,
            flags: None,
            listener: None,
            first_keys: false,
            accept: Accept::Lossless,
            open: None,
            list: None,
            bases: Vec::new(),
        }
    }
}

impl Default for Options {
    /// The defaults for the machine this code was compiled for (x86_64 if it is none of [`Arch::ALL`]).
    fn default() -> Options {
        Options::new(Arch::NATIVE.unwrap_or(Arch::X86_64))
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("file", &self.file)
            .field("host", &self.host)
            .field("arches", &self.arches)
            .field("caps", &self.caps)
            .field("kernel", &self.kernel)
            .field("runtime", &self.runtime)
            .field("default", &self.default)
            .field("ignore_unknown", &self.ignore_unknown)
            .field("pick", &self.pick)
            .field("flags", &self.flags)
            .field("listener", &self.listener)
            .field("first_keys", &self.first_keys)
            .field("accept", &self.accept)
            .finish_non_exhaustive()
    }
}

macro_rules! runtimes {
    ($($variant:ident $name:literal $doc:literal;)*) => {
        /// A program that loads policies, by whose reading of a file a policy can be taken.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Runtime { $(#[doc = $doc] $variant,)* }

        impl Runtime {
            /// Every runtime.
            pub const ALL: &'static [Runtime] = &[$(Runtime::$variant,)*];

            /// The name, as the command line takes it.
            pub const fn name(self) -> &'static str {
                match self { $(Runtime::$variant => $name,)* }
            }
        }
    };
}

runtimes! {
    Docker "docker" "Docker Engine: its profile dialect, then runc.";
    Containerd "containerd" "containerd and Kubernetes: plain OCI decoding of the same file, then runc.";
    Runc "runc" "runc: OCI, with the `ENOSYS` prologue for calls newer than the profile.";
    Crun "crun" "crun: OCI, no prologue.";
    Podman "podman" "Podman and Buildah: containers-common's dialect, then crun.";
    Crio "cri-o" "CRI-O: containers-common's dialect, then crun.";
    Youki "youki" "youki: OCI, every condition a rule of its own.";
    Libseccomp "libseccomp" "The rules as libseccomp compiles them, nothing added.";
    Firecracker "firecracker" "Firecracker since 1.11: its JSON through libseccomp.";
    Gvisor "gvisor" "gVisor: OCI with five actions, errors always `EPERM`, `architectures` ignored.";
}

impl Runtime {
    /// Whether it reads files of this format: elsewhere its name says nothing.
    pub const fn reads(self, format: Format) -> bool {
        match self {
            Runtime::Firecracker => matches!(format, Format::Seccompiler),
            Runtime::Docker
            | Runtime::Containerd
            | Runtime::Runc
            | Runtime::Crun
            | Runtime::Podman
            | Runtime::Crio
            | Runtime::Youki
            | Runtime::Libseccomp
            | Runtime::Gvisor => {
                matches!(format, Format::Oci | Format::Docker | Format::Containers | Format::Spo)
            }
        }
    }

    /// The runtime with this name.
    pub fn from_name(name: &str) -> Option<Runtime> {
        Runtime::ALL.iter().copied().find(|r| r.name() == name).or(match name {
            "moby" => Some(Runtime::Docker),
            "kubernetes" | "k8s" => Some(Runtime::Containerd),
            "crio" => Some(Runtime::Crio),
            "buildah" => Some(Runtime::Podman),
            "runsc" => Some(Runtime::Gvisor),
            _ => None,
        })
    }
}
