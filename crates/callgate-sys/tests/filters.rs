//! Reading the filters of running threads, and what `/proc` says about them.
#![expect(unsafe_code, reason = "forks and raw calls")]

mod common;

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use callgate_abi::Action;
use callgate_sys::process::{Mode, task, tasks};
use callgate_sys::ptrace::{self, Attached};
use callgate_sys::{Flags, install, install_strict};
use common::{allow_all, check, deny, filter, wait_for};

/// Whether this process may read filters; says so when not.
fn may_read() -> bool {
    let me = common::status_field("self", "CapEff");
    let admin = u64::from_str_radix(&me, 16).unwrap() & (1 << 21) != 0;
    if !admin || task(std::process::id() as i32).unwrap().mode != Mode::Disabled {
        println!("skipped: needs CAP_SYS_ADMIN and no filter on the test itself");
        return false;
    }
    true
}

/// A forked child that ran `prepare` and then sleeps in `read`; killed when dropped.
struct Sleeper(i32);

impl Sleeper {
    fn start(prepare: impl FnOnce()) -> Sleeper {
        let (mut ready, mut done) = std::io::pipe().unwrap();
        let (mut never, forever) = std::io::pipe().unwrap();
        // SAFETY: the child only does what the test says.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            prepare();
            done.write_all(b"x").unwrap();
            let _ = never.read(&mut [0]);
            // SAFETY: ends this thread, the only way strict mode allows.
            unsafe { libc::syscall(libc::SYS_exit, 0) };
        }
        drop((done, forever.as_raw_fd()));
        assert_eq!(ready.read(&mut [0]).unwrap(), 1);
        // The write end stays open in the child, which therefore sleeps.
        Sleeper(pid)
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        // SAFETY: takes no pointers.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
        wait_for(self.0);
    }
}

fn allowed(_: &[Attached]) -> bool {
    true
}

#[test]
fn a_stack_is_read_in_the_order_it_was_loaded() {
    if !may_read() {
        return;
    }
    let programs = [allow_all(), deny(700, 5), filter(&[(701, Action::KILL_THREAD)], Action::LOG)];
    let there = programs.clone();
    let sleeper = Sleeper::start(move || {
        install(&there[0], Flags::NEW).unwrap();
        install(&there[1], Flags { log: true, ..Flags::NEW }).unwrap();
        install(&there[2], Flags::NEW).unwrap();
    });
    let found = ptrace::filters(sleeper.0, &allowed).unwrap();
    assert_eq!(found.iter().map(|f| &f.program).collect::<Vec<_>>(), programs.iter().collect::<Vec<_>>());
    assert_eq!(found.iter().map(|f| f.logs).collect::<Vec<_>>(), [Some(false), Some(true), Some(false)]);
    let task = task(sleeper.0).unwrap();
    assert_eq!(
        (task.mode, task.filters, task.no_new_privs, task.tracer),
        (Mode::Filter, Some(3), Some(true), 0)
    );
    // And again: reading left it as it was.
    assert_eq!(ptrace::filters(sleeper.0, &allowed).unwrap(), found);
}

#[test]
fn threads_differ() {
    if !may_read() {
        return;
    }
    let sleeper = Sleeper::start(|| {
        let (ready, loaded) = std::sync::mpsc::channel();
        thread::spawn(move || {
            install(&deny(700, 7), Flags::NEW).unwrap();
            ready.send(()).unwrap();
            thread::sleep(Duration::from_secs(1000));
        });
        loaded.recv().unwrap();
    });
    let tasks = tasks(sleeper.0).unwrap();
    assert_eq!(tasks.iter().map(|t| t.mode).collect::<Vec<_>>(), [Mode::Disabled, Mode::Filter]);
    assert!(tasks.iter().all(|t| t.pid == sleeper.0));
    let e = ptrace::filters(tasks[0].tid, &allowed).unwrap_err();
    assert!(e.errno() == Some(libc::EINVAL) && e.to_string().contains("no filters"), "{e}");
    let found = ptrace::filters(tasks[1].tid, &allowed).unwrap();
    assert_eq!(found[0].program, deny(700, 7));
}

#[test]
fn strict_mode_is_told_apart() {
    let sleeper = Sleeper::start(|| {});
    assert_eq!(task(sleeper.0).unwrap().mode, Mode::Disabled);
    let strict = Sleeper::start(|| install_strict().unwrap());
    assert_eq!(task(strict.0).unwrap().mode, Mode::Strict);
}

#[test]
fn what_is_missing_is_said() {
    let none = ptrace::filters(i32::MAX, &allowed).unwrap_err();
    assert_eq!(none.errno(), Some(libc::ESRCH));
    if !may_read() {
        return;
    }
    let sleeper = Sleeper::start(|| assert!(install(&allow_all(), Flags::NEW).unwrap().is_none()));
    let pid = sleeper.0;
    check(|| {
        // A filtered process may not read filters.
        install(&allow_all(), Flags::NEW).unwrap();
        let e = ptrace::filters(pid, &allowed).unwrap_err();
        assert!(e.errno() == Some(libc::EACCES) && e.to_string().contains("not filtered itself"), "{e}");
    });
    check(|| {
        // SAFETY: takes no pointers; this process has one thread.
        assert_eq!(unsafe { libc::setresuid(65534, 65534, 65534) }, 0);
        let e = ptrace::filters(pid, &allowed).unwrap_err();
        assert!(e.errno() == Some(libc::EPERM) && e.to_string().contains("PTRACE_SEIZE"), "{e}");
    });
    // Neither attempt has harmed it.
    assert_eq!(ptrace::filters(pid, &allowed).unwrap().len(), 1);
}

#[test]
fn a_call_that_could_not_be_restarted_starts_over() {
    if !may_read() || !cfg!(target_arch = "x86_64") {
        println!("skipped: needs an x86_64 machine, or the right to read filters");
        return;
    }
    for spare in [true, false] {
        // Sleeping in a call that the kernel would go on with by restart_syscall, which is killed.
        let sleeper = |_: ()| {
            let (mut ready, mut done) = std::io::pipe().unwrap();
            // SAFETY: the child only does what follows.
            let pid = unsafe { libc::fork() };
            if pid == 0 {
                install(
                    &filter(&[(libc::SYS_restart_syscall, Action::KILL_PROCESS)], Action::ALLOW),
                    Flags::NEW,
                )
                .unwrap();
                done.write_all(b"x").unwrap();
                let second = libc::timespec { tv_sec: 0, tv_nsec: 300_000_000 };
                // SAFETY: a valid time.
                unsafe {
                    libc::syscall(libc::SYS_nanosleep, &raw const second, 0usize);
                    libc::syscall(libc::SYS_exit_group, 9);
                }
            }
            drop(done);
            ready.read_exact(&mut [0]).unwrap();
            thread::sleep(Duration::from_millis(50));
            pid
        };
        let pid = sleeper(());
        assert_eq!(ptrace::filters(pid, &|_| !spare).unwrap().len(), 1);
        let status = wait_for(pid);
        if spare {
            assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 9, "{status:#x}");
        } else {
            assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSYS, "{status:#x}");
        }
    }
}
