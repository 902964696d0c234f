//! The traps of notified calls, each sprung on purpose, through the interface programs use.
#![expect(unsafe_code, reason = "raw calls, signals, forks")]

mod common;

use callgate::notify::{self, CallError, Delivery, Listener, Options, Received, Slot};
use callgate::{Errno, InstallError, Policy};
use callgate_sys::scm;
use common::check;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

fn policy(notified: &str) -> Policy {
    Policy::parse(&format!("default allow\nnotify {notified}\n")).unwrap()
}

/// Run `calls` on a thread where `notified` ask first.
fn supervised<T: Send + 'static>(
    notified: &str,
    options: Options,
    calls: impl FnOnce() -> T + Send + 'static,
) -> (Listener, JoinHandle<T>) {
    let policy = policy(notified);
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        sender.send(policy.install_supervised(options).unwrap()).unwrap();
        calls()
    });
    (receiver.recv().unwrap(), thread)
}

/// The result of a raw call with three arguments, a negative error number if it failed.
fn raw(nr: libc::c_long, args: [usize; 3]) -> i64 {
    // SAFETY: the tests pass what the call may have.
    let ret = unsafe { libc::syscall(nr, args[0], args[1], args[2]) };
    if ret < 0 { -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap()) } else { ret }
}

fn getppid() -> i64 {
    raw(libc::SYS_getppid, [0; 3])
}

fn errno(name: &str) -> Errno {
    Errno::from_name(name).unwrap()
}

#[test]
fn a_call_nobody_answers_fails_even_when_the_worker_panics() {
    let (listener, caller) = supervised("getppid", Options::default(), || [getppid(), getppid(), getppid()]);
    drop(listener.receive().unwrap().unwrap());
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let _call = listener.receive().unwrap().unwrap();
            std::panic::resume_unwind(Box::new("a bug"));
        });
        assert!(worker.join().is_err());
    });
    let call = listener.receive().unwrap().unwrap();
    assert_eq!(call.syscall().unwrap().name(), "getppid");
    assert!(call.fail(errno("EXDEV")).unwrap().is_delivered());
    let enosys = -i64::from(libc::ENOSYS);
    assert_eq!(caller.join().unwrap(), [enosys, enosys, -i64::from(libc::EXDEV)]);
    assert!(listener.receive().unwrap().is_none());
    assert!(matches!(listener.receive_within(Duration::from_secs(5)).unwrap(), Received::Ended));
}

#[test]
fn memory_is_the_callers_or_nobodys() {
    let (listener, caller) = supervised("getppid", Options::default(), || {
        let text = b"from the caller\0".to_vec();
        let place = [0u8; 8];
        let ret = raw(libc::SYS_getppid, [text.as_ptr().addr(), place.as_ptr().addr(), 8]);
        (ret, std::hint::black_box(place))
    });
    let call = listener.receive().unwrap().unwrap();
    let [text, place, ..] = call.data().args;
    let memory = call.memory();
    assert_eq!(memory.c_string(text, 100).unwrap().unwrap(), b"from the caller");
    assert_eq!(memory.c_string(text, 14).unwrap(), None);
    assert_eq!(memory.read(text, 4).unwrap(), b"from");
    assert_eq!(memory.array::<3>(text + 5).unwrap(), *b"the");
    assert_eq!(memory.read(8, 4).unwrap_err().errno(), Some(errno("EFAULT")));
    assert_eq!(memory.c_string(8, 4).unwrap_err().errno(), Some(errno("EFAULT")));
    memory.write(place, b"answered").unwrap();
    assert_eq!(memory.write(8, b"x").unwrap_err().errno(), Some(errno("EFAULT")));
    assert!(call.return_value(3).unwrap().is_delivered());
    assert_eq!(caller.join().unwrap(), (3, *b"answered"));
}

#[test]
fn nothing_is_read_for_a_caller_that_died() {
    let sleeper = ["sh", "-c", "echo $PPID"];
    let spawned = notify::spawn(&policy("getppid"), &sleeper, Options::default()).unwrap();
    let call = spawned.listener.receive().unwrap().unwrap();
    let ip = call.data().ip;
    assert!(!call.memory().read(ip, 4).unwrap().is_empty());
    spawned.child.kill();
    assert_eq!(call.memory().read(ip, 4).unwrap_err(), CallError::Gone);
    assert_eq!(call.memory().array::<4>(ip).unwrap_err(), CallError::Gone);
    assert_eq!(call.memory().c_string(ip, 9).unwrap_err(), CallError::Gone);
    assert_eq!(call.memory().write(ip, b"x").unwrap_err(), CallError::Gone);
    assert_eq!(call.duplicate(1).unwrap_err(), CallError::Gone);
    assert_eq!(call.root().unwrap_err(), CallError::Gone);
    assert_eq!(call.current_dir().unwrap_err(), CallError::Gone);
    assert!(!call.is_waiting().unwrap());
    assert_eq!(call.return_value(0).unwrap(), Delivery::Gone);
    assert!(spawned.listener.receive().unwrap().is_none());
}

/// The next process gets the number `pid`, where this process may say so (`ns_last_pid`).
fn reuse(pid: u32) -> bool {
    std::fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).is_ok()
}

#[test]
fn a_reused_pid_is_not_mistaken_for_the_caller() {
    let spawned = notify::spawn(&policy("getppid"), &["sh", "-c", "echo $PPID"], Options::default()).unwrap();
    let call = spawned.listener.receive().unwrap().unwrap();
    let pid = call.tid();
    let ip = call.data().ip;
    spawned.child.kill();
    for _ in 0..200 {
        if !reuse(pid) {
            return println!("skipped: /proc/sys/kernel/ns_last_pid cannot be written");
        }
        // The same program image, so that the same address holds the same kind of bytes.
        let mut other = std::process::Command::new("sh")
            .args(["-c", "read x"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let reused = other.id() == pid;
        if reused {
            // The process is there and its memory may be read; it is just not the caller's.
            let mut any = [0; 4];
            let _ = callgate_sys::memory::read(pid.cast_signed(), ip, &mut any);
            assert_eq!(call.memory().read(ip, 4).unwrap_err(), CallError::Gone);
            assert_eq!(call.duplicate(0).unwrap_err(), CallError::Gone);
            assert_eq!(call.process().unwrap_err(), CallError::Gone);
        }
        drop(other.stdin.take());
        other.wait().unwrap();
        if reused {
            assert_eq!(call.continue_unchecked().unwrap(), Delivery::Gone);
            return;
        }
    }
    panic!("the number was never reused");
}

#[test]
fn a_second_listener_in_one_stack_is_refused() {
    let (listener, caller) = supervised("getppid", Options::default(), || {
        let again = policy("getuid").install_supervised(Options::default()).unwrap_err();
        let InstallError::Kernel(e) = again else { panic!("{again}") };
        e.errno()
    });
    assert_eq!(caller.join().unwrap(), Some(libc::EBUSY));
    assert!(listener.receive().unwrap().is_none());
}

#[test]
fn sendmsg_itself_may_be_notified() {
    // The command sends over a socket; every call of it asks, from its execve on.
    let python = "import socket; a, b = socket.socketpair(); a.sendmsg([b'over']); print(b.recv(9))";
    let everything = Policy::parse("default notify").unwrap();
    let Some(interpreter) = python_path() else { return println!("skipped: no Python") };
    let spawned =
        notify::spawn(&everything, &[interpreter.as_str(), "-c", python], Options::default()).unwrap();
    let sent = AtomicU32::new(0);
    spawned
        .listener
        .serve(4, |call| {
            if call.syscall().is_some_and(|c| c.name() == "sendmsg") {
                sent.fetch_add(1, Ordering::Relaxed);
            }
            let _ = call.continue_unchecked().unwrap();
        })
        .unwrap();
    assert_eq!(spawned.child.wait().unwrap().exit_code(), 0);
    assert_eq!(sent.load(Ordering::Relaxed), 1);
}

fn python_path() -> Option<String> {
    let candidates = ["/usr/bin/python3", "/usr/local/bin/python3"];
    candidates.into_iter().find(|p| std::path::Path::new(p).exists()).map(str::to_owned)
}

#[test]
fn a_listener_whose_sendmsg_is_notified_is_fetched_by_number() {
    // The child may make no call at all that does not ask; its parent finds the number in shared memory.
    let shared = SharedWord::new();
    // SAFETY: the child only filters itself, stores and calls.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let everything = Policy::parse("default notify").unwrap();
        let fd: OwnedFd = everything.install_supervised(Options::default()).unwrap().into();
        shared.get().store(fd.as_raw_fd().cast_unsigned() + 1, Ordering::Release);
        let (ppid, _keep) = (getppid(), fd);
        // SAFETY: ends this process.
        unsafe { libc::_exit(i32::from(ppid != 31)) };
    }
    let number = loop {
        match shared.get().load(Ordering::Acquire) {
            0 => thread::yield_now(),
            n => break n - 1,
        }
    };
    let listener = Listener::fetch(pid.cast_unsigned(), number).unwrap();
    let mut names = Vec::new();
    while let Some(call) = listener.receive().unwrap() {
        let name = call.syscall().unwrap().name();
        names.push(name);
        let done = if name == "getppid" { call.return_value(31) } else { call.continue_unchecked() };
        let _ = done.unwrap();
    }
    assert_eq!(common::wait_for(pid), 0);
    assert_eq!((names.first(), names.last()), (Some(&"getppid"), Some(&"exit_group")));
}

/// A word that a forked child shares.
struct SharedWord(*mut libc::c_void);

impl SharedWord {
    fn new() -> SharedWord {
        let (prot, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a fresh mapping.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), 4096, prot, flags, -1, 0) };
        assert_ne!(at, libc::MAP_FAILED);
        SharedWord(at)
    }

    fn get(&self) -> &AtomicU32 {
        // SAFETY: mapped for as long as the test runs, aligned, zero is a value.
        unsafe { &*self.0.cast() }
    }
}

#[test]
fn a_listener_travels_with_bytes_over_every_kind_of_socket() {
    let (a, b) = UnixStream::pair().unwrap();
    for (near, far) in [scm::seqpacket_pair().unwrap(), (a.into(), b.into())] {
        let (listener, caller) = supervised("getppid", Options::default(), getppid);
        notify::Sender::new(&near).send(&listener, b"hello").unwrap();
        drop(listener);
        let (listener, bytes) = Listener::receive_from(far.as_fd(), 100).unwrap().unwrap();
        assert_eq!(bytes, b"hello");
        listener.set_sync_wake_up(true).unwrap();
        assert!(listener.receive().unwrap().unwrap().return_value(6).unwrap().is_delivered());
        assert_eq!(caller.join().unwrap(), 6);
        scm::send(near.as_fd(), b"no descriptor", &[]).unwrap();
        assert!(Listener::receive_from(far.as_fd(), 100).is_err());
        drop(near);
        assert!(Listener::receive_from(far.as_fd(), 100).unwrap().is_none());
    }
}

#[test]
fn descriptors_are_exchanged_both_ways() {
    let (listener, caller) = supervised("getppid", Options::default(), || {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let number = raw(libc::SYS_getppid, [writer.as_raw_fd() as usize, 0, 0]);
        let refused = raw(libc::SYS_getppid, [0; 3]);
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        // SAFETY: the supervisor made it for us.
        let mut given = unsafe { File::from_raw_fd(number as i32) };
        given.read_to_string(&mut text).unwrap();
        (text, refused)
    });
    let call = listener.receive().unwrap().unwrap();
    let mut copy = File::from(call.duplicate(call.data().args[0] as i32).unwrap());
    copy.write_all(b"into the caller's pipe, ").unwrap();
    drop(copy);
    assert_eq!(call.duplicate(-1).unwrap_err().errno(), Some(errno("EBADF")));
    assert_eq!(call.duplicate(99_999).unwrap_err().errno(), Some(errno("EBADF")));
    assert!(call.process().is_ok() && call.root().is_ok() && call.current_dir().is_ok());
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"from the supervisor").unwrap();
    drop(writer);
    let Delivery::Delivered(_) = call.return_fd(reader.as_fd(), Slot::Lowest, true).unwrap() else {
        panic!("gone")
    };
    // A number beyond every limit: the caller is told, not left alone.
    let call = listener.receive().unwrap().unwrap();
    assert!(call.return_fd(reader.as_fd(), Slot::At(u32::MAX), true).is_err());
    let (text, refused) = caller.join().unwrap();
    assert_eq!(text, "into the caller's pipe, from the supervisor");
    assert_eq!(refused, -i64::from(libc::EBADF));
}

extern "C" fn ignore(_: i32) {}

fn handle_usr1() {
    // SAFETY: the handler does nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = ignore as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()), 0);
    }
}

#[test]
fn a_storm_of_signals_at_the_caller_starves_nobody() {
    check(|| {
        handle_usr1();
        let (listener, caller) =
            supervised("getppid", Options::default(), || (0..500).map(|_| getppid()).sum::<i64>());
        let tid = AtomicU32::new(0);
        let over = AtomicU32::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                while over.load(Ordering::Relaxed) == 0 {
                    let tid = tid.load(Ordering::Relaxed);
                    // SAFETY: takes no pointers.
                    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, libc::SIGUSR1) };
                    thread::yield_now();
                }
            });
            let mut answered = 0;
            while let Some(call) = listener.receive().unwrap() {
                tid.store(call.tid(), Ordering::Relaxed);
                // Time for signals to come: a received call is shielded from them.
                thread::yield_now();
                answered += i64::from(call.return_value(2).unwrap().is_delivered());
            }
            over.store(1, Ordering::Relaxed);
            assert_eq!(answered, 500);
        });
        assert_eq!(caller.join().unwrap(), 1000);
    });
}

#[test]
fn many_workers_share_one_listener_and_all_go_home() {
    const CALLERS: usize = 8;
    let (listener, first) = supervised("getppid", Options::default(), || {
        let callers: Vec<_> =
            (0..CALLERS).map(|_| thread::spawn(|| (0..50).map(|_| getppid()).sum::<i64>())).collect();
        callers.into_iter().map(|c| c.join().unwrap()).sum::<i64>()
    });
    listener
        .serve(4, |call| {
            // Slow enough for the others to be needed.
            thread::sleep(Duration::from_micros(200));
            assert!(call.return_value(1).unwrap().is_delivered());
        })
        .unwrap();
    assert_eq!(first.join().unwrap(), 50 * CALLERS as i64);
}

#[test]
fn a_listener_of_all_threads_and_a_listener_as_descriptor_0() {
    check(|| {
        // SAFETY: this forked child's standard input is its own.
        unsafe { libc::close(0) };
        let (go, wait) = mpsc::channel::<()>();
        let other = thread::spawn(move || {
            wait.recv().unwrap();
            getppid()
        });
        let options = Options { all_threads: true, ..Options::default() };
        let listener = policy("getppid").install_supervised(options).unwrap();
        assert_eq!(listener.as_fd().as_raw_fd(), 0);
        go.send(()).unwrap();
        assert!(listener.receive().unwrap().unwrap().return_value(9).unwrap().is_delivered());
        assert_eq!(other.join().unwrap(), 9);
    });
}

#[test]
fn a_listener_may_be_inherited() {
    let (listener, caller) = supervised("getppid", Options::default(), getppid);
    let number = OwnedFd::from(listener);
    let listener = Listener::inherited(number.as_raw_fd()).unwrap();
    drop(number);
    assert!(listener.receive().unwrap().unwrap().return_value(12).unwrap().is_delivered());
    assert_eq!(caller.join().unwrap(), 12);
    assert!(Listener::inherited(12_345).is_err());
    let file = Listener::new(File::open("/dev/null").unwrap().into()).unwrap();
    assert!(file.receive().is_err() && file.serve(2, |call| drop(call)).is_err());
}
