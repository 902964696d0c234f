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
            if let Err(e) = Policy::parse(&text) {
                panic!("@{} on {}: {e}", group.name, arch.name());
            }
        }
    }
}
