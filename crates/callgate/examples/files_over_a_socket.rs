//! A child that may open no file at all gets them from its parent, one by one, over a socket.
//!
//! The parent decides by name and passes descriptors (`SCM_RIGHTS`). The child's filter forbids every call that opens,
//! connects or executes, so that what it was given is all it ever has. No call is notified here: where the program
//! can be written to ask, asking is simpler and faster than being supervised.
//!
//! Try `cargo run --example files_over_a_socket -- DIRECTORY NAME…`.

use callgate::{Action, Errno, Policy};
use callgate_sys::behalf::{self, Kind, Resolve};
use callgate_sys::scm;
use std::error::Error;
use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Command;

/// A name is asked for in one message, and answered in one: this byte with a descriptor, or the other one alone.
const HERE: u8 = b'+';
const REFUSED: u8 = b'-';

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("--child") => child(args),
        Some(directory) => parent(directory, args),
        None => Err("usage: files_over_a_socket DIRECTORY NAME...".into()),
    }
}

/// Serves the files of one directory, for reading, to a child of its own.
fn parent(directory: &str, names: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let directory = File::open(directory)?;
    let (near, far) = scm::seqpacket_pair()?;
    // The child has the other end as its standard input, and nothing else that leads anywhere.
    // Nor do we keep it: its end is the child's end.
    let mut child = {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--child").args(names).stdin(far).spawn()?
    };
    let mut name = [0; 4096];
    loop {
        let (len, _) = scm::recv(near.as_fd(), &mut name)?;
        if len == 0 {
            break;
        }
        let sent = match find(directory.as_fd(), &name[..len]) {
            Some(file) => scm::send(near.as_fd(), &[HERE], &[file.as_fd()]),
            None => scm::send(near.as_fd(), &[REFUSED], &[]),
        };
        if sent.is_err() {
            break;
        }
    }
    let status = child.wait()?;
    std::process::exit(status.code().unwrap_or(1))
}

/// A regular file below the directory, whatever the name tries.
fn find(directory: BorrowedFd<'_>, name: &[u8]) -> Option<OwnedFd> {
    let beneath = Resolve { beneath: true, ..Resolve::default() };
    let found = behalf::find(directory, &CString::new(name).ok()?, beneath, true).ok()?;
    // What was looked at is what is opened: the name is not used a second time.
    (behalf::kind(found.as_fd()).ok()? == Kind::File)
        .then(|| behalf::open_found(found.as_fd(), false).ok())?
}

/// Locks itself in, and asks.
fn child(names: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    const NEEDS: &[&str] = &[
        "read",
        "write",
        "sendmsg",
        "recvmsg",
        "close",
        "brk",
        "mmap",
        "munmap",
        "mremap",
        "madvise",
        "exit",
        "exit_group",
        "sigaltstack",
        "fcntl",
        "statx",
        "lseek",
        "futex",
        "rt_sigreturn",
    ];
    let denied = Errno::from_name("EACCES").ok_or("EACCES has a number")?;
    Policy::new(Action::Errno(denied)).allow(NEEDS.iter().copied())?.install()?;
    let stdin = std::io::stdin();
    for name in names {
        if let Err(e) = File::open(&name) {
            println!("{name}: opening it myself: {e}");
        }
        scm::send(stdin.as_fd(), name.as_bytes(), &[])?;
        let mut answer = [0];
        let (len, files) = scm::recv(stdin.as_fd(), &mut answer)?;
        match files.into_iter().next() {
            Some(file) if len == 1 && answer == [HERE] => {
                let mut text = String::new();
                File::from(file).read_to_string(&mut text)?;
                println!("{name}: from my parent: {}", text.trim_end());
            }
            _ => println!("{name}: my parent refuses"),
        }
    }
    Ok(())
}
