//! `learn --fast`: programs cannot tell, and no call is missing.
#![cfg(target_arch = "x86_64")]

mod common;

use common::{Folder, compiled, learn, stderr, stdout};
use serde_json::Value;
use std::process::Output;

/// Runs a program to its end, and returns what it said, with the recording.
fn fast(folder: &Folder, command: &[&str]) -> (Output, String) {
    let recording = folder.path().join("recording.jsonl");
    let output = learn("fast").arg("--record").arg(&recording).arg("--").args(command).output().unwrap();
    (output, std::fs::read_to_string(&recording).unwrap_or_default())
}

/// How often a call was counted, with these values of its arguments if any are given.
fn count(recording: &str, call: &str, args: Option<&[u64]>) -> u64 {
    let mut all: Vec<(Value, u64)> = Vec::new();
    for line in recording.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()) {
        let wanted = args.is_none_or(|args| line["args"] == serde_json::json!(args));
        if line["call"] != call || !wanted {
            continue;
        }
        let n = line["counts"].as_object().unwrap().values().next().unwrap().as_u64().unwrap();
        let mut key = line.clone();
        // Told only once.
        (key["counts"], key["stack"]) = (Value::Null, Value::Null);
        match all.iter_mut().find(|(k, _)| *k == key) {
            Some((_, most)) => *most = n.max(*most),
            None => all.push((key, n)),
        }
    }
    all.iter().map(|(_, n)| n).sum()
}

/// Compiles and runs a program that ends with 0 if all is as it should be; its output and recording.
fn ran(source: &str, options: &[&str], args: &[&str]) -> Option<(String, String)> {
    let folder = Folder::new();
    let program = compiled(&folder, "program", source, options)?;
    let command: Vec<&str> = std::iter::once(&*program).chain(args.iter().copied()).collect();
    let (output, recording) = fast(&folder, &command);
    assert!(output.status.success(), "{:?}: {}{}", output.status, stdout(&output), stderr(&output));
    Some((stdout(&output), recording))
}

#[test]
fn no_call_of_a_million_is_lost() {
    let source = r#"
        #define _GNU_SOURCE
        #include <pthread.h>
        #include <sys/syscall.h>
        #include <sys/wait.h>
        #include <unistd.h>
        static void calls(long n) { while (n-- > 0) syscall(SYS_getppid); }
        static void *work(void *unused) { calls(240000); return unused; }
        int main(int argc, char **argv) {
            if (argc > 1) { calls(1000); return 0; }
            pthread_t threads[4];
            for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, work, 0);
            for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
            // Children with the same text, and with another.
            for (int i = 0; i < 40; i++) {
                pid_t child = i % 2 ? vfork() : fork();
                if (child == 0) {
                    if (i % 4 == 0) { calls(1000); _exit(0); }
                    execl(argv[0], "again", "child", (char *)0);
                    _exit(1);
                }
                int status;
                if (waitpid(child, &status, 0) != child || status) return 1;
            }
            return 0;
        }"#;
    if let Some((_, recording)) = ran(source, &[], &[]) {
        assert_eq!(count(&recording, "getppid", None), 4 * 240_000 + 40 * 1000);
        assert_eq!(count(&recording, "execve", None), 30);
    }
}

#[test]
fn new_calls_and_arguments_at_a_known_place_are_seen() {
    let source = r#"
        #define _GNU_SOURCE
        #include <sys/ioctl.h>
        #include <sys/mman.h>
        #include <sys/socket.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        int main(void) {
            for (int i = 0; i < 1000; i++) close(socket(AF_UNIX, SOCK_STREAM, 0));
            for (int i = 0; i < 20; i++) close(socket(AF_UNIX, SOCK_DGRAM, 0));
            close(socket(AF_INET, SOCK_STREAM, 0));
            // More commands than are led around.
            for (int round = 0; round < 50; round++)
                for (int command = 0; command < 30; command++) ioctl(-1, 0x7700 + command, 0);
            for (int i = 0; i < 1000; i++) munmap(mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
            munmap(mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
            // Through one place, many calls.
            for (int i = 0; i < 500; i++) { syscall(SYS_getppid); syscall(SYS_getuid); }
            for (int i = 0; i < 7; i++) syscall(SYS_getgid);
            // Six arguments reach the kernel as they were.
            char *page = (char *)syscall(SYS_mmap, 0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            page[8191] = 1;
            return 0;
        }"#;
    let Some((_, recording)) = ran(source, &[], &[]) else { return };
    let sockets = |args: [u64; 2]| count(&recording, "socket", Some(&args));
    assert_eq!((sockets([1, 1]), sockets([1, 2]), sockets([2, 1])), (1000, 20, 1));
    for command in 0..30 {
        assert_eq!(count(&recording, "ioctl", Some(&[0x7700 + command])), 50, "{command}");
    }
    assert!(count(&recording, "mmap", Some(&[1])) >= 1000);
    assert_eq!(count(&recording, "mmap", Some(&[7])), 1);
    let calls = |name| count(&recording, name, None);
    assert_eq!((calls("getppid"), calls("getuid"), calls("getgid")), (500, 500, 7));
    // And those of the loader.
    assert!((1021..1100).contains(&calls("close")));
}

#[test]
fn signals_find_threads_where_they_would_be() {
    let source = r#"
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <pthread.h>
        #include <signal.h>
        #include <stdio.h>
        #include <sys/syscall.h>
        #include <sys/time.h>
        #include <time.h>
        #include <ucontext.h>
        #include <unistd.h>
        static volatile long calls, signals, strange, cleaned;
        static void handler(int number, siginfo_t *info, void *context) {
            Dl_info found;
            void *at = (void *)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
            if (!dladdr(at, &found)) strange++;
            signals++;
        }
        static void clean(void *unused) { cleaned++; }
        static void *sleeper(void *ends) {
            char byte;
            pthread_cleanup_push(clean, 0);
            // Warm, then blocked for good.
            for (int i = 0; i < 100; i++) { write(((int *)ends)[1], "x", 1); read(((int *)ends)[0], &byte, 1); }
            for (;;) read(((int *)ends)[0], &byte, 1);
            pthread_cleanup_pop(0);
        }
        int main(void) {
            struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART };
            sigaction(SIGALRM, &action, 0);
            struct itimerval often = { { 0, 200 }, { 0, 200 } }, never = { 0 };
            setitimer(ITIMER_REAL, &often, 0);
            int ends[2];
            if (pipe(ends)) return 2;
            char byte;
            for (; signals < 2000; calls++) {
                if (syscall(SYS_getppid) < 1 || getuid() == -1) return 3;
                if (write(ends[1], "x", 1) != 1 || read(ends[0], &byte, 1) != 1) return 4;
                struct timespec moment = { 0, 50000 };
                if (calls % 64 == 0) nanosleep(&moment, 0);
            }
            setitimer(ITIMER_REAL, &never, 0);
            pthread_t thread;
            pthread_create(&thread, 0, sleeper, ends);
            usleep(100000);
            pthread_cancel(thread);
            pthread_join(thread, 0);
            printf("%ld %ld %ld\n", calls, strange, cleaned);
            return 0;
        }"#;
    let Some((said, recording)) = ran(source, &["-ldl"], &[]) else { return };
    let words: Vec<u64> = said.split_whitespace().map(|w| w.parse().unwrap()).collect();
    assert_eq!(words[1..], [0, 1], "{said}");
    assert_eq!(count(&recording, "getppid", None), words[0]);
    assert_eq!(count(&recording, "getuid", None), words[0]);
}

#[test]
fn a_filter_of_the_programs_own_traps_as_ever() {
    let source = r#"
        #define _GNU_SOURCE
        #include <linux/filter.h>
        #include <linux/seccomp.h>
        #include <signal.h>
        #include <stddef.h>
        #include <sys/prctl.h>
        #include <sys/syscall.h>
        #include <ucontext.h>
        #include <unistd.h>
        static volatile int trapped, elsewhere;
        static void handler(int number, siginfo_t *info, void *context) {
            greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
            if (info->si_call_addr != (void *)registers[REG_RIP]) elsewhere++;
            if (((unsigned char *)registers[REG_RIP])[-1] == 0) elsewhere++;
            registers[REG_RAX] = 4242;
            trapped++;
        }
        int main(void) {
            for (int i = 0; i < 100; i++) if (syscall(SYS_getppid) == 4242) return 1;
            struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
            };
            struct sock_fprog program = { 4, filter };
            struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
            sigaction(SIGSYS, &action, 0);
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return 2;
            for (int i = 0; i < 100; i++) if (syscall(SYS_getppid) != 4242) return 3;
            for (int i = 0; i < 100; i++) syscall(SYS_getuid);
            return trapped == 100 && !elsewhere ? 0 : 4;
        }"#;
    if let Some((_, recording)) = ran(source, &[], &[]) {
        assert_eq!(count(&recording, "getuid", None), 100);
    }
}

#[test]
fn code_that_is_made_or_replaced_is_left_alone() {
    let source = r#"
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stdio.h>
        #include <string.h>
        #include <sys/mman.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        // mov eax, number; syscall; ret
        static unsigned char code[] = { 0xb8, SYS_getppid, 0, 0, 0, 0x0f, 0x05, 0xc3 };
        int main(int argc, char **argv) {
            unsigned char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            memcpy(page, code, sizeof code);
            mprotect(page, 4096, PROT_READ | PROT_EXEC);
            for (int i = 0; i < 300; i++) ((long (*)(void))page)();
            // Nothing of it was changed.
            if (memcmp(page, code, sizeof code)) return 1;
            // Text of a file, unmapped and mapped anew, over and over.
            for (int round = 0; round < 20; round++) {
                void *library = dlopen(argv[1], RTLD_NOW);
                if (!library) { puts(dlerror()); return 2; }
                long (*call)(void) = (long (*)(void))dlsym(library, "call");
                for (int i = 0; i < 50; i++) if (call() != getuid()) return 3;
                dlclose(library);
            }
            return 0;
        }"#;
    let folder = Folder::new();
    let library = r#"
        #include <sys/syscall.h>
        long call(void) {
            long result;
            __asm__ volatile(
                ".intel_syntax noprefix; mov eax, 102; syscall; .att_syntax" : "=a"(result) : : "rcx", "r11", "memory");
            return result;
        }"#;
    let Some(library) = compiled(&folder, "library.so", library, &["-shared", "-fPIC"]) else { return };
    if let Some((_, recording)) = ran(source, &["-ldl"], &[&library]) {
        assert_eq!(count(&recording, "getppid", None), 300);
        assert_eq!(count(&recording, "getuid", None), 2000);
    }
}

/// A thread is stopped and continued while it is made to attach memory: it is never left stopped.
#[test]
fn who_was_continued_is_not_left_stopped() {
    let source = r#"
        #define _GNU_SOURCE
        #include <signal.h>
        #include <stdio.h>
        #include <sys/syscall.h>
        #include <sys/wait.h>
        #include <time.h>
        #include <unistd.h>
        int main(int argc, char **argv) {
            if (argc > 1) {
                for (int i = 0; i < 40; i++) { syscall(SYS_getppid); getuid(); getgid(); geteuid(); }
                return 7;
            }
            alarm(100);
            long stops = 0;
            for (int i = 0; i < 60; i++) {
                pid_t child = fork();
                if (child == 0) { execl(argv[0], argv[0], "child", (char *)0); _exit(9); }
                int status;
                // Until it has ended, however often that is.
                while (waitpid(child, &status, WNOHANG) == 0) {
                    struct timespec moment = { 0, 20000 + 37000 * (stops % 23) };
                    nanosleep(&moment, 0);
                    kill(child, SIGSTOP);
                    if (stops % 3) { moment.tv_nsec = 1000 * (stops % 7); nanosleep(&moment, 0); }
                    kill(child, SIGCONT);
                    stops++;
                    moment.tv_nsec = 300000;
                    nanosleep(&moment, 0);
                }
                if (!WIFEXITED(status) || WEXITSTATUS(status) != 7) return 3;
            }
            printf("%ld\n", stops);
            return 0;
        }"#;
    let Some((said, recording)) = ran(source, &[], &[]) else { return };
    assert!(said.trim().parse::<u64>().unwrap() > 60, "{said}");
    assert_eq!(count(&recording, "getuid", None), 60 * 40);
}

#[test]
fn other_ways_are_not_fast() {
    for way in ["bpf", "notify"] {
        let output = learn(way).args(["--fast", "--", "true"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("--fast goes with --via trace only"), "{}", stderr(&output));
    }
}
