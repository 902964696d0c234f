//! The examples do what they say. Cargo builds them beside the tests.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

const SIGSYS: i32 = 31;

fn run(name: &str, args: &[&str], input: &[u8]) -> Output {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples").join(name);
    let mut child = Command::new(&program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}", program.display()));
    // A child that was killed leaves a closed pipe.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_fork_is_what_kills() {
    let free = run("first_filter", &["none"], b"hello\n");
    assert_eq!(free.status.code(), Some(0));
    assert!(text(&free.stdout).ends_with("Now for another process.\nIt ended: exit status: 0.\n"));

    let filtered = run("first_filter", &["filtered"], b"hello\n");
    assert_eq!(text(&filtered.stdout), "You said: hello\nNow for another process.\n");
    // A shell shows this as 159.
    assert_eq!(filtered.status.signal(), Some(SIGSYS));
}

#[test]
fn only_standard_output_is_written() {
    let output = run("stdout_only", &[], b"");
    assert_eq!(
        text(&output.stdout),
        "standard output works\nstandard error: Permission denied (os error 13)\n"
    );
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_read_of_a_hundred_bytes_is_fatal() {
    let input = [b'x'; 200];
    let output = run("read_100", &["99"], &input);
    assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("read 99 bytes\n", Some(0)));
    assert_eq!(run("read_100", &["100"], &input).status.signal(), Some(SIGSYS));
    assert_eq!(run("read_100", &["101"], &input).status.code(), Some(0));
}

#[test]
fn the_strict_filter_is_lived_by() {
    let output = run("strict", &[], b"");
    let text = text(&output.stdout);
    assert!(text.starts_with("without the architecture check: 7 instructions"), "{text}");
    assert!(text.contains("with the architecture check: 9 instructions"), "{text}");
    assert!(text.ends_with("still here: writing is allowed\n"), "{text}");
    assert_eq!(output.status.signal(), Some(SIGSYS));
}
