//! `callgate check`, from outside.

use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory of this test's own, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let dir = std::env::temp_dir().join(format!("callgate-check-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Dir(dir)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn check(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_callgate")).arg("check").args(args).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", stdout(output)))
}

const CLEAN: &str = "arch x86_64\ndefault allow\nunknown errno(ENOSYS)\nerrno(EPERM) getppid\n";
const HOLE: &str =
    "arch x86_64\ndefault allow\nx32 allow\nunknown errno(ENOSYS)\nerrno(EPERM) ptrace, process_vm_writev\n";

#[test]
fn exit_codes_say_what_was_found() {
    let dir = Dir::new("codes");
    let clean = dir.write("clean.cg", CLEAN);
    let hole = dir.write("hole.cg", HOLE);
    let broken = dir.write("broken.cg", "default allow\nallow opne\n");
    assert_eq!(code(&check(&[&clean])), 0);
    let found = check(&[&clean, &hole]);
    assert_eq!(code(&found), 1);
    assert!(stdout(&found).contains("error[CG0103]"), "{}", stdout(&found));
    assert!(stdout(&found).contains("hole.cg:3:1"), "{}", stdout(&found));
    assert!(stdout(&found).contains("witness: "), "{}", stdout(&found));
    assert!(stderr(&found).contains("1 error, 0 warnings"), "{}", stderr(&found));
    let bad = check(&[&clean, &broken, &hole]);
    assert_eq!(code(&bad), 2, "an input that cannot be read is worse than findings");
    assert!(stdout(&bad).contains("error[CG0020]") && stdout(&bad).contains("error[CG0103]"));
    assert_eq!(code(&check(&["/nonexistent/x.cg"])), 2);
    assert_eq!(code(&check(&[])), 2);
}

#[test]
fn notes_are_shown_when_asked_for() {
    let dir = Dir::new("notes");
    let file = dir.write("a.cg", "arch x86_64\ndefault allow\nerrno(EPERM) getppid\n");
    let plain = check(&[&file]);
    assert_eq!((code(&plain), stdout(&plain)), (0, String::new()));
    assert!(stderr(&plain).contains("--pedantic"));
    let all = check(&["--pedantic", &file]);
    assert_eq!(code(&all), 0);
    assert!(stdout(&all).contains("note[CG0140]"), "{}", stdout(&all));
}

#[test]
fn explains_codes_in_any_spelling() {
    for spelling in ["CG0103", "cg0103", "103"] {
        let page = check(&["--explain", spelling]);
        assert_eq!(code(&page), 0);
        assert!(stdout(&page).starts_with("# CG0103: "), "{spelling}");
    }
    let none = check(&["--explain", "CG9999"]);
    assert_eq!(code(&none), 2);
    assert!(stderr(&none).contains("no such code"));
}

#[test]
fn json_says_everything() {
    let dir = Dir::new("json");
    let hole = dir.write("hole.cg", HOLE);
    let found = check(&["--json", &hole]);
    assert_eq!(code(&found), 1);
    let report = json(&found);
    assert_eq!(report["schema"], "callgate/check/1");
    assert_eq!((&report["errors"], &report["warnings"]), (&1.into(), &0.into()));
    let finding = &report["inputs"][0]["findings"][0];
    assert_eq!((&finding["code"], &finding["severity"]), (&"CG0103".into(), &"error".into()));
    assert_eq!((&finding["place"]["line"], &finding["place"]["column"]), (&3.into(), &1.into()));
    assert_eq!(finding["witness"]["call"]["nr"], 0x4000_0209);
    assert_eq!(finding["witness"]["action"], "allow");
    assert_eq!(finding["fix"]["edits"][0]["text"], "x32 errno(ENOSYS)");
    assert_eq!(json(&check(&["--json", &hole])), report, "the same input, the same report");

    let broken = dir.write("broken.cg", "default allow\nallow opne\n");
    let failed = check(&["--json", &broken]);
    assert_eq!(code(&failed), 2);
    let input = &json(&failed)["inputs"][0];
    assert!(input["failure"].is_string());
    assert_eq!(input["findings"][0]["code"], "CG0020");
}

#[test]
fn sarif_has_what_services_ask_for() {
    let dir = Dir::new("sarif");
    let hole =
        dir.write("a b.cg", format!("# callgate: allow-file CG0101 tested\n{HOLE}errno(EPERM) socket\n"));
    let found = check(&["--sarif", &hole]);
    let log = json(&found);
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules: Vec<&str> = run["tool"]["driver"]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["id"].as_str().unwrap())
        .collect();
    let results = run["results"].as_array().unwrap();
    assert!(!results.is_empty());
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index], result["ruleId"]);
        let location = &result["locations"][0]["physicalLocation"];
        assert!(location["artifactLocation"]["uri"].as_str().unwrap().ends_with("a%20b.cg"));
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
    }
    let of = |code: &str| results.iter().find(|r| r["ruleId"] == code).unwrap();
    assert_eq!(of("CG0103")["locations"][0]["physicalLocation"]["region"]["startLine"], 4);
    assert_eq!(
        of("CG0103")["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"],
        "x32 errno(ENOSYS)"
    );
    assert_eq!(of("CG0101")["suppressions"][0]["justification"], "tested");
}

#[test]
fn fixes_in_place_and_elsewhere() {
    let dir = Dir::new("fix");
    let text = "# a comment that stays\narch x86_64\ndefault allow\nx32 allow    # why not\n\n# the rules\nerrno(EPERM) execve\nkill-thread getppid\n";
    let file = dir.write("a.cg", text);
    let fixed = check(&["--fix", &file]);
    let after = dir.read("a.cg");
    assert_eq!(code(&fixed), 0, "{}{}\n{after}", stdout(&fixed), stderr(&fixed));
    assert!(after.starts_with("# a comment that stays\n"), "{after}");
    assert!(after.contains("x32 errno(ENOSYS)    # why not"), "{after}");
    assert!(after.contains("execveat") && after.contains("\nkill getppid\n"), "{after}");
    assert_eq!(code(&check(&["--fix", &file])), 0);
    assert_eq!(dir.read("a.cg"), after, "nothing is left to fix");

    let other = dir.write("b.cg", text);
    let target = dir.0.join("c.cg").display().to_string();
    check(&["--fix", &other, "-o", &target]);
    assert_eq!((dir.read("b.cg").as_str(), dir.read("c.cg")), (text, after));

    let program = dir.write("x.bpf", [6, 0, 0, 0, 0, 0, 0xff, 0x7f]);
    let refused = check(&["--fix", &program]);
    assert_eq!(code(&refused), 2);
    assert!(stderr(&refused).contains("only policies in callgate's own language"), "{}", stderr(&refused));
}

#[test]
fn fixes_of_standard_input_go_to_standard_output() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_callgate"))
        .args(["check", "--fix", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(HOLE.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(stdout(&output).contains("x32 errno(ENOSYS)\n"), "{}", stdout(&output));
    assert!(!stdout(&output).contains("x32 allow"));
}

#[test]
fn trees_hold_policies_and_other_things() {
    let dir = Dir::new("tree");
    dir.write("a/hole.cg", HOLE);
    dir.write("b/clean.cg", CLEAN);
    dir.write("b/README.md", "# read, write\n");
    dir.write("b/notes.txt", "nothing of interest\n");
    dir.write("b/profile.json", r#"{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86_64"],"syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW"}]}"#);
    dir.write(".hidden/broken.cg", "not a policy");
    let tree = dir.0.display().to_string();
    let report = json(&check(&["--json", &tree]));
    let names: Vec<&str> = report["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| Path::new(i["name"].as_str().unwrap()).file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, ["hole.cg", "clean.cg", "profile.json"]);
    assert!(report["inputs"].as_array().unwrap().iter().all(|i| i["failure"].is_null()));
}

#[test]
fn stacks_are_one_subject() {
    let dir = Dir::new("stack");
    let one = |name: &str, arch: &str, more: &str| {
        dir.write(name, format!("arch {arch}\ndefault allow\nforeign allow\nunknown errno(ENOSYS)\n{more}errno(EPERM) getppid\n"))
    };
    let (wide, narrow) = (one("wide.cg", "x86_64", "x32 errno(ENOSYS)\n"), one("narrow.cg", "x86", ""));
    assert_eq!(code(&check(&[&wide, &narrow])), 1);
    let stack = check(&["--stack", &wide, &narrow]);
    assert_eq!(code(&stack), 0, "{}", stdout(&stack));
}

#[test]
fn kernels_and_releases_matter() {
    let dir = Dir::new("options");
    let file = dir.write(
        "a.cg",
        "arch x86_64\ndefault errno(EPERM)\nunknown errno(ENOSYS)\nallow read, write, exit_group, rt_sigreturn, faccessat\n",
    );
    let old = stdout(&check(&["--kernel", "4.4", &file]));
    assert!(old.contains("CG0160"), "{old}");
    let libc = stdout(&check(&["--libc", "glibc-2.39", &file]));
    assert!(libc.contains("CG0149") && libc.contains("glibc 2.39 calls"), "{libc}");
    let unknown = check(&["--libc", "nolibc-1.0", &file]);
    assert_eq!(code(&unknown), 2);
    assert!(stderr(&unknown).contains("no such component"));
    let wrong = stdout(&check(&["--json", "--arch", "aarch64", &file]));
    assert!(wrong.contains("the policy is not for aarch64"), "{wrong}");
}

#[test]
fn readers_losses_are_findings() {
    let dir = Dir::new("losses");
    let file = dir.write(
        "profile.json",
        r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],"syscalls":[{"names":["no_such_call"],"action":"SCMP_ACT_ERRNO"}]}"#,
    );
    assert_eq!(code(&check(&[&file])), 2, "an unknown name is an error");
    let ignored = check(&["--ignore-unknown", "--json", &file]);
    let findings = json(&ignored)["inputs"][0]["findings"].clone();
    let dropped = findings.as_array().unwrap().iter().find(|f| f["code"] == "CG0145").unwrap().clone();
    assert!(dropped["message"].as_str().unwrap().contains("no_such_call"), "{dropped}");
    assert!(dropped["place"]["path"].is_string(), "{dropped}");
}

#[test]
fn syntax_only_looks_no_further() {
    let dir = Dir::new("syntax");
    let hole = dir.write("hole.cg", HOLE);
    assert_eq!(code(&check(&["--syntax-only", &hole])), 0);
}
