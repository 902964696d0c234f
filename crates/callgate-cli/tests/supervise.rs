//! Commands whose calls are answered by `on` lines.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

mod common;

use common::{Folder, callgate, python, stderr, stdout};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A policy that permits all but what `rules` say.
fn policy(folder: &Folder, rules: &str) -> String {
    let arch = std::env::consts::ARCH;
    folder.file("policy.cg", format!("arch {arch}\ndefault allow\n{rules}").as_bytes())
}

fn supervise(rules: &str, command: &[&str]) -> Output {
    let folder = Folder::new();
    let file = policy(&folder, rules);
    callgate(&["supervise", &file, "--"]).args(command).output().unwrap()
}

/// Gives a process some time to end.
fn ends(child: &mut Child) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

#[test]
fn files_are_opened_below_a_directory_and_nowhere_else() {
    let folder = Folder::new();
    let inside = folder.path().join("view");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(inside.join("a"), "inside").unwrap();
    folder.file("secret", b"secret");
    std::os::unix::fs::symlink("../secret", inside.join("out")).unwrap();
    std::os::unix::fs::symlink("view/a", folder.path().join("in")).unwrap();
    std::fs::write(folder.path().join("viewx"), "neighbour").unwrap();
    let inside = inside.to_str().unwrap();
    let base = folder.path().to_str().unwrap();
    let rules = format!(
        "notify open, openat if flags & O_CLOEXEC == 0\n\
         on openat open read-only below \"{inside}\"\n\
         on openat errno(EROFS)\n"
    );
    let file = policy(&folder, &rules);
    let script = format!(
        "exec 2>&1; cd {inside}; cat a; echo; cat < out; cat < ../secret; cat < {base}/in; echo; \
         cat < {base}/viewx; cat < /proc/self/status; echo no > b; cat < none; cat < {inside}/../view/a"
    );
    // The shell opens by `open` without O_CLOEXEC for redirections.
    let output = callgate(&["supervise", &file, "--", "sh", "-c", &script]).output().unwrap();
    let said = stdout(&output);
    assert_eq!(said.matches("inside").count(), 3, "{said}\n{}", stderr(&output));
    assert_eq!(said.matches("Read-only file system").count(), 5, "{said}\n{}", stderr(&output));
    assert_eq!(said.matches("No such file").count() + said.matches("nonexistent").count(), 1, "{said}");
    assert!(!said.contains("secret\n") && !said.contains("neighbour"), "{said}");
    let told = stderr(&output);
    let opened = format!("= opened {inside}/a read-only, by {file}:4");
    assert!(told.contains(&opened), "{told}");
    assert!(told.contains("= errno(EROFS), by ") && told.contains("~\"../secret\""), "{told}");
    assert!(told.contains("= tried, errno(ENOENT), by "), "{told}");
}

/// A program in Python, where there is one.
fn program(rules: &str, script: &str) -> Option<Output> {
    Some(supervise(rules, &[&python()?, "-c", script]))
}

#[test]
fn sockets_are_connected_to_these_addresses_only() {
    let (good, bad) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let (good, bad) = (good.local_addr().unwrap().port(), bad.local_addr().unwrap().port());
    let folder = Folder::new();
    let path = folder.path().join("s");
    let path = path.to_str().unwrap();
    let _unix = UnixListener::bind(path).unwrap();
    let script = format!(
        "import socket\n\
         def go(kind, to):\n\
         \x20   s = socket.socket(kind, socket.SOCK_STREAM)\n\
         \x20   try: s.connect(to); return 'yes'\n\
         \x20   except OSError as e: return e.errno\n\
         print(go(socket.AF_INET, ('127.0.0.1', {good})), go(socket.AF_INET, ('127.0.0.1', {bad})),\n\
         \x20     go(socket.AF_INET6, ('::ffff:127.0.0.1', {good})), go(socket.AF_INET6, ('::ffff:127.0.0.1', {bad})),\n\
         \x20     go(socket.AF_UNIX, '{path}'), go(socket.AF_UNIX, '{path}x'), go(socket.AF_UNIX, '\\0nobody'))\n"
    );
    let rules = format!("notify connect\non connect connect to \"127.0.0.0/8:{good}\", \"unix:{path}\"\n");
    let Some(output) = program(&rules, &script) else { return };
    assert_eq!(stdout(&output), "yes 1 yes 1 yes 1 1\n", "{}", stderr(&output));
    assert!(
        stderr(&output).contains(&format!("= connected to 127.0.0.1:{good}, by ")),
        "{}",
        stderr(&output)
    );
    assert!(stderr(&output).contains("= errno(EPERM), by no line"), "{}", stderr(&output));
}

#[test]
fn another_port_is_bound_and_results_are_made_up() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let script = "import os, socket\n\
                  s = socket.socket()\n\
                  s.bind(('127.0.0.1', 80))\n\
                  print(s.getsockname()[1], os.getuid())\n\
                  try: socket.socket().bind(('127.0.0.1', 81))\n\
                  except OSError as e: print(e.errno)\n";
    let rules = format!("notify bind, getuid\non bind bind 80 as {free}\non getuid return 4242\n");
    let Some(output) = program(&rules, script) else { return };
    assert_eq!(stdout(&output), format!("{free} 4242\n1\n"), "{}", stderr(&output));
}

#[test]
fn the_exit_code_is_the_commands_and_so_is_its_death() {
    let rules = "notify getppid\non getppid continue-unchecked\n";
    assert_eq!(supervise(rules, &["sh", "-c", "exit 7"]).status.code(), Some(7));
    assert_eq!(supervise(rules, &["/nonexistent/x"]).status.code(), Some(127));
    let output = supervise(rules, &["sh", "-c", "kill -TERM $$"]);
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(15));
    // A policy that hands its own execve over, and one that hands over everything.
    let everything = "notify any\non any continue-unchecked\n";
    let output = supervise(everything, &["sh", "-c", "echo fine; true & wait; exit 3"]);
    assert_eq!((stdout(&output).as_str(), output.status.code()), ("fine\n", Some(3)), "{}", stderr(&output));
}

#[test]
fn reports_are_lines_of_json() {
    let folder = Folder::new();
    let file = policy(
        &folder,
        "notify mkdir, mkdirat, getppid\non getppid log\non getppid return 5\non any errno(EROFS)\n",
    );
    let script = "mkdir /tmp/never /tmp/never2 /tmp/never 2>/dev/null; echo $PPID";
    let output =
        callgate(&["supervise", "--json", "--quiet", &file, "--", "sh", "-c", script]).output().unwrap();
    assert_eq!(stdout(&output), "5\n");
    let told = stderr(&output);
    let lines: Vec<serde_json::Value> = told.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(lines.iter().all(|l| l["schema"] == "callgate/supervised/1"), "{told}");
    let decided: Vec<_> = lines.iter().filter(|l| l["event"] == "decided").collect();
    let counts: Vec<_> = lines.iter().filter(|l| l["event"] == "count").collect();
    assert_eq!((decided.len(), counts.len()), (3, 3), "{told}");
    let denied = decided.iter().find(|l| l["text"].as_str().unwrap().contains("~\"/tmp/never\"")).unwrap();
    assert_eq!((denied["decision"].as_str(), denied["errno"].as_str()), (Some("denied"), Some("EROFS")));
    assert_eq!((denied["line"].as_u64(), denied["file"].as_str()), (Some(6), Some(file.as_str())));
    assert!(decided.iter().any(|l| l["decision"] == "returned" && l["logged"] == true));
}

#[test]
fn a_policy_with_on_lines_needs_somebody_who_answers() {
    let folder = Folder::new();
    let file = policy(&folder, "notify getppid\non getppid return 1\n");
    for args in [&["run", &file, "--", "true"][..], &["run", "--report", &file, "--", "true"]] {
        let output = callgate(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(":4: an `on` line needs somebody"), "{}", stderr(&output));
    }
    let convert = |args: &[&str]| callgate(&["convert", &file]).args(args).output().unwrap();
    let refused = convert(&["--to", "oci"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("`on` lines are not said"), "{}", stderr(&refused));
    let lossy = convert(&["--to", "oci", "--weaker"]);
    assert_eq!(lossy.status.code(), Some(0), "{}", stderr(&lossy));
    assert!(stdout(&lossy).contains("SCMP_ACT_NOTIFY"));
    assert!(stdout(&convert(&["--to", "callgate"])).contains("\non getppid return 1\n"));
    let compiled = callgate(&["compile", &file, "--to", "asm"]).output().unwrap();
    assert!(compiled.status.success() && stderr(&compiled).contains("no part of a program"));
    // And the other way round.
    let none = policy(&folder, "notify getppid\n");
    let output = callgate(&["supervise", &none, "--", "true"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("has no `on` lines"), "{}", stderr(&output));
}

#[test]
fn a_supervisor_that_is_killed_takes_the_command_along() {
    let folder = Folder::new();
    let file = policy(&folder, "notify getppid, execve\non any continue-unchecked\n");
    // A grandchild has nobody who would kill it: its calls fail, it does not hang.
    let script = "(while [ $PPID ] && sh -c 'exit 0' 2>/dev/null; do :; done; echo ENDED) & \
                  echo UP; while :; do sh -c : ; done";
    let mut child = callgate(&["supervise", "--quiet", &file, "--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "UP\n");
    std::thread::sleep(Duration::from_millis(50));
    child.kill().unwrap();
    child.wait().unwrap();
    // The pipe ends when the last of them has: none hangs in a call that nobody answers.
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "ENDED\n");
}

#[test]
fn a_command_may_outlive_its_supervisor_and_is_answered_by_nobody() {
    let folder = Folder::new();
    let file = policy(&folder, "notify getppid, execve\non any continue-unchecked\n");
    assert_eq!(after_the_loss(&file, &["--if-lost", "enosys"]), "126\n");
}

/// What is left of a command that hands over its `execve`s, after its supervisor was killed.
fn after_the_loss(file: &str, options: &[&str]) -> String {
    let script = "echo UP; read x; sh -c 'echo never' 2>/dev/null; echo \"$?\"";
    let mut child = callgate(&["supervise", "--quiet"])
        .args(options)
        .args([file, "--", "sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "UP\n");
    let mut input = child.stdin.take().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // The command goes on, unless it has been killed with its supervisor.
    let _ = input.write_all(b"go\n");
    drop(input);
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    rest
}

#[test]
fn the_policy_says_what_becomes_of_a_lost_command() {
    let folder = Folder::new();
    let rules = |line: &str| format!("notify getppid, execve\n{line}on any continue-unchecked\n");
    let says = |line: &str| policy(&folder, &rules(line));
    assert_eq!(after_the_loss(&says("if-lost errno(ENOSYS)\n"), &[]), "126\n");
    assert_eq!(after_the_loss(&says("if-lost errno(ENOSYS)\n"), &["--if-lost", "kill"]), "");
    assert_eq!(after_the_loss(&says("if-lost kill\n"), &[]), "");
    assert_eq!(after_the_loss(&says(""), &[]), "");
    // Nobody can kill what somebody else has started.
    let file = says("if-lost kill\n");
    let socket = folder.path().join("agent");
    let agent = callgate(&["supervise", &file, "--listen", socket.to_str().unwrap()]).output().unwrap();
    assert_eq!(agent.status.code(), Some(2));
    assert!(stderr(&agent).contains("`if-lost kill` cannot be kept"), "{}", stderr(&agent));
    let kept = callgate(&["convert", &file, "--to", "callgate"]).output().unwrap();
    assert!(stdout(&kept).contains("\nif-lost kill\non any"), "{}", stdout(&kept));
}

#[test]
fn a_listener_may_be_inherited() {
    let folder = Folder::new();
    let file = policy(&folder, "notify getppid\non getppid return 79\n");
    let socket = folder.path().join("hand-over");
    let socket = socket.to_str().unwrap();
    // Takes the listener like a manager of services would, and becomes callgate.
    let script = "import os, socket, sys\n\
                  s = socket.socket(socket.AF_UNIX)\n\
                  s.bind(sys.argv[1]); s.listen(); print('UP', flush=True)\n\
                  c, _ = s.accept()\n\
                  _, fds, _, _ = socket.recv_fds(c, 65536, 4)\n\
                  os.set_inheritable(fds[0], True)\n\
                  os.execv(sys.argv[2], sys.argv[2:] + ['--listener-fd', str(fds[0])])\n";
    let Some(python) = python() else { return };
    let mut manager = Command::new(python)
        .args(["-c", script, socket, env!("CARGO_BIN_EXE_callgate"), "supervise", &file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(manager.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "UP\n");
    let run = callgate(&["run", &file, "--agent", socket, "--", "sh", "-c", "exit $PPID"]).output().unwrap();
    assert_eq!(run.status.code(), Some(79), "{}", stderr(&run));
    // With the last that could call it ends by itself.
    let output = manager.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("getppid() on ") && stderr(&output).contains("= 79"),
        "{}",
        stderr(&output)
    );
    let closed = callgate(&["supervise", &file, "--listener-fd", "999"]).output().unwrap();
    assert_eq!(closed.status.code(), Some(2), "{}", stderr(&closed));
}

#[test]
fn an_interrupt_ends_both() {
    let folder = Folder::new();
    let file = policy(&folder, "notify getppid\non getppid continue-unchecked\n");
    let mut child = callgate(&["supervise", "--quiet", &file, "--", "sh", "-c", "echo UP; exec sleep 60"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success() && ends(&mut child));
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&child.wait().unwrap()), Some(2));
}

#[test]
fn an_agent_answers_for_commands_that_send_their_listener() {
    let folder = Folder::new();
    let number = folder.file("number", b"1\n");
    let rules = format!(
        "notify getppid\nnotify open, openat if flags & O_CLOEXEC == 0\n\
         on getppid return 76\non open, openat open read-only \"{number}\"\n"
    );
    let file = policy(&folder, &rules);
    for seqpacket in [false, true] {
        let socket = folder.path().join(format!("agent-{seqpacket}"));
        let socket = socket.to_str().unwrap();
        let mut args = vec!["supervise", &file, "--listen", socket];
        args.extend(seqpacket.then_some("--seqpacket"));
        let mut agent = callgate(&args).stderr(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(agent.stderr.take().unwrap());
        let mut line = String::new();
        told.read_line(&mut line).unwrap();
        assert!(line.contains("listening on"), "{line}");
        let run = || {
            callgate(&["run", &file, "--agent", socket, "--agent-metadata", "for tests"])
                .args(["--", "sh", "-c", &format!("read x < {number}; exit $((PPID + x))")])
                .output()
                .unwrap()
        };
        for _ in 0..2 {
            let output = run();
            assert_eq!(output.status.code(), Some(77), "{}", stderr(&output));
        }
        let mut all = String::new();
        while !all.contains("all its processes have ended") {
            assert_ne!(told.read_line(&mut all).unwrap(), 0, "{all}");
        }
        assert!(all.contains("sh: process ") && all.contains("metadata \"for tests\""), "{all}");
        assert!(all.contains("getppid() on ") && all.contains("= 76, made up"), "{all}");
        agent.kill().unwrap();
        agent.wait().unwrap();
        // Nobody listens any more: nothing is run.
        let output = run();
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(125), ""));
    }
}

#[test]
fn an_agent_survives_those_who_send_nonsense() {
    let folder = Folder::new();
    let file = policy(&folder, "notify getppid\non getppid return 78\n");
    let socket = folder.path().join("agent");
    // A socket that nobody listens on any more is replaced.
    drop(UnixListener::bind(&socket).unwrap());
    let path = socket.to_str().unwrap();
    let mut agent = callgate(&["supervise", &file, "--listen", path]).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(agent.stderr.take().unwrap());
    let mut all = String::new();
    told.read_line(&mut all).unwrap();
    for bytes in
        [&b""[..], b"{}", b"\xff\x00", br#"{"ociVersion":"1","fds":["seccompFd"],"state":{"id":"x"}}"#]
    {
        let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
        stream.write_all(bytes).unwrap();
    }
    let output = callgate(&["run", &file, "--agent", path, "--", "sh", "-c", "exit $PPID"]).output().unwrap();
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
    // Each connection is told about when its turn comes.
    let complaints =
        ["not a container process state"; 3].into_iter().chain(["1 descriptors are named, 0 came"]);
    for complaint in complaints.clone() {
        let wanted = complaints.clone().filter(|c| *c == complaint).count();
        while all.matches(complaint).count() < wanted {
            assert_ne!(told.read_line(&mut all).unwrap(), 0, "{all}");
        }
        assert_eq!(all.matches(complaint).count(), wanted, "{all}");
    }
    agent.kill().unwrap();
    agent.wait().unwrap();
}

/// What a terminal shows of `callgate supervise --ask`, with these lines typed into it.
fn at_a_terminal(folder: &Folder, file: &str, script: &str, typed: &str) -> Option<String> {
    // A pseudo-terminal of the command's own, made by Python's standard library.
    let driver = format!(
        "import os, pty, sys, time\n\
         pid, fd = pty.fork()\n\
         if pid == 0:\n\
         \x20   os.execv(sys.argv[1], [sys.argv[1], 'supervise', '--ask', '--quiet', sys.argv[2], '--', 'sh', '-c', sys.argv[3]])\n\
         all, typed = b'', {typed:?}\n\
         while True:\n\
         \x20   try: data = os.read(fd, 4096)\n\
         \x20   except OSError: break\n\
         \x20   if not data: break\n\
         \x20   all += data\n\
         \x20   while typed and all.count(b'ne[v]er? ') > {0} - len(typed):\n\
         \x20       os.write(fd, typed[0].encode() + b'\\n'); typed = typed[1:]\n\
         sys.stdout.buffer.write(all)\n",
        typed.len()
    );
    let driver = folder.file("driver.py", driver.as_bytes());
    let output = Command::new(python()?)
        .args([&driver, env!("CARGO_BIN_EXE_callgate"), file, script])
        .env("NO_COLOR", "1")
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    Some(stdout(&output))
}

#[test]
fn a_person_says_once_always_no_or_never() {
    let folder = Folder::new();
    folder.file("a", b"content of a");
    folder.file("b", b"content of b");
    let base = folder.path().to_str().unwrap().to_owned();
    let rules = format!(
        "notify open, openat if flags & O_CLOEXEC == 0\n\
         on open, openat ask open read-only below \"{base}\"   # mine\n"
    );
    let file = policy(&folder, &rules);
    let script = format!("for f in a a a b b a; do x=; read x < {base}/$f; echo \"$x.\"; done");
    // a: once, no, always, (b:) never, (nobody is asked twice), (a again is allowed).
    let Some(shown) = at_a_terminal(&folder, &file, &script, "onav") else { return };
    assert_eq!(shown.matches("content of a.").count(), 3, "{shown}");
    assert_eq!(shown.matches("content of b").count(), 0, "{shown}");
    assert_eq!(shown.matches("yes would be: on open").count(), 4, "{shown}");
    let text = std::fs::read_to_string(&file).unwrap();
    let new = format!("open read-only \"{base}/a\"\n");
    assert_eq!(text.matches(&new).count(), 1, "{text}");
    let added = text.find(&new).unwrap();
    assert!(added < text.find("ask open").unwrap() && text.contains("# mine"), "{text}");
    assert!(callgate(&["check", "--syntax-only", &file]).status().unwrap().success());
    // The next run asks no more about it; without a terminal it asks nothing.
    let output = callgate(&["supervise", "--quiet", &file, "--", "sh", "-c", &script]).output().unwrap();
    assert_eq!(stdout(&output).matches("content of a.").count(), 4, "{}", stderr(&output));
    assert!(stderr(&output).contains("without --ask every question is answered no"));
    assert!(stderr(&output).contains("by a person's word"), "{}", stderr(&output));
}

/// An example that comes with callgate.
fn example(name: &str) -> String {
    format!("{}/examples/{name}.cg", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_read_only_view_is_one() {
    let view = example("read-only-view");
    let under =
        |command: &[&str]| callgate(&["supervise", "--quiet", &view, "--"]).args(command).output().unwrap();
    let output =
        under(&["sh", "-c", "read x < /usr/bin/ldd; echo $x; read y < /etc/passwd; echo y > /usr/never"]);
    assert!(stdout(&output).starts_with("#!"), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("= errno(EACCES), by ") && stderr(&output).contains("= errno(EROFS), by ")
    );
    assert!(!std::path::Path::new("/usr/never").exists());
    assert_eq!(under(&["mkdir", "/usr/never"]).status.code(), Some(1));
    for name in ["read-only-view", "connect-list"] {
        let file = example(name);
        assert!(callgate(&["fmt", "--check", &file]).status().unwrap().success());
        let checked = callgate(&["check", "--json", &file]).output().unwrap();
        for code in ["CG0182", "CG0183", "CG0101", "CG0104"] {
            assert!(!stdout(&checked).contains(code), "{}", stdout(&checked));
        }
    }
}

/// Opens in every way that may be tried, one a line: what came of it.
const OPENS: &str = r#"
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def say(name, open):
    try: fd = open()
    except OSError as e: return print(name, e.errno)
    try: text = os.read(fd, 9).decode()
    except OSError as e: text = 'e%d' % e.errno
    print(name, text)
base = sys.argv[1]
here = os.open(base + '/view', os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
def openat2(path, flags, resolve, size=24):
    how = struct.pack('QQQ', flags, 0, resolve)
    fd = libc.syscall(437, -100, path.encode(), how, size)
    if fd < 0: raise OSError(ctypes.get_errno(), path)
    return fd
R = os.O_RDONLY
say('relative', lambda: os.open('a', R, dir_fd=here))
say('up', lambda: os.open('../secret', R, dir_fd=here))
say('bad fd', lambda: os.open('a', R, dir_fd=999))
say('file fd', lambda: os.open('a', R, dir_fd=0))
os.chdir(base + '/view')
say('cwd', lambda: os.open('a', R))
say('dots', lambda: os.open('../view/./a', R))
say('absolute link', lambda: os.open('absolute', R))
say('link', lambda: os.open('link', R | os.O_NOFOLLOW))
say('directory', lambda: os.open('.', R | os.O_DIRECTORY))
say('no directory', lambda: os.open('a', R | os.O_DIRECTORY))
say('fifo', lambda: os.open('fifo', R))
say('missing', lambda: os.open('missing', R))
say('missing outside', lambda: os.open('/missing', R))
say('existing outside', lambda: os.open(base + '/secret', R))
say('write', lambda: os.open('a', os.O_RDWR))
say('truncate', lambda: os.open('a', R | os.O_TRUNC))
say('path', lambda: os.open('a', R | os.O_PATH))
say('empty', lambda: os.open('', R))
say('how', lambda: openat2('a', R, 0))
say('how beneath', lambda: openat2('a', R, 8))
say('how short', lambda: openat2('a', R, 0, 8))
say('null', lambda: os.open('/dev/null', R))
say('tty', lambda: os.open('/dev/tty', R))
say('self', lambda: os.open('/proc/self/environ', R))
say('fd', lambda: os.open('/proc/self/fd/0', R))
fault = libc.syscall(257 if sys.argv[2] == 'x86_64' else 56, -100, 8, 0)
print('fault', fault if fault >= 0 else ctypes.get_errno())
"#;

#[test]
fn every_way_to_open_is_answered_as_it_should() {
    let Some(python) = python() else { return };
    let folder = Folder::new();
    let view = folder.path().join("view");
    std::fs::create_dir(&view).unwrap();
    std::fs::write(view.join("a"), "inside").unwrap();
    folder.file("secret", b"secret");
    std::os::unix::fs::symlink(view.join("a"), view.join("absolute")).unwrap();
    std::os::unix::fs::symlink("a", view.join("link")).unwrap();
    assert!(Command::new("mkfifo").arg(view.join("fifo")).status().unwrap().success());
    let base = folder.path().to_str().unwrap();
    let rules = format!(
        "notify open, openat if flags & O_CLOEXEC == 0\nnotify openat2\n\
         on open, openat, openat2 open read-only below \"{base}/view\", below \"/dev\", below \"/proc\"\n"
    );
    let file = policy(&folder, &rules);
    // Python's own `os.open` asks for O_CLOEXEC, always: the wrapper leaves it away.
    let script = OPENS.replace(
        "base = sys.argv[1]\n",
        "base = sys.argv[1]\nreal = os.open\n\
         def plain(path, flags, dir_fd=-100):\n\
         \x20   if flags & os.O_CLOEXEC: return real(path, flags)\n\
         \x20   fd = libc.syscall(257 if sys.argv[2] == 'x86_64' else 56, dir_fd, path.encode(), flags)\n\
         \x20   if fd < 0: raise OSError(ctypes.get_errno(), path)\n\
         \x20   return fd\n\
         os.open = plain\n",
    );
    let command = [python.as_str(), "-c", &script, base, std::env::consts::ARCH];
    let output = callgate(&["supervise", "--quiet", &file, "--"]).args(command).output().unwrap();
    let wanted = "relative inside\nup 1\nbad fd 9\nfile fd 20\ncwd inside\ndots inside\nabsolute link inside\nlink 40\n\
                  directory e21\nno directory 20\nfifo 13\nmissing 2\nmissing outside 1\nexisting outside 1\nwrite 1\n\
                  truncate 1\npath 1\nempty 2\nhow inside\nhow beneath 1\nhow short 22\nnull \ntty 13\nself 13\nfd 40\nfault 14\n";
    let said = stdout(&output);
    for (said, wanted) in said.lines().zip(wanted.lines()) {
        assert_eq!(said, wanted, "{}", stderr(&output));
    }
    assert_eq!(said.lines().count(), wanted.lines().count(), "{}", stderr(&output));
}

#[test]
fn who_changes_what_paths_mean_is_not_answered_by_them() {
    let Some(python) = python() else { return };
    let is_root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0;
    if !is_root {
        return println!("skipped: not root");
    }
    let folder = Folder::new();
    let root = folder.path().join("root");
    let base = folder.path().to_str().unwrap();
    std::fs::create_dir_all(root.join(&base[1..]).join("view")).unwrap();
    std::fs::create_dir(folder.path().join("view")).unwrap();
    std::fs::create_dir(folder.path().join("private")).unwrap();
    folder.file("private/a", b"private");
    std::fs::write(folder.path().join("view/a"), "public").unwrap();
    std::fs::write(root.join(&base[1..]).join("view/a"), "in the jail").unwrap();
    let rules = format!(
        "notify open, openat if flags & O_CLOEXEC == 0\non open, openat open read-only below \"{base}/view\"\n"
    );
    let file = policy(&folder, &rules);
    let script = "import ctypes, os, sys\n\
                  libc, base, way = ctypes.CDLL(None, use_errno=True), sys.argv[1], sys.argv[2]\n\
                  if way == 'chroot': os.chroot(base + '/root')\n\
                  if way == 'mount':\n\
                  \x20   assert libc.unshare(0x20000) == 0 and libc.mount(None, b'/', None, 0x44000, None) == 0\n\
                  \x20   assert libc.mount((base + '/private').encode(), (base + '/view').encode(), None, 4096, None) == 0\n\
                  fd = libc.syscall(257 if sys.argv[3] == 'x86_64' else 56, -100, (base + '/view/a').encode(), 0)\n\
                  print(os.read(fd, 20).decode() if fd >= 0 else ctypes.get_errno())\n";
    for (way, wanted) in [("stay", "public\n"), ("chroot", "1\n"), ("mount", "1\n")] {
        let command = [python.as_str(), "-c", script, base, way, std::env::consts::ARCH];
        let output = callgate(&["supervise", "--quiet", &file, "--"]).args(command).output().unwrap();
        assert_eq!(stdout(&output), wanted, "{way}: {}", stderr(&output));
    }
}
