//! The program works under its filters, and each filter denies what its thread has no business with.

use callgate_sys::{assert_denied, assert_permitted};
use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};

callgate_sys::include_policy!("everywhere");
callgate_sys::include_policy!("parser");
callgate_sys::include_policy!("writer");

#[test]
fn the_program_does_its_work() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_threads"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    program.stdin.take().unwrap().write_all(b"1 2 3\n\n40 2\none\n").unwrap();
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, "6\n0\n42\nno numbers: one: invalid digit found in string\n");
}

#[test]
fn everywhere() {
    assert_permitted!(&EVERYWHERE, || File::open("/dev/null"));
    assert_denied!(&EVERYWHERE, errno(EPERM), || std::net::UdpSocket::bind("127.0.0.1:0"));
}

#[test]
fn the_parser_computes() {
    assert_permitted!(&PARSER, || assert_eq!("42".parse(), Ok(42)));
    assert_permitted!(&PARSER, || drop(std::hint::black_box(vec![1_u8; 1 << 24])));
    assert_denied!(&PARSER, errno(EPERM), || File::open("/dev/null"));
    assert_denied!(&PARSER, errno(EPERM), std::io::pipe);
}

#[test]
fn the_writer_writes_to_nothing_else() {
    let null = File::options().write(true).open("/dev/null").unwrap();
    assert_denied!(&WRITER, errno(EPERM), || (&null).write_all(b"not to descriptor 1\n"));
    assert_denied!(&WRITER, errno(EPERM), || File::open("/dev/null"));
}
