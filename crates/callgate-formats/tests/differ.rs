//! Docker's default against Podman's: profiles are compared after their conditions are resolved, by
//! what they do and not by what they say.

mod common;

use callgate::abi::Word;
use callgate::{Action, Arch, Errno, Policy, SeccompData, Syscall};
use callgate_formats::{Capabilities, Format, Import, Options, read};
use common::corpus;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The profile of a file of the corpus, or of a package.
fn default_of(file: &str, format: Format) -> Option<Import> {
    let file =
        if file.starts_with('/') { PathBuf::from(file) } else { corpus()?.join("policies").join(file) };
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: {} is not installed", file.display());
        return None;
    };
    let options = Options { caps: Some(Capabilities::none()), ..Options::new(Arch::X86_64) };
    Some(read(&text, format, &options).unwrap_or_else(|e| panic!("{}: {e}", file.display())))
}

/// The calls a policy executes, whatever their arguments or for some of them.
fn executed(policy: &Policy, arches: &[Arch]) -> BTreeSet<&'static str> {
    let mut calls = BTreeSet::new();
    let filter = policy.lower().unwrap();
    for arch in arches {
        let here = filter.restrict(Word::ARCH, arch.token());
        for (nr, call) in Syscall::of_arch(*arch) {
            if here.restrict(Word::NR, nr).leaves().iter().any(|a| a.permits()) {
                calls.insert(call.name());
            }
        }
    }
    calls
}

const HERE: &[Arch] = &[Arch::X86_64];

#[test]
fn docker_and_podman() {
    let docker = default_of("docker-history/moby+moby/history/148a19b6d6/default.json", Format::Docker);
    let podman =
        default_of("containers-common/containers+common/pkg/seccomp/seccomp.json", Format::Containers);
    let (Some(docker), Some(podman)) = (docker, podman) else { return };
    let (docker_policy, podman_policy) = (&docker.policies[0].policy, &podman.policies[0].policy);
    let (d, p) = (executed(docker_policy, HERE), executed(podman_policy, HERE));
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
    assert_eq!((podman_alone.len(), docker_alone.len()), (21, 16));
    // By name, signal and umount and io_pgetevents_time64 come to them: calls of x86.
    let all = [Arch::X86_64, Arch::X86, Arch::X32];
    let (all_d, all_p) = (executed(docker_policy, &all), executed(podman_policy, &all));
    assert_eq!((all_p.difference(&all_d).count(), all_d.difference(&all_p).count()), (23, 17));

    // Both have it under a condition on the kernel, which a comparison of the texts does not see.
    assert!(d.contains("ptrace") && p.contains("ptrace"));

    let unknown = SeccompData { nr: 3000, arch: Arch::X86_64.token(), ..SeccompData::default() };
    assert_eq!(docker.policies[0].policy.eval(&unknown), Action::Errno(Errno::EPERM));
    assert_eq!(podman.policies[0].policy.eval(&unknown), Action::Errno(Errno::ENOSYS));
    let notes: Vec<String> = podman.notes.iter().map(|n| n.to_string()).collect();
    assert!(notes.iter().any(|n| n.contains("setns") && n.contains("with another action")), "{notes:#?}");
}

/// A package's profile is older than either; what it permits beyond Docker's is among the same calls.
#[test]
fn docker_and_the_packaged_profile() {
    let docker = default_of("docker-history/moby+moby/history/148a19b6d6/default.json", Format::Docker);
    let podman = default_of("/usr/share/containers/seccomp.json", Format::Containers);
    let (Some(docker), Some(podman)) = (docker, podman) else { return };
    let (docker_policy, podman_policy) = (&docker.policies[0].policy, &podman.policies[0].policy);
    let (d, p) = (executed(docker_policy, HERE), executed(podman_policy, HERE));
    let alone: Vec<&str> = p.difference(&d).copied().collect();
    eprintln!("the packaged profile alone executes {}: {}", alone.len(), alone.join(", "));
    for call in ["clone3", "mount", "keyctl", "reboot", "unshare"] {
        assert!(alone.contains(&call), "{call}");
    }
}
