//! `convert`: constants that compile and filter, and losses that must be asked for.

mod common;

use callgate_abi::Syscall;
use common::{Folder, callgate, installed, stderr, stdout};
use std::process::{Command, Output};

/// Making a directory fails with an error nothing else gives.
const NO_MKDIR: &str = "arch x86_64, x86, x32, aarch64\ndefault allow\nerrno(EXDEV) mkdir, mkdirat\n";

/// Whether loading a filter in a child is possible here as the test expects it.
fn here() -> bool {
    let here = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));
    if !here {
        eprintln!("skipped: the policy is for x86_64 and aarch64");
    }
    here
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    let output = command.env("LC_ALL", "C").output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        stdout(&output),
        stderr(&output)
    );
    output
}

#[track_caller]
fn converted(args: &[&str]) -> String {
    let output = callgate(args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
    assert_eq!(stderr(&output), "", "{args:?}");
    stdout(&output)
}

const C_MAIN: &str = r#"
#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include "no_mkdir.h"

int main(void) {
    struct sock_fprog program = { no_mkdir_len, (struct sock_filter *)no_mkdir };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("prctl");
        return 1;
    }
    int made = mkdir("made", 0700);
    printf("%d %d\n", made, errno == EXDEV);
    return 0;
}
"#;

#[test]
fn a_header_compiles_and_filters() {
    if !here() || !installed("gcc") {
        return;
    }
    let folder = Folder::new();
    let policy = folder.file("no-mkdir.cg", NO_MKDIR.as_bytes());
    let header = folder.path().join("no_mkdir.h");
    let header = header.to_str().unwrap();
    let nothing = converted(&["convert", &policy, "-t", "c", "--name", "no_mkdir", "-o", header]);
    assert_eq!(nothing, "");
    folder.file("main.c", C_MAIN.as_bytes());
    let strict = ["-Wall", "-Wextra", "-pedantic", "-Werror"];
    let mut compilers = vec![("gcc", "-std=c99", "c")];
    if installed("g++") {
        compilers.push(("g++", "-std=c++11", "c++"));
    }
    for (compiler, standard, language) in compilers {
        let mut command = Command::new(compiler);
        command.args(strict).args([standard, "-x", language, "main.c", "-o", "main"]);
        run(command.current_dir(folder.path()));
        let output = run(Command::new("./main").current_dir(folder.path()));
        assert_eq!(stdout(&output), "-1 1\n", "{compiler}");
        assert!(!folder.path().join("made").exists());
        // Another machine's compiler takes another branch, or is told that there is none.
        let as_other = |defines: &[&str]| {
            let mut command = Command::new(compiler);
            command.args(strict).args(["-E", "-x", language, "-U__x86_64__", "-U__aarch64__"]).args(defines);
            command.arg(header).output().unwrap()
        };
        assert!(as_other(&["-D__aarch64__"]).status.success());
        let none = as_other(&["-D__s390x__"]);
        assert!(
            !none.status.success() && stderr(&none).contains("no_mkdir: this compiler"),
            "{}",
            stderr(&none)
        );
    }
}

#[test]
fn a_header_is_read_back_for_each_machine() {
    let folder = Folder::new();
    let policy = folder.file("no-mkdir.cg", NO_MKDIR.as_bytes());
    for (form, name) in [("c", "f.h"), ("rust", "f.rs")] {
        let file = folder.file(name, converted(&["convert", &policy, "-t", form]).as_bytes());
        for arches in [["--arch", "x86_64,x86,x32"], ["--arch", "aarch64"]] {
            let equal = callgate(&["prove", &file, "equal", &policy]).args(arches).output().unwrap();
            assert_eq!(stdout(&equal), "PROVED\n", "{form} {arches:?}: {}", stderr(&equal));
        }
        let none = callgate(&["explain", &file, "--arch", "s390x"]).output().unwrap();
        assert_eq!(none.status.code(), Some(2));
        assert!(
            stderr(&none).contains("no program for s390x, only for x86, x86_64, x32, aarch64"),
            "{}",
            stderr(&none)
        );
    }
    // What is known of a program is its byte order.
    let raw = folder.path().join("f.bpf");
    converted(&["convert", &policy, "-t", "raw", "-o", raw.to_str().unwrap()]);
    for (form, name) in [("c", "g.h"), ("rust", "g.rs")] {
        let file = folder.file(name, converted(&["convert", raw.to_str().unwrap(), "-t", form]).as_bytes());
        assert_eq!(converted(&["prove", &file, "equal", &policy]), "PROVED\n");
    }
}

const RUST_MAIN: &str = r#"
mod filter {
    include!("no_mkdir.rs");
}
#[repr(C)]
struct Program { len: u16, filter: *const filter::sock_filter }
unsafe extern "C" { fn prctl(option: i32, ...) -> i32; }
fn main() {
    let program = Program { len: filter::NO_MKDIR.len() as u16, filter: filter::NO_MKDIR.as_ptr() };
    let loaded = unsafe {
        prctl(38, 1usize, 0usize, 0usize, 0usize) == 0 && prctl(22, 2usize, &program as *const Program) == 0
    };
    let made = std::fs::create_dir("made");
    println!("{loaded} {:?}", made.unwrap_err().raw_os_error());
}
"#;

#[test]
fn a_rust_constant_compiles_and_filters() {
    if !here() || !installed("rustc") {
        return;
    }
    let folder = Folder::new();
    let policy = folder.file("no-mkdir.cg", NO_MKDIR.as_bytes());
    let constant = folder.path().join("no_mkdir.rs");
    converted(&["convert", &policy, "-t", "rust", "--name", "NO_MKDIR", "-o", constant.to_str().unwrap()]);
    folder.file("main.rs", RUST_MAIN.as_bytes());
    let mut command = Command::new("rustc");
    command.args(["--edition", "2024", "-D", "warnings", "main.rs"]).current_dir(folder.path());
    run(&mut command);
    let output = run(Command::new("./main").current_dir(folder.path()));
    assert_eq!(stdout(&output), "true Some(18)\n");
}

#[test]
fn names_of_constants() {
    let bad = callgate(&["convert", "strict", "-t", "c", "--name", "no-mkdir"]).output().unwrap();
    assert_eq!(bad.status.code(), Some(2));
    assert!(stderr(&bad).contains("\"no-mkdir\" is no name for a constant"), "{}", stderr(&bad));
    let folder = Folder::new();
    let policy = folder.file("a*/b.cg".replace('/', "_").as_str(), NO_MKDIR.as_bytes());
    assert!(
        converted(&["convert", &policy, "-t", "c"])
            .contains("static const struct sock_filter seccomp_filter[]")
    );
}

/// Numbers without a name are killed, and everything else is executed: what has no word for numbers is weaker.
const NUMBERS: &str = "arch x86_64\ndefault allow\nkill 900..910\nerrno(EPERM) ptrace if request == 16\n";

/// Formats that cannot say it, with the rule that is lost.
const CANNOT: [&str; 9] =
    ["oci", "docker", "spo", "seccompiler", "seccompiler-old", "minijail-python", "kafel", "systemd", "lxc"];

#[test]
fn nothing_weaker_is_written_unless_it_is_asked_for() {
    let folder = Folder::new();
    let policy = folder.file("numbers.cg", NUMBERS.as_bytes());
    for format in CANNOT {
        let out = folder.path().join(format!("{format}.out"));
        let out = out.to_str().unwrap();
        for flags in [&[][..], &["--lossy"]] {
            let args = [&["convert", &policy, "-t", format, "-o", out], flags].concat();
            let output = callgate(&args).output().unwrap();
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
            assert!(said.contains("(weaker), as ") && said.contains("not written as "), "{format}: {said}");
            assert!(!std::path::Path::new(out).exists(), "{args:?}");
            let output = callgate(&args[..4]).args(flags).output().unwrap();
            assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""), "{format}");
        }
        for flag in ["--allow-weaker", "--weaker"] {
            let output = callgate(&["convert", &policy, "-t", format, "-o", out, flag]).output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{format}: {}", stderr(&output));
            assert!(stderr(&output).contains("(weaker)"), "{format}: {}", stderr(&output));
            std::fs::remove_file(out).unwrap();
        }
    }
    for format in ["cg", "raw", "c", "rust", "pfc", "hex", "asm"] {
        assert!(
            !converted(&["convert", &policy, "-t", format, "-o", "/dev/null"]).contains("weaker"),
            "{format}"
        );
    }
}

/// A loss says where, what and for which call; in JSON as well.
#[test]
fn losses_have_a_place_and_a_witness() {
    let folder = Folder::new();
    let policy = folder.file("numbers.cg", NUMBERS.as_bytes());
    let said = stderr(&callgate(&["convert", &policy, "-t", "systemd"]).output().unwrap());
    let line = said.lines().find(|l| l.contains("900") || l.contains("0x384")).unwrap();
    assert!(line.contains(&format!("{policy}:3: systemd: numbers without a name on x86_64")), "{said}");
    let output = callgate(&["convert", &policy, "-t", "systemd", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["schema"], "callgate/convert/1");
    assert_eq!((&report["from"], &report["to"]), (&"callgate".into(), &"systemd".into()));
    assert_eq!((&report["written"], &report["text"]), (&false.into(), &serde_json::Value::Null));
    let losses = report["losses"].as_array().unwrap();
    let ptrace = losses.iter().find(|l| l["what"].as_str().unwrap().starts_with("ptrace on")).unwrap();
    assert_eq!(ptrace["effect"], "stricter");
    assert!(losses.iter().any(|l| l["line"] == 3 && l["effect"] == "weaker"), "{report}");
    assert_eq!(losses.iter().filter(|l| l["effect"] == "weaker").count(), said.matches("(weaker)").count());
    let number = Syscall::from_name("ptrace").unwrap().number(callgate_abi::Arch::X86_64).unwrap();
    assert_eq!(ptrace["witness"]["call"]["nr"], number, "{ptrace}");
    assert_eq!(ptrace["file"], policy.as_str());
    // Accepted, the text is in the report, or where -o says.
    let output =
        callgate(&["convert", &policy, "-t", "systemd", "--json", "--allow-weaker"]).output().unwrap();
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((output.status.code(), &report["written"]), (Some(0), &true.into()));
    assert!(report["text"].as_str().unwrap().starts_with("[Service]\n"));
    let raw = callgate(&["convert", &policy, "-t", "raw", "--json"]).output().unwrap();
    let report: serde_json::Value = serde_json::from_str(&stdout(&raw)).unwrap();
    assert!(report["hex"].as_str().unwrap().starts_with("20000000"), "{report}");
}

#[test]
fn both_spellings_of_seccompilers_keys() {
    let new = converted(&["convert", "strict", "-t", "oci", "--json", "--allow-weaker", "-o", "/dev/null"]);
    assert!(new.contains("\"written\": true"));
    let folder = Folder::new();
    let policy = folder.file("p.cg", b"arch x86_64\ndefault trap\nforeign kill\nx32 trap\nallow read\n");
    let new = converted(&["convert", &policy, "-t", "seccompiler", "--name", "vcpu"]);
    let old = converted(&["convert", &policy, "-t", "seccompiler-old", "--name", "vcpu"]);
    assert!(
        new.contains("mismatch_action") && new.contains("\"match_action\"") && new.contains("\"vcpu\""),
        "{new}"
    );
    assert_eq!(
        old,
        new.replace("mismatch_action", "default_action").replace("match_action", "filter_action")
    );
    for text in [new, old] {
        let file = folder.file("p.json", text.as_bytes());
        assert_eq!(converted(&["prove", &file, "equal", &policy]), "PROVED\n");
    }
}

#[test]
fn what_cannot_be_written_is_said_at_once() {
    let output = callgate(&["convert", "strict", "-t", "snapd"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("snapd is read, but not written"), "{}", stderr(&output));
    let help = converted(&["help", "formats"]);
    for format in callgate_formats::Format::ALL {
        assert!(help.contains(format.name()), "{} is not in the help", format.name());
    }
}

/// A file for one architecture is for that by which the machine is called, not for the one with the least token,
/// which a policy that is read back from a program begins with.
#[test]
fn a_file_for_one_architecture_is_for_the_machines_main_one() {
    let folder = Folder::new();
    let policy =
        "arch x86, x86_64\ndefault kill\nallow read\nallow newfstatat on x86_64\nallow fstatat64 on x86\n";
    let two = folder.file("two.cg", policy.as_bytes());
    for (to, wanted) in [("seccompiler", "\"newfstatat\""), ("minijail", "newfstatat: 1")] {
        let output = callgate(&["convert", &two, "-t", to, "--lossy"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stdout(&output).contains(wanted), "{to}: {}", stdout(&output));
    }
}
