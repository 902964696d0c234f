//! Built-in groups: in policies for every architecture, and against the filters that systemd made of
//! its own.

mod corpus;

use callgate::{Policy, Program};
use callgate_abi::{Arch, Endian, SeccompData, Syscall, group::Group};

/// systemd 252 with libseccomp 2.5.4 was given `SystemCallFilter=@system-service`; what its filters
/// permit is our `@system-service:252`, but for a call that libseccomp did not know yet.
#[test]
fn systemd_means_the_same_by_its_groups() {
    let Some(root) = corpus::root() else { return };
    let group = Group::from_name("system-service:252").unwrap();
    let files =
        [("systemd-set-system-service.bpf", Arch::X86), ("systemd-set-system-service_2.bpf", Arch::X86_64)];
    for (file, arch) in files {
        let bytes = std::fs::read(root.join("filters").join(file)).unwrap();
        let program = Program::from_bytes(&bytes, Endian::Little).unwrap();
        let permits = |nr| {
            let data = SeccompData { nr, arch: arch.token(), ..SeccompData::default() };
            program.run(&data).action().permits()
        };
        let unlike: Vec<&str> = Syscall::of_arch(arch)
            .filter(|(nr, call)| permits(*nr) != group.has(*call))
            .map(|(_, call)| call.name())
            .collect();
        let unknown: &[&str] = if arch == Arch::X86_64 { &["uretprobe"] } else { &[] };
        assert_eq!(unlike, unknown, "{file}");
    }
}

/// Every group, with the conditions of its members, can be permitted and refused on every
/// architecture.
#[test]
fn every_group_can_be_used_everywhere() {
    for arch in Arch::ALL {
        for group in Group::all() {
            // `?`: some groups have no call on some architectures.
            let text =
                format!("arch {}\ndefault errno(ENOSYS)\nallow @{name}?\n", arch.name(), name = group.name);
            let mut nowhere = |_: &str, _: &str| Err("there are no files".to_owned());
            let parsed = callgate::syntax::parse("p.cg", &text, &mut nowhere);
            let found: Vec<String> = parsed.diagnostics.iter().map(ToString::to_string).collect();
            assert!(
                parsed.policy.is_some() && found.is_empty(),
                "@{} on {}: {found:#?}",
                group.name,
                arch.name()
            );
        }
    }
}

fn permits(policy: &str, arch: Arch, call: &str, args: &[u64]) -> bool {
    let policy = Policy::parse(policy).unwrap();
    let nr = Syscall::from_name(call).unwrap().number(arch).unwrap();
    let mut data = SeccompData { nr, arch: arch.token(), ..SeccompData::default() };
    data.args[..args.len()].copy_from_slice(args);
    policy.eval(&data).permits()
}

/// What the conditions keep out, by value.
#[test]
fn conditions_bite() {
    let one = |group: &str, call: &str, args: &[u64]| {
        permits(&format!("arch x86_64\ndefault kill\nallow @{group}\n"), Arch::X86_64, call, args)
    };
    let (inet, netlink, stream, cloexec, raw) = (2, 16, 1, 0o2000000, 3);
    assert!(one("pledge-inet", "socket", &[inet, stream | cloexec, 6]));
    assert!(!one("pledge-inet", "socket", &[inet, raw, 0]));
    assert!(!one("pledge-inet", "socket", &[netlink, stream, 0]));
    assert!(one("networking", "socket", &[inet, stream | cloexec, 0]));
    let (rdonly, wronly, rdwr, creat, trunc, tmpfile) = (0, 1, 2, 0o100, 0o1000, 0o20200000);
    for group in ["pledge-rpath", "file-read"] {
        assert!(one(group, "openat", &[0, 0, rdonly | cloexec]));
        for flags in [wronly, rdwr, creat, trunc, 3] {
            assert!(!one(group, "openat", &[0, 0, flags]), "{group} {flags:#o}");
        }
    }
    for group in ["pledge-wpath", "file-write"] {
        assert!(one(group, "openat", &[0, 0, wronly | trunc]) && one(group, "openat", &[0, 0, rdwr]));
        for flags in [rdonly, wronly | creat, wronly | tmpfile] {
            assert!(!one(group, "openat", &[0, 0, flags]), "{group} {flags:#o}");
        }
    }
    assert!(one("file-create", "openat", &[0, 0, rdwr | tmpfile]));
    assert!(!one("file-create", "openat", &[0, 0, 0o200000]), "O_DIRECTORY is a bit of O_TMPFILE");
    assert!(
        one("pledge-cpath", "open", &[0, creat, 0o644]) && !one("pledge-cpath", "open", &[0, creat, 0o4755])
    );
    let (tcgets, tiocsti, tioclinux) = (0x5401, 0x5412, 0x541c);
    assert!(one("pledge-tty", "ioctl", &[0, tcgets]));
    assert!(!one("pledge-tty", "ioctl", &[0, tiocsti]) && !one("pledge-tty", "ioctl", &[0, tioclinux]));
    let (vm, thread, newuser) = (0x100, 0x10000, 0x1000_0000);
    assert!(one("threads", "clone", &[vm | thread]) && !one("threads", "clone", &[vm]));
    assert!(one("process-creation", "clone", &[17]) && !one("process-creation", "clone", &[17 | newuser]));
    assert!(one("namespaces", "clone", &[17 | newuser]) && !one("namespaces", "clone", &[17]));
    assert!(
        one("startup", "prlimit64", &[0, 7, 0]) && !one("startup", "prlimit64", &[0, 7, 0x7fff_0000_0000])
    );
}

/// The conditions under which calls are risky are conditions of the policy language.
#[test]
fn risks_can_be_asked_for() {
    for risk in callgate_abi::risk::all() {
        let Some(condition) = risk.condition else { continue };
        let text = format!("arch x86_64, aarch64\ndefault allow\nkill {} if {condition}\n", risk.call.name());
        if let Err(e) = Policy::parse(&text) {
            panic!("{text}: {e}");
        }
    }
}

/// On x86 the old `mmap` takes a pointer to its arguments: no filter can keep it from executable memory.
#[test]
fn what_cannot_be_asked_is_no_member() {
    let (read, exec) = (1, 4);
    for arch in [Arch::X86, Arch::X86_64, Arch::S390x, Arch::Aarch64] {
        let policy = format!("arch {}\ndefault kill\nallow @memory\n", arch.name());
        let asks = matches!(arch, Arch::X86_64 | Arch::Aarch64);
        assert_eq!(permits(&policy, arch, "mmap", &[0, 4096, read]), asks, "{}", arch.name());
        assert!(!permits(&policy, arch, "mmap", &[0, 4096, read | exec]), "{}", arch.name());
    }
    let both = "arch x86_64, x86\ndefault kill\nallow @memory, @threads\n";
    assert!(permits(both, Arch::X86_64, "mmap", &[0, 4096, read]));
    assert!(!permits(both, Arch::X86, "mmap", &[0, 4096, read]));
    assert!(permits(both, Arch::X86, "mmap2", &[0, 4096, read]));
}
