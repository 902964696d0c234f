use super::read;
use crate::import::{Effect, Import};
use crate::{Kernel, Options};
use callgate::{Action, Arch, Errno, SeccompData, Syscall};

fn import(settings: &str) -> Import {
    let text = format!("[Unit]\nDescription=x\n[Service]\n{settings}");
    read(&text, &Options::new(Arch::X86_64)).unwrap_or_else(|e| panic!("{settings}: {e}"))
}

/// What the kernel makes of a stack.
fn eval_on(import: &Import, arch: Arch, name: &str, args: [u64; 6]) -> Action {
    let nr = Syscall::from_name(name).and_then(|c| c.number(arch)).unwrap();
    let data = SeccompData { nr, arch: arch.token(), ip: 0, args };
    let all = import.policies.iter().map(|n| n.policy.eval(&data));
    all.min_by_key(|a| a.precedence()).unwrap()
}

fn eval(settings: &str, name: &str) -> Action {
    eval_on(&import(settings), Arch::X86_64, name, [0; 6])
}

fn errno(n: u16) -> Action {
    Action::Errno(Errno(n))
}

fn error(settings: &str) -> String {
    read(&format!("[Service]\n{settings}"), &Options::new(Arch::X86_64)).unwrap_err().to_string()
}

#[test]
fn lists_of_permitted_calls() {
    let text = "SystemCallFilter=read @chown\nSystemCallFilter=~fchown fchownat:ENOENT lchown:kill\nSystemCallErrorNumber=EACCES";
    assert_eq!(eval(text, "read"), Action::ALLOW);
    assert_eq!(eval(text, "exit_group"), Action::ALLOW, "@default is always there");
    assert_eq!(eval(text, "chown"), Action::ALLOW);
    assert_eq!(eval(text, "fchown"), errno(13), "taken out again");
    assert_eq!(eval(text, "fchownat"), errno(2), "kept, with an error of its own");
    assert_eq!(eval(text, "lchown"), Action::KILL_PROCESS);
    assert_eq!(eval(text, "ptrace"), errno(13));
    let import = import(text);
    let unknown = SeccompData { nr: 4000, arch: Arch::X86_64.token(), ..SeccompData::default() };
    assert_eq!(import.policies[0].policy.eval(&unknown), errno(38), "systemd has not heard of it");
    assert_eq!(eval("SystemCallFilter=read", "ptrace"), Action::KILL_PROCESS);
    assert!(import.losses.iter().any(|l| l.effect == Effect::Stricter && l.what.contains("write")));
}

#[test]
fn lists_of_denied_calls() {
    let text = "SystemCallFilter=~ @clock ptrace:EPERM \\\n# comment\n  uname\nSystemCallFilter=adjtimex\n";
    assert_eq!(eval(text, "settimeofday"), Action::KILL_PROCESS);
    assert_eq!(eval(text, "adjtimex"), Action::ALLOW, "taken out again");
    assert_eq!(eval(text, "ptrace"), errno(1));
    assert_eq!(eval(text, "uname"), Action::KILL_PROCESS, "the line goes on behind a comment");
    assert_eq!(eval(text, "read"), Action::ALLOW);
    let reset = "SystemCallFilter=read\nSystemCallFilter=\nSystemCallFilter=~write";
    assert_eq!(eval(reset, "ptrace"), Action::ALLOW);
    assert_eq!(eval("SystemCallFilter=~write\nSystemCallErrorNumber=kill", "write"), Action::KILL_PROCESS);
}

#[test]
fn architectures() {
    let text = "SystemCallArchitectures=native\nSystemCallFilter=~write\nSystemCallErrorNumber=5";
    let both = import(text);
    assert_eq!(eval_on(&both, Arch::X86_64, "write", [0; 6]), errno(5));
    assert_eq!(eval_on(&both, Arch::X86, "read", [0; 6]), Action::KILL_THREAD);
    assert_eq!(eval_on(&both, Arch::X32, "read", [0; 6]), Action::KILL_THREAD);
    let only_filter = import("SystemCallFilter=~write\nSystemCallErrorNumber=5");
    assert_eq!(
        eval_on(&only_filter, Arch::X86, "write", [0; 6]),
        errno(5),
        "all of the machine's are filtered"
    );
    let none = import("SystemCallArchitectures=x86 x86-64 x32\nSystemCallFilter=~write");
    assert_eq!(none.policies.len(), 1, "nothing to block");
}

#[test]
fn other_settings() {
    let on = |text: &str, name: &str, args: [u64; 6]| eval_on(&import(text), Arch::X86_64, name, args);
    let a0 = |v| [v, 0, 0, 0, 0, 0];
    let families = "RestrictAddressFamilies=AF_UNIX AF_INET6\nRestrictAddressFamilies=~AF_INET6";
    assert_eq!(on(families, "socket", a0(1)), Action::ALLOW);
    assert_eq!(on(families, "socket", a0(10)), errno(97));
    assert_eq!(eval_on(&import(families), Arch::X86, "socket", a0(10)), Action::ALLOW, "socketcall hides it");
    assert_eq!(on("RestrictAddressFamilies=~AF_UNIX", "socket", a0(1)), errno(97));
    assert_eq!(on("RestrictAddressFamilies=none", "socket", a0(1)), errno(97));
    let user = "RestrictNamespaces=net\nRestrictNamespaces=mnt";
    assert_eq!(on(user, "unshare", a0(0x4000_0000)), Action::ALLOW);
    assert_eq!(on(user, "unshare", a0(0x1000_0000)), errno(1));
    assert_eq!(on(user, "clone3", a0(0)), errno(38));
    assert_eq!(on(user, "setns", a0(0)), errno(1), "flags of 0");
    assert_eq!(on(user, "setns", [0, 0x2_0000, 0, 0, 0, 0]), Action::ALLOW);
    assert_eq!(on("RestrictNamespaces=yes", "setns", [0, 0x2_0000, 0, 0, 0, 0]), errno(1));
    assert_eq!(on("RestrictRealtime=on", "sched_setscheduler", [0, 1, 0, 0, 0, 0]), errno(1));
    assert_eq!(on("RestrictRealtime=on", "sched_setscheduler", [0, 3, 0, 0, 0, 0]), Action::ALLOW);
    assert_eq!(on("LockPersonality=1", "personality", a0(8)), errno(1));
    assert_eq!(on("MemoryDenyWriteExecute=yes", "mmap", [0, 0, 6, 0, 0, 0]), errno(1));
    assert_eq!(on("MemoryDenyWriteExecute=yes", "mmap", [0, 0, 5, 0, 0, 0]), Action::ALLOW);
    assert_eq!(eval_on(&import("MemoryDenyWriteExecute=yes"), Arch::X86, "mmap", a0(0)), errno(1));
    assert_eq!(on("DynamicUser=yes", "chmod", [0, 0o4755, 0, 0, 0, 0]), errno(1));
    assert_eq!(on("RestrictSUIDSGID=yes", "open", [0, 0o100, 0o2755, 0, 0, 0]), errno(1));
    assert_eq!(on("RestrictSUIDSGID=yes", "open", [0, 0, 0o2755, 0, 0, 0]), Action::ALLOW);
    assert_eq!(on("ProtectHostname=yes", "sethostname", a0(0)), errno(1));
    assert_eq!(on("ProtectKernelModules=yes\nProtectClock=yes", "init_module", a0(0)), errno(1));
    assert_eq!(on("PrivateDevices=yes", "ioperm", a0(0)), errno(1));
    assert_eq!(on("SystemCallLog=@module", "init_module", a0(0)), Action::LOG);
    assert_eq!(on("SystemCallLog=~read", "write", a0(0)), Action::LOG);
}

#[test]
fn the_kernel_may_do_it_itself() {
    let text = "[Service]\nMemoryDenyWriteExecute=yes\nLockPersonality=yes\n";
    let options = Options { kernel: Some(Kernel::new(6, 6)), ..Options::new(Arch::X86_64) };
    let import = read(text, &options).unwrap();
    assert_eq!(import.policies.len(), 1);
    assert_eq!(import.losses[0].effect, Effect::Weaker);
}

#[test]
fn errors() {
    assert_eq!(error("SystemCallFilter=raed"), "2:1: unknown system call raed; did you mean read?");
    assert_eq!(
        error("SystemCallFilter=@clok"),
        "2:1: unknown group of system calls clok; did you mean clock?"
    );
    assert_eq!(error("SystemCallFilter=~read:EPREM"), "2:1: unknown error number EPREM; did you mean EPERM?");
    assert_eq!(
        error("SystemCallFiltr=read"),
        "2:1: unknown setting SystemCallFiltr; did you mean SystemCallFilter?"
    );
    assert_eq!(error("SystemCallArchitectures=amd64"), "2:1: unknown architecture amd64");
    assert_eq!(error("LockPersonality=maybe"), "2:1: unknown boolean maybe");
    assert_eq!(
        error("SystemCallFilter=read\nLockPersonalty=yes"),
        "3:1: unknown setting LockPersonalty; did you mean LockPersonality?"
    );
    assert_eq!(
        import("SystemCallFilter=read\nProtectProc=invisible\nProtectHome=yes\nProtectSystem=1").losses.len(),
        1
    );
    let elsewhere = |text| read(text, &Options::new(Arch::X86_64)).unwrap_err().to_string();
    assert_eq!(
        elsewhere("[Sevice]\nSystemCallFilter=read"),
        "no setting of this unit adds a system-call filter; SystemCallFilter has no effect in section [Sevice]; did \
         you mean [Service]?"
    );
    assert!(elsewhere("SystemCallFilter=read").ends_with("before the first section; systemd skips it"));
    assert!(read("\u{feff}[Service]\nSystemCallFilter=~read", &Options::new(Arch::X86_64)).is_ok());
    assert!(error("SystemCallErrorNumber=0").contains("would let denied calls succeed"));
    assert_eq!(error("Type=simple"), "no setting of this unit adds a system-call filter");
}

#[test]
fn the_locked_personality_is_the_one_that_is_set() {
    let on = |text: &str, v| eval_on(&import(text), Arch::X86_64, "personality", [v, 0, 0, 0, 0, 0]);
    let text = "LockPersonality=yes\nPersonality=x86";
    assert_eq!((on(text, 8), on(text, 0)), (Action::ALLOW, errno(1)));
    let text = "LockPersonality=yes\nPersonality=x86\nPersonality=";
    assert_eq!((on(text, 8), on(text, 0)), (errno(1), Action::ALLOW));
    let odd = import("LockPersonality=yes\nPersonality=s390");
    assert!(odd.notes.iter().any(|n| n.what.contains("systemd ignores it")), "{:?}", odd.notes);
}

/// A unit among other files; what is read of them, and what comes of it.
fn beside(name: &str, text: &str, files: &'static [(&str, &str)]) -> Result<Import, crate::Error> {
    let open = |path: &std::path::Path| {
        let found = files.iter().find(|f| std::path::Path::new(f.0) == path);
        found.map(|f| f.1.to_string()).ok_or_else(|| std::io::Error::other("no such file"))
    };
    let list = |folder: &std::path::Path| {
        let inside = files.iter().filter(|f| std::path::Path::new(f.0).parent() == Some(folder));
        Ok(inside.filter_map(|f| Some(f.0.rsplit_once('/')?.1.to_string())).rev().collect())
    };
    let options = Options {
        file: Some(name.into()),
        open: Some(std::sync::Arc::new(open)),
        list: Some(std::sync::Arc::new(list)),
        ..Options::new(Arch::X86_64)
    };
    crate::read(text, crate::Format::Systemd, &options)
}

#[test]
fn drop_ins() {
    const FILES: &[(&str, &str)] = &[
        ("/usr/lib/systemd/system/a-b.service.d/20-late.conf", "[Service]\nSystemCallFilter=~@mount"),
        (
            "/usr/lib/systemd/system/a-b.service.d/10-early.conf",
            "[Service]\nSystemCallFilter=\nSystemCallFilter=@mount read",
        ),
        ("/usr/lib/systemd/system/a-b.service.d/30-hidden.conf", "[Service]\nSystemCallFilter=ptrace"),
        ("/usr/lib/systemd/system/a-b.service.d/README", "[Service]\nSystemCallFilter=ptrace"),
        ("/etc/systemd/system/a-.service.d/20-late.conf", "[Service]\nSystemCallFilter=ptrace"),
        ("/etc/systemd/system/a-b.service.d/30-hidden.conf", ""),
        (
            "/etc/systemd/system/service.d/40-all.conf",
            "SystemCallFilter=ptrace\n[Service]\nSystemCallErrorNumber=EACCES",
        ),
    ];
    let import =
        beside("/usr/lib/systemd/system/a-b.service", "[Service]\nSystemCallFilter=~read\n[Service]", FILES)
            .unwrap();
    let read: Vec<&str> =
        import.beside.iter().filter_map(|f| f.rsplit_once("system/").map(|f| f.1)).collect();
    assert_eq!(
        read,
        [
            "a-b.service.d/10-early.conf",
            "a-b.service.d/20-late.conf",
            "a-b.service.d/30-hidden.conf",
            "service.d/40-all.conf"
        ]
    );
    let on = |name| eval_on(&import, Arch::X86_64, name, [0; 6]);
    assert_eq!(on("read"), Action::ALLOW, "the list began anew");
    assert_eq!(on("mount"), errno(13), "named in 10, taken out again in 20");
    assert_eq!(on("ptrace"), errno(13), "three files that do not count");
    // No section reaches from one file into the next.
    assert!(import.notes.iter().any(|n| n.what.contains("before the first section")), "{:?}", import.notes);
    let rules = &import.policies[0].policy.rules;
    let file = "/usr/lib/systemd/system/a-b.service.d/20-late.conf";
    assert!(rules.iter().any(|r| r.origin.file.as_deref() == Some(file) && r.origin.line == 2));

    let elsewhere = beside(
        "units/x.service",
        "[Service]\nSystemCallFilter=~read",
        &[("units/x.service.d/a.conf", "[Service]\nSystemCallFilter=~raed")],
    );
    let error = elsewhere.unwrap_err().to_string();
    assert_eq!(error, "units/x.service.d/a.conf:2:1: unknown system call raed; did you mean read?");
    let alone = beside("y.service", "[Service]\nSystemCallFilter=~read", FILES).unwrap();
    assert!(alone.beside.is_empty());
}
