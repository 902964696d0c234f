//! What is so: the kernel, this process, the settings.

use std::fs;

use crate::process::{self, Mode};

/// Something that is so, without being good or bad.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// Its name; stable.
    pub name: &'static str,
    /// Its value, or `not shown` where the kernel does not tell this process.
    pub value: String,
}

/// Files of one line each.
const FILES: [(&str, &str); 9] = [
    ("kernel.release", "/proc/sys/kernel/osrelease"),
    ("kernel.version", "/proc/sys/kernel/version"),
    ("seccomp.actions-available", "/proc/sys/kernel/seccomp/actions_avail"),
    ("seccomp.actions-logged", "/proc/sys/kernel/seccomp/actions_logged"),
    ("bpf.jit-enable", "/proc/sys/net/core/bpf_jit_enable"),
    ("bpf.jit-harden", "/proc/sys/net/core/bpf_jit_harden"),
    ("bpf.unprivileged-disabled", "/proc/sys/kernel/unprivileged_bpf_disabled"),
    ("yama.ptrace-scope", "/proc/sys/kernel/yama/ptrace_scope"),
    ("io-uring.disabled", "/proc/sys/kernel/io_uring_disabled"),
];

/// `CAP_SYS_ADMIN` and `CAP_SYS_PTRACE` as bits of `CapEff`.
const CAPABILITIES: [(&str, u32); 2] = [("process.cap-sys-admin", 21), ("process.cap-sys-ptrace", 19)];

pub(super) fn facts() -> Vec<Fact> {
    let hidden = || "not shown".to_string();
    let mut facts: Vec<Fact> = FILES
        .iter()
        .map(|(name, path)| Fact {
            name,
            value: fs::read_to_string(path).map_or_else(|_| hidden(), |text| text.trim().to_string()),
        })
        .collect();
    let me = i32::try_from(std::process::id()).ok().and_then(|pid| process::task(pid).ok());
    let mut add =
        |name, value: Option<String>| facts.push(Fact { name, value: value.unwrap_or_else(hidden) });
    add("process.uid", me.as_ref().map(|me| me.uid.to_string()));
    add("process.no-new-privs", me.as_ref().and_then(|me| me.no_new_privs).map(|set| yes(set).to_string()));
    add(
        "process.seccomp",
        me.as_ref().map(|me| {
            match me.mode {
                Mode::Disabled => "not filtered",
                Mode::Strict => "strict mode",
                Mode::Filter => "filtered",
            }
            .to_string()
        }),
    );
    add("process.filters", me.as_ref().and_then(|me| me.filters).map(|n| n.to_string()));
    let effective = effective_capabilities();
    for (name, bit) in CAPABILITIES {
        add(name, effective.map(|set| yes(set & 1 << bit != 0).to_string()));
    }
    facts
}

fn yes(set: bool) -> &'static str {
    if set { "yes" } else { "no" }
}

fn effective_capabilities() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}
