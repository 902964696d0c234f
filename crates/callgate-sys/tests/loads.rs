//! Catching filters as they are loaded.

mod common;

use std::ops::ControlFlow;
use std::path::Path;

use callgate_abi::{Action, Arch, Insn};
use callgate_sys::process::executable;
use callgate_sys::ptrace::{Load, LoadResult, Loaded, trace_loads};
use callgate_sys::{Command, Failure, Flags, Outcome};
use common::elf::Image;
use common::{allow_all, check, deny, filter};

/// The numbers a program of each width needs.
struct Numbers {
    seccomp: u32,
    prctl: u32,
    fork: u32,
    exit: u32,
}

const WIDE: Numbers = Numbers { seccomp: 317, prctl: 157, fork: 57, exit: 60 };
const NARROW: Numbers = Numbers { seccomp: 354, prctl: 172, fork: 2, exit: 1 };

/// Run a command that traces nothing itself.
fn watch(
    command: Command<'_>,
    on_load: &mut dyn FnMut(&Load) -> ControlFlow<()>,
) -> Result<Outcome, Failure> {
    trace_loads(command, on_load, &mut |gone| panic!("{gone:?}"))
}

/// Run `program` and collect its loads.
fn loads_of(program: &Path) -> (Result<Outcome, Failure>, Vec<Load>) {
    let mut loads = Vec::new();
    let outcome = watch(Command::new(&[program]).unwrap(), &mut |load| {
        loads.push(load.clone());
        ControlFlow::Continue(())
    });
    (outcome, loads)
}

fn filter_of(load: &Load) -> (&[Insn], u32) {
    match &load.what {
        Loaded::Filter { program, flags } => (program.as_ref().unwrap(), *flags),
        Loaded::Strict => panic!("strict mode"),
    }
}

fn every_way_of_loading(wide: bool) {
    let n = if wide { WIDE } else { NARROW };
    let (first, second, third) =
        (allow_all(), deny(700, 1), filter(&[(700, Action::Notify(0))], Action::ALLOW));
    let mut image = Image::new(wide);
    let [a, b, c] = [&first, &second, &third].map(|p| image.fprog(p));
    image.call(n.prctl, &[38, 1, 0, 0, 0]);
    image.call(n.seccomp, &[1, 2, a]);
    image.call(n.prctl, &[22, 2, b, 0, 0]);
    image.call(n.seccomp, &[1, 8, c]);
    // Things that load nothing: a bad flag, questions, a bad pointer.
    image.call(n.seccomp, &[1, 0x8000, a]);
    image.call(n.seccomp, &[2, 0, a]);
    image.call(n.prctl, &[21, 0, 0, 0, 0]);
    image.call(n.seccomp, &[1, 0, 8]);
    image.call(n.fork, &[]);
    image.call(n.seccomp, &[1, 0, a]);
    image.call(n.exit, &[5]);
    let file = image.write(if wide { "wide" } else { "narrow" });
    let (outcome, loads) = loads_of(file.path());
    assert_eq!(outcome, Ok(Outcome::Exited(5)));
    let arch = if wide { Arch::X86_64 } else { Arch::X86 };
    assert!(loads.iter().all(|l| l.arch == arch && l.pid == l.tid && l.comm.starts_with("callgate-sys-")));
    let calls: Vec<&str> = loads.iter().map(|l| l.call.name()).collect();
    assert_eq!(calls, ["seccomp", "prctl", "seccomp", "seccomp", "seccomp", "seccomp", "seccomp"]);
    assert_eq!((filter_of(&loads[0]), loads[0].result), ((&first[..], 2), LoadResult::InForce));
    assert_eq!((filter_of(&loads[1]), loads[1].result), ((&second[..], 0), LoadResult::InForce));
    assert_eq!(filter_of(&loads[2]), (&third[..], 8));
    assert!(matches!(loads[2].result, LoadResult::Listener(fd) if fd >= 3 || fd >= 0));
    assert!(loads[2].result.is_in_force());
    assert_eq!(loads[3].result, LoadResult::Failed(libc::EINVAL));
    assert_eq!(loads[4].result, LoadResult::Failed(libc::EFAULT));
    let Loaded::Filter { program: Err(e), .. } = &loads[4].what else { panic!("{:?}", loads[4]) };
    assert_eq!(e.errno(), Some(libc::EFAULT));
    assert_ne!(loads[5].pid, loads[6].pid);
    assert!(loads[5..].iter().all(|l| filter_of(l).0 == first && l.result == LoadResult::InForce));
}

#[test]
fn every_load_of_a_program_and_its_child_is_seen() {
    if cfg!(target_arch = "x86_64") {
        check(|| every_way_of_loading(true));
    } else {
        println!("skipped: the test program is for x86_64");
    }
}

#[test]
fn a_32_bit_program_is_read_with_its_own_layout() {
    if cfg!(target_arch = "x86_64") {
        check(|| every_way_of_loading(false));
    } else {
        println!("skipped: the test program is for i386");
    }
}

#[test]
fn strict_mode_is_reported_as_such() {
    if !cfg!(target_arch = "x86_64") {
        println!("skipped: the test program is for x86_64");
        return;
    }
    check(|| {
        for (n, wide) in [(WIDE, true), (NARROW, false)] {
            for by_prctl in [true, false] {
                let mut image = Image::new(wide);
                if by_prctl {
                    image.call(n.prctl, &[22, 1, 0, 0, 0]);
                } else {
                    image.call(n.seccomp, &[0, 0, 0]);
                }
                image.call(n.exit, &[3]);
                let (outcome, loads) = loads_of(image.write("strict").path());
                assert_eq!(outcome, Ok(Outcome::Exited(3)));
                assert_eq!(loads.len(), 1);
                assert_eq!((&loads[0].what, loads[0].result), (&Loaded::Strict, LoadResult::InForce));
            }
        }
    });
}

#[test]
fn what_the_command_does_is_passed_on() {
    check(|| {
        let run = |argv: &[&str]| watch(Command::new(argv).unwrap(), &mut |_| ControlFlow::Continue(()));
        assert_eq!(run(&["true"]), Ok(Outcome::Exited(0)));
        assert_eq!(run(&["sh", "-c", "true | true; (exit 3)"]), Ok(Outcome::Exited(3)));
        assert_eq!(run(&["sh", "-c", "kill -TERM $$"]).unwrap().exit_code(), 128 + 15);
        // Left-over children are followed to their end.
        assert_eq!(run(&["sh", "-c", "sleep 0.2 & exit 4"]), Ok(Outcome::Exited(4)));
        let missing = run(&["/nonexistent/x"]).unwrap_err();
        assert_eq!(missing.exit_code(), 127);
        // Filters given to the command itself are not the command's.
        let allow = allow_all();
        let command = Command::new(&["true"]).unwrap().filter(&allow, Flags::NEW);
        let mut seen = 0;
        let mut count = |_: &Load| {
            seen += 1;
            ControlFlow::Continue(())
        };
        assert_eq!(watch(command, &mut count), Ok(Outcome::Exited(0)));
        assert_eq!(seen, 0);
    });
}

#[test]
fn threads_that_load_and_execute_are_followed() {
    const PYTHON: &str = "
import ctypes, os, struct, threading
libc = ctypes.CDLL(None, use_errno=True)
code = ctypes.create_string_buffer(struct.pack('<HBBI', 6, 0, 0, 0x7fff0000))
class fprog(ctypes.Structure):
    _fields_ = [('len', ctypes.c_ushort), ('filter', ctypes.c_void_p)]
prog = fprog(1, ctypes.addressof(code))
libc.prctl(38, 1, 0, 0, 0)
def load(flags): libc.syscall(NR, 1, flags, ctypes.byref(prog))
def other():
    load(0); ready.set(); go.wait()
ready, go = threading.Event(), threading.Event()
t = threading.Thread(target=other); t.start(); ready.wait()
load(1)
go.set(); t.join()
load(2)
threading.Thread(target=lambda: os.execvp('true', ['true'])).start()
while True: threading.Event().wait(1)
";
    let found = Command::new(&["python3"]);
    if found.is_err() {
        println!("skipped: there is no python3");
        return;
    }
    check(|| {
        let script = PYTHON.replace("NR", &libc::SYS_seccomp.to_string());
        let mut loads = Vec::new();
        let command = Command::new(&["python3", "-ISc", &script]).unwrap();
        let outcome = watch(command, &mut |load| {
            assert!(executable(load.pid).is_some_and(|exe| exe.to_string_lossy().contains("python")));
            loads.push(load.clone());
            ControlFlow::Continue(())
        });
        assert_eq!(outcome, Ok(Outcome::Exited(0)));
        assert_eq!(loads.len(), 3, "{loads:?}");
        assert_ne!(loads[0].tid, loads[0].pid);
        assert_eq!(loads[0].result, LoadResult::InForce);
        assert_eq!(loads[1].result, LoadResult::NotSynced(loads[0].tid));
        assert!(!loads[1].result.is_in_force());
        assert_eq!(loads[2].result, LoadResult::InForce);
    });
}

#[test]
fn a_callback_may_have_seen_enough() {
    if !cfg!(target_arch = "x86_64") {
        println!("skipped: the test program is for x86_64");
        return;
    }
    check(|| {
        let mut image = Image::new(true);
        let program = image.fprog(&allow_all());
        image.call(WIDE.prctl, &[38, 1, 0, 0, 0]);
        for _ in 0..5 {
            image.call(WIDE.seccomp, &[1, 0, program]);
        }
        image.call(WIDE.exit, &[6]);
        let file = image.write("enough");
        let mut seen = 0;
        let outcome = watch(Command::new(&[file.path()]).unwrap(), &mut |_| {
            seen += 1;
            if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((outcome, seen), (Ok(Outcome::Exited(6)), 2));
    });
}
