//! Who made a call, function by function: in recordings, in policies, and where a call is denied.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

mod common;

use common::{Folder, callgate, compiled, learn, stderr, stdout};
use serde_json::Value;

const SOURCE: &str = r#"
    #include <stdio.h>
    #include <sys/socket.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    static inline __attribute__((always_inline)) long probe(void) { return socket(AF_NETLINK, SOCK_RAW, 0); }
    __attribute__((noinline)) long serve(int depth) {
        long result = depth ? serve(depth - 1) : probe();
        return result + 1;
    }
    int main(int argc, char **argv) {
        puts("hi");
        fflush(stdout);
        return serve(2) < 0;
    }
"#;

fn stack_of(recording: &str, call: &str) -> Vec<String> {
    let lines = recording.lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
    let line = lines.into_iter().find(|l| l["call"] == call).unwrap();
    let frames = line["stack"].as_array().into_iter().flatten();
    frames.map(|f| f.as_str().unwrap().to_owned()).collect()
}

#[test]
fn with_debug_information_and_without() {
    let folder = Folder::new();
    let recording = folder.path().join("recording.jsonl");
    for (options, wanted) in [
        (
            &["-g"][..],
            &[
                "probe (named.c:6)",
                "serve (named.c:8)",
                "serve (named.c:8)",
                "serve (named.c:8)",
                "main (named.c:14)",
            ][..],
        ),
        (&[][..], &["serve (named)", "serve (named)", "serve (named)", "main (named)"][..]),
        // Names for the dynamic linker alone.
        (&["-s", "-rdynamic"][..], &["serve (named)", "serve (named)", "serve (named)", "main (named)"][..]),
    ] {
        let Some(program) = compiled(&folder, "named", SOURCE, options) else { return };
        for way in ["trace", "fast", "notify", "bpf"] {
            if way == "bpf"
                && !callgate(&["learn", "--via", way, "--", "true"]).output().unwrap().status.success()
            {
                eprintln!("skipped: --via bpf is not possible here");
                continue;
            }
            let record = || {
                let _ = std::fs::remove_file(&recording);
                let mut learn = learn(way);
                let learn = learn.arg("--record").arg(&recording);
                let output = learn.args(["--", &program]).output().unwrap();
                assert!(output.status.success(), "{}", stderr(&output));
                std::fs::read_to_string(&recording).unwrap()
            };
            let mut text = record();
            // eBPF's are read when callgate gets to it: on a busy machine the program may be gone by then.
            for _ in 0..if way == "bpf" { 9 } else { 0 } {
                if stack_of(&text, "socket").len() > wanted.len() {
                    break;
                }
                text = record();
            }
            let stack = stack_of(&text, "socket");
            assert!(stack.len() > wanted.len(), "{way} {options:?}: {stack:?}");
            assert_eq!(stack[1..=wanted.len()], *wanted, "{way} {options:?}: {stack:?}");
            assert!(stack[0].starts_with("__socket (") || stack[0].starts_with("socket ("), "{stack:?}");
            // Through a library without debug information.
            let stack = stack_of(&text, "write");
            assert!(stack.iter().any(|f| f.contains("fflush (")), "{stack:?}");
        }
        let merged = callgate(&["learn", "--merge", recording.to_str().unwrap()]).output().unwrap();
        let policy = stdout(&merged);
        let line = format!(
            "socket (libc.so.6) < {}\nallow socket if",
            wanted
                .join(" < ")
                .replace("serve (named) < serve (named) < ", "")
                .replace("serve (named.c:8) < serve (named.c:8) < ", "")
        );
        assert!(policy.contains(&line), "{line}\n{policy}");
    }
}

#[test]
fn a_denied_call_and_the_call_that_kills() {
    let folder = Folder::new();
    let Some(program) = compiled(&folder, "named", SOURCE, &["-g"]) else { return };
    let arch = std::env::consts::ARCH;
    let callers = "< probe (named.c:6) < serve (named.c:8) < main (named.c:14)\n";
    let policy =
        folder.file("errno.cg", format!("arch {arch}\ndefault allow\nerrno(EPERM) socket\n").as_bytes());
    let output = callgate(&["run", "--report", &policy, "--", &program]).output().unwrap();
    assert!(stderr(&output).contains(callers), "{}", stderr(&output));
    let output = callgate(&["run", "--complain", "--json", &policy, "--", &program]).output().unwrap();
    let line: Value = serde_json::from_str(stderr(&output).lines().next().unwrap()).unwrap();
    assert_eq!(line["stack"][1], "probe (named.c:6)", "{line}");

    let policy = folder.file("kill.cg", format!("arch {arch}\ndefault allow\nkill socket\n").as_bytes());
    let output = callgate(&["run", "--trace", &policy, "--", &program]).output().unwrap();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&output.status),
        Some(31),
        "{}",
        stderr(&output)
    );
    let told = stderr(&output);
    assert!(told.contains("SIGSYS): socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) on"), "{told}");
    assert!(told.contains(callers) && told.contains("kill.cg:3") && told.contains("to allow: "), "{told}");
}

#[test]
fn what_kills_a_thread_or_a_child_or_nobody() {
    let folder = Folder::new();
    let source = r#"
        #include <pthread.h>
        #include <signal.h>
        #include <stdlib.h>
        #include <sys/syscall.h>
        #include <sys/wait.h>
        #include <unistd.h>
        static void *work(void *unused) { usleep(20000); syscall(SYS_getppid); return unused; }
        int main(int argc, char **argv) {
            pthread_t thread;
            switch (argv[1][0]) {
            case 't': pthread_create(&thread, 0, work, 0); for (;;) pause();
            case 'c': if (fork() == 0) work(0); wait(0); return 5;
            case 's': raise(SIGUSR1); return 6;
            }
            return raise(SIGSYS);
        }"#;
    let Some(program) = compiled(&folder, "ends", source, &[]) else { return };
    let policy = format!("arch {}\ndefault allow\nkill getppid\n", std::env::consts::ARCH);
    let policy = folder.file("kill.cg", policy.as_bytes());
    let run = |how: &str| callgate(&["run", "--trace", &policy, "--", &program, how]).output().unwrap();
    let signal =
        |output: &std::process::Output| std::os::unix::process::ExitStatusExt::signal(&output.status);
    let thread = run("t");
    assert_eq!(signal(&thread), Some(31));
    assert!(stderr(&thread).contains(": getppid() on"), "{}", stderr(&thread));
    // Children are nobody's business here.
    let child = run("c");
    assert_eq!((child.status.code(), &*stderr(&child)), (Some(5), ""));
    assert_eq!(signal(&run("s")), Some(10));
    let sent = run("x");
    assert_eq!(signal(&sent), Some(31));
    assert!(stderr(&sent).contains("it was sent the signal"), "{}", stderr(&sent));
}
