//! Which open call undoes the denial of which other: the linter's reading of [`callgate_abi::twin`].
//!
//! A family says that calls do the same; who denies a call says more. `clone3` and `openat2` are denied
//! so that callers fall back to calls whose flags can be seen, `open_by_handle_at` because of what it
//! alone can do. So the relation has a direction.

use callgate_abi::Syscall;
use callgate_abi::variant::{self, Kind};

/// Calls that are denied for an effect, and calls that have the effect too.
pub(super) struct Guard {
    /// Whose denial says that the effect is not wanted.
    pub(super) guarded: &'static [&'static str],
    /// Which calls have the effect. They may be guarded themselves.
    pub(super) escapes: &'static [&'static str],
    /// Whether the denial of any of them says so, or only that of the first an architecture has: nobody
    /// who leaves `setuid` open and denies `setreuid` has a user to protect.
    pub(super) any: bool,
    /// Whether restrictions of a guarded call's arguments are undone as well.
    pub(super) arguments: bool,
    /// Why, a clause.
    pub(super) reason: &'static str,
    /// Whether the effect is the same, or merely as good.
    pub(super) same: bool,
}

macro_rules! guards {
    ($($intent:ident $how:ident $what:ident [$($guarded:literal)*] -> [$($escape:literal)*] $reason:literal;)*) => {
        const GUARDS: &[Guard] = &[$(Guard {
            guarded: &[$($guarded),*],
            escapes: &[$($escape),*],
            any: guards!(@$intent),
            arguments: guards!(@$what),
            reason: $reason,
            same: guards!(@$how),
        }),*];
    };
    (@any) => { true };
    (@first) => { false };
    (@arguments) => { true };
    (@whole) => { false };
    (@same) => { true };
    (@alike) => { false };
}

guards! {
    any same arguments ["open" "openat" "creat"] -> ["open" "openat" "openat2" "creat"] "all open or create files";
    any same arguments ["execve"] -> ["execveat"] "both execute programs";
    any same whole ["fork" "vfork" "clone"] -> ["fork" "vfork" "clone" "clone3"] "all start processes";
    any same arguments ["clone"] -> ["clone3"] "the flags of clone3 lie in memory where no filter sees them";
    any same arguments ["chmod" "fchmod" "fchmodat"] -> ["chmod" "fchmod" "fchmodat" "fchmodat2"] "all set a file's mode";
    any same arguments ["chown" "lchown" "fchown" "fchownat"] -> ["chown" "lchown" "fchown" "fchownat"] "all set a file's owner";
    any same arguments ["mount"] -> ["move_mount" "mount_setattr" "open_tree_attr"] "the newer interface attaches and changes mounts";
    any same whole ["umount" "umount2"] -> ["umount" "umount2"] "both take mounts away";
    any alike whole ["ptrace"] -> ["process_vm_writev"] "both write another process's memory";
    any alike whole ["process_vm_writev"] -> ["ptrace"] "both write another process's memory";
    first same whole ["kill" "tkill"] -> ["kill" "tkill" "tgkill" "rt_sigqueueinfo" "rt_tgsigqueueinfo" "pidfd_send_signal"] "all send signals";
    first same arguments ["read"] -> ["readv" "pread64" "preadv" "preadv2"] "all read from a descriptor";
    first same arguments ["write"] -> ["writev" "pwrite64" "pwritev" "pwritev2"] "all write to a descriptor";
    first same arguments ["sendto" "sendmsg" "send"] -> ["sendto" "sendmsg" "sendmmsg" "send"] "all send to a socket";
    first same whole ["accept" "accept4"] -> ["accept" "accept4"] "both accept connections";
    first same arguments ["rename" "renameat" "renameat2"] -> ["rename" "renameat" "renameat2"] "all rename files";
    first same arguments ["link" "linkat"] -> ["link" "linkat"] "both make hard links";
    first same arguments ["symlink" "symlinkat"] -> ["symlink" "symlinkat"] "both make symbolic links";
    any same arguments ["unlink"] -> ["unlinkat"] "both remove files";
    any same arguments ["rmdir"] -> ["unlinkat"] "unlinkat removes directories too";
    first same arguments ["mkdir" "mkdirat"] -> ["mkdir" "mkdirat"] "both make directories";
    first same arguments ["mknod" "mknodat"] -> ["mknod" "mknodat"] "both make special files";
    first same whole ["utimensat" "utimes" "utime" "futimesat"] -> ["utime" "utimes" "futimesat" "utimensat" "utimensat_time64"] "all set a file's times";
    first same whole ["setxattr" "lsetxattr" "fsetxattr"] -> ["setxattr" "lsetxattr" "fsetxattr" "setxattrat"] "all set extended attributes";
    first same whole ["removexattr" "lremovexattr" "fremovexattr"] -> ["removexattr" "lremovexattr" "fremovexattr" "removexattrat"] "all remove extended attributes";
    any same whole ["quotactl"] -> ["quotactl_fd"] "both administer quotas";
    any same whole ["init_module" "finit_module"] -> ["init_module" "finit_module"] "both load kernel modules";
    any same whole ["kexec_load" "kexec_file_load"] -> ["kexec_load" "kexec_file_load"] "both replace the running kernel";
    any same whole ["settimeofday" "clock_settime" "stime"] -> ["settimeofday" "clock_settime" "clock_settime64" "stime"] "all set the clock";
    first same whole ["adjtimex" "clock_adjtime"] -> ["adjtimex" "clock_adjtime" "clock_adjtime64"] "all adjust the clock";
    any same whole ["mprotect"] -> ["pkey_mprotect"] "both change the protection of memory";
    first same whole ["setuid" "setreuid" "setresuid"] -> ["setuid" "setreuid" "setresuid" "setuid32" "setreuid32" "setresuid32"] "all change the user";
    first same whole ["setgid" "setregid" "setresgid"] -> ["setgid" "setregid" "setresgid" "setgid32" "setregid32" "setresgid32"] "all change the group";
    first same whole ["setrlimit"] -> ["prlimit64"] "both set limits";
    any alike arguments ["sched_setscheduler"] -> ["sched_setattr"] "the parameters of sched_setattr lie in memory where no filter sees them";
    any same whole ["iopl" "ioperm"] -> ["iopl" "ioperm"] "both open I/O ports";
}

/// Every guard of the table.
pub(super) fn all() -> &'static [Guard] {
    GUARDS
}

/// The calls that are newer forms of `call` for another word size or time width, each with the reason.
pub(super) fn variants(call: Syscall) -> impl Iterator<Item = (&'static str, Syscall)> {
    variant::of(call).filter(move |v| v.older == call).filter_map(|v| {
        let reason = match v.kind {
            Kind::Time64 => "it is the same call with 64-bit times",
            Kind::Size64 => "it is the same call with 64-bit sizes",
            Kind::Id32 => "it is the same call with 32-bit ids",
            // Another call altogether; the guards above have those that matter.
            Kind::Redesign => return None,
        };
        Some((reason, v.newer))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_calls() {
        for guard in all() {
            for name in guard.guarded.iter().chain(guard.escapes) {
                assert!(Syscall::from_name(name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn whoever_denies_what_cannot_be_seen_into_is_right() {
        for name in ["clone3", "openat2", "open_by_handle_at", "fchmodat2", "pkey_mprotect", "sched_setattr"]
        {
            assert!(all().iter().all(|g| !g.guarded.contains(&name)), "{name}");
        }
    }
}
