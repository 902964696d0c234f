//! What the kernel's log says about kills, where this process may read it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// The records that come after it was opened.
pub(super) struct Log(File);

/// A call that was answered otherwise than by plain permission (audit type 1326, `kernel/auditsc.c`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Record {
    /// The process.
    pub(super) pid: i32,
    /// The signal it gets; 0 where it gets none.
    pub(super) signal: i32,
    /// The audit token.
    pub(super) arch: u32,
    /// The call's number.
    pub(super) nr: u32,
}

impl Log {
    /// `None` without the right to read it, and where a daemon takes the kernel's audit messages, which are not in the
    /// log then.
    pub(super) fn open() -> Option<Log> {
        // Where `auditd(8)` keeps its number.
        if Path::new("/run/auditd.pid").exists() {
            return None;
        }
        let mut options = OpenOptions::new();
        let mut file = options.read(true).custom_flags(libc::O_NONBLOCK).open("/dev/kmsg").ok()?;
        file.seek(SeekFrom::End(0)).ok()?;
        Some(Log(file))
    }

    /// The record of this process's kill. The kernel writes it soon after, if nobody listens to its audit
    /// messages.
    pub(super) fn kill_of(mut self, pid: i32) -> Option<Record> {
        const PATIENCE: Duration = Duration::from_millis(100);
        const PAUSE: Duration = Duration::from_millis(2);
        // Longer ones are truncated by the kernel itself.
        let mut record = [0; 8192];
        let start = Instant::now();
        loop {
            match self.0.read(&mut record) {
                Ok(len) if len > 0 => {
                    let found = parse(&String::from_utf8_lossy(&record[..len]));
                    if found.is_some_and(|r| r.pid == pid && r.signal != 0) {
                        return found;
                    }
                }
                // Some were overwritten before they were read.
                Err(e) if e.raw_os_error() == Some(libc::EPIPE) => {}
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock && start.elapsed() < PATIENCE => {
                    std::thread::sleep(PAUSE);
                }
                Ok(_) | Err(_) => return None,
            }
        }
    }
}

fn parse(line: &str) -> Option<Record> {
    let (_, fields) = line.split_once("audit: type=1326 ")?;
    // Nothing a program chooses comes before the numbers, but its name does: in quotes, or in hexadecimal.
    let field = |name: &str| fields.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    Some(Record {
        pid: field("pid")?.parse().ok()?,
        signal: field("sig")?.parse().ok()?,
        arch: u32::from_str_radix(field("arch")?, 16).ok()?,
        // Written as a signed number.
        nr: field("syscall")?.parse::<i64>().ok().map(|nr| nr as u32)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record() {
        let line = "6,99,1,-;audit: type=1326 audit(1.2:3): auid=1 uid=0 gid=0 ses=1 pid=14205 comm=\"a\" \
                    exe=\"/a\" sig=31 arch=c000003e syscall=110 compat=0 ip=0x7f code=0x80000000";
        assert_eq!(parse(line), Some(Record { pid: 14205, signal: 31, arch: 0xc000_003e, nr: 110 }));
        assert_eq!(parse("6,99,1,-;usb: new device"), None);
    }
}
