//! Every code has a page, and every page a code.

use callgate::diagnostic::{Code, Severity};
use callgate::{lint, syntax};
use std::collections::BTreeSet;
use std::path::Path;

fn codes() -> Vec<(Code, &'static str)> {
    let rules = lint::CODES.iter().map(|i| (i.code, i.summary));
    syntax::CODES.iter().copied().chain(rules).collect()
}

#[test]
fn pages_and_codes_belong_together() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/codes");
    let files: BTreeSet<String> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("CG"))
        .collect();
    let wanted: BTreeSet<String> = codes().iter().map(|(code, _)| format!("{code}.md")).collect();
    assert_eq!(files, wanted);
}

#[test]
fn pages_begin_with_what_the_code_says() {
    for (code, summary) in codes() {
        let page = lint::explain(code).unwrap_or_else(|| panic!("{code} has no page"));
        assert_eq!(page.lines().next(), Some(&*format!("# {code}: {summary}")));
        assert!(page.lines().nth(2).is_some_and(|l| !l.is_empty()), "{code} says nothing");
        if let Some(info) = lint::info(code) {
            let usual = match info.severity {
                Severity::Error => "Usually an error",
                Severity::Warning => "Usually a warning",
                Severity::Note => "Usually a note",
            };
            assert!(page.contains(usual), "{code}: {usual}");
        }
    }
    assert_eq!(lint::explain(Code(9999)), None);
}

/// Lines that begin an example of the policy language are in the language.
#[test]
fn examples_of_whole_policies_are_policies() {
    let mut tried = 0;
    for (code, _) in codes().into_iter().filter(|c| lint::info(c.0).is_some()) {
        let page = lint::explain(code).unwrap();
        for block in page.split("```").skip(1).step_by(2) {
            if !block.trim_start().starts_with("arch ") && !block.trim_start().starts_with("default ") {
                continue;
            }
            let text =
                if block.contains("arch ") { block.to_string() } else { format!("arch x86_64\n{block}") };
            let mut refuse = |_: &str, _: &str| Err("no files".to_string());
            let parsed = syntax::parse("example", &text, &mut refuse);
            assert!(parsed.policy.is_some(), "{code}: {:#?}\n{text}", parsed.diagnostics);
            tried += 1;
        }
    }
    assert!(tried > 8, "{tried}");
}

/// What the guide says is looked for is found by codes that exist, and every code finds something of it.
#[test]
fn the_guide_says_what_each_code_is_for() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/check.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let section = guide.split("## What is looked for").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut named = BTreeSet::new();
    for row in section.lines().filter(|l| l.starts_with("| ") && l.contains("CG")) {
        let codes = row.trim_end_matches(" |").rsplit("| ").next().unwrap();
        named.extend(codes.split(", ").map(str::to_string));
    }
    let comments = [callgate::lint::Family::Comment];
    let wanted: BTreeSet<String> =
        lint::CODES.iter().filter(|i| !comments.contains(&i.family)).map(|i| i.code.to_string()).collect();
    assert_eq!(named, wanted);
}

/// The table of codes in the guide is complete and says the same.
#[test]
fn the_guide_lists_every_code() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/check.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    for info in lint::CODES {
        let code = info.code;
        let row = guide
            .lines()
            .find(|l| l.starts_with(&format!("| [{code}]")))
            .unwrap_or_else(|| panic!("no {code}"));
        let severity = info.severity.to_string();
        assert!(
            row.contains(&format!("| {severity} |")) && row.ends_with(&format!("| {} |", info.summary)),
            "{row}"
        );
    }
}
