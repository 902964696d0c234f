//! What an argument is for, as far as its name, type and constants tell.

/// The variant of `Role`. `set` is the set's name and whether its members are flags.
pub(crate) fn of(name: &str, ctype: &str, set: Option<(&str, bool)>) -> &'static str {
    let base = ctype.strip_prefix("const ").unwrap_or(ctype);
    match set {
        Some(("signal", _)) => return "Signal",
        Some(("file_mode", _)) => return "Mode",
        Some(("at_fd" | "pidfd", _)) => return "Fd",
        Some((_, true)) => return "Flags",
        Some((_, false)) => return "Command",
        None => {}
    }
    match base {
        "char *" if PATHS.contains(&name) => return "Path",
        _ if base.ends_with('*') => return "Pointer",
        "__sighandler_t" | "cap_user_data_t" | "cap_user_header_t" | "compat_uptr_t" => return "Pointer",
        "umode_t" => return "Mode",
        "pid_t" | "compat_pid_t" => return "Pid",
        "gid_t" | "old_gid_t" | "old_uid_t" | "qid_t" | "uid_t" => return "Id",
        "loff_t" | "off_t" | "compat_off_t" => return "Offset",
        "size_t" | "compat_size_t" => return "Size",
        _ => {}
    }
    match name {
        _ if name == "fd" || name.ends_with("fd") || name.ends_with("_fd") => "Fd",
        _ if ADDRESSES.contains(&name) => "Pointer",
        _ if SIZES.contains(&name) => "Size",
        "flags" => "Flags",
        _ => "Value",
    }
}

const PATHS: &[&str] = &["from_pathname", "path", "pathname", "to_pathname"];
const ADDRESSES: &[&str] = &["addr", "start", "end"];
const SIZES: &[&str] = &[
    "addrlen",
    "count",
    "iovcnt",
    "len",
    "length",
    "liovcnt",
    "maxevents",
    "nbytes",
    "nfds",
    "riovcnt",
    "size",
    "vlen",
];
