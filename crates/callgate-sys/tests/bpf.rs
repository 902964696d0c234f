//! Counting calls in the kernel.
#![cfg(target_arch = "x86_64")]

use callgate_abi::{Action, Arch, Errno, Insn, Syscall, insn::op};
use callgate_sys::bpf::{Counted, Counter, Target};
use callgate_sys::{Command, Error, Flags};
use std::os::fd::AsFd;
use std::time::Duration;

fn wanted(call: Syscall, _: Arch) -> Vec<(usize, u32)> {
    match call.name() {
        "umask" => vec![(0, 16)],
        "socket" => vec![(0, 32), (1, 32)],
        _ => Vec::new(),
    }
}

/// Counts, or says that it cannot.
fn counter(target: Target<'_>, denied: bool) -> Option<Counter> {
    match Counter::start(target, &wanted, denied, true) {
        Ok(counter) => Some(counter),
        Err(e @ (Error::Call { errno: libc::EPERM, .. } | Error::Refused { .. })) => {
            eprintln!("skipped: {e}");
            None
        }
        Err(e) => panic!("{e}"),
    }
}

fn of<'a>(counts: &'a [Counted], name: &str) -> Vec<&'a Counted> {
    let nr = Syscall::from_name(name).and_then(|c| c.number(Arch::X86_64));
    counts.iter().filter(|c| Some(c.call.nr) == nr).collect()
}

#[test]
fn a_command_is_counted_from_its_execution_on() {
    let script = "umask 027; /bin/true; (umask 026; /bin/true)";
    let child = Command::new(&["/bin/sh", "-c", script]).unwrap().hold().spawn().unwrap();
    let Some(counter) = counter(Target::Command(child.pid()), false) else {
        child.kill();
        return;
    };
    child.release();
    assert_eq!(child.wait().unwrap().exit_code(), 0);
    while counter.is_populated().unwrap() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let counts = counter.counts().unwrap();
    assert_eq!(counter.lost().unwrap(), 0);
    let masks: Vec<u64> = of(&counts, "umask").iter().map(|c| c.call.args[0]).collect();
    assert!(masks.contains(&0o27) && masks.contains(&0o26), "{masks:?}");
    assert!(of(&counts, "umask").iter().all(|c| c.caller.comm == "sh"), "{counts:?}");
    // Two of the shell's children, but not the shell itself.
    let executions: u64 = of(&counts, "execve").iter().map(|c| c.count).sum();
    assert_eq!(executions, 2, "{counts:?}");
    let programs = counts.iter().filter_map(|c| c.caller.program.as_ref());
    let programs: std::collections::BTreeSet<_> = programs.map(|p| p.display().to_string()).collect();
    assert_eq!(programs.into_iter().collect::<Vec<_>>(), ["/bin/sh", "/bin/true"]);
}

#[test]
fn a_process_is_counted_from_now_on() {
    // This one: threads of it as well.
    let Some(counter) = counter(Target::Process(std::process::id() as i32), false) else { return };
    let before: u64 = of(&counter.counts().unwrap(), "socket").iter().map(|c| c.count).sum();
    let call = || std::net::UdpSocket::bind("127.0.0.1:0").map(drop).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| call()));
        }
    });
    let counts = counter.counts().unwrap();
    let sockets = of(&counts, "socket");
    let after: u64 = sockets.iter().map(|c| c.count).sum();
    assert!(after >= before + 200, "{before} {after}");
    // AF_INET and SOCK_DGRAM | SOCK_CLOEXEC.
    assert!(sockets.iter().any(|c| c.call.args[..2] == [2, 2 | 0o2000000]), "{sockets:?}");
    let exe = std::env::current_exe().unwrap();
    assert!(counts.iter().any(|c| c.caller.program.as_ref() == Some(&exe)), "{counts:?}");
}

#[test]
fn denied_calls_are_counted_apart() {
    // `umask` gets an error, all else is executed.
    let program = [
        Insn::stmt(op::LD_ABS, 0),
        Insn::jump(op::JEQ_K, libc::SYS_umask as u32, 0, 1),
        Insn::stmt(op::RET_K, Action::Errno(Errno::EPERM).to_ret()),
        Insn::stmt(op::RET_K, Action::ALLOW.to_ret()),
    ];
    let script = "umask 027; (umask 026); cd /; /bin/true; (umask 026)";
    let command = Command::new(&["/bin/sh", "-c", script]).unwrap().filter(&program, Flags::NEW);
    let child = command.hold().spawn().unwrap();
    let Some(counter) = counter(Target::Command(child.pid()), true) else {
        child.kill();
        return;
    };
    child.release();
    child.wait().unwrap();
    while counter.is_populated().unwrap() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let counts = counter.counts().unwrap();
    let count = |name: &str, denied: bool| {
        of(&counts, name).iter().filter(|c| c.denied == denied).map(|c| c.count).sum::<u64>()
    };
    assert!(count("umask", true) >= 3 && count("umask", false) == 0, "{counts:?}");
    assert_eq!((count("chdir", true), count("chdir", false)), (0, 1), "{counts:?}");
    let masks: Vec<u64> = of(&counts, "umask").iter().map(|c| c.call.args[0]).collect();
    assert!(masks.contains(&0o27) && masks.contains(&0o26), "{masks:?}");
    // Nothing else was denied: not what began before, nor new processes and programs.
    let others = counts.iter().filter(|c| c.denied && !of(&counts, "umask").contains(c));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&Counted>::new());
}

#[test]
fn the_first_of_each_call_comes_with_its_stack() {
    let child = Command::new(&["/bin/sh", "-c", "umask 027; umask 026; umask 027; /bin/true"]).unwrap();
    let child = child.hold().spawn().unwrap();
    let Some(counter) = counter(Target::Command(child.pid()), false) else {
        child.kill();
        return;
    };
    let (alive, end) = std::os::unix::net::UnixStream::pair().unwrap();
    let pid = child.pid();
    let firsts = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut firsts = Vec::new();
            counter.first_calls(end.as_fd(), &mut |first| firsts.push(first)).unwrap();
            firsts
        });
        child.release();
        assert_eq!(child.wait().unwrap().exit_code(), 0);
        drop(alive);
        reader.join().unwrap()
    });
    let nr = Syscall::from_name("umask").and_then(|c| c.number(Arch::X86_64)).unwrap();
    let masks: Vec<_> = firsts.iter().filter(|f| f.call.nr == nr).collect();
    // Beside those by which the shell finds out what it was.
    let values = masks.iter().map(|f| f.call.args[0]).filter(|mask| [0o26, 0o27].contains(mask));
    let values: Vec<u64> = values.collect();
    assert_eq!((values, masks[0].caller.pid), (vec![0o27, 0o26], pid));
    for first in &firsts {
        assert!(first.stack.len() >= 256 && first.point.sp % 8 == 0 && first.point.ip != 0, "{first:?}");
        assert!(!first.caller.comm.is_empty() && first.caller.tid != 0);
    }
}
