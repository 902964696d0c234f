//! Units that are written: what a setting beside the lists says of a policy's conditions.

use callgate::{Action, Arch, Policy};
use callgate_formats::{Accept, Effect, Export, Format, Options, write};

fn unit(policy: &str) -> Export {
    let policy = Policy::parse(policy).unwrap();
    let options = Options { accept: Accept::NotWeaker, ..Options::new(Arch::X86_64) };
    write(&policy, Format::Systemd, &options).unwrap()
}

#[test]
fn families_of_sockets() {
    let export = unit(
        "arch x86_64\ndefault errno(EPERM)\nforeign kill-thread\nallow read\nallow socket if domain in {AF_UNIX, AF_INET}\n",
    );
    let text = export.text().unwrap();
    assert!(text.contains("\nRestrictAddressFamilies=AF_UNIX AF_INET\n"), "{text}");
    assert!(text.contains("\nSystemCallFilter=read socket\n"), "{text}");
    for loss in export.losses.iter().filter(|l| l.what.starts_with("socket on")) {
        let witness = loss.witness.unwrap();
        // Another error, or a family no int holds.
        assert!(witness.now == Action::Errno(callgate::Errno(97)), "{loss}");
        assert!(loss.effect == Effect::Different || witness.call.args[0] >> 32 != 0, "{loss}");
    }
}

/// systemd compares all 64 bits, of which the kernel looks at 32: denying a family by it can be got round, and what the
/// policy means is said by denying sockets.
#[test]
fn families_that_are_denied() {
    let policy = |width: &str| {
        format!(
            "arch x86_64\ndefault allow\nerrno(EAFNOSUPPORT) socket if domain{width} in {{AF_ALG, AF_VSOCK}}\n"
        )
    };
    let export = unit(&policy(":64"));
    let text = export.text().unwrap();
    assert!(text.contains("\nRestrictAddressFamilies=~AF_ALG AF_VSOCK\n"), "{text}");
    assert!(!text.contains("SystemCallFilter"), "{text}");
    let export = unit(&policy(""));
    assert!(export.text().unwrap().contains("\nSystemCallFilter=~socket\n"), "{}", export.text().unwrap());
    let socket = export.losses.iter().find(|l| l.what.starts_with("socket on")).unwrap();
    assert_eq!(socket.effect, Effect::Stricter);
}

#[test]
fn namespaces_and_memory() {
    let export = unit(
        "arch x86_64\ndefault allow\nerrno(EPERM) unshare if unshare_flags & CLONE_NEWUSER != 0\n\
         errno(EPERM) clone if flags & CLONE_NEWUSER != 0\nerrno(EPERM) setns if flags & CLONE_NEWUSER != 0 || flags == 0\n\
         errno(ENOSYS) clone3\nerrno(EPERM) mprotect, pkey_mprotect if arg2:32 & PROT_EXEC != 0\n",
    );
    let text = export.text().unwrap();
    assert!(text.contains("\nRestrictNamespaces=cgroup ipc net mnt pid uts time\n"), "{text}");
    assert!(export.losses.iter().all(|l| !l.what.starts_with("clone on")), "{text}\n{:?}", export.losses);
}

/// A setting that denies more than the policy is not written, nor one that no condition asks for.
#[test]
fn nothing_more_than_is_wanted() {
    let text = unit("arch x86_64\ndefault allow\nerrno(EPERM) mprotect if prot == PROT_EXEC\n");
    assert!(!text.text().unwrap().contains("MemoryDenyWriteExecute"), "{}", text.text().unwrap());
    let text = unit("arch x86_64\ndefault errno(EPERM)\nallow read, write\n");
    assert!(!text.text().unwrap().contains("=yes"), "{}", text.text().unwrap());
}
