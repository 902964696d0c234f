//! The profile dialect of containers-common: Podman, Buildah, CRI-O.

use crate::docker::{Conditions, mapped_arches};
use crate::host::Capabilities;
use crate::import::{Collect, Import};
use crate::options::{Options, Runtime};
use crate::place::{Error, Problem};
use crate::profile::{self, Dialect};
use crate::tree::{At, Keys, Node};
use crate::{Format, runtime};
use callgate::Arch;

/// Reads a containers-common profile.
pub(crate) fn read(root: &Node, format: Format, options: &Options) -> Result<Import, Error> {
    let mut collect = Collect::new(options);
    let dialect = Containers {
        host: options.host,
        caps: options.caps.clone().unwrap_or_else(Capabilities::podman),
        crun: matches!(options.runtime, Some(Runtime::Podman | Runtime::Crio | Runtime::Crun)),
    };
    let at = At::root(root, Keys::AnyCase);
    let profile = profile::decode(&at, &dialect, &mut collect)?;
    runtime::compile(profile, format, options, collect)
}

struct Containers {
    host: Arch,
    caps: Capabilities,
    crun: bool,
}

impl Dialect for Containers {
    fn host(&self) -> Arch {
        self.host
    }

    fn keys(&self) -> &'static [&'static str] {
        &[
            "defaultAction",
            "defaultErrnoRet",
            "defaultErrno",
            "architectures",
            "archMap",
            "flags",
            "listenerPath",
            "listenerMetadata",
            "syscalls",
        ]
    }

    fn rule_keys(&self) -> &'static [&'static str] {
        &["name", "names", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes"]
    }

    fn one_name(&self) -> bool {
        true
    }

    fn errno_name(&self, default: bool) -> Option<&'static str> {
        Some(if default { "defaultErrno" } else { "errno" })
    }

    fn strict_errno(&self) -> bool {
        self.crun
    }

    fn arches(&self, profile: &At<'_, '_>, collect: &mut Collect) -> Result<Vec<Arch>, Problem> {
        let by_map = matches!(
            self.host,
            Arch::X86_64
                | Arch::Aarch64
                | Arch::Mips64
                | Arch::Mips64n32
                | Arch::Mipsel64
                | Arch::Mipsel64n32
                | Arch::S390x
        );
        mapped_arches(profile, self.host, by_map, collect)
    }

    fn wanted(&self, rule: &At<'_, '_>, collect: &mut Collect) -> Result<bool, Problem> {
        let excludes = Conditions::of(rule, "excludes", false, collect)?;
        let includes = Conditions::of(rule, "includes", false, collect)?;
        Ok(!excludes.hit(self.host, &self.caps) && includes.met(self.host, &self.caps))
    }
}
