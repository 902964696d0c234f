//! What the fuzzer calls for evidence: recordings, audit records, core dumps; and for messages of container runtimes. Each entry takes any bytes, and
//! panics if a promise is broken.
//!
//! `crates/callgate-trace/tests/parsers.rs` includes this file and runs the same entries on damaged seeds.

use callgate_trace::decode::Memory;
use callgate_trace::evidence::{audit, core::Core};
use callgate_trace::learn::{DraftError, Recording, Style, draft};
use callgate_trace::supervise::ProcessState;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};

/// A recording: it is read or refused with the line; what was read is written and read again as the same; the
/// policy made of it permits what was called, or there is a reason why there is none.
pub(crate) fn recording(data: &[u8]) {
    let (recording, cut) = match Recording::from_lines(data) {
        Ok(read) => read,
        Err(e) => {
            assert!(e.line >= 1 && !e.what.is_empty(), "{e}");
            return;
        }
    };
    let lines = recording.to_lines();
    assert_eq!(Recording::from_lines(&lines), Ok((recording.clone(), false)), "{lines}");
    let mut merged = recording.clone();
    merged.merge(&recording);
    assert_eq!(merged, recording, "merging with itself changes nothing");
    // Compiling is what takes long.
    if recording.calls().count() > 40 {
        return;
    }
    match draft(&recording, &Style::default()) {
        Ok(draft) => assert!(draft.text.starts_with("# learned"), "{}", draft.text),
        Err(DraftError::Empty) => {}
        Err(e) => panic!("{e}\ncut: {cut}\n{lines}"),
    }
}

/// A log: each record names its line, and what is refused is named by one.
pub(crate) fn audit(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines = text.lines().count();
    match audit::records(&text) {
        Ok(records) => assert!(records.iter().all(|r| (1..=lines).contains(&r.line))),
        Err((line, lacks)) => assert!((1..=lines).contains(&line) && !lacks.is_empty()),
    }
}

/// The message that comes with a container's listener: it is refused with a reason, or written and read again the same.
pub(crate) fn state(data: &[u8]) {
    match ProcessState::from_json(data) {
        Ok(state) => assert_eq!(ProcessState::from_json(state.to_json().as_bytes()), Ok(state)),
        Err(why) => assert!(!why.to_string().is_empty()),
    }
}

/// A core dump: it is read or refused with a reason, and so is its memory.
pub(crate) fn core(data: &[u8]) {
    thread_local!(static SCRATCH: File = scratch());
    let file = SCRATCH.with(|file| file.try_clone()).expect("a descriptor");
    file.set_len(0).and_then(|()| (&file).seek(SeekFrom::Start(0))).expect("emptied");
    (&file).write_all(data).expect("written");
    match Core::read(file) {
        Ok(core) => {
            let mut buffer = [0; 512];
            for address in [0, 0x1000, core.call.ip, core.call.args[0], u64::MAX - 100, u64::MAX] {
                assert!(core.read(address, &mut buffer) <= buffer.len());
            }
        }
        Err(why) => assert!(!why.is_empty()),
    }
}

/// A file without a name.
fn scratch() -> File {
    let thread = format!("{:?}", std::thread::current().id());
    let name = format!("callgate-core-{}-{thread}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let file = File::options().read(true).write(true).create_new(true).open(&path).expect("a scratch file");
    std::fs::remove_file(&path).expect("removed");
    file
}

/// What mutation starts from, by the name of the entry.
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let record = "audit(1.2:3): auid=0 uid=0 gid=0 ses=1 pid=7 comm=\"app\" exe=\"/app\" sig=31 arch=c000003e \
                  syscall=41 compat=0 ip=0x7f code=0x80000000";
    let json = format!("{{\"MESSAGE\":\"SECCOMP {}\"}}\n", record.replace('"', "\\\""));
    vec![
        (
            "recording",
            br#"{"format":"callgate-recording","runs":["a","b"],"version":1}
{"arch":"x86_64","args":[],"call":"read","counts":{"a":3},"nr":0,"program":"/bin/sh","thread":"sh"}
{"arch":"x86_64","args":[2,1],"call":"socket","counts":{"a":1,"b":2},"nr":41,"program":"/bin/sh","thread":"sh"}
{"arch":"x86_64","args":null,"call":"ioctl","counts":{"b":900},"denied":true,"nr":16,"program":"/bin/sh","thread":"sh"}
{"arch":"x86_64","args":[],"call":"read","counts":{"a":7},"nr":0,"program":"/bin/sh","thread":"sh"}
{"arch":"aarch64","args":[],"call":null,"counts":{"b":1},"nr":9999,"program":"","thread":"\u001b"}
{"end":5}
"#
            .to_vec(),
        ),
        ("audit", format!("type=SECCOMP msg={record}\nkernel: audit: type=1326 {record}\n{json}").into_bytes()),
        (
            "state",
            br#"{"ociVersion":"1.0.2","fds":["seccompFd"],"pid":7,"metadata":"m","state":{"ociVersion":"1.0.2",
"id":"c1","status":"creating","pid":7,"bundle":"/b","annotations":{"a":"1"}}}"#
                .to_vec(),
        ),
        ("core", core_dump(true)),
        ("core", core_dump(false)),
    ]
}

/// A core dump of a process that died for `socket(16, 3, 0)`: an ELF header, a segment of notes and one of
/// memory, as `core(5)` has them.
fn core_dump(wide: bool) -> Vec<u8> {
    let word = if wide { 8 } else { 4 };
    let put = |bytes: &mut [u8], at: usize, value: u64, len: usize| {
        bytes[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
    };
    let mut info = [0; 128];
    put(&mut info, 0, 31, 4);
    put(&mut info, 4, 42, 4);
    put(&mut info, 8, 1, 4);
    let sys = if wide { 16 } else { 12 } + word;
    put(&mut info, sys, if wide { 41 } else { 359 }, 4);
    put(&mut info, sys + 4, if wide { 0xc000_003e } else { 0x4000_0003 }, 4);
    let mut status = [0; 336];
    put(&mut status, if wide { 32 } else { 24 }, 4211, 4);
    for index in 0..27 {
        put(&mut status, if wide { 112 } else { 72 } + index * word, 0x1000 + index as u64, word);
    }
    let mut name = [0; 136];
    name[if wide { 40 } else { 28 }..][..3].copy_from_slice(b"app");
    let mut notes = Vec::new();
    for (kind, content) in [(1u32, &status[..]), (3, &name), (0x5349_4749, &info)] {
        for number in [5, content.len() as u32, kind] {
            notes.extend(number.to_le_bytes());
        }
        notes.extend(b"CORE\0\0\0\0");
        notes.extend(content);
    }
    let (header, entry) = if wide { (64, 56) } else { (52, 32) };
    let mut bytes = vec![0; header + 2 * entry];
    bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', if wide { 2 } else { 1 }, 1, 1]);
    put(&mut bytes, 16, 4, 2);
    put(&mut bytes, 18, if wide { 62 } else { 3 }, 2);
    let [table, size, count] = if wide { [32, 54, 56] } else { [28, 42, 44] };
    put(&mut bytes, table, header as u64, word);
    put(&mut bytes, size, entry as u64, 2);
    put(&mut bytes, count, 2, 2);
    let [offset, address, filesz] = if wide { [8, 16, 32] } else { [4, 8, 16] };
    let start = bytes.len();
    for (index, kind, at, len, place) in
        [(0, 4, 0, notes.len(), start), (1, 1, 0x1000, 4096, start + notes.len())]
    {
        let header = header + index * entry;
        put(&mut bytes, header, kind, 4);
        put(&mut bytes, header + offset, place as u64, word);
        put(&mut bytes, header + address, at, word);
        put(&mut bytes, header + filesz, len as u64, word);
    }
    bytes.extend(notes);
    bytes.extend((0..4096).map(|n: u32| n as u8));
    bytes
}
