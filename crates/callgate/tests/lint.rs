//! One small policy or program for each rule: what the linter finds in it, and that what it says is so.
//!
//! The files are in `testdata/lint`. Their comments say what must be found: `# finds CG0103 error` for
//! each error and warning, and for notes worth testing; `# finds nothing` where there is none; `# option
//! kernel 6.1` and the like; `# under FILE` for a filter loaded before this one.

use callgate::abi::breakage::Version;
use callgate::diagnostic::Severity;
use callgate::lint::{self, CODES, Finding, Layer, Options, Subject};
use callgate::program::Code;
use callgate::program::asm;
use callgate::syntax::{self, Parsed};
use callgate::{Arch, Policy};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/lint")
}

/// A file as something to lint.
enum Loaded {
    Text(Policy, Box<Parsed>),
    Code(Code),
}

impl Loaded {
    fn read(path: &Path) -> Loaded {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        if name.ends_with(".asm") {
            return Loaded::Code(
                asm::assemble(&text, &asm::Options::default()).unwrap_or_else(|e| panic!("{name}: {e:?}")),
            );
        }
        let mut parsed = syntax::parse(name, &text, &mut |_: &str, _: &str| Err("no files".to_string()));
        let policy = parsed.policy.take().unwrap_or_else(|| panic!("{name}: {:#?}", parsed.diagnostics));
        Loaded::Text(policy, Box::new(parsed))
    }

    fn layer(&self) -> Layer<'_> {
        match self {
            Loaded::Text(policy, parsed) => Layer::Text(policy, parsed),
            Loaded::Code(code) => Layer::Code(code),
        }
    }
}

/// What a file says about itself.
#[derive(Default)]
struct Header {
    finds: Vec<(String, Severity)>,
    nothing: bool,
    options: Options,
    under: Option<String>,
}

impl Header {
    fn read(path: &Path) -> Header {
        let mut header = Header::default();
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["#", "finds", "nothing"] => header.nothing = true,
                ["#", "finds", code, severity] => {
                    let severity = match severity {
                        "error" => Severity::Error,
                        "warning" => Severity::Warning,
                        "note" => Severity::Note,
                        other => panic!("{}: {other} is no severity", path.display()),
                    };
                    header.finds.push((code.to_string(), severity));
                }
                ["#", "option", "kernel", kernel] => header.options.kernel = Some(kernel.parse().unwrap()),
                ["#", "option", "arch", arch] => header.options.arches.push(Arch::from_name(arch).unwrap()),
                ["#", "option", "libc", release] => {
                    let (name, version) = release.rsplit_once('-').unwrap();
                    header.options.releases.push((name.into(), Version::parse(version).unwrap()));
                }
                ["#", "under", file] => header.under = Some(file.into()),
                _ => {}
            }
        }
        header
    }
}

fn lint_file(path: &Path, header: &Header) -> Vec<Finding> {
    let older = header.under.as_ref().map(|file| Loaded::read(&dir().join(file)));
    let newer = Loaded::read(path);
    let subject = Subject { layers: older.iter().chain([&newer]).map(Loaded::layer).collect() };
    lint::lint(&subject, &header.options)
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir()).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn files_give_what_they_say() {
    let mut wrong = String::new();
    for path in files() {
        let header = Header::read(&path);
        let findings = lint_file(&path, &header);
        let name = path.file_name().unwrap().to_string_lossy();
        let mut found: Vec<(String, Severity)> =
            findings.iter().map(|f| (f.code().to_string(), f.diagnostic.severity)).collect();
        let noted: Vec<_> = header.finds.iter().filter(|f| f.1 == Severity::Note).cloned().collect();
        for note in &noted {
            if !found.contains(note) {
                wrong.push_str(&format!("{name}: no {note:?}\n"));
            }
        }
        found.retain(|f| f.1 != Severity::Note);
        let mut wanted: Vec<_> = header.finds.iter().filter(|f| f.1 != Severity::Note).cloned().collect();
        found.sort();
        wanted.sort();
        if found != wanted || header.nothing != header.finds.is_empty() {
            let texts: Vec<String> = findings
                .iter()
                .filter(|f| f.diagnostic.severity != Severity::Note)
                .map(|f| format!("    {} {}", f.code(), f.diagnostic.message))
                .collect();
            wrong.push_str(&format!("{name}: wanted {wanted:?}, found\n{}\n", texts.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_rule_has_a_file() {
    let mut found: Vec<String> = Vec::new();
    for path in files() {
        let header = Header::read(&path);
        found.extend(lint_file(&path, &header).iter().map(|f| f.code().to_string()));
    }
    // What readers drop, programs beyond the budget, long chains and comments have tests of their own.
    let elsewhere = ["CG0145", "CG0180", "CG0181", "CG0190", "CG0191"];
    let missing: Vec<String> = CODES
        .iter()
        .map(|i| i.code.to_string())
        .filter(|c| !found.contains(c) && !elsewhere.contains(&c.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// No rule speaks up everywhere: of the files, which are all about something, each code is found in few. And
/// what a code is found in by its own files is no more than they say: see above.
#[test]
fn every_rule_is_silent_where_it_should_be() {
    let all: Vec<BTreeSet<String>> = files()
        .iter()
        .map(|path| lint_file(path, &Header::read(path)).iter().map(|f| f.code().to_string()).collect())
        .collect();
    for info in CODES {
        let code = info.code.to_string();
        let silent = all.iter().filter(|found| !found.contains(&code)).count();
        assert!(silent * 10 > all.len(), "{code} is silent in {silent} of {} files only", all.len());
    }
}

/// The witnesses are what they are said to be, and a file that names a code first is about that code.
#[test]
fn witnesses_are_so() {
    let mut seen = 0;
    for path in files() {
        let header = Header::read(&path);
        let (Loaded::Code(code), None) = (Loaded::read(&path), &header.under) else { continue };
        let Ok(program) = code.check() else { continue };
        for finding in lint_file(&path, &header) {
            if let Some(witness) = finding.witness {
                assert_eq!(program.run(&witness.call).action(), witness.action, "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn fixes_settle_what_they_are_for() {
    let mut fixed = 0;
    for path in files() {
        let header = Header::read(&path);
        let Loaded::Text(_, parsed) = Loaded::read(&path) else { continue };
        for finding in lint_file(&path, &header) {
            let Some(fix) = &finding.diagnostic.fix else { continue };
            let (text, made) = lint::apply(&parsed.sources[0], [fix]);
            assert_eq!(made, 1, "{}", path.display());
            let mut refuse = |_: &str, _: &str| Err("no files".to_string());
            let mut after = syntax::parse("fixed.cg", &text, &mut refuse);
            let policy =
                after.policy.take().unwrap_or_else(|| panic!("{}: {:#?}", path.display(), after.diagnostics));
            let left = lint::lint(&Subject::new(Layer::Text(&policy, &after)), &header.options);
            let same = |f: &&Finding| {
                f.code() == finding.code() && f.diagnostic.message == finding.diagnostic.message
            };
            assert_eq!(
                left.iter().find(same).map(|f| &f.diagnostic.message),
                None,
                "{}:\n{text}",
                path.display()
            );
            fixed += 1;
        }
    }
    assert!(fixed > 15, "{fixed}");
}
