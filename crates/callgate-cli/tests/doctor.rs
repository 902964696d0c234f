//! `doctor`: what works here, and what is asked of it.

mod common;

use common::{callgate, stderr, stdout};
use serde_json::Value;

#[test]
fn what_is_required_is_told() {
    let doctor = |required: &str| callgate(&["doctor", "--json", "--require", required]).output().unwrap();
    let output = doctor("run,load.seccomp");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &*stderr(&output)), (Some(0), ""));
    let required = json["required"].as_array().unwrap();
    let names: Vec<&str> = required.iter().filter_map(|r| r["name"].as_str()).collect();
    assert_eq!(names, ["run", "load.seccomp"]);
    assert!(required.iter().all(|r| r["works"] == true && r["why_not"] == serde_json::json!([])), "{json}");
    for verb in ["run", "learn", "supervise", "dump"] {
        let verdict = &json["verdicts"][verb];
        assert!(verdict["why_not"].is_array() && verdict["lacking"].is_array(), "{verdict}");
        // What it lacks is a feature that was tried and does not work.
        for name in verdict["lacking"].as_array().unwrap() {
            let feature = json["features"].as_array().unwrap().iter().find(|f| f["name"] == *name).unwrap();
            assert_ne!(feature["state"], "works");
        }
    }
    // What is tried, with its state: `learn --fast` among it.
    let fast = json["features"].as_array().unwrap().iter().find(|f| f["name"] == "ptrace.fast").unwrap();
    let learns = callgate(&["learn", "--fast", "--", "true"]).output().unwrap().status.success();
    assert_eq!(fast["state"] == "works", learns, "{fast}");
    let output = doctor("frobnicate");
    assert_eq!((output.status.code(), &*stdout(&output)), (Some(2), ""));
    assert!(stderr(&output).contains("frobnicate: nothing of that name is tried"), "{}", stderr(&output));
}

#[test]
fn what_does_not_work_is_told_with_its_reason() {
    // Under a filter that forbids loading filters, nothing that needs one works.
    let policy = format!("arch {}\ndefault allow\nerrno(EPERM) seccomp, bpf\n", std::env::consts::ARCH);
    let folder = common::Folder::new();
    let policy = folder
        .file("policy.cg", format!("{policy}errno(EPERM) prctl if option == PR_SET_SECCOMP\n").as_bytes());
    let binary = env!("CARGO_BIN_EXE_callgate");
    let words = ["run", &policy, "--", binary, "doctor", "--json", "--require", "run,learn,load.seccomp"];
    let output = callgate(&words).output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    for (index, name) in ["run", "learn", "load.seccomp"].iter().enumerate() {
        let required = &json["required"][index];
        assert_eq!((&required["name"], &required["works"]), (&(*name).into(), &false.into()));
        let why = required["why_not"][0].as_str().unwrap();
        assert!(why.contains("denied"), "{why}");
        assert!(stderr(&output).contains(&format!("{name} does not work here: ")), "{}", stderr(&output));
    }
    assert_eq!(json["verdicts"]["run"]["verdict"], "no");
}

/// Where tracing ends the child that tries it, and nobody may ask to end with another, whoever waited for that child
/// ends all the same: a report, which waits for all of them, does.
#[test]
fn nothing_outlives_what_was_tried() {
    let policy = format!(
        "arch {}\ndefault allow\nerrno(EPERM) prctl if option == PR_SET_PDEATHSIG\nkill ptrace\n",
        std::env::consts::ARCH
    );
    let folder = common::Folder::new();
    let policy = folder.file("policy.cg", policy.as_bytes());
    let binary = env!("CARGO_BIN_EXE_callgate");
    let output = std::process::Command::new("timeout")
        .args(["60", binary, "run", "--report", &policy, "--", binary, "doctor", "--json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let state = |name: &str| {
        let feature = json["features"].as_array().unwrap().iter().find(|f| f["name"] == name).unwrap();
        feature["state"].clone()
    };
    for name in ["ptrace.child", "ptrace.fast", "ptrace.trace-action"] {
        assert_ne!(state(name), "works", "{name}");
    }
}
