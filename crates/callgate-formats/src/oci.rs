//! OCI's `linux.seccomp`: a bundle's `config.json` or the object alone.

use crate::import::{Collect, Import};
use crate::options::{Options, Runtime};
use crate::place::Error;
use crate::profile::{self, Dialect};
use crate::tree::{At, Keys, Node};
use crate::{Format, containers, docker, json, runtime};
use callgate::Arch;

/// Reads a container profile: `format` says how it is decoded, unless the runtime reads every profile
/// in its own way.
pub(crate) fn read(text: &str, format: Format, options: &Options) -> Result<Import, Error> {
    let root = json::parse(text)?;
    let at = At::root(&root, Keys::AnyCase);
    let bundle = at.has("linux") || at.has("ociVersion");
    match options.runtime {
        _ if bundle => read_oci(&root, format, options),
        Some(Runtime::Docker) => docker::read(&root, format, options),
        Some(Runtime::Podman | Runtime::Crio) => containers::read(&root, format, options),
        Some(Runtime::Containerd | Runtime::Runc | Runtime::Crun | Runtime::Youki | Runtime::Gvisor) => {
            read_oci(&root, format, options)
        }
        Some(Runtime::Libseccomp | Runtime::Firecracker) | None => match format {
            Format::Docker => docker::read(&root, format, options),
            Format::Containers => containers::read(&root, format, options),
            _ => read_oci(&root, format, options),
        },
    }
}

const UNFILTERED: &str = "the bundle has no linux.seccomp: its process runs unfiltered";

fn read_oci(root: &Node, format: Format, options: &Options) -> Result<Import, Error> {
    let mut collect = Collect::new(options);
    // The runtimes that are not written in Go match keys exactly.
    let keys = match options.runtime {
        Some(Runtime::Crun | Runtime::Youki) => Keys::Exact,
        _ => Keys::AnyCase,
    };
    let dialect = Oci { host: options.host, crun: options.runtime == Some(Runtime::Crun) };
    let root = At::root(root, keys);
    let linux = root.get("linux");
    let profile = match &linux {
        None if root.has("ociVersion") => return Err(root.problem(UNFILTERED).into()),
        None => profile::decode(&root, &dialect, &mut collect)?,
        Some(linux) => match linux.get("seccomp") {
            Some(seccomp) => profile::decode(&seccomp, &dialect, &mut collect)?,
            None => {
                return Err(linux.problem(UNFILTERED).into());
            }
        },
    };
    runtime::compile(profile, format, options, collect)
}

/// The plain decoding: keys of other dialects are ignored, with a note.
pub(crate) struct Oci {
    pub(crate) host: Arch,
    /// Whether an error number beside an action that takes none is refused.
    pub(crate) crun: bool,
}

impl Dialect for Oci {
    fn host(&self) -> Arch {
        self.host
    }

    fn keys(&self) -> &'static [&'static str] {
        &[
            "defaultAction",
            "defaultErrnoRet",
            "architectures",
            "flags",
            "listenerPath",
            "listenerMetadata",
            "syscalls",
        ]
    }

    fn rule_keys(&self) -> &'static [&'static str] {
        &["names", "action", "errnoRet", "args"]
    }

    fn strict_errno(&self) -> bool {
        self.crun
    }
}
