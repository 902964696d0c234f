//! Parameters of well-known calls, and that no call is without.

use callgate_abi::constant::Set;
use callgate_abi::{Arch, Param, Role, Syscall, Width};

fn params(arch: Arch, call: &str) -> &'static [Param] {
    let call = Syscall::from_name(call).unwrap_or_else(|| panic!("no call {call}"));
    call.params(arch).unwrap_or_else(|| panic!("{} on {} has no signature", call.name(), arch.name()))
}

/// `NAME:BITS` of each parameter, where 64 is left out.
fn shape(arch: Arch, call: &str) -> String {
    let one = |p: &Param| if p.bits == 64 { p.name.to_string() } else { format!("{}:{}", p.name, p.bits) };
    params(arch, call).iter().map(one).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(arches: &[Arch], cases: &[(&str, &str)]) {
    for arch in arches {
        for (call, expected) in cases {
            assert_eq!(shape(*arch, call), *expected, "{call} on {}", arch.name());
        }
    }
}

#[test]
fn well_known_calls_of_64_bit_architectures() {
    use Arch::*;
    check(
        &[X86_64, Aarch64, Loongarch64, Riscv64, Ppc64, Ppc64le, S390x, Mips64, Mipsel64, Parisc64],
        &[
            ("read", "fd:32 buf count"),
            ("write", "fd:32 buf count"),
            ("close", "fd:32"),
            ("openat", "dirfd:32 pathname flags:32 mode:16"),
            ("openat2", "dirfd:32 pathname how size"),
            ("lseek", "fd:32 offset whence:32"),
            ("ioctl", "fd:32 cmd:32 arg"),
            ("fcntl", "fd:32 cmd:32 arg"),
            ("pread64", "fd:32 buf count offset"),
            ("readv", "fd iov iovcnt"),
            ("fchmodat", "dirfd:32 pathname mode:16"),
            ("fchownat", "dirfd:32 pathname owner:32 group:32 flags:32"),
            ("unlinkat", "dirfd:32 pathname flags:32"),
            ("renameat2", "olddirfd:32 oldpath newdirfd:32 newpath flags:32"),
            ("statx", "dirfd:32 pathname flags:32 mask:32 statxbuf"),
            ("ftruncate", "fd:32 length"),
            ("splice", "fd_in:32 off_in fd_out:32 off_out len flags:32"),
            ("copy_file_range", "fd_in:32 off_in fd_out:32 off_out len flags:32"),
            ("socket", "domain:32 type:32 protocol:32"),
            ("socketpair", "domain:32 type:32 protocol:32 sv"),
            ("bind", "sockfd:32 addr addrlen:32"),
            ("connect", "sockfd:32 addr addrlen:32"),
            ("accept4", "sockfd:32 addr addrlen flags:32"),
            ("sendto", "sockfd:32 buf len flags:32 dest_addr addrlen:32"),
            ("setsockopt", "sockfd:32 level:32 optname:32 optval optlen:32"),
            ("shutdown", "sockfd:32 how:32"),
            ("mprotect", "addr len prot"),
            ("pkey_mprotect", "addr len prot pkey:32"),
            ("munmap", "addr length"),
            ("madvise", "addr length advice:32"),
            ("mremap", "old_address old_size new_size flags new_address"),
            ("memfd_create", "name flags:32"),
            ("clone3", "cl_args size"),
            ("unshare", "flags"),
            ("setns", "fd:32 nstype:32"),
            ("execve", "pathname argv envp"),
            ("execveat", "dirfd:32 pathname argv envp flags:32"),
            ("exit_group", "status:32"),
            ("wait4", "pid:32 wstatus options:32 rusage"),
            ("kill", "pid:32 sig:32"),
            ("tgkill", "tgid:32 tid:32 sig:32"),
            ("rt_sigaction", "signum:32 act oldact sigsetsize"),
            ("futex", "uaddr op:32 val:32 timeout uaddr2 val3:32"),
            ("prctl", "option:32 second third fourth fifth"),
            ("ptrace", "request pid addr data"),
            ("seccomp", "operation:32 flags:32 args"),
            ("bpf", "cmd:32 attr size:32 attr_common size_common:32"),
            ("perf_event_open", "attr pid:32 cpu:32 group_fd:32 flags"),
            ("keyctl", "operation:32 second third fourth fifth"),
            ("mount", "source target filesystemtype mountflags data"),
            ("umount2", "target flags:32"),
            ("prlimit64", "pid:32 resource:32 new_limit old_limit"),
            ("sched_setscheduler", "pid:32 policy:32 param"),
            ("clock_gettime", "clockid:32 tp"),
            ("clock_nanosleep", "clockid:32 flags:32 request remain"),
            ("timerfd_create", "clockid:32 flags:32"),
            ("epoll_ctl", "epfd:32 op:32 fd:32 event"),
            ("eventfd2", "initval:32 flags:32"),
            ("inotify_add_watch", "fd:32 pathname mask:32"),
            ("io_uring_setup", "entries:32 p"),
            ("io_uring_enter", "fd:32 to_submit:32 min_complete:32 flags:32 argp argsz"),
            ("getrandom", "buf buflen flags:32"),
            ("setresuid", "ruid:32 euid:32 suid:32"),
            ("rt_sigreturn", ""),
            ("getpid", ""),
        ],
    );
    let with_getrlimit = [X86_64, Aarch64, S390x, Mips64, Parisc64];
    check(&with_getrlimit, &[("getrlimit", "resource:32 rlim"), ("umask", "mask:32")]);
    check(&[X86_64, Aarch64, Riscv64, Loongarch64], &[("mmap", "addr length prot flags fd:32 offset")]);
    check(&[Ppc64, Ppc64le], &[("personality", "persona")]);
}

#[test]
fn clone_has_four_orders() {
    use Arch::*;
    let call = [("clone", "flags:32 stack parent_tid child_tid tls")];
    check(&[X86_64, X32, Loongarch64, M68k, Sh], &call);
    let backwards = [("clone", "flags:32 stack parent_tid tls child_tid")];
    check(&[X86, Arm, Aarch64, Mips, Mips64, Parisc, Ppc, Ppc64le, Riscv64], &backwards);
    check(&[S390, S390x], &[("clone", "stack flags:32 parent_tid child_tid tls")]);
}

#[test]
fn x86_calls_of_their_own() {
    use Arch::*;
    check(
        &[X86_64, X32],
        &[
            ("arch_prctl", "code:32 addr"),
            ("modify_ldt", "func:32 ptr bytecount"),
            ("iopl", "level:32"),
            ("ioperm", "from num turn_on:32"),
            ("open", "pathname flags:32 mode:16"),
            ("stat", "pathname statbuf"),
            ("fork", ""),
            ("time", "tloc"),
        ],
    );
    check(
        &[X86],
        &[
            ("mmap", "arg"),
            ("mmap2", "addr length prot flags fd:32 pgoffset"),
            ("socketcall", "call:32 args"),
            ("ipc", "call:32 first:32 second third ptr fifth"),
            ("stat64", "pathname statbuf"),
            ("_llseek", "fd:32 offset_high offset_low result whence:32"),
            ("pread64", "fd:32 buf count:32 offset_low:32 offset_high:32"),
            ("fanotify_mark", "fanotify_fd:32 flags:32 mask_low:32 mask_high:32 dirfd:32 pathname"),
            ("chown", "pathname owner:16 group:16"),
            ("chown32", "pathname owner:32 group:32"),
            ("vm86", "fn v86"),
        ],
    );
    check(&[X32], &[("ioctl", "fd:32 cmd:32 arg:32"), ("readv", "fd iov iovcnt")]);
}

#[test]
fn sixty_four_bit_arguments_of_32_bit_architectures() {
    use Arch::*;
    check(&[Arm, Mipsel], &[("pread64", "fd:32 buf count _pad:32 offset_low:32 offset_high:32")]);
    check(&[Mips], &[("pread64", "fd:32 buf count _pad:32 offset_high:32 offset_low:32")]);
    check(&[M68k], &[("pread64", "fd:32 buf count offset_high:32 offset_low:32")]);
    check(&[Arm], &[("truncate64", "path _pad:32 length_low:32 length_high:32")]);
    check(&[X86], &[("truncate64", "path length_low length_high")]);
    check(&[Sh], &[("pread64", "fd:32 buf count dummy offset_low:32 offset_high:32")]);
    // The stack holds what registers cannot, and no filter sees it.
    check(&[Mips], &[("fadvise64", "fd:32 _pad:32 offset_high:32 offset_low:32 len_high:32 len_low:32")]);
    check(&[Arm], &[("fallocate", "fd:32 mode:32 offset_low:32 offset_high:32 len_low:32 len_high:32")]);
    // A test of the whole must not become a test of one half.
    for call in ["pread64", "truncate64", "fallocate", "readahead", "sync_file_range"] {
        let call = Syscall::from_name(call).unwrap();
        for arch in Arch::ALL.iter().filter(|a| a.register_bits() == 32 && call.number(**a).is_some()) {
            for whole in ["offset", "length", "len", "nbytes"] {
                let found = call.param_index(*arch, whole).map(|i| call.params(*arch).unwrap()[i].ctype);
                assert!(found.is_none_or(|c| c != "u32"), "{} {whole} on {}", call.name(), arch.name());
            }
        }
    }
}

#[test]
fn roles_sets_and_selectors() {
    let find = |call: &str, name: &str| {
        let params = params(Arch::X86_64, call);
        *params.iter().find(|p| p.answers_to(name)).unwrap_or_else(|| panic!("{call} has no {name}"))
    };
    for (call, name, role, set) in [
        ("openat", "dfd", Role::Fd, "at_fd"),
        ("openat", "flags", Role::Flags, "open_flags"),
        ("openat", "mode", Role::Mode, "file_mode"),
        ("socket", "family", Role::Command, "address_family"),
        ("socket", "type", Role::Flags, "socket_type"),
        ("ioctl", "request", Role::Command, "ioctl_cmd"),
        ("kill", "sig", Role::Signal, "signal"),
        ("mmap", "prot", Role::Flags, "mmap_prot"),
        ("clone", "clone_flags", Role::Flags, "clone_flags"),
    ] {
        let param = find(call, name);
        assert_eq!((param.role, param.set), (role, Some(Set::from_name(set).unwrap())), "{call} {name}");
    }
    assert_eq!(find("read", "fd").role, Role::Fd);
    assert_eq!(find("execve", "filename").role, Role::Path);
    assert_eq!(find("write", "count").role, Role::Size);
    assert_eq!(find("kill", "pid").role, Role::Pid);
    assert_eq!(find("setuid", "uid").role, Role::Id);
    assert_eq!(find("lseek", "offset").role, Role::Offset);
    let optname = find("setsockopt", "optname");
    assert_eq!(optname.selector, Some(1));
    let tcp = optname.set_for(6, Arch::X86_64).unwrap();
    assert_eq!(tcp.name(), "socket_option_tcp");
    assert_eq!(find("prctl", "second").set_for(4, Arch::X86_64), None);
    assert_eq!(find("prctl", "second").set_for(1, Arch::X86_64), Set::from_name("signal"));
}

#[test]
fn widths_follow_types() {
    for call in Syscall::all() {
        for arch in Arch::ALL {
            for param in call.params(*arch).unwrap_or_default() {
                let wide = param.width == Width::W64;
                assert!(param.bits <= if wide { 64 } else { 32 }, "{} {}", call.name(), param.name);
                assert!(!param.ctype.contains('*') || wide, "{} {}", call.name(), param.name);
                assert!(!param.ctype.ends_with("int") || !wide, "{} {}", call.name(), param.name);
            }
        }
    }
}

/// Numbers that no kernel of the architecture ever answered, or that a 64-bit ABI keeps for its 32-bit one.
const WITHOUT: &[&str] = &[
    "afs_syscall",
    "break",
    "epoll_ctl_old",
    "epoll_wait_old",
    "ftime",
    "getpmsg",
    "gtty",
    "lock",
    "mpx",
    "multiplexer",
    "prof",
    "profil",
    "putpmsg",
    "security",
    "stty",
    "tuxcall",
    "ulimit",
    "vserver",
];

#[test]
fn every_call_has_a_signature() {
    for arch in Arch::ALL {
        for (_, call) in Syscall::of_arch(*arch) {
            let reserved = call.since(*arch).is_none();
            if call.params(*arch).is_none() && !reserved {
                panic!("{} on {} has no signature", call.name(), arch.name());
            }
            if WITHOUT.contains(&call.name()) {
                assert!(call.params(*arch).is_none(), "{} has a signature after all", call.name());
            }
        }
    }
    for arch in [Arch::X86_64, Arch::Aarch64, Arch::X86] {
        for (_, call) in Syscall::of_arch(arch) {
            assert!(call.params(arch).is_some() || WITHOUT.contains(&call.name()), "{}", call.name());
        }
    }
}

#[test]
fn names_of_one_call_are_distinct() {
    for call in Syscall::all() {
        for arch in Arch::ALL {
            let params = call.params(*arch).unwrap_or_default();
            assert!(params.len() <= 6);
            for (index, param) in params.iter().enumerate().filter(|(_, p)| p.name != "_pad") {
                assert_eq!(
                    call.param_index(*arch, param.name),
                    Some(index),
                    "{} {}",
                    call.name(),
                    param.name
                );
                for alias in param.aliases {
                    assert_eq!(call.param_index(*arch, alias), Some(index), "{} {alias}", call.name());
                }
                assert!(param.selector.is_none_or(|s| usize::from(s) < params.len()));
            }
        }
    }
}
