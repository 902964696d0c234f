//! How much of a register a C type of the kernel takes.

/// A type's size.
pub(crate) struct Size {
    /// 16, 32 or 64 on a 64-bit ABI.
    pub(crate) bits: u8,
    pub(crate) signed: bool,
}

/// The size of a parameter's type, if it is a known one.
pub(crate) fn size(ctype: &str) -> Option<Size> {
    let base = ctype.strip_prefix("const ").unwrap_or(ctype);
    let (bits, signed) =
        match base {
            _ if base.contains('*') => (64, false),
            "compat_mode_t" | "old_gid_t" | "old_uid_t" | "umode_t" => (16, false),
            "clockid_t" | "int" | "key_serial_t" | "key_t" | "mqd_t" | "pid_t" | "rwf_t" | "s32"
            | "timer_t" => (32, true),
            "__s32" | "compat_long_t" | "compat_off_t" | "compat_pid_t" | "compat_ssize_t" => (32, true),
            "__u32" | "gid_t" | "qid_t" | "u32" | "uid_t" | "uint" | "uint32_t" | "unsigned"
            | "unsigned int" => (32, false),
            "compat_aio_context_t"
            | "compat_old_sigset_t"
            | "compat_size_t"
            | "compat_uint_t"
            | "compat_ulong_t"
            | "compat_uptr_t" => (32, false),
            _ if base.starts_with("enum ") => (32, false),
            "long" | "loff_t" | "off_t" | "__kernel_old_time_t" | "s64" => (64, true),
            "__sighandler_t" | "__u64" | "aio_context_t" | "cap_user_data_t" | "cap_user_header_t"
            | "old_sigset_t" | "size_t" | "u64" | "uintptr_t" | "unsigned long" => (64, false),
            _ => return None,
        };
    Some(Size { bits, signed })
}
