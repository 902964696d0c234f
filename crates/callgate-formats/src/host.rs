//! What conditions in profiles ask about the host beside its architecture and kernel: capabilities.

use std::collections::BTreeSet;

/// A set of capabilities: the bounding set of the process the profile is for. Names are kept as the
/// kernel writes them, `CAP_SYS_ADMIN`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Capabilities(BTreeSet<&'static str>);

/// Every capability, in the order of their numbers (`include/uapi/linux/capability.h`).
const ALL: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// What Docker and containerd leave a container by default.
const CONTAINER: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

/// What Podman drops from that.
const NOT_PODMAN: [&str; 3] = ["CAP_MKNOD", "CAP_NET_RAW", "CAP_AUDIT_WRITE"];

impl Capabilities {
    /// No capability at all.
    pub fn none() -> Capabilities {
        Capabilities::default()
    }

    /// Every capability: a privileged container.
    pub fn all() -> Capabilities {
        Capabilities(ALL.into_iter().collect())
    }

    /// The 14 capabilities of a container Docker or containerd starts without further options.
    pub fn container() -> Capabilities {
        Capabilities(CONTAINER.into_iter().collect())
    }

    /// The 11 capabilities of a container Podman starts without further options.
    pub fn podman() -> Capabilities {
        Capabilities(CONTAINER.into_iter().filter(|c| !NOT_PODMAN.contains(c)).collect())
    }

    /// Reads a list as the command line has it: names separated by commas, with or without `CAP_`,
    /// in either case; `none`, `all`, `default` and `podman` stand for the sets above and `-name`
    /// takes one away.
    ///
    /// # Errors
    /// Names the word that is no capability.
    pub fn parse(text: &str) -> Result<Capabilities, String> {
        let mut set = Capabilities::none();
        for word in text.split(',').map(str::trim).filter(|w| !w.is_empty()) {
            match word.to_ascii_lowercase().as_str() {
                "none" => set.0.clear(),
                "all" => set = Capabilities::all(),
                "default" | "docker" => set.0.extend(CONTAINER),
                "podman" => set.0.extend(Capabilities::podman().0),
                _ => {
                    let (add, name) = match word.strip_prefix('-') {
                        Some(name) => (false, name),
                        None => (true, word),
                    };
                    let known = Capabilities::canonical(name).ok_or_else(|| {
                        let hint = crate::suggest::nearest(&format!("cap_{name}"), ALL)
                            .or_else(|| crate::suggest::nearest(name, ALL));
                        match hint {
                            Some(hint) => format!("unknown capability {name}; did you mean {hint}?"),
                            None => format!("unknown capability {name}"),
                        }
                    })?;
                    if add {
                        set.0.insert(known);
                    } else {
                        set.0.remove(known);
                    }
                }
            }
        }
        Ok(set)
    }

    /// The kernel's spelling of a capability's name, given with or without `CAP_`, in either case.
    pub fn canonical(name: &str) -> Option<&'static str> {
        ALL.into_iter().find(|c| c.eq_ignore_ascii_case(name) || c[4..].eq_ignore_ascii_case(name))
    }

    /// Whether the set holds the capability with exactly this name (`CAP_CHOWN`).
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// The names, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_capabilities() {
        assert_eq!(Capabilities::parse("").unwrap(), Capabilities::none());
        assert_eq!(
            Capabilities::parse("default,-mknod,-CAP_NET_RAW,-audit_write").unwrap(),
            Capabilities::podman()
        );
        assert_eq!(Capabilities::parse("all").unwrap().iter().count(), 41);
        assert_eq!(Capabilities::container().iter().count(), 14);
        let error = Capabilities::parse("sys_admn").unwrap_err();
        assert_eq!(error, "unknown capability sys_admn; did you mean CAP_SYS_ADMIN?");
    }
}
