//! Seeing the calls that filters kill for.
#![cfg(target_arch = "x86_64")]

mod common;

use callgate_abi::{Action, Arch};
use callgate_sys::ptrace::{Kill, trace_kills};
use callgate_sys::{Command, Flags, Outcome};
use common::elf::Image;
use common::{check, filter};

/// A call nobody has.
const NR: u32 = 700;

/// Runs a program that makes the call, in a child of its own if `forks`, under a filter that answers it so.
fn kills(wide: bool, forks: bool, action: Action) -> (Outcome, Vec<Kill>) {
    let mut image = Image::new(wide);
    if forks {
        // Both go on; the first one to call ends only itself.
        image.call(if wide { 57 } else { 2 }, &[]);
    }
    image.call(NR, &[1, 2, 3, 4, 5, 0x8000_0006]);
    image.call(if wide { 60 } else { 1 }, &[9]);
    let program = image.write(&format!("kills-{wide}-{forks}-{}", action.to_ret()));
    let filter = filter(&[(NR.into(), action)], Action::ALLOW);
    let mut kills = Vec::new();
    let command = Command::new(&[program.path()]).unwrap().filter(&filter, Flags::NEW);
    let outcome = trace_kills(command, &mut |kill| kills.push(kill.clone())).unwrap();
    (outcome, kills)
}

fn dies(wide: bool, action: Action) {
    let arch = if wide { Arch::X86_64 } else { Arch::X86 };
    let (outcome, seen) = kills(wide, false, action);
    assert!(outcome.is_sigsys(), "{outcome:?}");
    let [kill] = &seen[..] else { panic!("{seen:?}") };
    let call = kill.call.unwrap();
    assert_eq!((call.arch, call.nr), (arch.token(), NR));
    assert_eq!(call.args, [1, 2, 3, 4, 5, 0x8000_0006]);
    assert_eq!(kill.pid, kill.tid);
    assert!(kill.comm.starts_with("callgate-sys"), "{}", kill.comm);
    let (_, seen) = kills(wide, true, action);
    assert_eq!(seen.len(), 2, "parent and child");
}

#[test]
fn a_killed_call_is_seen_with_its_arguments() {
    for action in [Action::KILL_PROCESS, Action::KILL_THREAD, Action::Trap(3)] {
        check(|| dies(true, action));
    }
}

#[test]
fn one_of_a_32_bit_program_too() {
    for action in [Action::KILL_PROCESS, Action::Trap(3)] {
        check(|| dies(false, action));
    }
}

#[test]
fn what_is_not_killed_is_not_told() {
    check(|| {
        let (outcome, seen) = kills(true, false, Action::Errno(callgate_abi::Errno(1)));
        assert_eq!((outcome, seen), (Outcome::Exited(9), Vec::new()));
    });
}
