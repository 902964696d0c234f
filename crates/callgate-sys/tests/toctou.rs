//! The classic attack on supervisors: a second thread changes what a call's pointers point to, after the supervisor
//! has looked and before the kernel does. What is decided with a copy of one's own is never got past; a
//! supervisor that looks and then continues is, which shows that the attack works.
//!
//! `CALLGATE_TOCTOU_TRIES=1000000` tries harder.
#![expect(unsafe_code, reason = "raw calls on memory that another thread writes")]

use callgate::notify::{Call, Listener, Options};
use callgate::{Policy, syntax};
use callgate_trace::supervise::{Home, Nobody, Table, answer};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc;
use std::thread;

fn tries() -> u32 {
    std::env::var("CALLGATE_TOCTOU_TRIES").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000)
}

/// What came of the attack.
#[derive(Debug, Default)]
struct Score {
    /// Calls that got what they may have.
    fine: u32,
    /// Calls that got what they must not.
    breaches: u32,
}

/// Memory that a call reads while another thread writes it.
struct Flipped {
    bytes: Vec<AtomicU8>,
    good: Vec<u8>,
    bad: Vec<u8>,
}

impl Flipped {
    fn new(good: Vec<u8>, bad: Vec<u8>) -> Flipped {
        assert_eq!(good.len(), bad.len());
        Flipped { bytes: good.iter().map(|b| AtomicU8::new(*b)).collect(), good, bad }
    }

    fn store(&self, bytes: &[u8]) {
        for (to, from) in self.bytes.iter().zip(bytes) {
            to.store(*from, Ordering::Relaxed);
        }
    }

    fn flip_until(&self, over: &AtomicBool) {
        let mut spin = 1u32;
        while !over.load(Ordering::Relaxed) {
            for bytes in [&self.bad, &self.good] {
                self.store(bytes);
                spin = spin.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                for _ in 0..spin >> 24 {
                    std::hint::spin_loop();
                }
                thread::yield_now();
            }
        }
    }
}

/// One thread calls under the policy, one flips its memory, and `answers` supervises. Stops after the first
/// breach if there is to be one.
fn attack(
    text: &str,
    flipped: &Flipped,
    tries: u32,
    until_breach: bool,
    attempt: impl Fn(*const AtomicU8, usize) -> Option<bool> + Sync,
    answers: impl Fn(Call<'_>) + Sync,
) -> Score {
    let policy = Policy::parse(text).unwrap();
    let over = AtomicBool::new(false);
    let (sender, receiver) = mpsc::channel::<Listener>();
    thread::scope(|scope| {
        let attacker = scope.spawn(|| {
            sender.send(policy.install_supervised(Options::default()).unwrap()).unwrap();
            let mut score = Score::default();
            for _ in 0..tries {
                match attempt(flipped.bytes.as_ptr(), flipped.bytes.len()) {
                    Some(true) => score.fine += 1,
                    Some(false) => score.breaches += 1,
                    None => {}
                }
                if until_breach && score.breaches > 0 {
                    break;
                }
            }
            over.store(true, Ordering::Relaxed);
            score
        });
        scope.spawn(|| flipped.flip_until(&over));
        let listener = receiver.recv().unwrap();
        listener.serve(2, &answers).unwrap();
        attacker.join().unwrap()
    })
}

/// A folder with a file that may be read and one that must not.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Files {
        let root = std::env::temp_dir().join(format!("callgate-toctou-{name}-{}", std::process::id()));
        for (folder, content) in [("fine", "A"), ("evil", "B")] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
            std::fs::write(root.join(folder).join("file"), content).unwrap();
        }
        Files(std::fs::canonicalize(root).unwrap())
    }

    fn flipped(&self) -> Flipped {
        let path = |folder: &str| {
            let mut path = self.0.join(folder).join("file").as_os_str().as_bytes().to_vec();
            path.push(0);
            path
        };
        Flipped::new(path("fine"), path("evil"))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether the file that the call opened is the one it may have.
fn open_and_read(path: *const AtomicU8, _: usize) -> Option<bool> {
    // SAFETY: a C string in memory that lives on; whatever is flipped, its end stays.
    let fd =
        unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, libc::O_RDONLY | libc::O_CLOEXEC) };
    if fd < 0 {
        return None;
    }
    // SAFETY: a new descriptor.
    let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    let mut byte = 0u8;
    // SAFETY: room for the byte.
    let read = unsafe { libc::read(fd.as_raw_fd(), (&raw mut byte).cast(), 1) };
    assert_eq!(read, 1);
    Some(byte == b'A')
}

#[test]
fn a_flipped_path_never_opens_what_was_not_decided_on() {
    let files = Files::new("path");
    let root = files.0.display();
    let text = format!("default allow\nnotify openat\non openat open read-only below \"{root}/fine\"\n");
    let parsed = syntax::parse("p.cg", &text, &mut |_: &str, _: &str| Err(String::new()));
    let table = Table::new(parsed.on_lines);
    let rules = "default allow\nnotify openat\n";
    let home = Home::own().unwrap();
    let decided = |call: Call<'_>| drop(answer(call, &table, Some(&home), &Nobody));
    let score = attack(rules, &files.flipped(), tries(), false, open_and_read, decided);
    assert_eq!(score.breaches, 0, "{score:?}");
    // Both sides of the flip were met, or nothing was tested.
    assert!(score.fine > 0 && score.fine < tries(), "{score:?}");
}

#[test]
fn looking_and_then_continuing_is_got_past() {
    let files = Files::new("naive");
    let fine = files.0.join("fine/file").as_os_str().as_bytes().to_vec();
    let naive = |call: Call<'_>| {
        let path = call.memory().c_string(call.data().args[1], 4096);
        let done = match path {
            Ok(Some(path)) if path == fine => call.continue_unchecked(),
            _ => call.fail(callgate::Errno(1)),
        };
        let _ = done.unwrap();
    };
    let rules = "default allow\nnotify openat\n";
    let score = attack(rules, &files.flipped(), 2_000_000, true, open_and_read, naive);
    assert_eq!(score.breaches, 1, "{score:?}");
}

#[test]
fn a_flipped_address_never_connects_elsewhere() {
    const FINE: u16 = 4_001;
    let address = |port: u16| {
        let mut bytes = (libc::AF_INET as u16).to_ne_bytes().to_vec();
        bytes.extend(port.to_be_bytes());
        bytes.extend([127, 0, 0, 1]);
        bytes.extend([0; 8]);
        bytes
    };
    let text = format!("default allow\nnotify connect\non connect connect to \"127.0.0.1:{FINE}\"\n");
    let parsed = syntax::parse("p.cg", &text, &mut |_: &str, _: &str| Err(String::new()));
    let table = Table::new(parsed.on_lines);
    let home = Home::own().unwrap();
    let decided = |call: Call<'_>| drop(answer(call, &table, Some(&home), &Nobody));
    let connect = |address: *const AtomicU8, len: usize| {
        // A datagram socket: connected at once, whether anybody listens or not.
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        // SAFETY: as many bytes as are told, in memory that lives on.
        let ret = unsafe { libc::syscall(libc::SYS_connect, socket.as_raw_fd(), address, len) };
        (ret == 0).then(|| socket.peer_addr().unwrap().port() == FINE)
    };
    let flipped = Flipped::new(address(FINE), address(FINE + 1));
    let rules = "default allow\nnotify connect\n";
    let score = attack(rules, &flipped, tries(), false, connect, decided);
    assert_eq!(score.breaches, 0, "{score:?}");
    assert!(score.fine > 0 && score.fine < tries(), "{score:?}");
}
