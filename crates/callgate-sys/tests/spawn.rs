//! Commands under filters, for real.

mod common;

use callgate_abi::{Action, Errno};
use callgate_sys::{Command, Error, Failure, Flags, Outcome};
use common::{allow_all, deny, filter};

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
    let deny = deny(libc::SYS_mkdirat, libc::ENOTBLK);
    let deny_old = filter(&[(libc::SYS_mkdir, Action::Errno(Errno(libc::ENOTBLK as u16)))], Action::ALLOW);
    let command = Command::new(&["mkdir", "/tmp/callgate-sys-never"]).unwrap();
    let command = command.filter(&deny, Flags::NEW).filter(&deny_old, Flags::NEW);
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
