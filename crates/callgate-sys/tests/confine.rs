//! Bodies under filters, in children: what is reported, and that nothing stays behind.

use std::fs::File;
use std::io;
use std::panic::catch_unwind;
use std::time::Duration;

use callgate_abi::insn::op;
use callgate_abi::{Action, Errno, Insn};
use callgate_sys::confine::{Outcome, confined, confined_within};
use callgate_sys::{assert_denied, assert_permitted};

/// Everything gets this action.
fn all(action: Action) -> [Insn; 1] {
    [Insn::stmt(op::RET_K, action.to_ret())]
}

fn said(test: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let payload = catch_unwind(test).expect_err("it should have panicked");
    payload.downcast_ref::<String>().expect("a message").clone()
}

fn ends() {
    std::process::exit(7)
}

fn panics() {
    panic!("under it")
}

#[test]
fn what_becomes_of_a_body_is_told() {
    let allow = all(Action::ALLOW);
    assert_eq!(confined(&allow, || ()).unwrap(), Outcome::Returned);
    assert_eq!(confined(&allow, || File::open("/dev/null")).unwrap(), Outcome::Returned);
    let missing = confined(&allow, || File::open("/no/such/file")).unwrap();
    assert!(matches!(&missing, Outcome::Failed(Some(2), text) if text.contains("No such file")), "{missing}");
    let other = confined(&allow, || Err::<(), _>(io::Error::other("of its own"))).unwrap();
    assert_eq!(other, Outcome::Failed(None, "of its own".into()));
    let panicked = confined(&allow, || assert_eq!(1 + 1, 3, "sums")).unwrap();
    assert!(
        matches!(&panicked, Outcome::Panicked(text) if text.contains("sums") && text.contains("confine.rs:"))
    );
    assert_eq!(confined(&allow, ends).unwrap(), Outcome::Exited(7));
}

#[test]
fn a_body_without_any_call_is_told_too() {
    // Not even the child's end is permitted.
    let kill = all(Action::KILL_PROCESS);
    assert_eq!(confined(&kill, || ()).unwrap(), Outcome::Returned);
    assert_eq!(confined(&kill, || Err::<(), _>(io::Error::from_raw_os_error(5))).unwrap(), {
        Outcome::Failed(Some(5), "Input/output error (os error 5)".into())
    });
    assert_eq!(confined(&kill, || File::open("/dev/null")).unwrap(), Outcome::Killed(31));
    let panicked = confined(&kill, panics).unwrap();
    assert!(matches!(&panicked, Outcome::Panicked(text) if text.starts_with("under it (")), "{panicked}");
}

#[test]
fn assertions_hold() {
    assert_permitted!(&all(Action::ALLOW), || File::open("/dev/null"));
    assert_denied!(&all(Action::Errno(Errno::EPERM)), errno(EPERM), || File::open("/dev/null"));
    assert_denied!(&all(Action::KILL_PROCESS), kill, || File::open("/dev/null"));
    assert_denied!(&all(Action::KILL_THREAD)[..], kill, || File::open("/dev/null"));
    // What a variable holds is the child's to change.
    let mut count = 0;
    assert_permitted!(&all(Action::ALLOW), || count += 1);
    assert_eq!(count, 0);
}

#[test]
fn assertions_fail_with_what_happened() {
    let open = || File::open("/dev/null");
    let text = said(|| assert_permitted!(&all(Action::Errno(Errno::EPERM)), open));
    assert!(text.contains("not permitted all it does: it failed: Operation not permitted"), "{text}");
    let text = said(|| assert_denied!(&all(Action::ALLOW), errno(EPERM), open));
    assert!(text.contains("not denied with EPERM: it was permitted everything"), "{text}");
    let text = said(|| assert_denied!(&all(Action::KILL_PROCESS), errno(EPERM), open));
    assert!(text.contains("killed by the filter (SIGSYS)"), "{text}");
    let text = said(|| assert_denied!(&all(Action::ALLOW), errno(ENOSUCHERROR), open));
    assert_eq!(text, "ENOSUCHERROR is no error");
    let text = said(|| assert_permitted!(&[Insn::stmt(op::LD_ABS, 0)], open));
    assert!(
        text.contains("could not be loaded: seccomp(SECCOMP_SET_MODE_FILTER): Invalid argument"),
        "{text}"
    );
}

#[test]
fn a_body_that_waits_is_ended() {
    let outcome = confined_within(Duration::from_millis(50), &all(Action::ALLOW), || {
        std::thread::sleep(Duration::from_secs(60));
    });
    assert_eq!(outcome.unwrap(), Outcome::TimedOut);
}

#[test]
fn nothing_stays_behind() {
    let seccomp = || {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        status.lines().find(|l| l.starts_with("Seccomp_filters:")).map(str::to_owned)
    };
    let before = seccomp();
    assert_denied!(&all(Action::Errno(Errno::EPERM)), errno(EPERM), || File::open("/dev/null"));
    assert_eq!(seccomp(), before);
    assert!(File::open("/dev/null").is_ok());
}
