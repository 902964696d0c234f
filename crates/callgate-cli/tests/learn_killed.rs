//! `learn` killed in the middle: nothing is left behind, and what was recorded is there.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

mod common;

use common::{Folder, callgate, compiled, learn, stderr, stdout};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Threads and children that never stop calling, and one that sleeps; each writes what would be wrong if a call
/// were answered falsely.
const BUSY: &str = r#"
    #include <errno.h>
    #include <fcntl.h>
    #include <pthread.h>
    #include <stdlib.h>
    #include <sys/syscall.h>
    #include <sys/wait.h>
    #include <unistd.h>
    static const char *folder;
    static void check(void) {
        if (syscall(SYS_getppid) < 0 || syscall(SYS_getpid) < 0) {
            chdir(folder);
            close(open("corrupted", O_CREAT | O_WRONLY, 0600));
            _exit(9);
        }
    }
    static void *work(void *unused) {
        for (;;) check();
        return unused;
    }
    int main(int argc, char **argv) {
        folder = argv[1];
        pthread_t thread;
        pthread_create(&thread, 0, work, 0);
        for (;;) {
            pid_t child = fork();
            if (child == 0) {
                for (int i = 0; i < 20; i++) check();
                setsid();
                if (fork() == 0) for (;;) check();
                _exit(0);
            }
            check();
            waitpid(child, 0, 0);
            usleep(2000);
        }
    }
"#;

/// The processes that execute this program.
fn running(program: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(|e| Some(e.ok()?.path()));
    let executes = |p: &Path| std::fs::read_link(p.join("exe")).is_ok_and(|exe| exe == Path::new(program));
    entries.filter(|p| executes(p)).map(|p| p.display().to_string()).collect()
}

#[test]
fn nothing_is_left_and_what_was_recorded_is_there() {
    let folder = Folder::new();
    let Some(program) = compiled(&folder, "busy", BUSY, &[]) else { return };
    let recording = folder.path().join("recording.jsonl");
    let here = folder.path().to_str().unwrap();
    for (round, via) in ["trace", "fast", "notify"].iter().cycle().take(15).enumerate() {
        let _ = std::fs::remove_file(&recording);
        let mut command = learn(via);
        command
            .arg("--record")
            .arg(&recording)
            .args(["--", &program, here])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // Some other moment each time, the first ones before the command has begun.
        let moment = Duration::from_micros(37_919 * (round * round) as u64 % 600_000);
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        let start = Instant::now();
        while !running(&program).is_empty() {
            assert!(start.elapsed() < Duration::from_secs(10), "{via}: left: {:?}", running(&program));
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!folder.path().join("corrupted").exists(), "{via}: a call was answered falsely");
        let Ok(bytes) = std::fs::read(&recording) else { continue };
        if !bytes.contains(&b'\n') {
            continue;
        }
        let merge = callgate(&["learn", "--merge", recording.to_str().unwrap()]).output().unwrap();
        assert!(stderr(&merge).contains("the recording is cut off"), "{}", stderr(&merge));
        if bytes.windows(7).any(|w| w == b"getppid") {
            assert!(stdout(&merge).contains("allow getppid"), "{}", stdout(&merge));
        }
    }
}

#[test]
fn counts_are_written_while_the_command_runs() {
    let folder = Folder::new();
    let source = r#"
        #include <sys/syscall.h>
        #include <unistd.h>
        int main(void) {
            for (int i = 0; i < 700; i++) syscall(SYS_getppid);
            pause();
        }"#;
    let Some(program) = compiled(&folder, "pausing", source, &[]) else { return };
    let recording = folder.path().join("recording.jsonl");
    let mut command = callgate(&["learn", "--record", recording.to_str().unwrap(), "--", &program]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    // All of them, although nothing has been called since.
    loop {
        let text = std::fs::read_to_string(&recording).unwrap_or_default();
        if text.lines().any(|l| l.contains("\"getppid\"") && l.contains(":700}")) {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
