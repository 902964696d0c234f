//! `learn` sees the calls `strace -f` sees, by each way of watching.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

mod common;

use common::{Folder, callgate, compiled, installed, learn, python, stderr};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};

const WAYS: [&str; 4] = ["trace", "fast", "notify", "bpf"];

/// Where `{}` stands in the command, each run gets a folder of its own.
fn in_folder(command: &[&str], folder: &Folder, run: usize) -> Vec<String> {
    let path = folder.path().join(format!("run-{run}"));
    std::fs::create_dir_all(&path).unwrap();
    command.iter().map(|word| word.replace("{}", path.to_str().unwrap())).collect()
}

/// Runs with nothing of this user's or this machine's habits in the environment.
fn run(command: &mut Command) -> Output {
    let output = command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", "/nowhere").output().unwrap();
    assert!(output.status.success(), "{:?}: {}", output.status, stderr(&output));
    output
}

/// The calls named by `strace -f`, without the `execve` by which it starts the command.
fn by_strace(command: &[String], folder: &Folder) -> BTreeSet<String> {
    let log = folder.path().join("strace");
    run(Command::new("strace").args(["-f", "-qq", "-o"]).arg(&log).args(command).stdin(Stdio::null()));
    let text = String::from_utf8_lossy(&std::fs::read(&log).unwrap()).into_owned();
    let calls = text.lines().skip(1).filter_map(|line| {
        let (_, call) = line.split_once(' ')?;
        let (name, _) = call.trim_start().split_once('(')?;
        name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_').then(|| name.to_owned())
    });
    calls.collect()
}

fn by_callgate(via: &str, command: &[String], folder: &Folder) -> BTreeSet<String> {
    let recording = folder.path().join("recording.jsonl");
    run(learn(via).arg("--record").arg(&recording).arg("--").args(command));
    let text = std::fs::read_to_string(&recording).unwrap();
    let values = text.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
    values.filter(|v| v["nr"].is_u64()).map(|v| v["call"].as_str().unwrap_or("unknown").to_owned()).collect()
}

/// That all see the same. What a program calls may depend on the moment (whether a lock was taken, say), so that
/// it is what several runs called together.
fn same(command: &[&str]) {
    if !installed("strace") {
        return;
    }
    let folder = Folder::new();
    let works = |via: &&&str| {
        let status = learn(via).args(["--", "true"]).output().unwrap().status;
        if !status.success() {
            eprintln!("skipped: --via {via} is not possible here");
        }
        status.success()
    };
    let ways: Vec<&str> = WAYS.iter().filter(works).copied().collect();
    let mut seen: Vec<BTreeSet<String>> = vec![BTreeSet::new(); 1 + ways.len()];
    for round in 0..6 {
        for (index, seen) in seen.iter_mut().enumerate() {
            let command = in_folder(command, &folder, round * (1 + WAYS.len()) + index);
            seen.extend(match index {
                0 => by_strace(&command, &folder),
                _ => by_callgate(ways[index - 1], &command, &folder),
            });
            // Called by the kernel for a program that was stopped in a call, which only tracers do.
            seen.remove("restart_syscall");
        }
        if seen.iter().all(|calls| *calls == seen[0]) {
            assert!(!seen[0].is_empty());
            return;
        }
    }
    for (way, calls) in ways.iter().zip(&seen[1..]) {
        let (missing, more) = (seen[0].difference(calls), calls.difference(&seen[0]));
        println!("{way}: {:?} missing, {:?} too many", missing.collect::<Vec<_>>(), more.collect::<Vec<_>>());
    }
    panic!("{command:?}: not the same calls");
}

#[test]
fn find_and_tar() {
    if installed("find") && installed("tar") {
        same(&["find", "/usr/share/doc", "-maxdepth", "1", "-name", "lib*"]);
        same(&["tar", "-cf", "{}/a.tar", "/etc/fstab", "/etc/passwd"]);
    }
}

#[test]
fn python3() {
    if let Some(python) = python() {
        same(&[&python, "-ISc", "import threading; threading.Thread(target=print).start()"]);
    }
}

#[test]
fn threads_and_a_static_program() {
    let folder = Folder::new();
    let source = r#"
        #include <pthread.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        static void *work(void *name) {
            for (int i = 0; i < 100; i++) free(malloc(100000)), syscall(SYS_gettid), usleep(10);
            return name;
        }
        int main(void) {
            pthread_t threads[4];
            for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, work, 0);
            for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
            puts("done");
        }"#;
    let Some(threads) = compiled(&folder, "threads", source, &[]) else { return };
    same(&[&threads]);
    let source = "#include <stdio.h>\n#include <unistd.h>\nint main(void) { getppid(); puts(\"done\"); }";
    let Some(fixed) = compiled(&folder, "fixed", source, &["-static"]) else { return };
    same(&[&fixed]);
}

#[test]
fn two_hundred_children() {
    let folder = Folder::new();
    // A third each by fork, by vfork and by posix_spawn.
    let source = r#"
        #include <spawn.h>
        #include <sys/wait.h>
        #include <unistd.h>
        extern char **environ;
        int main(int argc, char **argv) {
            if (argc == 1) return getppid() < 1;
            char *args[] = { argv[0], 0 };
            for (int i = 0; i < 200; i++) {
                pid_t child = 0;
                if (i % 3 == 0) posix_spawn(&child, argv[0], 0, 0, args, environ);
                else if (i % 3 == 1) { if ((child = vfork()) == 0) { execv(argv[0], args); _exit(9); } }
                else if ((child = fork()) == 0) { execv(argv[0], args); _exit(9); }
                int status = 0;
                if (waitpid(child, &status, 0) != child || status) return 1;
            }
            return 0;
        }"#;
    let Some(program) = compiled(&folder, "children", source, &["-static"]) else { return };
    same(&[&program, "children"]);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_32_bit_program() {
    let folder = Folder::new();
    // getpid, write, getppid, ioctl(1, TCGETS), exit.
    let source = r#"
        static int call(int nr, int a, int b, int c) {
            int result;
            __asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
            return result;
        }
        void _start(void) {
            call(20, 0, 0, 0); call(4, 1, (int)"32\n", 3); call(64, 0, 0, 0); call(54, 1, 0x5401, 0);
            call(1, 0, 0, 0);
            for (;;);
        }"#;
    let options =
        ["-m32", "-static", "-nostdlib", "-ffreestanding", "-fno-pie", "-no-pie", "-fno-stack-protector"];
    let Some(program) = compiled(&folder, "narrow", source, &options) else { return };
    let works = Command::new(&program).output().is_ok_and(|o| o.status.success());
    if !works {
        eprintln!("skipped: no 32-bit programs here");
        return;
    }
    same(&[&program]);
    let policy = callgate(&["learn", "--", &program]).output().unwrap();
    let policy = common::stdout(&policy);
    assert!(policy.contains("arch x86\n") && policy.contains("allow ioctl if cmd in {TCGETS}"), "{policy}");
}

#[test]
fn git() {
    if installed("git") && std::path::Path::new("/usr/bin/git").exists() {
        same(&["/usr/bin/git", "init", "-q", "{}"]);
    }
}

#[test]
fn cargo_builds_a_crate() {
    let cargo = std::path::Path::new(env!("CARGO"));
    let Some(bin) = cargo.parent().filter(|bin| bin.join("rustc").exists()) else {
        eprintln!("skipped: no rustc beside cargo");
        return;
    };
    let folder = Folder::new();
    folder.file("Cargo.toml", b"[package]\nname = \"tiny\"\nedition = \"2024\"\n[workspace]\n");
    std::fs::create_dir(folder.path().join("src")).unwrap();
    folder.file("src/main.rs", b"fn main() { println!(\"hi\") }\n");
    let script = format!(
        "export PATH={}:$PATH HOME={{}} RUSTFLAGS=-Ccodegen-units=1; exec cargo build -q --offline -j1 \
         --manifest-path {}/Cargo.toml --target-dir {{}}",
        bin.display(),
        folder.path().display()
    );
    same(&["sh", "-c", &script]);
}

#[test]
fn curl_against_a_server() {
    if !installed("curl") {
        return;
    }
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in server.incoming() {
            let mut client = client.unwrap();
            let mut request = [0; 4096];
            let _ = client.read(&mut request);
            let _ = client.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nhi\n");
        }
    });
    same(&["curl", "-q", "-s", "--noproxy", "*", "-o", "{}/page", &format!("http://127.0.0.1:{port}/")]);
}
