//! Standing in front of a command without being noticed: signals, job control, dispositions.
//!
//! A forked child plays the shell: it owns a terminal and starts the runner in a process group of its own.
#![expect(unsafe_code, reason = "terminals, signals and process groups")]

mod common;

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd, FromRawFd};
use std::time::{Duration, Instant};

use callgate_sys::ptrace::trace_loads;
use callgate_sys::{Command, Flags};
use common::{allow_all, check};

/// A runner of one shell script on a terminal, as a shell would start it.
struct Job {
    master: File,
    runner: i32,
    output: String,
}

impl Job {
    /// Take a new terminal, and run `script` on it in the foreground.
    fn start(script: &str) -> Job {
        Job::start_with(script, run)
    }

    /// The same with another runner.
    fn start_with(script: &str, run: fn(&str) -> !) -> Job {
        // SAFETY: plain calls on descriptors and numbers; this process is a fresh fork with one thread.
        unsafe {
            let master = libc::posix_openpt(libc::O_RDWR | libc::O_CLOEXEC);
            assert!(master >= 0 && libc::grantpt(master) == 0 && libc::unlockpt(master) == 0);
            let mut name = [0; 64];
            assert_eq!(libc::ptsname_r(master, name.as_mut_ptr(), name.len()), 0);
            libc::setsid();
            // The first terminal a session leader opens becomes its controlling one.
            let slave = libc::open(name.as_ptr(), libc::O_RDWR);
            assert!(slave >= 0);
            // A shell that sets the terminal's group from the background must not be stopped for it.
            libc::signal(libc::SIGTTOU, libc::SIG_IGN);
            // Closing the terminal at the end of a test hangs up on this session.
            libc::signal(libc::SIGHUP, libc::SIG_IGN);
            let runner = libc::fork();
            if runner == 0 {
                libc::setpgid(0, 0);
                libc::tcsetpgrp(slave, libc::getpid());
                libc::signal(libc::SIGTTOU, libc::SIG_DFL);
                libc::signal(libc::SIGHUP, libc::SIG_DFL);
                for fd in 0..3 {
                    libc::dup2(slave, fd);
                }
                run(script);
            }
            libc::setpgid(runner, runner);
            libc::tcsetpgrp(slave, runner);
            Job { master: File::from_raw_fd(master), runner, output: String::new() }
        }
    }

    /// Read from the terminal until `text` has appeared `times` times.
    fn expect(&mut self, text: &str, times: usize) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.output.matches(text).count() < times {
            assert!(Instant::now() < deadline, "no {text:?} in {:?}", self.output);
            self.read_some(100);
        }
    }

    fn read_some(&mut self, milliseconds: i32) {
        let mut poll = libc::pollfd { fd: self.master.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid entry.
        if unsafe { libc::poll(&raw mut poll, 1, milliseconds) } > 0 {
            let mut buffer = [0; 4096];
            // A terminal whose last user left reads as an error.
            let n = self.master.read(&mut buffer).unwrap_or(0);
            self.output.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    }

    fn press(&mut self, key: u8) {
        self.master.write_all(&[key]).unwrap();
    }

    fn kill(&self, to: i32, signal: i32) {
        // SAFETY: takes no pointers.
        assert_eq!(unsafe { libc::kill(to, signal) }, 0);
    }

    /// What the shell's `waitpid` says.
    fn status(&self) -> i32 {
        let mut status = 0;
        let options = libc::WUNTRACED | libc::WCONTINUED;
        // SAFETY: a valid place for the status.
        assert_eq!(unsafe { libc::waitpid(self.runner, &raw mut status, options) }, self.runner);
        status
    }

    /// Until the runner has got over being continued and waits for the next signal.
    fn until_attentive(&self) {
        until("the runner waits", || state(self.runner) == 'S');
    }

    /// The process the runner started: the number the script printed after `pid=`.
    fn command(&mut self) -> i32 {
        self.expect("pid=", 1);
        self.expect("\n", 1);
        let rest = self.output.split("pid=").nth(1).unwrap();
        rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
    }
}

fn run(script: &str) -> ! {
    let allow = allow_all();
    let command = Command::new(&["sh", "-c", script]).unwrap().filter(&allow, Flags::NEW);
    command.forward_signals().spawn().unwrap().wait().unwrap().pass_on()
}

fn run_traced(script: &str) -> ! {
    let command = Command::new(&["sh", "-c", script]).unwrap();
    trace_loads(command, &mut |_| ControlFlow::Continue(()), &mut |_| ()).unwrap().pass_on()
}

/// The state letter of a process.
fn state(pid: i32) -> char {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    text.rsplit_once(") ").unwrap().1.chars().next().unwrap()
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn an_interrupt_from_the_terminal_ends_both_as_it_would_end_the_command() {
    check(|| {
        let mut job = Job::start("echo pid=$$; exec sleep 60");
        job.command();
        job.press(3);
        let status = job.status();
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGINT, "{status:#x}");
    });
}

#[test]
fn a_key_reaches_the_command_once() {
    check(|| {
        let mut job = Job::start("trap 'echo caught' INT; echo pid=$$; while :; do sleep 0.05; done");
        job.command();
        job.press(3);
        job.expect("caught", 1);
        job.read_some(300);
        job.read_some(300);
        assert_eq!(job.output.matches("caught").count(), 1, "{}", job.output);
        job.kill(job.runner, libc::SIGTERM);
        let status = job.status();
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGTERM, "{status:#x}");
    });
}

#[test]
fn signals_sent_to_the_runner_reach_the_command() {
    check(|| {
        for (signal, name) in [
            (libc::SIGTERM, "TERM"),
            (libc::SIGHUP, "HUP"),
            (libc::SIGUSR1, "USR1"),
            (libc::SIGWINCH, "WINCH"),
        ] {
            let script =
                format!("trap 'echo caught; exit 33' {name}; echo pid=$$; while :; do sleep 0.05; done");
            // Each needs a terminal and a session of its own.
            check(|| {
                let mut job = Job::start(&script);
                job.command();
                job.kill(job.runner, signal);
                job.expect("caught", 1);
                let status = job.status();
                assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 33, "{name} {status:#x}");
            });
        }
    });
}

#[test]
fn job_control_stops_and_continues_both() {
    check(|| {
        let mut job = Job::start("echo pid=$$; exec sleep 60");
        let command = job.command();
        until("sleep runs", || state(command) == 'S');
        job.press(26);
        let status = job.status();
        assert!(libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == libc::SIGTSTP, "{status:#x}");
        assert_eq!(state(command), 'T');
        // `fg`: the whole group.
        job.kill(-job.runner, libc::SIGCONT);
        assert!(libc::WIFCONTINUED(job.status()));
        until("the command continues", || state(command) == 'S');
        // A stop and a continuation sent to the runner alone.
        job.until_attentive();
        job.kill(job.runner, libc::SIGTSTP);
        assert!(libc::WIFSTOPPED(job.status()));
        assert_eq!(state(command), 'T');
        job.kill(job.runner, libc::SIGCONT);
        assert!(libc::WIFCONTINUED(job.status()));
        until("the command continues again", || state(command) == 'S');
        // SIGSTOP sent to the command alone.
        job.until_attentive();
        job.kill(command, libc::SIGSTOP);
        let status = job.status();
        assert!(libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == libc::SIGSTOP, "{status:#x}");
        job.kill(job.runner, libc::SIGCONT);
        assert!(libc::WIFCONTINUED(job.status()));
        until("the command continues a third time", || state(command) == 'S');
        job.until_attentive();
        job.press(3);
        let status = job.status();
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGINT, "{status:#x}");
    });
}

#[test]
fn a_tracer_is_not_noticed_either() {
    check(|| {
        let mut job = Job::start_with("echo pid=$$; exec sleep 60", run_traced);
        let command = job.command();
        until("sleep runs", || state(command) == 'S');
        job.press(26);
        let status = job.status();
        assert!(libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == libc::SIGTSTP, "{status:#x}");
        assert_eq!(state(command), 't');
        job.kill(-job.runner, libc::SIGCONT);
        assert!(libc::WIFCONTINUED(job.status()));
        until("the command continues", || state(command) == 'S');
        job.until_attentive();
        job.kill(job.runner, libc::SIGTSTP);
        assert!(libc::WIFSTOPPED(job.status()));
        job.kill(job.runner, libc::SIGCONT);
        assert!(libc::WIFCONTINUED(job.status()));
        until("the command continues again", || state(command) == 'S');
        job.press(3);
        let status = job.status();
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGINT, "{status:#x}");
    });
}

#[test]
fn the_command_inherits_ignored_signals_and_an_empty_mask() {
    check(|| {
        // SAFETY: changes this forked child's dispositions only.
        unsafe {
            libc::signal(libc::SIGHUP, libc::SIG_IGN);
            libc::signal(libc::SIGCHLD, libc::SIG_IGN);
            libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        }
        // SAFETY: this forked child's standard output becomes a fresh file.
        let mut output = unsafe {
            let output = libc::memfd_create(c"output".as_ptr(), libc::MFD_CLOEXEC);
            assert!(output >= 0 && libc::dup2(output, 1) == 1);
            File::from_raw_fd(output)
        };
        let allow = allow_all();
        let command =
            Command::new(&["grep", "^Sig", "/proc/self/status"]).unwrap().filter(&allow, Flags::NEW);
        assert_eq!(command.forward_signals().spawn().unwrap().wait().unwrap().exit_code(), 0);
        let mut text = String::new();
        output.rewind().unwrap();
        output.read_to_string(&mut text).unwrap();
        let field = |name: &str| {
            let line = text.lines().find(|l| l.starts_with(name)).unwrap();
            u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
        };
        assert_eq!(field("SigBlk"), 0);
        assert_eq!(field("SigIgn") & (1 << (libc::SIGHUP - 1)), 1 << (libc::SIGHUP - 1));
        assert_eq!(field("SigIgn") & (1 << (libc::SIGPIPE - 1)), 0);
        assert_eq!(field("SigIgn") & (1 << (libc::SIGCHLD - 1)), 1 << (libc::SIGCHLD - 1));
        // And this process has its own back.
        assert_eq!(common::status_field("self", "SigBlk"), "0000000000000000");
        // SAFETY: only asks.
        assert_eq!(unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) }, libc::SIG_IGN);
    });
}

#[test]
fn a_command_may_be_bound_to_its_runner() {
    check(|| {
        let mut pipe = [0; 2];
        // SAFETY: a valid place for two descriptors; the forked runner only runs.
        let runner = unsafe {
            assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
            libc::fork()
        };
        if runner == 0 {
            let child = Command::new(&["sleep", "60"]).unwrap().die_with_parent().spawn().unwrap();
            let _ = child.wait();
            std::process::exit(0);
        }
        // SAFETY: closes the end nobody here writes to.
        unsafe { libc::close(pipe[1]) };
        std::thread::sleep(Duration::from_millis(100));
        // SAFETY: takes no pointers.
        unsafe { libc::kill(runner, libc::SIGKILL) };
        common::wait_for(runner);
        // The pipe's other end was inherited by the command: it reads as ended once the command is gone.
        let mut poll = libc::pollfd { fd: pipe[0], events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid entry.
        assert_eq!(unsafe { libc::poll(&raw mut poll, 1, 10_000) }, 1);
    });
}
