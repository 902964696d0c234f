//! Cases of the policy language: `testdata/syntax/NAME.cg` and what is said about it, `NAME.out`.
//! `CALLGATE_BLESS=1` writes the answers anew.

use callgate::syntax::{self, Expect, Parsed, format};
use callgate::{Action, Policy, diagnostic::render_plain};
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/syntax")
}

fn parse(name: &str, text: &str) -> Parsed {
    let mut loader = |path: &str, from: &str| {
        let relative = Path::new(from).parent().unwrap_or(Path::new("")).join(path);
        let text =
            std::fs::read_to_string(folder().join(&relative)).map_err(|_| "no such file".to_string())?;
        Ok((relative.to_string_lossy().into_owned(), text))
    };
    syntax::parse(name, text, &mut loader)
}

fn case(e: &Expect) -> String {
    let args: Vec<_> = e.args.iter().map(|a| a.map_or("_".to_string(), |a| format!("{a:#x}"))).collect();
    format!(
        "expect {}: {} {} ({}) {:?} at {}",
        e.text,
        e.arch.name(),
        e.nr,
        args.join(", "),
        e.action,
        e.origin
    )
}

fn answer(name: &str, text: &str) -> String {
    let parsed = parse(name, text);
    let mut out = String::new();
    for diagnostic in &parsed.diagnostics {
        out.push_str(&render_plain(diagnostic));
        out.push('\n');
    }
    if let Some(policy) = &parsed.policy {
        let printed = syntax::print(policy);
        assert_eq!(Policy::parse(&printed).as_ref(), Ok(policy), "{name}: the printed policy is another");
        assert_eq!(parsed.rule_spans.len(), policy.rules.len());
        assert_eq!(parsed.foreign_spans.len(), policy.foreign.len());
        for rule in &policy.rules {
            assert!(parsed.span_of(&rule.origin).is_some() || rule.origin.file.is_none(), "{name}");
        }
        let printed = syntax::print_with(policy, &parsed.on_lines, parsed.if_lost);
        let again = parse("printed.cg", &printed);
        assert_eq!(again.if_lost, parsed.if_lost, "{name}");
        assert_eq!(again.on_lines, parsed.on_lines, "{name}: the printed lines are others\n{printed}");
        out.push_str(&printed);
        for expect in &parsed.expects {
            let _ = writeln!(out, "# {}", case(expect));
        }
    }
    out
}

#[test]
fn cases() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "cg"))
        .collect();
    files.sort();
    assert!(files.len() > 10, "the cases are not there");
    let bless = std::env::var_os("CALLGATE_BLESS").is_some();
    let mut wrong = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        let found = answer(&name, &text);
        let expected = file.with_extension("out");
        if bless {
            std::fs::write(&expected, &found).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != found {
            wrong.push(format!("{name} says now:\n{found}"));
        }
        let formatted = format(&text).text;
        assert_eq!(format(&formatted).text, formatted, "{name}: formatting twice changes more");
        assert_eq!(
            parse(&name, &formatted).policy,
            parse(&name, &text).policy,
            "{name}: formatting changed it"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn formatting() {
    let text = std::fs::read_to_string(folder().join("format/before.txt")).unwrap();
    let found = format(&text);
    assert!(found.changed);
    let path = folder().join("format/after.txt");
    if std::env::var_os("CALLGATE_BLESS").is_some() {
        std::fs::write(&path, &found.text).unwrap();
    }
    assert_eq!(found.text, std::fs::read_to_string(path).unwrap());
    assert!(!format(&found.text).changed);
}

/// Every rule that begins a line of the reference's examples is understood.
#[test]
fn the_reference_is_true() {
    let mut examples = 0;
    for block in syntax::REFERENCE.split("```\n").skip(1).step_by(2) {
        if block.starts_with("policy ") || block.contains("base.cg") {
            continue;
        }
        let mut text = String::from(block);
        if !block.lines().any(|l| l.starts_with("default")) {
            text.push_str("\ndefault kill\n");
        }
        if !block.lines().any(|l| l.starts_with("arch")) {
            text.push_str("\narch x86_64, aarch64\n");
        }
        let parsed = parse("reference", &text);
        let errors: String = parsed.diagnostics.iter().map(render_plain).collect();
        assert!(errors.is_empty(), "{text}\n{errors}");
        examples += 1;
    }
    assert!(examples > 5);
}

/// An expectation holds for what is not given: try some values.
#[test]
fn built_in_policies_keep_their_promises() {
    for name in callgate::builtin::names() {
        let text = callgate::builtin::get(name).unwrap();
        assert!(callgate::builtin::summary(name).is_some(), "{name}");
        assert!(syntax::REFERENCE.contains(&format!("| `{name}` |")), "{name} is not in the reference");
        let parsed = parse(name, text);
        let said: String = parsed.diagnostics.iter().map(render_plain).collect();
        assert!(said.is_empty(), "{name}: {said}");
        let policy = parsed.policy.unwrap();
        assert_eq!(format(text).text, text, "{name} is not formatted");
        assert!(parsed.expects.len() > 5, "{name}");
        let program = policy.compile().unwrap_or_else(|e| panic!("{name}: {e}"));
        for expect in &parsed.expects {
            for other in [0, 1, 0x8000_0000, u64::MAX] {
                let mut data = expect.witness();
                for (arg, given) in data.args.iter_mut().zip(expect.args) {
                    *arg = given.unwrap_or(other);
                }
                assert_eq!(policy.eval(&data), expect.action, "{name}: {} with {data:?}", case(expect));
                let returned = Action::from_ret(program.run(&data).ret);
                assert_eq!(returned, expect.action, "{name}: {} with {data:?}", case(expect));
            }
        }
    }
}

/// The conditions of built-in groups are in the language, on every architecture.
#[test]
fn every_group_is_understood() {
    for group in callgate::abi::group::Group::all() {
        for arch in callgate::Arch::ALL {
            for action in ["allow", "kill"] {
                let text = format!("arch {}\ndefault log\n{action} @{}?\n", arch.name(), group.name);
                let parsed = parse("group", &text);
                let said: String = parsed.diagnostics.iter().map(render_plain).collect();
                assert!(said.is_empty(), "@{} on {}: {said}", group.name, arch.name());
                let policy = parsed.policy.unwrap();
                assert_eq!(Policy::parse(&syntax::print(&policy)), Ok(policy));
            }
        }
    }
}
