//! Every `--json` output against its published schema, `docs/schemas`. The schemas let fields be added; here each
//! field must be described.
#![cfg(target_arch = "x86_64")]

mod common;

use common::{Folder, callgate, stderr, stdout};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The Python that has a validator, which need not be the first one found; says so if none has.
fn python() -> Option<&'static str> {
    let has = |python: &&str| {
        let tried = Command::new(python).args(["-c", "import jsonschema"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let found = ["/usr/bin/python3", "python3"].into_iter().find(has);
    if found.is_none() {
        eprintln!("skipped: no Python here has jsonschema");
    }
    found
}

/// Checks the schemas themselves, and values against them: `[schemas, [[id, value, what], …]]` on standard input.
const VALIDATOR: &str = r#"
import json, sys
from jsonschema import Draft202012Validator
schemas, cases = json.load(sys.stdin)
for schema in schemas.values():
    Draft202012Validator.check_schema(schema)
validators = {name: Draft202012Validator(schema) for name, schema in schemas.items()}
for name, value, what in cases:
    for error in validators[name].iter_errors(value):
        print(f"{what}: {list(error.absolute_path)}: {error.message[:500]}")
"#;

/// The schemas by what `schema` says, strict, and values that are to be as they say.
struct Schemas {
    by_id: BTreeMap<String, Value>,
    cases: Vec<(String, Value, String)>,
}

impl Schemas {
    fn read() -> Schemas {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
        let mut by_id = BTreeMap::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|e| e != "json") {
                continue;
            }
            let mut schema: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!(
                schema["$schema"],
                "https://json-schema.org/draft/2020-12/schema",
                "{}",
                path.display()
            );
            let id = schema["$id"].as_str().unwrap().trim_start_matches("urn:").replace(':', "/");
            let name = format!("callgate/{}/", path.file_stem().unwrap().to_str().unwrap());
            assert!(id.starts_with(&name), "{id}: {}", path.display());
            strict(&mut schema);
            by_id.insert(id, schema);
        }
        Schemas { by_id, cases: Vec::new() }
    }

    #[track_caller]
    fn add(&mut self, value: Value, what: &str) {
        let id =
            value["schema"].as_str().unwrap_or_else(|| panic!("{what}: no schema in {value}")).to_owned();
        assert!(self.by_id.contains_key(&id), "{what}: {id} is not published");
        self.cases.push((id, value, what.to_owned()));
    }

    /// What is wrong with the values, a line each.
    fn wrong(&self, python: &str) -> String {
        let mut python = Command::new(python);
        python.args(["-c", VALIDATOR]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = python.spawn().unwrap();
        let all = json!([self.by_id, self.cases]).to_string();
        child.stdin.take().unwrap().write_all(all.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    }
}

/// Forbids what a schema does not describe.
fn strict(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(strict);
            if fields.get("type") == Some(&"object".into()) && fields.contains_key("properties") {
                fields.insert("additionalProperties".into(), false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(strict),
        _ => {}
    }
}

/// A verb's run, and the exit status it is to have.
struct Case(&'static [&'static str], i32);

const CASES: &[Case] = &[
    Case(&["check", "--json", "web.cg"], 1),
    Case(&["check", "--json", "--pedantic", "web.cg", "small.cg", "filter.bpf", "stack.json"], 2),
    Case(&["check", "--json", "bad.cg", "absent.cg"], 2),
    Case(&["check", "--json", "--libc", "glibc-2.41", "small.cg"], 1),
    Case(&["emu", "--json", "web.cg", "socket", "AF_NETLINK"], 0),
    Case(&["emu", "--json", "filter.bpf", "0x40000029"], 0),
    Case(&["emu", "--json", "bad.cg", "read"], 2),
    Case(&["emu", "--json", "web.cg", "raed"], 2),
    Case(&["explain", "--json", "web.cg"], 0),
    Case(&["explain", "--json", "sum.asm"], 0),
    Case(&["explain", "--json", "filter.bpf", "socket", "-a", "x86_64,arm"], 0),
    Case(&["explain", "--json", "bad.cg"], 2),
    Case(&["diff", "--json", "web.cg", "web.cg"], 0),
    Case(&["diff", "--json", "web.cg", "small.cg"], 1),
    Case(&["diff", "--json", "web.cg", "absent.cg"], 2),
    Case(&["prove", "--json", "web.cg", "equal", "filter.bpf"], 0),
    Case(&["prove", "--json", "web.cg", "never", "allow", "openat"], 1),
    Case(&["prove", "--json", "web.cg", "nonsense"], 2),
    Case(&["optimize", "--json", "idle.asm"], 0),
    Case(&["optimize", "--json", "bad.cg"], 2),
    Case(&["disasm", "--json", "filter.bpf"], 0),
    Case(&["disasm", "--json", "absent.bpf"], 2),
    Case(&["why", "--json", "web.cg", "socket(AF_NETLINK, SOCK_RAW, 0)"], 1),
    Case(&["why", "--json", "web.cg", "getpid()"], 0),
    Case(&["why", "--json", "web.cg", "--audit", "audit.log"], 1),
    Case(&["why", "--json", "apply.cg", "ptrace(0)", "--apply"], 0),
    Case(&["why", "--json", "web.cg", "--audit", "bad.cg"], 2),
    Case(&["doctor", "--json"], 0),
    Case(&["doctor", "--json", "--require", "run,around.landlock"], 0),
    Case(&["doctor", "--json", "--require", "nonsense"], 2),
    Case(&["convert", "--json", "web.cg", "-t", "minijail"], 1),
    Case(&["convert", "--json", "web.cg", "-t", "oci", "--allow-weaker"], 0),
    Case(&["convert", "--json", "web.cg", "-t", "raw"], 0),
    Case(&["convert", "--json", "web.cg", "-t", "oci", "--allow-weaker", "-o", "web.json"], 0),
    Case(&["convert", "--json", "bad.cg", "-t", "oci"], 2),
    Case(&["syscalls", "--json"], 0),
    Case(&["syscalls", "--json", "openat", "socketcall"], 0),
    Case(&["syscalls", "--json", "nonsense"], 2),
    Case(&["syscalls", "--json", "--constants"], 0),
    Case(&["syscalls", "--json", "--constants", "open_flags", "-a", "x86_64,mips"], 0),
    Case(&["syscalls", "--json", "--constants", "nonsense"], 2),
    Case(&["syscalls", "--json", "--groups"], 0),
    Case(&["syscalls", "--json", "--groups", "@sockets"], 0),
    Case(&["syscalls", "--json", "--groups", "@nonsense"], 2),
    Case(&["dump", "--json", "--", "callgate", "run", "no-network", "--", "true"], 0),
    Case(&["dump", "--json", "--combine", "--", "callgate", "run", "no-network", "--", "true"], 0),
    Case(&["dump", "--json", "--pid", "FILTERED"], 0),
    Case(&["dump", "--json", "--combine", "--pid", "FILTERED"], 0),
    Case(&["dump", "--json", "--pid", "FREE"], 1),
    Case(&["dump", "--json", "--pid", "2147483647"], 2),
    Case(
        &["run", "--report", "--json", "web.cg", "--", "sh", "-c", "callgate doctor --all; callgate doctor"],
        0,
    ),
    Case(&["run", "--complain", "--json", "web.cg", "--", "callgate", "doctor"], 0),
    Case(&["run", "--report", "--json", "bad.cg", "--", "true"], 2),
    Case(
        &[
            "supervise",
            "--json",
            "supervised.cg",
            "--",
            "sh",
            "-c",
            "exec 2>&-; cat /etc/hostname /etc/passwd",
        ],
        1,
    ),
    Case(&["supervise", "--json", "bad.cg", "--", "true"], 2),
];

const WEB: &str = "\
arch x86_64, aarch64
default allow
errno(EPERM) ptrace
errno(EPERM) socket if domain == AF_NETLINK
";

fn files(folder: &Folder) {
    for name in ["web.cg", "apply.cg"] {
        folder.file(name, WEB.as_bytes());
    }
    folder.file("small.cg", b"arch x86_64\ndefault kill\nallow read, write, exit_group, rt_sigreturn\n");
    folder.file("bad.cg", b"default alow\nallow raed\n");
    folder.file("supervised.cg", b"arch x86_64\ndefault allow\nnotify openat if flags & O_CLOEXEC == 0\non openat open read-only \"/etc/hostname\"\n");
    folder.file("stack.json", br#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["opennat"], "action": "SCMP_ACT_ERRNO"}]}"#);
    folder.file("audit.log", b"type=1326 audit(1700000000.1:7): auid=0 uid=0 gid=0 ses=1 subj=x pid=9 comm=\"web\" exe=\"/web\" sig=31 arch=c000003e syscall=101 compat=0 ip=0x7f00 code=0x80000000\n");
    let inputs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/cli/inputs");
    for name in ["sum.asm", "idle.asm"] {
        std::fs::copy(inputs.join(name), folder.path().join(name)).unwrap();
    }
    let output =
        callgate(&["compile", "web.cg", "-o", "filter.bpf"]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

/// What was printed as JSON: one value on standard output, or one a line on either.
fn values(verb: &str, output: &Output) -> Vec<Value> {
    if matches!(verb, "run" | "supervise") {
        let printed = stderr(output);
        let lines = printed.lines().filter(|l| l.starts_with('{'));
        return lines.map(|l| serde_json::from_str(l).unwrap()).collect();
    }
    let printed = stdout(output);
    serde_json::Deserializer::from_str(&printed)
        .into_iter()
        .map(|v| v.unwrap_or_else(|e| panic!("{e}: {printed}")))
        .collect()
}

#[test]
fn every_output_is_as_its_schema_says() {
    let Some(python) = python() else { return };
    let folder = Folder::new();
    files(&folder);
    let mut schemas = Schemas::read();
    let mut search = Path::new(env!("CARGO_BIN_EXE_callgate")).parent().unwrap().as_os_str().to_owned();
    search.push(":");
    search.push(std::env::var_os("PATH").unwrap_or_default());
    let mut filtered = callgate(&["run", "--exec", "no-network", "--", "sleep", "100"]).spawn().unwrap();
    let mut verbs = BTreeSet::new();
    for Case(args, status) in CASES {
        let args: Vec<String> = args
            .iter()
            .map(|arg| match *arg {
                "FILTERED" => filtered.id().to_string(),
                "FREE" => std::process::id().to_string(),
                arg => arg.to_owned(),
            })
            .collect();
        let words: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = callgate(&words).current_dir(folder.path()).env("PATH", &search).output().unwrap();
        let what = words.join(" ");
        assert_eq!(output.status.code(), Some(*status), "{what}: {}{}", stdout(&output), stderr(&output));
        let values = values(words[0], &output);
        let count = values.len();
        for value in values {
            schemas.add(value, &what);
        }
        verbs.insert(words[0].to_owned());
        let readable = *status != 2 || words[0] == "check";
        assert_eq!(count > 0, readable, "{what}: {}", stderr(&output));
        // Whatever cannot be read is told in words, too.
        assert!(readable || stderr(&output).contains("callgate: "), "{what}");
    }
    filtered.kill().unwrap();
    filtered.wait().unwrap();
    assert_eq!(schemas.wrong(python), "");
    let used: BTreeSet<&String> = schemas.cases.iter().map(|c| &c.0).collect();
    let unused: Vec<&String> = schemas.by_id.keys().filter(|id| !used.contains(id)).collect();
    assert!(unused.is_empty(), "never printed: {unused:?}");
    // Every verb that has the option was there.
    for verb in callgate_cli::command().get_subcommands() {
        if verb.get_arguments().any(|arg| arg.get_long() == Some("json")) {
            assert!(verbs.contains(verb.get_name()), "{}", verb.get_name());
        }
    }
}

#[test]
fn the_page_lists_every_schema() {
    let output = callgate(&["help", "json"]).output().unwrap();
    let page = stdout(&output);
    for id in Schemas::read().by_id.keys() {
        let file = id.split('/').nth(1).unwrap();
        assert!(page.contains(&format!("| `{id}` | [{file}.json]({file}.json) |")), "{id}");
    }
}

#[test]
fn a_strict_schema_refuses_what_it_does_not_describe() {
    let Some(python) = python() else { return };
    let mut schemas = Schemas::read();
    let output = callgate(&["emu", "--json", "strict", "read"]).output().unwrap();
    let good: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let (mut more, mut less) = (good.clone(), good.clone());
    more["more"] = 1.into();
    less.as_object_mut().unwrap().retain(|key, _| key != "nr");
    for (value, what) in [(good, "good"), (more, "more"), (less, "less")] {
        schemas.add(value, what);
    }
    let wrong = schemas.wrong(python);
    assert!(!wrong.contains("good") && wrong.lines().count() == 2, "{wrong}");
}
