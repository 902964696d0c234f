//! The server serves under its filter, on every thread, and can do nothing else.

use callgate_sys::{assert_denied, assert_permitted};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

callgate_sys::include_policy!("server");

/// Killed when the test is over, however it ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn serves_under_its_filter() {
    let mut server =
        Server(Command::new(env!("CARGO_BIN_EXE_server")).stdout(Stdio::piped()).spawn().unwrap());
    let mut address = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let ask = |question: &str| {
        let mut stream = TcpStream::connect(address.trim()).unwrap();
        stream.write_all(question.as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        answer
    };
    for n in 0..20 {
        let line = format!("line {n}\n");
        assert_eq!(ask(&line), line);
    }
    assert_eq!(ask("open\n"), "Operation not permitted (os error 1)\n");
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.0.id())).unwrap();
    let filtered: Vec<bool> = tasks
        .map(|task| std::fs::read_to_string(task.unwrap().path().join("status")).unwrap())
        .map(|status| status.lines().any(|l| l == "Seccomp:\t2"))
        .collect();
    assert!(filtered.len() >= 3 && filtered.iter().all(|f| *f), "{filtered:?}");
}

#[test]
fn nothing_is_opened_or_started() {
    assert_denied!(&SERVER, errno(EPERM), || File::open("/etc/passwd"));
    assert_denied!(&SERVER, errno(EPERM), || TcpStream::connect("127.0.0.1:1"));
    assert_denied!(&SERVER, errno(EPERM), || Command::new("true").status());
    assert_permitted!(&SERVER, || std::thread::spawn(|| ()).join().unwrap());
}
