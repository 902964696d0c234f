//! The notification descriptor, for real. A thread filters itself and calls; the test answers.
#![expect(unsafe_code, reason = "raw calls, signals, forks")]

mod common;

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use callgate_abi::{Action, Errno};
use callgate_sys::{Command, Delivery, Flags, Listener, Readiness, Slot, install, listener, pidfd, scm};
use common::{check, filter};

const LISTEN: Flags = Flags { new_listener: true, ..Flags::NEW };

/// Run `calls` on a thread where `nr` is notified; its listener, and what it returned.
fn notified<T: Send + 'static>(
    nr: libc::c_long,
    flags: Flags,
    calls: impl FnOnce() -> T + Send + 'static,
) -> (Listener, JoinHandle<T>) {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        let program = filter(&[(nr, Action::Notify(0))], Action::ALLOW);
        sender.send(install(&program, flags).unwrap().unwrap()).unwrap();
        calls()
    });
    (Listener::new(receiver.recv().unwrap()).unwrap(), thread)
}

fn getppid() -> (i64, i32) {
    // SAFETY: takes no pointers.
    let ret = unsafe { libc::syscall(libc::SYS_getppid, 11, 22, 33) };
    (ret, if ret < 0 { std::io::Error::last_os_error().raw_os_error().unwrap() } else { 0 })
}

#[test]
fn values_errors_and_continuations_reach_the_caller_and_the_end_is_told() {
    let (listener, caller) = notified(libc::SYS_getppid, LISTEN, || [getppid(), getppid(), getppid()]);
    listener.set_sync_wake_up(true).unwrap();
    let first = listener.recv().unwrap().unwrap();
    assert_eq!(i64::from(first.data.nr), libc::SYS_getppid);
    assert_eq!(first.data.args[..3], [11, 22, 33]);
    assert_eq!(Some(first.data.arch), callgate_abi::Arch::NATIVE.map(callgate_abi::Arch::token));
    assert!(first.data.ip != 0 && first.tid > 0);
    assert!(listener.is_valid(first.id).unwrap());
    assert!(listener.respond_value(first.id, 4242).unwrap().is_delivered());
    assert!(!listener.is_valid(first.id).unwrap());
    // Answered twice: the call is gone by then, or at least no longer waiting.
    assert!(!matches!(listener.respond_value(first.id, 1), Ok(Delivery::Delivered(()))));

    let second = listener.recv().unwrap().unwrap();
    assert!(listener.respond_errno(second.id, Errno(0)).is_err());
    assert!(listener.respond_errno(second.id, Errno(libc::EXDEV as u16)).unwrap().is_delivered());
    listener.set_sync_wake_up(false).unwrap();
    let third = listener.recv().unwrap().unwrap();
    assert!(listener.respond_continue(third.id).unwrap().is_delivered());
    assert!(listener.recv().unwrap().is_none());
    assert_eq!(listener.wait(None).unwrap(), Readiness::Ended);
    // SAFETY: takes no pointers.
    let parent = i64::from(unsafe { libc::getppid() });
    assert_eq!(caller.join().unwrap(), [(4242, 0), (-1, libc::EXDEV), (parent, 0)]);
}

#[test]
fn waiting_has_an_end() {
    let (release, held) = mpsc::channel::<()>();
    let (listener, caller) = notified(libc::SYS_getppid, LISTEN, move || {
        held.recv().unwrap();
        getppid()
    });
    assert_eq!(listener.wait(Some(Duration::ZERO)).unwrap(), Readiness::TimedOut);
    assert_eq!(listener.wait(Some(Duration::from_millis(5))).unwrap(), Readiness::TimedOut);
    release.send(()).unwrap();
    assert_eq!(listener.wait(None).unwrap(), Readiness::Ready);
    let call = listener.recv().unwrap().unwrap();
    assert!(listener.respond_value(call.id, 1).unwrap().is_delivered());
    assert_eq!(caller.join().unwrap(), (1, 0));
}

#[test]
fn what_is_no_listener_is_an_error_not_an_end() {
    let file = Listener::new(File::open("/dev/null").unwrap().into()).unwrap();
    let e = file.recv().unwrap_err();
    assert_eq!(e.errno(), Some(libc::ENOTTY));
    assert!(e.to_string().contains("NOTIF_RECV"));
}

#[test]
fn descriptors_are_passed_with_and_without_the_answer() {
    let (listener, caller) = notified(libc::SYS_getppid, LISTEN, || [getppid().0, getppid().0, getppid().0]);
    let mut file = memory_file("from the supervisor");
    let call = listener.recv().unwrap().unwrap();
    let Delivery::Delivered(number) = listener.add_fd(call.id, file.as_fd(), Slot::Lowest, true).unwrap()
    else {
        panic!("gone");
    };
    // The caller is a thread of this process, so the new descriptor is here too.
    assert_eq!(cloexec(number), libc::FD_CLOEXEC);
    assert!(listener.respond_value(call.id, -7).unwrap().is_delivered());

    let call = listener.recv().unwrap().unwrap();
    assert_eq!(
        listener.respond_fd(call.id, file.as_fd(), Slot::At(number), false).unwrap(),
        Delivery::Delivered(number)
    );
    assert_eq!(cloexec(number), 0);

    let call = listener.recv().unwrap().unwrap();
    assert!(listener.respond_fd(call.id, file.as_fd(), Slot::At(u32::MAX), false).is_err());
    let Delivery::Delivered(third) = listener.respond_fd(call.id, file.as_fd(), Slot::Lowest, true).unwrap()
    else {
        panic!("gone");
    };
    assert_eq!(
        listener.add_fd(call.id, file.as_fd(), Slot::Lowest, true).ok().map(|d| d.is_delivered()),
        Some(false)
    );
    // A raw -7 in a register is a failure to the C library.
    assert_eq!(caller.join().unwrap(), [-1, i64::from(number), i64::from(third)]);
    assert_eq!(read_back(number, &mut file), "from the supervisor");
    for number in [number, third] {
        // SAFETY: made above, owned by nobody.
        unsafe { libc::close(number as i32) };
    }
}

fn memory_file(text: &str) -> File {
    // SAFETY: a valid name; a new descriptor.
    let mut file = unsafe {
        use std::os::fd::FromRawFd;
        File::from_raw_fd(libc::memfd_create(c"test".as_ptr(), libc::MFD_CLOEXEC))
    };
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn cloexec(number: u32) -> i32 {
    // SAFETY: takes no pointers.
    unsafe { libc::fcntl(number as i32, libc::F_GETFD) }
}

/// The text behind descriptor `number`, which shares its offset with `file`.
fn read_back(number: u32, file: &mut File) -> String {
    file.rewind().unwrap();
    // SAFETY: open for as long as this test runs.
    let mut copy = File::from(unsafe { BorrowedFd::borrow_raw(number as i32) }.try_clone_to_owned().unwrap());
    let mut text = String::new();
    copy.read_to_string(&mut text).unwrap();
    text
}

extern "C" fn ignore(_: i32) {}

/// Let `SIGUSR1` interrupt (or restart) calls.
fn handle_usr1(flags: i32) {
    // SAFETY: the handler does nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = ignore as *const () as usize;
        action.sa_flags = flags;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()), 0);
    }
}

/// Signal one thread of this process.
fn interrupt(tid: u32) {
    // SAFETY: takes no pointers.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, libc::SIGUSR1) };
}

#[test]
fn an_interrupted_call_comes_again_under_another_id() {
    check(|| {
        handle_usr1(libc::SA_RESTART);
        let (listener, caller) = notified(libc::SYS_getppid, LISTEN, getppid);
        let first = listener.recv().unwrap().unwrap();
        interrupt(first.tid);
        let again = listener.recv().unwrap().unwrap();
        assert_ne!(again.id, first.id);
        assert_eq!(listener.respond_value(first.id, 1).unwrap(), Delivery::Gone);
        assert_eq!(listener.add_fd(first.id, listener.as_fd(), Slot::Lowest, true).unwrap(), Delivery::Gone);
        assert!(listener.respond_value(again.id, 2).unwrap().is_delivered());
        assert_eq!(caller.join().unwrap(), (2, 0));
    });
}

#[test]
fn a_received_call_may_be_shielded_from_signals() {
    check(|| {
        handle_usr1(0);
        let flags = Flags { wait_killable_recv: true, ..LISTEN };
        let (listener, caller) = notified(libc::SYS_getppid, flags, getppid);
        let call = listener.recv().unwrap().unwrap();
        for _ in 0..100 {
            interrupt(call.tid);
        }
        assert!(listener.is_valid(call.id).unwrap());
        assert!(listener.respond_value(call.id, 5).unwrap().is_delivered());
        assert_eq!(caller.join().unwrap(), (5, 0));
    });
}

#[test]
fn a_supervisor_under_a_storm_of_signals_misses_nothing() {
    check(|| {
        handle_usr1(0);
        // SAFETY: takes no pointers.
        let me = unsafe { libc::gettid() } as u32;
        let (listener, caller) = notified(libc::SYS_getppid, LISTEN, || (0..2000).map(|_| getppid().0).sum());
        let (stop, stopped) = mpsc::channel::<()>();
        let storm = thread::spawn(move || {
            while stopped.try_recv().is_err() {
                interrupt(me);
                thread::yield_now();
            }
        });
        let mut calls = 0;
        while let Some(call) = listener.recv().unwrap() {
            calls += 1;
            assert!(listener.respond_value(call.id, 3).unwrap().is_delivered());
        }
        stop.send(()).unwrap();
        storm.join().unwrap();
        let sum: i64 = caller.join().unwrap();
        assert_eq!((calls, sum), (2000, 6000));
    });
}

#[test]
fn a_caller_that_dies_leaves_nothing_behind() {
    let program = filter(&[(libc::SYS_getppid, Action::Notify(0))], Action::ALLOW);
    let mut child =
        Command::new(&["sh", "-c", "echo $PPID"]).unwrap().filter(&program, LISTEN).spawn().unwrap();
    let listener = child.listener().unwrap().unwrap();
    let call = listener.recv().unwrap().unwrap();
    assert_eq!(call.tid, child.pid() as u32);
    // SAFETY: takes no pointers.
    unsafe { libc::kill(child.pid(), libc::SIGKILL) };
    assert!(listener.recv().unwrap().is_none());
    assert_eq!(listener.respond_value(call.id, 1).unwrap(), Delivery::Gone);
    assert!(!listener.is_valid(call.id).unwrap());
    assert!(!child.wait().unwrap().is_sigsys());
}

#[test]
fn every_call_of_a_command_may_be_notified_from_execve_on() {
    // Not even the hand-over of the listener needs a call that the filter would stop.
    let program = filter(&[], Action::Notify(0));
    let mut child = Command::new(&["true"]).unwrap().filter(&program, LISTEN).spawn().unwrap();
    let listener = child.listener().unwrap().unwrap();
    let mut numbers = Vec::new();
    while let Some(call) = listener.recv().unwrap() {
        numbers.push(libc::c_long::from(call.data.nr.cast_signed()));
        let _ = listener.respond_continue(call.id).unwrap();
    }
    assert_eq!(child.wait().unwrap().exit_code(), 0);
    assert_eq!(numbers.first(), Some(&libc::SYS_execve));
    assert_eq!(numbers.last(), Some(&libc::SYS_exit_group));
}

#[test]
fn a_supervisor_that_leaves_fails_the_calls() {
    let (listener, caller) = notified(libc::SYS_getppid, LISTEN, || [getppid(), getppid()]);
    let _ = listener.recv().unwrap().unwrap();
    drop(listener);
    assert_eq!(caller.join().unwrap(), [(-1, libc::ENOSYS); 2]);
}

#[test]
fn a_listener_and_all_threads_at_once() {
    check(|| {
        let (go, wait) = mpsc::channel::<()>();
        let other = thread::spawn(move || {
            wait.recv().unwrap();
            getppid()
        });
        let program = filter(&[(libc::SYS_getppid, Action::Notify(0))], Action::ALLOW);
        let flags = Flags { tsync: true, tsync_esrch: true, ..LISTEN };
        let listener = Listener::new(install(&program, flags).unwrap().unwrap()).unwrap();
        go.send(()).unwrap();
        let call = listener.recv().unwrap().unwrap();
        assert!(listener.respond_value(call.id, 9).unwrap().is_delivered());
        assert_eq!(other.join().unwrap(), (9, 0));
    });
}

#[test]
fn a_listener_may_be_descriptor_0() {
    check(|| {
        // SAFETY: this forked child's standard input is its own.
        unsafe { libc::close(0) };
        let program = filter(&[(libc::SYS_getppid, Action::Notify(0))], Action::ALLOW);
        let fd = install(&program, LISTEN).unwrap().unwrap();
        assert_eq!(fd.as_raw_fd(), 0);
        let listener = Listener::new(fd).unwrap();
        let caller = thread::spawn(getppid);
        let call = listener.recv().unwrap().unwrap();
        assert!(listener.respond_value(call.id, 8).unwrap().is_delivered());
        assert_eq!(caller.join().unwrap(), (8, 0));
    });
    check(|| {
        // SAFETY: as above.
        unsafe { libc::close(0) };
        let program = filter(&[(libc::SYS_getppid, Action::Notify(0))], Action::ALLOW);
        let script = "[ $PPID = 77 ]";
        let mut child =
            Command::new(&["sh", "-c", script]).unwrap().filter(&program, LISTEN).spawn().unwrap();
        let listener = child.listener().unwrap().unwrap();
        assert_eq!(listener.as_fd().as_raw_fd(), 0);
        let call = listener.recv().unwrap().unwrap();
        assert!(listener.respond_value(call.id, 77).unwrap().is_delivered());
        assert!(listener.recv().unwrap().is_none());
        assert_eq!(child.wait().unwrap().exit_code(), 0);
    });
}

#[test]
fn a_listener_crosses_sockets() {
    let dir = std::env::temp_dir().join(format!("callgate-sys-{}", std::process::id()));
    let server = scm::seqpacket_listen(&dir).unwrap();
    let connected = scm::seqpacket_connect(&dir).unwrap();
    let accepted = scm::accept(server.as_fd()).unwrap();
    std::fs::remove_file(&dir).unwrap();
    assert_eq!(scm::peer(accepted.as_fd()).unwrap().0, std::process::id() as i32);
    let (a, b) = std::os::unix::net::UnixStream::pair().unwrap();
    for (near, far) in [(connected, accepted), scm::seqpacket_pair().unwrap(), (a.into(), b.into())] {
        let (listener, caller) = notified(libc::SYS_getppid, LISTEN, getppid);
        let sent = scm::send(near.as_fd(), b"{\"fds\":[]}", &[listener.as_fd(), near.as_fd()]).unwrap();
        drop(listener);
        let mut buffer = [0; 64];
        let (received, mut fds) = scm::recv(far.as_fd(), &mut buffer).unwrap();
        assert_eq!((sent, &buffer[..received], fds.len()), (10, &b"{\"fds\":[]}"[..], 2));
        assert_eq!(cloexec(fds[0].as_raw_fd() as u32), libc::FD_CLOEXEC);
        let listener = Listener::new(fds.swap_remove(0)).unwrap();
        let call = listener.recv().unwrap().unwrap();
        assert!(listener.respond_value(call.id, 6).unwrap().is_delivered());
        assert_eq!(caller.join().unwrap(), (6, 0));
        drop((near, fds));
        assert_eq!(scm::recv(far.as_fd(), &mut buffer).unwrap().0, 0);
    }
}

#[test]
fn a_socket_says_what_it_could_not_take() {
    let (near, far) = scm::seqpacket_pair().unwrap();
    assert!(scm::send(near.as_fd(), b"", &[]).is_err());
    let many: Vec<BorrowedFd<'_>> = (0..254).map(|_| near.as_fd()).collect();
    assert!(scm::send(near.as_fd(), b"x", &many).unwrap_err().to_string().contains("253"));
    assert_eq!(scm::send(near.as_fd(), b"x", &many[..253]).unwrap(), 1);
    assert_eq!(scm::recv(far.as_fd(), &mut [0; 4]).unwrap().1.len(), 253);
    scm::send(near.as_fd(), b"too long", &[]).unwrap();
    assert_eq!(scm::recv(far.as_fd(), &mut [0; 4]).unwrap_err().errno(), Some(libc::EMSGSIZE));
    check(|| {
        // In a process of its own: another test's fork could hold a copy of the closed end.
        let (near, far) = scm::seqpacket_pair().unwrap();
        drop(far);
        assert_eq!(scm::send(near.as_fd(), b"x", &[]).unwrap_err().errno(), Some(libc::EPIPE));
    });
    assert!(scm::seqpacket_connect(&std::path::PathBuf::from("x".repeat(108))).is_err());
}

#[test]
fn a_listener_is_fetched_by_its_number() {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    // SAFETY: the child only filters itself, tells the number and calls.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let program = filter(&[(libc::SYS_getppid, Action::Notify(0))], Action::ALLOW);
        let fd: OwnedFd = install(&program, LISTEN).unwrap().unwrap();
        writer.write_all(&[fd.as_raw_fd() as u8]).unwrap();
        std::process::exit(i32::from(getppid() != (31, 0)));
    }
    let mut number = [0];
    reader.read_exact(&mut number).unwrap();
    let process = pidfd::open(pid).unwrap();
    let listener = listener::fetch(process.as_fd(), u32::from(number[0])).unwrap();
    let call = listener.recv().unwrap().unwrap();
    assert!(listener.respond_value(call.id, 31).unwrap().is_delivered());
    assert!(listener.recv().unwrap().is_none());
    assert_eq!(common::wait_for(pid), 0);
    assert_eq!(pidfd::send_signal(process.as_fd(), 0).unwrap_err().errno(), Some(libc::ESRCH));
    assert!(pidfd::get_fd(process.as_fd(), 0).is_err());
}

#[test]
fn memory_is_read_and_written() {
    let mut there = *b"here and there";
    let me = std::process::id() as i32;
    let address = there.as_mut_ptr().addr() as u64;
    let mut copy = [0; 4];
    callgate_sys::memory::read_exact(me, address, &mut copy).unwrap();
    assert_eq!(&copy, b"here");
    assert_eq!(callgate_sys::memory::write(me, address, b"gone").unwrap(), 4);
    assert_eq!(&std::hint::black_box(there), b"gone and there");
    assert_eq!(callgate_sys::memory::read(me, 8, &mut copy).unwrap_err().errno(), Some(libc::EFAULT));
}
