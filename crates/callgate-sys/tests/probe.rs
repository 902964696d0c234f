//! What `probe` finds on the kernel that runs the tests, as it is and behind walls built for the purpose.
#![expect(unsafe_code, reason = "changing the user")]

mod common;

use std::time::Instant;

use callgate_abi::{Action, Errno};
use callgate_sys::probe::{Report, State, probe};
use callgate_sys::{Flags, install};
use common::{check, deny, filter};

fn state<'a>(report: &'a Report, name: &str) -> &'a State {
    &report.feature(name).unwrap_or_else(|| panic!("no feature {name}")).state
}

/// Nothing this crate needs unconditionally; the rest depends on the machine.
const BASICS: [&str; 12] = [
    "load.no-new-privs",
    "load.seccomp",
    "load.prctl",
    "flag.tsync",
    "flag.log",
    "action.kill",
    "action.kill-thread",
    "action.trap",
    "action.errno",
    "action.trace",
    "action.log",
    "action.allow",
];

#[test]
fn everything_is_tried_quickly() {
    let started = Instant::now();
    let report = probe().unwrap();
    let took = started.elapsed();
    for feature in &report.features {
        println!("{:26} {:7} {} (for {})", feature.name, feature.since, feature.state, feature.needed_for);
    }
    for fact in &report.facts {
        println!("{:26} {}", fact.name, fact.value);
    }
    println!("{took:?}");
    assert!(took.as_secs() < 20);
    for name in BASICS {
        assert!(state(&report, name).works(), "{name}: {}", state(&report, name));
    }
    let mut names: Vec<_> = report.features.iter().map(|f| f.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), report.features.len());
    assert_eq!(report.fact("process.seccomp"), Some("not filtered"));
    assert!(report.fact("kernel.release").is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit())));
}

#[test]
fn a_recent_kernel_and_root_have_it_all() {
    // SAFETY: takes no pointers.
    let root = unsafe { libc::geteuid() } == 0;
    let report = probe().unwrap();
    if !root || report.fact("process.cap-sys-admin") != Some("yes") || !state(&report, "notify.end").works() {
        println!("skipped: needs root and Linux 6.11 or later");
        return;
    }
    for feature in &report.features {
        let optional = feature.name.starts_with("abi.") || feature.name.starts_with("around.");
        assert!(optional || feature.state.works(), "{}: {}", feature.name, feature.state);
    }
}

#[test]
fn an_unprivileged_process_is_told_what_it_lacks() {
    // SAFETY: takes no pointers.
    if unsafe { libc::geteuid() } != 0 {
        println!("skipped: needs root to become somebody else");
        return;
    }
    check(|| {
        // SAFETY: takes no pointers; this process has one thread.
        assert_eq!(unsafe { libc::setresuid(65534, 65534, 65534) }, 0);
        // Changing the user made this process untraceable.
        // SAFETY: takes no pointers.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1usize, 0usize, 0usize, 0usize) };
        let report = probe().unwrap();
        for name in BASICS {
            assert!(state(&report, name).works(), "{name}: {}", state(&report, name));
        }
        let State::Denied(text) = state(&report, "load.privileged") else { panic!() };
        assert!(text.contains("no_new_privs first, or hold CAP_SYS_ADMIN"), "{text}");
        let State::Denied(text) = state(&report, "ptrace.get-filter") else { panic!() };
        assert!(text.contains("CAP_SYS_ADMIN"), "{text}");
        assert!(matches!(state(&report, "ptrace.suspend-seccomp"), State::Denied(_)));
        assert!(matches!(state(&report, "around.audit-log"), State::Denied(_) | State::Missing(_)));
        assert!(state(&report, "ptrace.child").works());
        assert_eq!(report.fact("process.uid"), Some("65534"));
        assert_eq!(report.fact("process.cap-sys-admin"), Some("no"));
    });
}

#[test]
fn an_outer_filter_is_found_out() {
    // As a container might: no new filters.
    check(|| {
        install(&deny(libc::SYS_seccomp, libc::EPERM), Flags::NEW).unwrap();
        let report = probe().unwrap();
        let State::Denied(text) = state(&report, "load.seccomp") else { panic!() };
        assert!(text.contains("an outer filter or security module forbids"), "{text}");
        // The other way in is open, and says so.
        assert!(state(&report, "load.prctl").works());
        assert!(matches!(state(&report, "action.kill"), State::Denied(_)));
        assert_eq!(report.fact("process.seccomp"), Some("filtered"));
        assert_eq!(report.fact("process.filters"), Some("1"));
        assert_eq!(report.fact("process.no-new-privs"), Some("yes"));
    });
    // Some kill instead of answering; some claim not to know.
    check(|| {
        let rules =
            [(libc::SYS_seccomp, Action::KILL_PROCESS), (libc::SYS_bpf, Action::Errno(Errno::ENOSYS))];
        install(&filter(&rules, Action::ALLOW), Flags::NEW).unwrap();
        let report = probe().unwrap();
        let State::Denied(text) = state(&report, "load.seccomp") else { panic!() };
        assert!(text.contains("killed by signal 31"), "{text}");
        assert!(matches!(state(&report, "around.bpf"), State::Missing(_)));
    });
}

#[test]
fn a_parent_that_ignores_its_children_gets_answers_too() {
    check(|| {
        // SAFETY: this forked child's own disposition.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
        assert!(state(&probe().unwrap(), "action.kill").works());
        // SAFETY: only asks.
        assert_eq!(unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) }, libc::SIG_IGN);
    });
}
