//! Docker's default against Podman's: profiles are compared after their conditions are resolved, by
//! what they do and not by what they say.

mod common;

use callgate::{Action, Arch, Errno, Policy, SeccompData, Syscall};
use callgate_formats::{Capabilities, Format, Import, Options, read};
use common::corpus;
use std::collections::BTreeSet;

fn default_of(file: &str, format: Format) -> Option<Import> {
    let text = std::fs::read_to_string(corpus()?.join("policies").join(file)).unwrap();
    let options = Options { caps: Some(Capabilities::none()), ..Options::new(Arch::X86_64) };
    Some(read(&text, format, &options).unwrap_or_else(|e| panic!("{file}: {e}")))
}

/// The calls a policy executes, whatever their arguments or for some of them.
fn executed(policy: &Policy) -> BTreeSet<&'static str> {
    let mut calls = BTreeSet::new();
    let filter = policy.lower().unwrap();
    let here = filter.restrict(callgate::abi::Word::ARCH, Arch::X86_64.token());
    for (nr, call) in Syscall::of_arch(Arch::X86_64) {
        if here.restrict(callgate::abi::Word::NR, nr).leaves().iter().any(|a| a.permits()) {
            calls.insert(call.name());
        }
    }
    calls
}

#[test]
fn docker_and_podman() {
    let docker = default_of("docker-history/moby+moby/history/148a19b6d6/default.json", Format::Docker);
    let podman =
        default_of("containers-common/containers+common/pkg/seccomp/seccomp.json", Format::Containers);
    let (Some(docker), Some(podman)) = (docker, podman) else { return };
    let (d, p) = (executed(&docker.policies[0].policy), executed(&podman.policies[0].policy));
    let podman_alone: Vec<&str> = p.difference(&d).copied().collect();
    let docker_alone: Vec<&str> = d.difference(&p).copied().collect();
    eprintln!("podman alone executes {}: {}", podman_alone.len(), podman_alone.join(", "));
    eprintln!("docker alone executes {}: {}", docker_alone.len(), docker_alone.join(", "));
    for call in ["clone3", "mount", "fsopen", "keyctl", "reboot", "setns", "unshare"] {
        assert!(podman_alone.contains(&call), "{call}");
    }
    for call in ["mseal", "uretprobe", "statmount", "vmsplice"] {
        assert!(docker_alone.contains(&call), "{call}");
    }
    // Both have it under a condition on the kernel, which a comparison of the texts does not see.
    assert!(d.contains("ptrace") && p.contains("ptrace"));

    let unknown = SeccompData { nr: 3000, arch: Arch::X86_64.token(), ..SeccompData::default() };
    assert_eq!(docker.policies[0].policy.eval(&unknown), Action::Errno(Errno::EPERM));
    assert_eq!(podman.policies[0].policy.eval(&unknown), Action::Errno(Errno::ENOSYS));
    let notes: Vec<String> = podman.notes.iter().map(|n| n.to_string()).collect();
    assert!(notes.iter().any(|n| n.contains("setns") && n.contains("with another action")), "{notes:#?}");
}
