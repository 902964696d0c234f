//! The policies `learn` writes: merged, held against other runs, grown, and written in other notations.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

mod common;

use common::{Folder, callgate, compiled, stderr, stdout};
use std::collections::BTreeSet;

/// Calls something else for each input.
const PROGRAM: &str = r#"
    #include <stdio.h>
    #include <sys/prctl.h>
    #include <sys/resource.h>
    #include <sys/socket.h>
    #include <sys/stat.h>
    #include <unistd.h>
    int main(int argc, char **argv) {
        char path[4096];
        for (int i = 1; i < argc; i++) switch (argv[i][0]) {
            case 'a': if (!getcwd(path, sizeof path)) return 1; close(socket(AF_UNIX, SOCK_STREAM, 0)); break;
            case 'b': umask(077); if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) < 0) return 1; break;
            case 'c': if (chdir("/") || getpriority(PRIO_PROCESS, 0) < -20) return 1;
                      if (close(socket(AF_INET, SOCK_DGRAM, 0)) || prctl(PR_SET_NAME, "other", 0, 0, 0)) return 1;
        }
        puts("done");
        return 0;
    }
"#;

struct World {
    folder: Folder,
    program: String,
}

impl World {
    fn new() -> Option<World> {
        let folder = Folder::new();
        let program = compiled(&folder, "program", PROGRAM, &[])?;
        Some(World { folder, program })
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn learned(&self, input: &str) -> String {
        let path = self.path(&format!("{input}.jsonl"));
        let output = callgate(&["learn", "--record", &path, "--", &self.program, input]).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        path
    }

    /// The policy of inputs `a` and `b`.
    fn merged(&self) -> String {
        let policy = self.path("merged.cg");
        let (a, b) = (self.learned("a"), self.learned("b"));
        let output = callgate(&["learn", "-o", &policy, "--merge", &a, &b]).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        policy
    }

    fn run(&self, policy: &str, inputs: &[&str]) -> Option<i32> {
        let output = callgate(&["run", policy, "--", &self.program]).args(inputs).output().unwrap();
        output.status.code()
    }
}

#[test]
fn a_third_input_is_told_exactly_and_then_runs() {
    let Some(world) = World::new() else { return };
    let policy = world.merged();
    assert_eq!(world.run(&policy, &["a", "b"]), Some(0));
    assert_ne!(world.run(&policy, &["c"]), Some(0));

    let complain = ["run", "--complain", "--json", &policy, "--", &world.program, "c"];
    let told = stderr(&callgate(&complain).output().unwrap());
    let told: Vec<serde_json::Value> = told.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let denied: Vec<&str> =
        told.iter().filter(|l| l["event"] == "denied").map(|l| l["text"].as_str().unwrap()).collect();
    let names: BTreeSet<&str> = denied.iter().filter_map(|call| call.split('(').next()).collect();
    assert_eq!(names, BTreeSet::from(["chdir", "getpriority", "socket", "prctl"]), "{denied:?}");
    for call in denied {
        let why = callgate(&["why", &policy, call, "--apply"]).output().unwrap();
        assert_eq!(why.status.code(), Some(0), "{call}: {}{}", stdout(&why), stderr(&why));
    }
    assert_eq!(world.run(&policy, &["a", "b", "c"]), Some(0));
    assert!(std::fs::read_to_string(&policy).unwrap().contains("seen 1/2"));
}

#[test]
fn a_policy_is_confirmed_and_grown() {
    let Some(world) = World::new() else { return };
    let policy = world.merged();
    for via in ["trace", "notify"] {
        let confirm = |more: &[&str], inputs: &[&str]| {
            let mut command = callgate(&["learn", "--via", via, "--confirm", &policy]);
            command.args(more).arg("--").arg(&world.program).args(inputs).output().unwrap()
        };
        let output = confirm(&[], &["a", "b"]);
        assert_eq!((output.status.code(), &*stdout(&output)), (Some(0), "done\n"), "{}", stderr(&output));
        assert!(stderr(&output).contains("merged.cg allows all that was called"), "{}", stderr(&output));

        let grown = world.path("grown.cg");
        let record = world.path("more.jsonl");
        let output = confirm(&["-o", &grown, "--record", &record], &["a", "c", "c"]);
        let told = stderr(&output);
        assert_eq!((output.status.code(), &*stdout(&output)), (Some(1), "done\n"), "{told}");
        assert_eq!(told.matches("not in ").count(), 4, "{told}");
        for part in
            ["2 times by ", "chdir(", "to allow: allow chdir\n", "socket(AF_INET, SOCK_DGRAM", "PR_SET_NAME"]
        {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(world.run(&grown, &["a", "b", "c"]), Some(0), "{told}");
        let text = std::fs::read_to_string(&grown).unwrap();
        assert!(text.contains("seen 1/2"), "comments stay: {text}");
        // Only what was missing is recorded.
        let recorded = std::fs::read_to_string(&record).unwrap();
        assert!(recorded.contains("\"chdir\"") && !recorded.contains("\"write\""), "{recorded}");
        assert!(world.run(&policy, &["c"]) != Some(0), "the policy itself is as it was");
    }
}

/// A container profile stays one.
#[test]
fn a_profile_of_another_notation_is_confirmed_and_grown() {
    let Some(world) = World::new() else { return };
    let profile = world.path("profile.json");
    let arch = if cfg!(target_arch = "x86_64") { "SCMP_ARCH_X86_64" } else { "SCMP_ARCH_AARCH64" };
    let text = format!(
        "{{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"{arch}\"], \"syscalls\": [\n  \
         {{\"names\": [\"execve\", \"read\"], \"action\": \"SCMP_ACT_ALLOW\"}}\n]}}\n"
    );
    std::fs::write(&profile, &text).unwrap();
    let grown = world.path("grown.json");
    let confirm = |policy: &str| {
        let mut command = callgate(&["learn", "--via", "trace", "--confirm", policy, "-o", &grown, "--"]);
        command.arg(&world.program).args(["a", "b", "c"]).output().unwrap()
    };
    let output = confirm(&profile);
    assert_eq!((output.status.code(), &*stdout(&output)), (Some(1), "done\n"), "{}", stderr(&output));
    let after = std::fs::read_to_string(&grown).unwrap();
    assert!(after.contains("\n  {\"names\": [\"chdir\"], \"action\": \"SCMP_ACT_ALLOW\"}"), "{after}");
    assert_eq!(world.run(&grown, &["a", "b", "c"]), Some(0), "{after}");
    let output = confirm(&grown);
    assert!(stderr(&output).contains("grown.json allows all that was called"), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(&grown).unwrap(), after);
}

#[test]
fn confirming_finds_mistakes_before_it_runs() {
    let folder = Folder::new();
    let mark = folder.path().join("mark");
    let bad = folder.file("bad.cg", b"arch x86_64\ndefault kill\nallow opne\n");
    let missing = folder.path().join("none.cg");
    let native = std::env::consts::ARCH;
    let good = folder.file("good.cg", format!("arch {native}\ndefault kill\nallow read\n").as_bytes());
    for (args, what) in [
        (vec!["--confirm", bad.as_str()], "opne"),
        (vec!["--confirm", missing.to_str().unwrap()], "none.cg"),
        (vec!["--confirm", good.as_str(), "-o", "/no/such/folder/x"], "/no/such/folder/x"),
        (vec!["--confirm", good.as_str(), "--margin"], "--margin"),
    ] {
        let output = callgate(&["learn"]).args(&args).arg("--").arg("touch").arg(&mark).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(what), "{args:?}: {}", stderr(&output));
        assert!(!mark.exists());
    }
}

#[test]
fn in_other_notations_it_still_runs() {
    let Some(world) = World::new() else { return };
    let (a, b) = (world.learned("a"), world.learned("b"));
    for format in ["oci", "seccompiler", "kafel", "minijail", "raw", "cg"] {
        let policy = world.path(&format!("policy.{format}"));
        let words = ["learn", "--format", format, "-o", &policy, "--merge", &a, &b];
        let output = callgate(&words).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{format}: {}", stderr(&output));
        let run = |inputs: &[&str]| {
            let from = if format == "raw" { "raw" } else { format };
            let words = ["run", &policy, "--from", from, "--", &world.program];
            callgate(&words).args(inputs).output().unwrap()
        };
        assert_eq!(stdout(&run(&["a", "b"])), "done\n", "{format}: {}", stderr(&run(&["a", "b"])));
        assert_eq!(stdout(&run(&["c"])), "", "{format}");
    }
    // What a notation has no words for is no policy in it.
    let output = callgate(&["learn", "--format", "systemd", "--merge", &a]).output().unwrap();
    assert_eq!((output.status.code(), &*stdout(&output)), (Some(2), ""));
    assert!(stderr(&output).contains("systemd cannot say what the policy says"), "{}", stderr(&output));
}

#[test]
fn the_margin_is_for_the_next_c_library() {
    let Some(world) = World::new() else { return };
    let a = world.learned("a");
    let text = |more: &[&str]| {
        let output = callgate(&["learn", "--merge", &a]).args(more).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    let (plain, margin) = (text(&[]), text(&["--margin"]));
    assert!(plain.contains("allow socket if domain in {AF_UNIX} && type & SOCK_TYPE_MASK in {SOCK_STREAM}"));
    assert!(plain.contains("prot & PROT_EXEC == 0") && plain.contains("restart_syscall"), "{plain}");
    let file = |text: &str, name: &str| world.folder.file(name, text.as_bytes());
    let (before, after) = (file(&plain, "plain.cg"), file(&margin, "margin.cg"));
    // It permits no less, and nothing that is a risk of its own.
    let prove = callgate(&["prove", &before, "no-weaker-than", &after]).output().unwrap();
    assert_eq!(prove.status.code(), Some(0), "{}", stdout(&prove));
    let never = ["prove", &after, "never", "allow", "ptrace,", "execveat,", "io_uring_setup,", "clone3"];
    let prove = callgate(&never).output().unwrap();
    assert_eq!(prove.status.code(), Some(0), "{}", stdout(&prove));
    assert!(margin.contains("openat2") && !plain.contains("openat2"), "{margin}");
}
