//! Help that teaches: it fits a screen, shows examples, and the examples work.
#![cfg(target_arch = "x86_64")]

mod common;

use common::{Folder, callgate, installed, stderr, stdout};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A screen.
const LINES: usize = 50;
const PROGRAM_LINES: usize = 40;
const COLUMNS: usize = 100;

fn verbs() -> Vec<String> {
    let program = callgate_cli::command();
    program.get_subcommands().filter(|v| !v.is_hide_set()).map(|v| v.get_name().to_owned()).collect()
}

fn printed(args: &[&str]) -> String {
    let output = callgate(args).env_remove("COLUMNS").output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    stdout(&output)
}

/// The commands a help shows: indented, behind `Examples:`.
fn examples(help: &str) -> Vec<String> {
    let behind = help.lines().skip_while(|l| *l != "Examples:").skip(1);
    behind.take_while(|l| l.starts_with("  ")).map(|l| l.trim().to_owned()).collect()
}

#[test]
fn every_help_fits_a_screen_and_has_examples() {
    let mut helps = vec![("callgate".to_owned(), printed(&["--help"]), PROGRAM_LINES)];
    helps.extend(verbs().into_iter().map(|v| (v.clone(), printed(&[&v, "--help"]), LINES)));
    for (name, help, most) in helps {
        let lines = help.lines().count();
        assert!(lines <= most, "{name}: {lines} lines");
        for line in help.lines() {
            assert!(line.chars().count() <= COLUMNS, "{name}: {line}");
        }
        assert!(!examples(&help).is_empty(), "{name}: no example\n{help}");
        assert!(examples(&help).iter().all(|e| e.contains("callgate ")), "{name}");
    }
}

#[test]
fn help_that_cannot_be_written_is_no_success() {
    for args in [&["--help"][..], &["run", "--help"], &["--version"], &["help"], &["help", "recording"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = callgate(args).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(
            stderr(&output),
            "callgate: standard output: No space left on device (os error 28)\n",
            "{args:?}"
        );
    }
}

#[test]
fn every_topic_is_listed_and_shown() {
    let list = printed(&["help"]);
    for topic in callgate_cli::TOPICS {
        assert!(list.contains(&format!("  {:<16} {}", topic.name, topic.about)), "{}: {list}", topic.name);
        assert_eq!(printed(&["help", topic.name]), topic.text());
    }
    for verb in verbs() {
        // More than `--help`: options that one seldom needs are there, too.
        assert!(printed(&["help", &verb]).contains("Usage: callgate "), "{verb}");
    }
    assert_eq!(printed(&["help", "CG0103"]), printed(&["check", "--explain", "CG0103"]));
    assert_eq!(printed(&["help", "103"]), printed(&["help", "cg0103"]));
    assert!(printed(&["help", "oci"]).starts_with("# "));
    assert!(printed(&["help", "no-network"]).starts_with("# no-network: "));
    assert_eq!(printed(&["help", "exit", "codes"]), printed(&["help", "exit-codes"]));
}

#[test]
fn an_unknown_topic_names_those_near() {
    for (topic, near) in [
        ("polcy", "policy"),
        ("CG01035", "CG0103"),
        ("supervis", "supervise, supervising"),
        ("formts", "formats"),
    ] {
        let output = callgate(&["help", topic]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{topic}");
        let said = stderr(&output);
        assert!(said.contains(&format!("did you mean {near}")), "{topic}: {said}");
    }
    let output = callgate(&["help", "zzzzzzzz"]).output().unwrap();
    assert_eq!(stderr(&output), "callgate: zzzzzzzz: no such topic; `callgate help` lists them\n");
}

#[test]
fn the_kernel_page_lists_what_doctor_tries() {
    let output = callgate(&["doctor", "--json"]).output().unwrap();
    let found: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let page = printed(&["help", "kernel-features"]);
    let features = found["features"].as_array().unwrap();
    assert!(features.len() > 20);
    for feature in features {
        let text = |key: &str| feature[key].as_str().unwrap().to_owned();
        let row = format!("| `{}` | {} | {} |\n", text("name"), text("since"), text("needed_for"));
        assert!(page.contains(&row), "docs/kernel-features.md lacks {row}");
    }
}

/// A process that is killed when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const POLICY: &str = "\
arch x86_64, aarch64
default allow
errno(EPERM) ptrace
errno(EPERM) socket if domain == AF_NETLINK
expect ptrace(0) errno(EPERM)
";

const SUPERVISED: &str = "\
arch x86_64
default allow
notify openat if flags & O_CLOEXEC == 0
on openat open read-only below \"/\"
on openat ask continue-unchecked
";

const PROFILE: &str = r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": ["SCMP_ARCH_X86_64"],
    "syscalls": [{"names": ["read", "write", "clone", "exit_group"], "action": "SCMP_ACT_ALLOW"}]}"#;

const AUDIT: &str = r#"{"MESSAGE": "audit: type=1326 audit(1700000000.1:7): auid=0 uid=0 gid=0 ses=1 subj=x pid=9 comm=\"web\" exe=\"/web\" sig=0 arch=c000003e syscall=101 compat=0 ip=0x7f00 code=0x50000"}"#;

/// Everything the examples name.
fn fixture(folder: &Folder, verb: &str) -> Option<Running> {
    let binary = env!("CARGO_BIN_EXE_callgate");
    let program = |name: &str, text: &str| {
        let path = folder.file(name, text.as_bytes());
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    program("server", "#!/bin/sh\ncat /etc/hostname\n");
    program("app", "#!/bin/sh\nexec callgate run strict -- true\n");
    program("journalctl", &format!("#!/bin/sh\ncat <<'END'\n{AUDIT}\nEND\n"));
    folder.file("job.py", b"import os\nos.getpid()\n");
    let web = match verb {
        "supervise" => SUPERVISED,
        // An expectation would forbid to allow what the core dump is about.
        "why" => POLICY.split("expect").next().unwrap(),
        _ => POLICY,
    };
    for name in ["web.cg", "old.cg", "b.cg"] {
        folder.file(name, web.as_bytes());
    }
    folder.file("new.cg", format!("{web}errno(EPERM) acct\n").as_bytes());
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    folder.file("policies/web.cg", web.as_bytes());
    folder.file("old.json", PROFILE.as_bytes());
    folder.file("docker.json", PROFILE.as_bytes());
    folder.file("new.json", PROFILE.replace("\"clone\", ", "").as_bytes());
    let prepare = |args: &[&str]| {
        let output = callgate(args).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    };
    if verb != "supervise" {
        for name in ["filter.bpf", "a.bpf", "oldest.bpf"] {
            prepare(&["compile", "web.cg", "-o", name]);
        }
        prepare(&["compile", "new.cg", "-o", "newer.bpf"]);
        prepare(&["disasm", "filter.bpf", "-o", "filter.asm"]);
    }
    match verb {
        "learn" => {
            for name in ["one.jsonl", "two.jsonl"] {
                prepare(&["learn", "--record", name, "--", "./server"]);
            }
            let busy = ["-c", "while :; do sleep 0.05; done"];
            Some(Running(Command::new("sh").args(busy).spawn().unwrap()))
        }
        "dump" => {
            let mut filtered = Command::new(binary);
            Some(Running(
                filtered.args(["run", "--exec", "no-network", "--", "sleep", "100"]).spawn().unwrap(),
            ))
        }
        "why" => {
            // A shell that ptrace kills, with its core where the example has it.
            let policy = folder.file("killing.cg", b"default allow\nkill ptrace\n");
            let core = Command::new("sh")
                .args([
                    "-c",
                    "ulimit -c unlimited; exec \"$@\"",
                    "sh",
                    binary,
                    "run",
                    "--exec",
                    &policy,
                    "--",
                ])
                .args(["python3", "-c", "import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)"])
                .current_dir(folder.path())
                .output()
                .unwrap();
            assert!(!core.status.success());
            let dumped = std::fs::read_dir(folder.path()).unwrap().flatten().map(|e| e.path());
            let is_core = |p: &std::path::PathBuf| {
                p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("core"))
            };
            if let Some(core) = dumped.into_iter().find(is_core) {
                std::fs::rename(core, folder.path().join("core.4711")).unwrap();
            }
            None
        }
        _ => None,
    }
}

/// How an example ends, where not with 0: what it is about is a finding.
fn status(example: &str) -> i32 {
    let findings = [
        "callgate diff old.cg new.cg",
        "callgate prove web.cg never allow execve, execveat",
        "callgate why web.cg 'socket(AF_NETLINK, SOCK_RAW, 0)'",
        "journalctl -k -o json | callgate why web.cg --audit -",
        "callgate check web.cg",
        "callgate check --kernel 6.1 --libc glibc-2.41 policies/",
    ];
    i32::from(findings.contains(&example))
}

#[test]
fn every_example_works() {
    if !installed("python3") || !installed("script") {
        return;
    }
    let mut search = Path::new(env!("CARGO_BIN_EXE_callgate")).parent().unwrap().as_os_str().to_owned();
    search.push(":");
    search.push(std::env::var_os("PATH").unwrap_or_default());
    let mut all = vec![("callgate".to_owned(), examples(&printed(&["--help"])))];
    all.extend(verbs().into_iter().map(|v| (v.clone(), examples(&printed(&[&v, "--help"])))));
    let mut wrong = Vec::new();
    for (verb, example) in all.iter().flat_map(|(verb, examples)| examples.iter().map(move |e| (verb, e))) {
        let folder = Folder::new();
        let running = fixture(&folder, verb);
        let mut here = std::ffi::OsString::from(folder.path());
        here.push(":");
        here.push(&search);
        if example.contains("--core") && !folder.path().join("core.4711").exists() {
            eprintln!("skipped: core dumps are not written to plain files here: {example}");
            continue;
        }
        let mut line = example.clone();
        if let Some(running) = &running {
            let pid = running.0.id().to_string();
            line = line
                .replace("--pid 811", &format!("--pid {pid}"))
                .replace("--pid 4711", &format!("--pid {pid}"));
            line = line.replace("--for 60", "--for 1");
        }
        let listens = line.contains("--listen");
        line = line.replace("/run/agent.sock", "agent.sock");
        if line.contains("--ask") {
            line = format!("script -qec '{line}' /dev/null");
        }
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec 2>&1; {line}")]).current_dir(folder.path());
        shell.env("PATH", here).env("HOME", "/").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        if listens {
            // It waits for ever; that it does is all there is to see.
            let socket = folder.path().join("agent.sock");
            for _ in 0..500 {
                if socket.exists() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            assert!(socket.exists(), "{example}");
            let _ = Command::new("pkill").args(["-P", &child.id().to_string()]).status();
            let _ = child.kill();
            let _ = child.wait();
            continue;
        }
        let output = child.wait_with_output().unwrap();
        if output.status.code() != Some(status(example)) {
            wrong.push(format!("{example}: {:?}\n{}", output.status.code(), stdout(&output)));
        }
    }
    std::io::stderr().flush().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
