//! Values, sets and descriptions of constants.

use callgate_abi::Arch;
use callgate_abi::constant::{Kind, Set, describe, names, value};

#[track_caller]
fn check(name: &str, cases: &[(Arch, Option<u64>)]) {
    for (arch, expected) in cases {
        assert_eq!(value(name, *arch), *expected, "{name} on {}", arch.name());
    }
}

fn set(name: &str) -> Set {
    Set::from_name(name).unwrap_or_else(|| panic!("no set {name}"))
}

fn words(name: &str, number: u64, arch: Arch) -> String {
    let mut out = String::new();
    describe(set(name), number, arch, &mut out).unwrap();
    out
}

#[test]
fn values_differ_where_the_headers_do() {
    use Arch::*;
    check("O_DIRECTORY", &[(X86_64, Some(0x10000)), (Aarch64, Some(0x4000)), (Parisc, Some(0x1000))]);
    check("MAP_ANONYMOUS", &[(X86_64, Some(0x20)), (Mips, Some(0x800)), (Parisc, Some(0x10))]);
    check("SOCK_STREAM", &[(X86_64, Some(1)), (Mips64, Some(2)), (Mipsel, Some(2)), (S390x, Some(1))]);
    check("SOCK_NONBLOCK", &[(X86_64, Some(0x800)), (Mips, Some(0x80)), (Parisc64, Some(0x4000_0000))]);
    check("SOL_SOCKET", &[(X86_64, Some(1)), (Mips, Some(0xffff)), (Parisc, Some(0xffff))]);
    check("TCGETS", &[(X86_64, Some(0x5401)), (Mips, Some(0x540d)), (Ppc64le, Some(0x402c_7413))]);
    check("FIONREAD", &[(X86_64, Some(0x541b)), (Sh, Some(0x8004_667f)), (Ppc, Some(0x4004_667f))]);
    check("KVM_RUN", &[(X86_64, Some(0xae80)), (Ppc64, Some(0x2000_ae80)), (M68k, None)]);
    check("SIGSTKFLT", &[(X86_64, Some(16)), (Mips, None), (Aarch64, Some(16))]);
    check("SIGBUS", &[(X86_64, Some(7)), (Mips, Some(10)), (Parisc, Some(10))]);
    check("F_GETLK64", &[(X86, Some(12)), (Mips, Some(33)), (X86_64, None)]);
    check("PROT_BTI", &[(Aarch64, Some(0x10)), (X86_64, None)]);
    check("POSIX_FADV_DONTNEED", &[(X86_64, Some(4)), (S390x, Some(6))]);
    check(
        "BLKGETSIZE64",
        &[(X86_64, Some(0x8008_1272)), (X86, Some(0x8004_1272)), (Ppc64, Some(0x4008_1272))],
    );
    check("AT_FDCWD", &[(X86_64, Some((-100_i64).cast_unsigned())), (X86, Some((-100_i64).cast_unsigned()))]);
    check("RLIMIT_NOFILE", &[(X86_64, Some(7)), (Mips, Some(5))]);
    check("ARCH_SET_FS", &[(X86_64, Some(0x1002)), (Aarch64, None)]);
    check("CLONE_NEWUSER", &[(X86_64, Some(0x1000_0000)), (S390x, Some(0x1000_0000))]);
    check("SECCOMP_RET_KILL_PROCESS", &[(X86_64, Some(0x8000_0000))]);
    check("NO_SUCH_CONSTANT", &[(X86_64, None)]);
    check("", &[(X86_64, None)]);
}

#[test]
fn every_name_is_found_and_sorted() {
    let all: Vec<&str> = names().collect();
    assert!(all.len() > 5000 && all.is_sorted() && all.windows(2).all(|w| w[0] != w[1]));
    for name in all {
        assert!(Arch::ALL.iter().any(|a| value(name, *a).is_some()), "{name} has no value anywhere");
    }
}

#[test]
fn every_set_knows_its_members() {
    let mut before = "";
    for set in Set::all() {
        assert!(before < set.name());
        before = set.name();
        assert_eq!(Set::from_name(set.name()), Some(set));
        assert_eq!(set.to_string(), set.name());
        assert!(Arch::ALL.iter().any(|a| set.members(*a).next().is_some()), "{set} is empty");
        for part in set.parts() {
            assert!(matches!(part.kind(), Kind::Values | Kind::Flags), "{set} {part}");
        }
        for arch in Arch::ALL {
            for (name, number) in set.members(*arch) {
                assert_eq!(value(name, *arch), Some(number), "{set} {name}");
                let named = set.name_of(number, *arch).unwrap_or_else(|| panic!("{set}: {name} has no name"));
                assert_eq!(value(named, *arch), Some(number), "{set} {name}");
            }
        }
    }
    assert_eq!(Set::from_name("open"), None);
}

/// What `describe` writes means the value again.
#[test]
fn descriptions_mean_their_value() {
    for set in Set::all() {
        for arch in [Arch::X86_64, Arch::X86, Arch::Mips, Arch::Parisc64, Arch::Ppc64le, Arch::Arm] {
            let members: Vec<u64> = set.members(arch).map(|m| m.1).collect();
            if !set.is_flags() {
                for number in members {
                    let name = words(set.name(), number, arch);
                    assert_eq!(value(&name, arch), Some(number), "{set} {name}");
                }
                continue;
            }
            let pairs = members.iter().zip(members.iter().rev()).map(|(a, b)| a | b);
            let unnamed = members.iter().map(|m| m | 1 << 40);
            for number in members.iter().copied().chain(pairs).chain(unnamed).chain([0, 1, 0x8000_0000]) {
                let text = words(set.name(), number, arch);
                let word = |word: &str| {
                    let digits = |prefix, radix| u64::from_str_radix(word.strip_prefix(prefix)?, radix).ok();
                    let number = digits("0x", 16).or_else(|| digits("0o", 8)).or_else(|| word.parse().ok());
                    number.or_else(|| value(word, arch)).unwrap_or_else(|| panic!("{set}: {word}"))
                };
                let sum = text.split('|').map(word).fold(0, |sum, bits| sum | bits);
                assert_eq!(sum, number, "{set} on {}: {text}", arch.name());
            }
        }
    }
}

#[test]
fn descriptions_read_as_policies_do() {
    use Arch::*;
    for (set, number, arch, expected) in [
        ("open_flags", 0, X86_64, "O_RDONLY"),
        ("open_flags", 0x101002, X86_64, "O_RDWR|O_SYNC"),
        ("open_flags", 0x241, Aarch64, "O_WRONLY|O_CREAT|O_TRUNC"),
        ("open_flags", 0x101, Mips, "O_WRONLY|O_CREAT"),
        ("mmap_flags", 0x22, X86_64, "MAP_PRIVATE|MAP_ANONYMOUS"),
        ("mmap_prot", 0, X86_64, "PROT_NONE"),
        ("mmap_prot", 7, X86_64, "PROT_READ|PROT_WRITE|PROT_EXEC"),
        ("socket_type", 0x80801, X86_64, "SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC"),
        ("socket_type", 7, X86_64, "0x7"),
        ("clone_flags", 0x11, X86_64, "SIGCHLD"),
        (
            "clone_flags",
            0x3d0f00,
            X86_64,
            "CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|\
          CLONE_SYSVSEM|CLONE_SETTLS|CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID",
        ),
        ("futex_op", 0x80, X86_64, "FUTEX_WAIT|FUTEX_PRIVATE_FLAG"),
        ("futex_op", 0x189, X86_64, "FUTEX_WAIT_BITSET|FUTEX_PRIVATE_FLAG|FUTEX_CLOCK_REALTIME"),
        ("file_mode", 0o644, X86_64, "0o644"),
        ("file_mode", 0o020666, X86_64, "S_IFCHR|0o666"),
        ("personality", 0x0040000, X86_64, "PER_LINUX|ADDR_NO_RANDOMIZE"),
        ("ioctl_cmd", 0x5412, X86_64, "TIOCSTI"),
        ("ioctl_cmd", 0x12345678, X86_64, "0x12345678"),
        ("at_fd", 0xffff_ff9c, X86_64, "AT_FDCWD"),
        ("at_fd", 3, X86_64, "3"),
        ("access_mode", 0, X86_64, "F_OK"),
        ("access_mode", 6, X86_64, "W_OK|R_OK"),
        ("fanotify_mask", 0x18, X86_64, "FAN_CLOSE"),
        ("bpf_cmd", 5, X86_64, "BPF_PROG_LOAD"),
    ] {
        assert_eq!(words(set, number, arch), expected, "{set} {number:#x} on {}", arch.name());
    }
}

#[test]
fn another_argument_chooses() {
    for (choice, selector, expected) in [
        ("socket_option", "SOL_SOCKET", Some("socket_option_socket")),
        ("socket_option", "IPPROTO_IPV6", Some("socket_option_ipv6")),
        ("socket_protocol", "AF_NETLINK", Some("netlink_protocol")),
        ("socket_protocol", "AF_UNIX", None),
        ("fcntl_argument", "F_SETFL", Some("open_flags")),
        ("prctl_argument", "PR_CAPBSET_DROP", Some("capability")),
        ("seccomp_flags", "SECCOMP_SET_MODE_FILTER", Some("seccomp_filter_flags")),
    ] {
        for arch in Arch::ALL {
            let selector = value(selector, *arch).unwrap();
            let chosen = set(choice).choose(selector, *arch);
            assert_eq!(chosen.map(Set::name), expected, "{choice} {selector}");
        }
        assert_eq!(set(choice).kind(), Kind::Choice);
    }
}
