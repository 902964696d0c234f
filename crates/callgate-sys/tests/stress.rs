//! 64 threads that call, fork, execute, exit and are killed, under signals every millisecond: no call hangs, none gets
//! another's answer, and no descriptor is left on either side.
//!
//! `CALLGATE_STRESS_SECONDS=60` goes on for a minute.
#![expect(unsafe_code, reason = "raw calls, signals, forks")]

mod common;

use callgate::notify::{Call, Listener, Options, Slot};
use callgate::{Errno, Policy};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const THREADS: usize = 64;

fn time() -> Duration {
    let seconds = std::env::var("CALLGATE_STRESS_SECONDS").ok().and_then(|n| n.parse().ok());
    seconds.map_or(Duration::from_millis(1500), Duration::from_secs)
}

/// A generator whose quality does not matter.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

fn raw(nr: libc::c_long, args: [u64; 2]) -> i64 {
    // SAFETY: the calls made here take numbers.
    let ret = unsafe { libc::syscall(nr, args[0], args[1]) };
    if ret < 0 { -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) } else { ret }
}

/// The answer to one task's one call: no other's is the same.
fn expected(token: u64, tid: u64) -> i64 {
    (token.wrapping_mul(0x9e37_79b9) ^ tid.wrapping_mul(0x85eb_ca6b)) as i64 & 0x7fff_ffff
}

fn tid() -> u64 {
    raw(libc::SYS_gettid, [0; 2]) as u64
}

/// A call whose answer says whose it is.
fn asks(random: &mut Random) -> bool {
    let token = random.next();
    raw(libc::SYS_getppid, [token, 0]) == expected(token, tid())
}

/// A call that returns a descriptor, on which the supervisor has written whose it is.
fn takes_a_descriptor(random: &mut Random) -> bool {
    let token = random.next();
    let fd = raw(libc::SYS_getpgid, [token, 0]);
    if fd < 0 {
        return false;
    }
    // SAFETY: the supervisor made it for this call.
    let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    let mut bytes = [0u8; 8];
    // SAFETY: room for the bytes.
    let read = unsafe { libc::pread(fd.as_raw_fd(), bytes.as_mut_ptr().cast(), 8, 0) };
    read == 8 && i64::from_ne_bytes(bytes) == expected(token, tid())
}

/// A child that calls and exits, executes, or is killed at some moment.
fn has_a_child(random: &mut Random, true_path: &std::ffi::CStr) -> bool {
    let way = random.below(3);
    let mut childs_own = Random(random.next() | 1);
    // SAFETY: the child makes system calls only.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let mut fine = true;
        for _ in 0..1 + childs_own.below(4) {
            fine &= asks(&mut childs_own);
        }
        if way == 2 {
            // Until it is killed; a wrong answer ends it, and is told.
            while asks(&mut childs_own) {}
            fine = false;
        }
        // SAFETY: ends this process, by an execution if that works.
        unsafe {
            if way == 1 && fine {
                let argv = [true_path.as_ptr(), std::ptr::null()];
                libc::execv(true_path.as_ptr(), argv.as_ptr());
            }
            libc::_exit(i32::from(!fine))
        }
    }
    if way == 2 {
        thread::sleep(Duration::from_micros(random.below(2000)));
        // SAFETY: takes no pointers.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
    let mut status = 0;
    loop {
        // SAFETY: a valid place for the status.
        let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        if waited == pid {
            break;
        }
        if std::io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
            return false;
        }
    }
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
        || way == 2 && libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL
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

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// A word that a forked child shares.
struct Shared(*mut libc::c_void);

impl Shared {
    fn new() -> Shared {
        let (prot, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a fresh mapping.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), 4096, prot, flags, -1, 0) };
        assert_ne!(at, libc::MAP_FAILED);
        Shared(at)
    }

    fn get(&self) -> &AtomicU32 {
        // SAFETY: mapped as long as this lives, aligned, zero is a value.
        unsafe { &*self.0.cast() }
    }
}

/// The callers' process: filters itself, leaves the listener's number, and runs.
fn callers(number: &AtomicU32, options: Options, time: Duration) {
    // SAFETY: ends this process should anything hang.
    unsafe { libc::alarm(time.as_secs() as u32 + 60) };
    handle_usr1();
    let policy = Policy::parse("default allow\nnotify getppid, getpgid\n").unwrap();
    let listener: OwnedFd = policy.install_supervised(options).unwrap().into();
    number.store(listener.as_raw_fd().cast_unsigned() + 1, Ordering::Release);
    // The first answer says that the parent has its own.
    assert!(asks(&mut Random(99)));
    drop(listener);
    let before = open_descriptors();
    let tids: Vec<AtomicI32> = (0..THREADS).map(|_| AtomicI32::new(0)).collect();
    let end = Instant::now() + time;
    thread::scope(|scope| {
        let all: Vec<_> = (0..THREADS)
            .map(|i| {
                let tids = &tids;
                scope.spawn(move || {
                    tids[i].store(tid() as i32, Ordering::Relaxed);
                    let mut random = Random(0x1234_5678_9abc_def1 ^ (i as u64 + 1) << 20);
                    let mut fine = true;
                    while Instant::now() < end {
                        fine &= match random.below(100) {
                            0..4 => has_a_child(&mut random, c"/bin/true"),
                            4..30 => takes_a_descriptor(&mut random),
                            _ => asks(&mut random),
                        };
                    }
                    tids[i].store(0, Ordering::Relaxed);
                    fine
                })
            })
            .collect();
        let mut random = Random(77);
        while Instant::now() < end {
            let to = tids[random.below(THREADS as u64) as usize].load(Ordering::Relaxed);
            if to != 0 {
                // SAFETY: takes no pointers.
                unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), to, libc::SIGUSR1) };
            }
            thread::sleep(Duration::from_millis(1));
        }
        for thread in all {
            assert!(thread.join().unwrap(), "an answer was lost or another's");
        }
    });
    assert_eq!(open_descriptors(), before, "descriptors are left in the callers");
}

fn memory_file(value: i64) -> File {
    use std::io::Write;
    // SAFETY: a valid name; a new descriptor.
    let mut file = unsafe { File::from_raw_fd(libc::memfd_create(c"stress".as_ptr(), libc::MFD_CLOEXEC)) };
    file.write_all(&value.to_ne_bytes()).unwrap();
    file
}

fn stress(options: Options) {
    let number = Shared::new();
    let before = open_descriptors();
    // SAFETY: the child has a copy of this thread; the C library makes its allocator usable after fork.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let fine = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            callers(number.get(), options, time());
        }));
        // SAFETY: ends this process.
        unsafe { libc::_exit(i32::from(fine.is_err())) };
    }
    let fd = loop {
        match number.get().load(Ordering::Acquire) {
            0 => thread::yield_now(),
            n => break n - 1,
        }
    };
    let listener = Listener::fetch(pid.cast_unsigned(), fd).unwrap();
    let answered = AtomicU64::new(0);
    listener
        .serve(8, |call: Call<'_>| {
            let (token, tid) = (call.data().args[0], u64::from(call.tid()));
            let value = expected(token, tid);
            let delivered = match call.syscall().map(|c| c.name()) {
                Some("getppid") => call.return_value(value).unwrap().is_delivered(),
                Some("getpgid") => {
                    let file = memory_file(value);
                    call.return_fd(file.as_fd(), Slot::Lowest, true).unwrap().is_delivered()
                }
                _ => call.fail(Errno(38)).unwrap().is_delivered(),
            };
            answered.fetch_add(u64::from(delivered), Ordering::Relaxed);
        })
        .unwrap();
    assert_eq!(common::wait_for(pid), 0, "the callers' process failed");
    drop(listener);
    assert_eq!(open_descriptors(), before, "descriptors are left in the supervisor");
    let answered = answered.into_inner();
    assert!(answered > 1000, "{answered}");
    println!("{answered} answers in {:?}", time());
}

/// One test: what is counted are the process's own descriptors.
#[test]
fn nothing_hangs_and_nothing_is_mixed_up() {
    stress(Options::default());
    stress(Options { wait_killable: false, ..Options::default() });
}
