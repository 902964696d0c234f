//! Commands under filters, for real.

#![expect(unsafe_code, reason = "Landlock and raw calls")]

mod common;

use std::fs::Permissions;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;

use callgate_abi::{Action, Arch, Errno, Syscall};
use callgate_sys::{Command, Error, Failure, Flags, Outcome};
use common::{allow_all, check, deny, filter, in_child};

const KILL: Action = Action::KILL_PROCESS;

#[test]
fn a_status_and_a_signal_come_through() {
    let allow = allow_all();
    let run = |script: &str| {
        Command::new(&["sh", "-c", script]).unwrap().filter(&allow, Flags::NEW).spawn().unwrap().wait()
    };
    assert_eq!(run("exit 7"), Ok(Outcome::Exited(7)));
    assert_eq!(run("exit 300"), Ok(Outcome::Exited(44)));
    assert!(matches!(run("kill -TERM $$"), Ok(Outcome::Signaled { signal: libc::SIGTERM, core: false })));
    assert_eq!(run("grep -q '^NoNewPrivs:.*1' /proc/self/status"), Ok(Outcome::Exited(0)));
    assert_eq!(run("grep -q '^Seccomp_filters:.*1' /proc/self/status"), Ok(Outcome::Exited(0)));
}

#[test]
fn a_denied_call_is_seen_by_the_program_and_a_killed_one_by_the_parent() {
    // Which of the two a library uses depends on the machine.
    let calls = ["mkdir", "mkdirat"].map(|name| Syscall::from_name(name).unwrap());
    let numbers = calls.iter().filter_map(|call| call.number(Arch::NATIVE.unwrap()));
    let refuse = Action::Errno(Errno(libc::ENOTBLK as u16));
    let rules: Vec<_> = numbers.map(|nr| (i64::from(nr) as libc::c_long, refuse)).collect();
    let deny = filter(&rules, Action::ALLOW);
    let command = Command::new(&["mkdir", "/tmp/callgate-sys-never"]).unwrap().filter(&deny, Flags::NEW);
    assert_eq!(command.spawn().unwrap().wait(), Ok(Outcome::Exited(1)));
    assert!(!std::path::Path::new("/tmp/callgate-sys-never").exists());

    let kill = filter(&[(libc::SYS_exit_group, KILL)], Action::ALLOW);
    let outcome = Command::new(&["true"]).unwrap().filter(&kill, Flags::NEW).spawn().unwrap().wait().unwrap();
    assert!(outcome.is_sigsys());
    assert_eq!(outcome.exit_code(), 159);
}

#[test]
fn a_command_that_cannot_start_says_which_step_failed() {
    let missing = Command::new(&["callgate-no-such-command"]).err().unwrap();
    assert_eq!(missing.exit_code(), 127);
    let spawn = |argv: &[&str]| Command::new(argv).unwrap().spawn().unwrap().wait().unwrap_err();
    let missing = spawn(&["/nonexistent/x"]);
    assert_eq!(missing.exit_code(), 127, "{missing}");
    let directory = spawn(&["/tmp"]);
    assert_eq!(directory.exit_code(), 126, "{directory}");
    assert!(!matches!(directory, Failure::Exec { by_filter: true, .. }));
    assert_eq!(Command::new::<&str>(&[]).err().unwrap().exit_code(), 125);
}

#[test]
fn a_filter_that_denies_execve_is_named_as_the_culprit() {
    let run = |program: &[callgate_abi::Insn]| {
        Command::new(&["true"]).unwrap().filter(program, Flags::NEW).spawn().unwrap().wait().unwrap_err()
    };
    let failure = run(&deny(libc::SYS_execve, libc::EACCES));
    assert!(matches!(failure, Failure::Exec { errno: libc::EACCES, by_filter: true, .. }), "{failure:?}");
    assert!(failure.to_string().contains("the filter denies execve"));
    assert_eq!(failure.exit_code(), 126);

    let failure = run(&filter(&[(libc::SYS_execve, KILL)], Action::ALLOW));
    assert!(matches!(failure, Failure::KilledBeforeExec { at_exec: true, .. }), "{failure:?}");

    // Nothing at all is permitted: not even leaving. The news still arrives.
    let failure = run(&filter(&[], Action::Errno(Errno(libc::EIO as u16))));
    assert!(matches!(failure, Failure::Exec { errno: libc::EIO, by_filter: true, .. }), "{failure:?}");
}

#[test]
fn a_program_the_kernel_refuses_stops_the_command() {
    let bad = [callgate_abi::Insn::stmt(0xffff, 0)];
    let spawned = Command::new(&["true"]).unwrap().filter(&bad, Flags::NEW).spawn().unwrap();
    let failure = spawned.wait().unwrap_err();
    assert!(matches!(failure, Failure::Setup(Error::Call { errno: libc::EINVAL, .. })), "{failure:?}");
    assert_eq!(failure.exit_code(), 125);
    // The second load is killed by the first filter.
    let no_load = filter(&[(libc::SYS_seccomp, KILL)], Action::ALLOW);
    let allow = allow_all();
    let command = Command::new(&["true"]).unwrap().filter(&no_load, Flags::NEW).filter(&allow, Flags::NEW);
    let failure = command.spawn().unwrap().wait().unwrap_err();
    assert!(matches!(failure, Failure::KilledBeforeExec { at_exec: false, .. }), "{failure:?}");
}

#[test]
fn a_listener_is_handed_over_or_the_reason_why_not() {
    let listen = Flags { new_listener: true, ..Flags::NEW };
    let bad = [callgate_abi::Insn::stmt(0xffff, 0)];
    let mut child = Command::new(&["true"]).unwrap().filter(&bad, listen).spawn().unwrap();
    assert!(matches!(child.listener(), Err(Failure::Setup(_))));
    assert!(matches!(child.wait(), Err(Failure::Setup(_))));

    // Killed by the first filter before the second could be loaded: nobody holds a listener then.
    let no_load = filter(&[(libc::SYS_seccomp, KILL)], Action::ALLOW);
    let notify = filter(&[(libc::SYS_getppid, Action::Notify(0))], Action::ALLOW);
    let command = Command::new(&["true"]).unwrap().filter(&no_load, Flags::NEW).filter(&notify, listen);
    let mut child = command.spawn().unwrap();
    assert!(matches!(child.listener(), Err(Failure::KilledBeforeExec { at_exec: false, .. })));
    child.wait().unwrap_err();

    let mut child = Command::new(&["true"]).unwrap().filter(&notify, listen).spawn().unwrap();
    assert!(child.listener().unwrap().is_some());
    assert!(child.listener().unwrap().is_none());
    assert_eq!(child.wait(), Ok(Outcome::Exited(0)));
    // Nobody took it: it is closed with the child.
    check(|| {
        let before = std::fs::read_dir("/proc/self/fd").unwrap().count();
        let child = Command::new(&["true"]).unwrap().filter(&notify, listen).spawn().unwrap();
        assert_eq!(child.wait(), Ok(Outcome::Exited(0)));
        assert_eq!(std::fs::read_dir("/proc/self/fd").unwrap().count(), before);
    });
}

#[test]
fn a_held_command_waits_for_its_release() {
    let allow = allow_all();
    let child = Command::new(&["true"]).unwrap().filter(&allow, Flags::NEW).hold().spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    let task = callgate_sys::process::task(child.pid()).unwrap();
    assert_eq!(task.mode, callgate_sys::process::Mode::Disabled);
    child.release();
    assert_eq!(child.wait(), Ok(Outcome::Exited(0)));
    let child = Command::new(&["true"]).unwrap().hold().spawn().unwrap();
    child.kill();
}

#[test]
fn a_script_without_an_interpreter_is_a_shell_script() {
    // In a process of its own: another thread's fork could hold the file open for writing.
    check(|| {
        let path = std::env::temp_dir().join(format!("callgate-sys-script-{}", std::process::id()));
        std::fs::write(&path, "exit $(($1 + $2))\n").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        let command = Command::new(&[path.as_os_str(), "20".as_ref(), "22".as_ref()]).unwrap();
        let outcome = command.spawn().unwrap().wait();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(outcome, Ok(Outcome::Exited(42)));
    });
}

#[test]
fn an_environment_may_be_given() {
    let run = |command: Command<'_>| command.spawn().unwrap().wait().unwrap();
    let script = ["sh", "-c", "[ \"$CALLGATE_TEST\" = 'a=b' ] && [ -z \"$HOME\" ]"];
    let command = Command::new(&script).unwrap().env([("CALLGATE_TEST", "a=b")]).unwrap();
    assert_eq!(run(command), Outcome::Exited(0));
    assert_eq!(run(Command::new(&["sh", "-c", "[ -n \"$PATH\" ]"]).unwrap()), Outcome::Exited(0));
    assert!(Command::new(&["true"]).unwrap().env([("A", "x\0y")]).is_err());
    assert!(Command::new(&["true", "x\0y"]).is_err());
}

#[test]
fn a_command_may_take_this_process_s_place() {
    let exec = |program: &[callgate_abi::Insn], argv: &[&str]| {
        in_child(|| {
            let failure = Command::new(argv).unwrap().filter(program, Flags::NEW).exec();
            std::process::exit(i32::from(failure.exit_code()));
        })
    };
    let status =
        exec(&allow_all(), &["sh", "-c", "grep -q '^Seccomp_filters:.*1' /proc/self/status; exit $?"]);
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status:#x}");
    let status = exec(&deny(libc::SYS_execve, libc::EPERM), &["true"]);
    assert_eq!(libc::WEXITSTATUS(status), 126);
    let status = exec(&allow_all(), &["/nonexistent/x"]);
    assert_eq!(libc::WEXITSTATUS(status), 127);
    let listen = Flags { new_listener: true, ..Flags::NEW };
    let refused = Command::new(&["true"]).unwrap().filter(&allow_all(), listen).exec();
    assert_eq!(refused.exit_code(), 125);
}

#[test]
fn a_landlock_ruleset_goes_before_the_filter() {
    // Handles writing to files (LANDLOCK_ACCESS_FS_WRITE_FILE) and allows it nowhere.
    let handled = 2u64;
    // SAFETY: the kernel reads the eight bytes; the result is a new descriptor.
    let ruleset = unsafe {
        let fd = libc::syscall(libc::SYS_landlock_create_ruleset, &raw const handled, 8usize, 0usize);
        if fd < 0 {
            println!("skipped: no Landlock here: {}", std::io::Error::last_os_error());
            return;
        }
        OwnedFd::from_raw_fd(fd as i32)
    };
    let no_landlock = deny(libc::SYS_landlock_restrict_self, libc::EPERM);
    let run = |script: &str| {
        let command = Command::new(&["sh", "-c", script]).unwrap().landlock(ruleset.as_fd());
        command.filter(&no_landlock, Flags::NEW).spawn().unwrap().wait().unwrap()
    };
    assert_ne!(run("true > /dev/null"), Outcome::Exited(0));
    assert_eq!(run("true < /dev/null"), Outcome::Exited(0));
}
