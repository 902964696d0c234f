use super::read;
use crate::Options;
use crate::import::{Effect, Import};
use callgate::{Action, Arch, Errno, SeccompData, Syscall};
use std::sync::Arc;

fn import(text: &str) -> Import {
    read(text, &Options::new(Arch::X86_64)).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// What the kernel makes of a stack.
fn eval_on(text: &str, arch: Arch, name: &str, args: [u64; 6]) -> Action {
    let nr = Syscall::from_name(name).and_then(|c| c.number(arch)).unwrap();
    let data = SeccompData { nr, arch: arch.token(), ip: 0, args };
    let all = import(text).policies;
    all.iter().map(|n| n.policy.eval(&data)).min_by_key(|a| a.precedence()).unwrap()
}

fn eval(text: &str, name: &str) -> Action {
    eval_on(text, Arch::X86_64, name, [0; 6])
}

const EPERM: Action = Action::Errno(Errno::EPERM);

#[test]
fn the_three_kinds_of_lists() {
    assert_eq!(eval("seccomp", "mount"), EPERM);
    assert_eq!(eval("seccomp", "read"), Action::ALLOW);
    assert_eq!(eval_on("seccomp", Arch::X86, "mount", [0; 6]), EPERM, "a fixed list of i386 calls");
    assert_eq!(eval_on("seccomp", Arch::X32, "read", [0; 6]), EPERM);
    assert_eq!(eval("seccomp !mount,socket", "mount"), Action::ALLOW, "exempted");
    assert_eq!(eval("seccomp !mount,socket", "socket"), EPERM);
    assert_eq!(eval("seccomp.drop socket:ENOENT,connect:kill", "socket"), Action::Errno(Errno(2)));
    assert_eq!(eval("seccomp.drop socket:ENOENT,connect:kill", "connect"), Action::KILL_THREAD);
    assert_eq!(eval("seccomp.drop socket", "mount"), Action::ALLOW, "no defaults");
    assert_eq!(eval_on("seccomp.drop socket", Arch::X86, "mount", [0; 6]), Action::ALLOW);
    assert_eq!(eval("seccomp.keep read,@module", "init_module"), Action::ALLOW);
    assert_eq!(eval("seccomp.keep read", "execve"), Action::ALLOW, "firejail needs it");
    assert_eq!(eval("seccomp.keep read\nseccomp-error-action kill", "write"), Action::KILL_THREAD);
    assert_eq!(eval("seccomp mount\nseccomp !mount", "mount"), Action::ALLOW, "the last line counts");
}

#[test]
fn firejails_own_oddities() {
    assert_eq!(eval("seccomp !read", "read"), EPERM, "number 0 cannot be exempted");
    let notes = import("seccomp !read").notes;
    assert!(notes.iter().any(|n| n.what.contains("codes exemptions as negative")));
    let late = import("seccomp.drop execve,socket");
    assert_eq!(late.policies[1].name.as_deref(), Some("seccomp.postexec"));
    assert_eq!(eval("seccomp.drop execve,socket", "execve"), EPERM);
    assert!(import("seccomp.drop $4242").notes.iter().any(|n| n.what.contains("$4242 has no name")));
}

#[test]
fn other_lines() {
    let a0 = |v| [v, 0, 0, 0, 0, 0];
    let text = "protocol unix,inet";
    assert_eq!(eval_on(text, Arch::X86_64, "socket", a0(1)), Action::ALLOW);
    assert_eq!(eval_on(text, Arch::X86_64, "socket", a0(10)), Action::Errno(Errno(95)));
    assert_eq!(eval_on(text, Arch::X86, "socket", a0(10)), Action::Errno(Errno(95)));
    let text = "memory-deny-write-execute";
    assert_eq!(eval_on(text, Arch::X86_64, "mmap", [0, 0, 7, 0, 0, 0]), EPERM);
    assert_eq!(eval_on(text, Arch::X86, "mmap2", [0, 0, 7, 0, 0, 0]), EPERM);
    assert_eq!(eval(text, "memfd_create"), EPERM);
    let text = "restrict-namespaces user,time";
    assert_eq!(eval_on(text, Arch::X86_64, "clone", a0(0x1000_0000)), EPERM);
    assert_eq!(eval_on(text, Arch::X86_64, "clone", a0(0x80)), Action::ALLOW);
    assert_eq!(eval_on(text, Arch::X86_64, "unshare", a0(0x80)), EPERM);
    assert_eq!(eval_on(text, Arch::X86_64, "setns", a0(0)), EPERM);
    let text = "seccomp\nseccomp.block-secondary";
    assert_eq!(eval_on(text, Arch::X86, "read", [0; 6]), EPERM);
    assert_eq!(eval_on(text, Arch::X86_64, "personality", a0(8)), EPERM);
}

#[test]
fn includes_conditions_and_comments() {
    let open = |path: &std::path::Path| match path.to_str() {
        Some("etc/common.profile") => Ok("seccomp !chroot # why\nprotocol unix\n".to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let options = Options {
        file: Some("etc/a.profile".into()),
        open: Some(Arc::new(open)),
        ..Options::new(Arch::X86_64)
    };
    let text = "include a.local\ninclude disable-common.inc\nignore protocol\ninclude common.profile\n?HAS_NET: seccomp x\n";
    let import = read(text, &options).unwrap();
    assert!(import.policies.iter().all(|n| n.name.as_deref() != Some("protocol")), "ignored");
    assert_eq!(import.losses.len(), 1);
    assert_eq!(import.losses[0].effect, Effect::Weaker);
    assert_eq!(import.notes.len(), 1);
}

#[test]
fn errors() {
    let error = |text| read(text, &Options::new(Arch::X86_64)).unwrap_err().to_string();
    assert_eq!(error("seccomp raed"), "1:1: unknown system call raed; did you mean read?");
    assert_eq!(error("seccomp @clok"), "1:1: unknown group @clok; did you mean @clock?");
    assert_eq!(error("\nseccomp.drop"), "2:1: seccomp.drop needs a list");
    assert_eq!(error("seccomp a;b"), "1:1: ';' cannot stand in a list of calls");
    assert_eq!(error("noroot"), "no line of this profile adds a system-call filter");
    assert_eq!(
        error("seccomp-error-action EFOO"),
        "1:1: unknown error action EFOO, expected kill, log or an error's name"
    );
    assert_eq!(error("protocol inet4"), "1:1: unknown protocol inet4; did you mean inet?");
}
