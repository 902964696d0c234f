//! The reporter for a program's own traps, in a program that is trapped.
#![cfg(all(feature = "install", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

/// This test's binary runs itself with this variable set.
const INSIDE: &str = "CALLGATE_TEST_TRAPPED";

#[test]
fn a_trapped_thread_is_told_and_dies() {
    if std::env::var_os(INSIDE).is_some() {
        callgate::report_sigsys().unwrap();
        let policy = callgate::Policy::parse("default allow\nunknown errno(ENOSYS)\ntrap(7) socket").unwrap();
        policy.install().unwrap();
        let _ = std::net::UdpSocket::bind("127.0.0.1:0");
        // The call must not have come back.
        std::process::exit(9);
    }
    let mut inside = Command::new(std::env::current_exe().unwrap());
    inside.args(["--exact", "a_trapped_thread_is_told_and_dies", "--nocapture"]).env(INSIDE, "1");
    let output = inside.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // The test harness runs each test in a thread of its own.
    assert_eq!(output.status.signal(), Some(31), "{said}");
    let number = if cfg!(target_arch = "x86_64") { 41 } else { 198 };
    let line = said.lines().find(|l| l.starts_with("callgate: a filter trapped ")).unwrap_or_default();
    // AF_INET, SOCK_DGRAM | SOCK_CLOEXEC
    assert!(line.contains(&format!("socket(0x2, 0x80002, 0x0): call {number} on ")), "{said}");
    assert!(line.contains(", data 7, at 0x"), "{said}");
    assert_eq!(said.matches("a filter trapped").count(), 1, "{said}");
}
