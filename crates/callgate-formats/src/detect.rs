//! What a file is, and why it is taken for that.

mod text;

use crate::json;
use crate::tree::{At, Keys, Value};
use callgate::program::container::{self, Container};
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
    Easyseccomp "easyseccomp" "easyseccomp's rules.";
    Asm "asm" "seccomp-tools assembly.";
    Disasm "disasm" "A disassembly by seccomp-tools or ceccomp.";
    Pfc "pfc" "libseccomp's pseudo filter code.";
    Bpf "bpf" "A raw program, eight bytes an instruction.";
    C "c" "A C header holding a program.";
    Rust "rust" "A Rust constant holding a program.";
}

impl Format {
    /// Whether it is read: by [`crate::read`], or, as programs and the own language are, by the core library.
    pub fn is_read(self) -> bool {
        self != Format::Pfc
    }

    /// Whether [`crate::write`] writes it.
    pub fn is_written(self) -> bool {
        matches!(
            self,
            Format::Callgate
                | Format::Oci
                | Format::Docker
                | Format::Spo
                | Format::Seccompiler
                | Format::Minijail
                | Format::MinijailPython
                | Format::Systemd
                | Format::Kafel
                | Format::Firejail
                | Format::Lxc
                | Format::Pfc
                | Format::Bpf
                | Format::C
                | Format::Rust
        )
    }

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
///
/// ```
/// use callgate_formats::{Format, detect};
/// let found = detect(None, br#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}"#).unwrap();
/// assert_eq!(found.format, Format::Oci);
/// assert_eq!(found.why, "it has defaultAction and syscalls, and no key of another dialect");
/// ```
pub fn detect(path: Option<&Path>, bytes: &[u8]) -> Option<Detected> {
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|t| !t.contains('\0')) else {
        return program(bytes);
    };
    json_like(text, path)
        .or_else(|| yaml_like(text))
        .or_else(|| text::sniff(text, path))
        .or_else(|| program(bytes))
        .or_else(|| path.and_then(by_name))
}

fn found(format: Format, why: impl Into<String>) -> Option<Detected> {
    Some(Detected { format, why: why.into() })
}

fn by_name(path: &Path) -> Option<Detected> {
    match path.extension()?.to_str()? {
        "bpf" => found(Format::Bpf, "the name ends in .bpf"),
        _ => None,
    }
}

/// A program, in one of the wrappings the core library reads.
fn program(bytes: &[u8]) -> Option<Detected> {
    let container::Detected { container, why } = container::detect(bytes)?;
    let format = match container {
        Container::C | Container::Macros | Container::Bytes => Format::C,
        Container::Rust => Format::Rust,
        Container::SeccompTools | Container::Ceccomp => Format::Disasm,
        Container::Asm | Container::SeccompToolsAsm | Container::BpfAsm => Format::Asm,
        _ => Format::Bpf,
    };
    found(format, why)
}

/// The kind of the operator's objects.
const PROFILE: &str = "SeccompProfile";
const IS_PROFILE: &str = "it is a Kubernetes object of kind SeccompProfile";

fn json_like(text: &str, path: Option<&Path>) -> Option<Detected> {
    // No JSON has a byte-order mark, and the reader says so.
    if !text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
        return None;
    }
    let Ok(root) = json::parse(text) else {
        // The reader will say what is wrong with it.
        return match () {
            () if text.contains("\"defaultAction\"") => {
                found(Format::Oci, "it speaks of defaultAction, though it is not JSON")
            }
            () if text.contains("_action\"") && text.contains("\"filter\"") => {
                found(Format::Seccompiler, "it speaks of filters and their actions, though it is not JSON")
            }
            () => None,
        };
    };
    let at = At::root(&root, Keys::AnyCase);
    if at.get("linux").is_some_and(|l| l.has("seccomp")) {
        return found(Format::Oci, "it has linux.seccomp, as a bundle's config.json");
    }
    if at.has("ociVersion") {
        return found(Format::Oci, "it has ociVersion, as a bundle's config.json");
    }
    let is_profile = |at: &At<'_, '_>| at.get("kind").is_some_and(|k| k.string() == Ok(PROFILE));
    if is_profile(&at)
        || at.get("items").is_some_and(|i| i.elements().is_ok_and(|mut i| i.any(|o| is_profile(&o))))
    {
        return found(Format::Spo, IS_PROFILE);
    }
    if at.has("defaultAction") || at.has("syscalls") {
        return container_profile(&at, path);
    }
    let filters = at.members().ok()?.next().is_some()
        && at.members().ok()?.all(|(_, thread)| {
            thread.has("filter") && (thread.has("default_action") || thread.has("mismatch_action"))
        });
    if filters {
        found(Format::Seccompiler, "every member has a filter and the action for what it does not match")
    } else {
        None
    }
}

fn container_profile(at: &At<'_, '_>, path: Option<&Path>) -> Option<Detected> {
    let rules = at.get("syscalls");
    let in_rule = |key: &str, kind: fn(&Value) -> bool| {
        rules
            .as_ref()
            .and_then(|r| r.elements().ok())
            .is_some_and(|mut rules| rules.any(|rule| rule.get(key).is_some_and(|v| kind(v.value()))))
    };
    if at.has("defaultErrno") {
        return found(Format::Containers, "it has defaultErrno, which only containers-common knows");
    }
    if in_rule("errno", |v| matches!(v, Value::String(_))) {
        return found(Format::Containers, "a rule has an errno by name, which only containers-common knows");
    }
    if path.is_some_and(|p| p.ends_with("containers/seccomp.json")) {
        return found(Format::Containers, "the name ends in containers/seccomp.json");
    }
    if at.has("archMap") {
        return found(Format::Docker, "it has archMap, a key of Docker's dialect");
    }
    for key in ["name", "comment", "includes", "excludes"] {
        let filled = |v: &Value| match v {
            Value::String(s) => !s.is_empty(),
            Value::Object(members) => !members.is_empty(),
            _ => false,
        };
        if in_rule(key, filled) {
            return found(Format::Docker, format!("a rule has {key}, a key of Docker's dialect"));
        }
    }
    found(Format::Oci, "it has defaultAction and syscalls, and no key of another dialect")
}

fn yaml_like(text: &str) -> Option<Detected> {
    let is_profile = |line: &str| {
        let kind = line.trim_start_matches([' ', '-', '\u{feff}']).strip_prefix("kind:");
        kind.is_some_and(|kind| kind.trim().trim_matches(['"', '\'']) == PROFILE)
    };
    if text.lines().any(is_profile) {
        return found(Format::Spo, IS_PROFILE);
    }
    let key = |wanted: &str| text.lines().any(|l| l.trim_start().starts_with(wanted));
    if key("default_action:") && key("syscalls:") {
        return found(Format::GoSeccomp, "it has default_action and syscalls, in YAML");
    }
    None
}
