//! `check --sarif` against the standard, and the GitHub action that hands it on.

mod common;

use common::{Folder, callgate, installed};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// The objects of SARIF 2.1.0 that are written: where each stands, the properties it must have, and those it may have
/// besides. The standard's schema permits no others.
/// Source: sarif-schema-2.1.0.json, "definitions" (OASIS).
const OBJECTS: &[(&str, &[&str], &[&str])] = &[
    ("log", &["version", "runs"], &["$schema", "inlineExternalProperties", "properties"]),
    (
        "runs[]",
        &["tool"],
        &["invocations", "results", "columnKind", "artifacts", "logicalLocations", "language", "properties"],
    ),
    ("tool", &["driver"], &["extensions", "properties"]),
    (
        "driver",
        &["name"],
        &["version", "semanticVersion", "informationUri", "rules", "organization", "fullName", "properties"],
    ),
    (
        "rules[]",
        &["id"],
        &[
            "name",
            "shortDescription",
            "fullDescription",
            "defaultConfiguration",
            "help",
            "helpUri",
            "messageStrings",
            "properties",
        ],
    ),
    ("shortDescription", &["text"], &["markdown", "properties"]),
    ("help", &["text"], &["markdown", "properties"]),
    ("defaultConfiguration", &[], &["enabled", "level", "rank", "parameters", "properties"]),
    (
        "invocations[]",
        &["executionSuccessful"],
        &["toolExecutionNotifications", "exitCode", "commandLine", "arguments", "properties"],
    ),
    ("toolExecutionNotifications[]", &["message"], &["level", "locations", "descriptor", "properties"]),
    ("message", &["text"], &["markdown", "id", "arguments", "properties"]),
    (
        "results[]",
        &["message"],
        &[
            "ruleId",
            "ruleIndex",
            "level",
            "kind",
            "locations",
            "relatedLocations",
            "fixes",
            "suppressions",
            "partialFingerprints",
            "properties",
        ],
    ),
    ("locations[]", &[], LOCATION),
    ("relatedLocations[]", &[], LOCATION),
    ("physicalLocation", &["artifactLocation"], &["region", "contextRegion", "properties"]),
    ("artifactLocation", &["uri"], &["uriBaseId", "index", "description", "properties"]),
    ("region", &["startLine"], REGION),
    ("deletedRegion", &["startLine"], REGION),
    (
        "logicalLocations[]",
        &[],
        &["name", "index", "fullyQualifiedName", "decoratedName", "parentIndex", "kind", "properties"],
    ),
    ("fixes[]", &["artifactChanges"], &["description", "properties"]),
    ("description", &["text"], &["markdown", "properties"]),
    ("artifactChanges[]", &["artifactLocation", "replacements"], &["properties"]),
    ("replacements[]", &["deletedRegion"], &["insertedContent", "properties"]),
    ("insertedContent", &[], &["text", "binary", "rendered", "properties"]),
    ("suppressions[]", &["kind"], &["guid", "status", "justification", "location", "properties"]),
];

const LOCATION: &[&str] =
    &["id", "physicalLocation", "logicalLocations", "message", "annotations", "relationships", "properties"];

const REGION: &[&str] = &[
    "startColumn",
    "endLine",
    "endColumn",
    "charOffset",
    "charLength",
    "byteOffset",
    "byteLength",
    "snippet",
    "message",
    "sourceLanguage",
    "properties",
];

/// Adds what is wrong with a value that stands at `name`.
fn examine(name: &str, path: &str, value: &Value, wrong: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                if item.is_object() {
                    examine(&format!("{name}[]"), &format!("{path}[{n}]"), item, wrong);
                }
            }
        }
        // A property bag is the tool's own.
        Value::Object(_) if name == "properties" => {}
        Value::Object(object) => {
            let Some((_, must, may)) = OBJECTS.iter().find(|o| o.0 == name) else {
                wrong.push(format!("{path}: no object of that name is known"));
                return;
            };
            wrong
                .extend(must.iter().filter(|p| !object.contains_key(**p)).map(|p| format!("{path}: no {p}")));
            for (key, value) in object {
                if !must.contains(&key.as_str()) && !may.contains(&key.as_str()) {
                    wrong.push(format!("{path}.{key}: not in the standard"));
                }
                constrained(key, &format!("{path}.{key}"), value, wrong);
                examine(key, &format!("{path}.{key}"), value, wrong);
            }
        }
        _ => {}
    }
}

/// Values with a form of their own.
fn constrained(key: &str, path: &str, value: &Value, wrong: &mut Vec<String>) {
    let one_of = |words: &[&str]| value.as_str().is_some_and(|v| words.contains(&v));
    let good = match key {
        "version" if path == "log.version" => one_of(&["2.1.0"]),
        "level" => one_of(&["none", "note", "warning", "error"]),
        "columnKind" => one_of(&["utf16CodeUnits", "unicodeCodePoints"]),
        "kind" if path.contains("suppressions") => one_of(&["inSource", "external"]),
        "startLine" | "startColumn" | "endLine" | "endColumn" => value.as_u64().is_some_and(|n| n >= 1),
        "ruleIndex" => value.as_i64().is_some_and(|n| n >= -1),
        "executionSuccessful" => value.is_boolean(),
        "uri" => value.as_str().is_some_and(|v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_graphic())),
        "text" if path.ends_with("insertedContent.text") => value.is_string(),
        "text" | "id" | "name" | "ruleId" => value.as_str().is_some_and(|v| !v.is_empty()),
        _ => true,
    };
    if !good {
        wrong.push(format!("{path}: {value}"));
    }
}

fn log(args: &[&str]) -> Value {
    let output = callgate(&[&["check", "--sarif"], args].concat()).output().unwrap();
    let log: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut wrong = Vec::new();
    examine("log", "log", &log, &mut wrong);
    assert!(wrong.is_empty(), "{args:?}:\n{}", wrong.join("\n"));
    log
}

/// How many results are worse than notes.
fn findings(log: &Value) -> usize {
    log["runs"][0]["results"].as_array().unwrap().iter().filter(|r| r["level"] != "note").count()
}

#[test]
fn what_is_written_is_in_the_standard() {
    let folder = Folder::new();
    let hole = folder.file(
        "a hole.cg",
        b"arch x86_64\ndefault allow\nx32 allow\nerrno(EPERM) socket, connect\nallow read\n",
    );
    let allowed = folder.file(
        "allowed.cg",
        b"arch x86_64\ndefault allow\nunknown errno(ENOSYS)\nerrno(EPERM) ptrace # callgate: allow CG0104 known\n",
    );
    let wrong = folder.file("wrong.cg", b"arch x86_64\ndefault allow\nallow acept4\n");
    let unit = folder.file(
        "web.service",
        b"[Service]\nSystemCallFilter=@system-service\nRestrictAddressFamilies=AF_UNIX\n",
    );
    let missing = folder.path().join("missing.cg");
    let of = |file: &str, what: &str| log(&["--pedantic", file])["runs"][0][what].as_array().unwrap().len();
    assert!(of(&hole, "results") > 3);
    assert!(of(&allowed, "results") > 0);
    assert!(of(&wrong, "results") > 0);
    assert!(of(&unit, "results") > 0);
    let failed = log(&[missing.to_str().unwrap()]);
    let invocation = &failed["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(invocation["toolExecutionNotifications"].as_array().unwrap().len(), 1);
    // All at once, and nothing at all.
    log(&["--pedantic", &hole, &allowed, &wrong, &unit]);
    let fine =
        folder.file("fine.cg", b"arch x86_64\ndefault kill\nallow read, write, exit_group, rt_sigreturn\n");
    assert_eq!(findings(&log(&[&fine])), 0);
}

#[test]
fn what_is_not_in_the_standard_is_seen() {
    let mut log: Value =
        serde_json::from_str(r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}}}]}"#).unwrap();
    let wrong = |log: &Value| {
        let mut wrong = Vec::new();
        examine("log", "log", log, &mut wrong);
        wrong
    };
    assert!(wrong(&log).is_empty());
    log["runs"][0]["results"] = serde_json::json!([{ "level": "bad", "extra": 1, "locations": [
        { "physicalLocation": { "region": { "startLine": 0 } } } ] }]);
    assert_eq!(
        wrong(&log),
        [
            "log.runs[0].results[0]: no message",
            "log.runs[0].results[0].extra: not in the standard",
            "log.runs[0].results[0].level: \"bad\"",
            "log.runs[0].results[0].locations[0].physicalLocation: no artifactLocation",
            "log.runs[0].results[0].locations[0].physicalLocation.region.startLine: 0",
        ]
    );
}

/// The script of the action's last step, run as the runner runs it.
#[test]
fn the_action_checks_and_hands_its_findings_on() {
    if !installed("bash") {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let action = std::fs::read_to_string(root.join("action.yml")).unwrap();
    let (_, script) = action.rsplit_once("      run: |\n").unwrap();
    let folder = Folder::new();
    folder.file(
        "hole.cg",
        b"arch x86_64\ndefault allow\nunknown errno(ENOSYS)\nerrno(EPERM) socket, connect\n",
    );
    folder.file("fine.cg", b"arch x86_64\ndefault kill\nallow read, write, exit_group, rt_sigreturn\n");
    let binary = Path::new(env!("CARGO_BIN_EXE_callgate")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let run = |files: &str, arguments: &str, fail: &str| {
        let outputs = folder.path().join("outputs");
        let _ = std::fs::remove_file(&outputs);
        let output = Command::new("bash")
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
            .current_dir(folder.path())
            .envs([("FILES", files), ("ARGUMENTS", arguments), ("SARIF", "out.sarif"), ("FAIL", fail)])
            .env("GITHUB_OUTPUT", &outputs)
            .env("PATH", &path)
            .output()
            .unwrap();
        assert_eq!(std::fs::read_to_string(outputs).unwrap(), "sarif=out.sarif\n");
        let log = std::fs::read(folder.path().join("out.sarif")).unwrap();
        let log: Value = serde_json::from_slice(&log).unwrap();
        (output.status.code(), findings(&log))
    };
    assert_eq!(run("fine.cg", "", "true"), (Some(0), 0));
    let (code, found) = run("fine.cg hole.cg", "", "true");
    assert!(code == Some(1) && found > 0, "{code:?}, {found}");
    assert_eq!(run("hole.cg", "--kernel 6.1", "false").0, Some(0));
    // What cannot be read fails the step all the same.
    assert_eq!(run("missing.cg", "", "false").0, Some(2));
    // Every input and output is used, and none is that is not declared.
    for name in ["files", "arguments", "sarif", "fail"] {
        assert!(
            action.contains(&format!("\n  {name}:\n"))
                && action.contains(&format!("${{{{ inputs.{name} }}}}"))
        );
    }
}
