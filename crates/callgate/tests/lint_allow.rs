//! Comments that allow findings.

use callgate::diagnostic::Severity;
use callgate::lint::{self, Finding, Layer, Options, Subject};
use callgate::syntax;

fn check(text: &str) -> Vec<Finding> {
    let mut refuse = |_: &str, _: &str| Err("no files".to_string());
    let mut parsed = syntax::parse("test.cg", text, &mut refuse);
    let policy = parsed.policy.take().unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics));
    lint::lint(&Subject::new(Layer::Text(&policy, &parsed)), &Options::default())
}

/// The codes of what counts.
fn counting(text: &str) -> Vec<String> {
    let counts = |f: &Finding| f.severity() != Severity::Note;
    check(text).iter().filter(|f| counts(f)).map(|f| f.code().to_string()).collect()
}

const HEAD: &str = "arch x86_64\ndefault allow\nunknown errno(ENOSYS)\n";

#[test]
fn on_the_line_above_and_for_the_file() {
    assert_eq!(counting(&format!("{HEAD}errno(0) getppid\n")), ["CG0152"]);
    let trailing = format!("{HEAD}errno(0) getppid  # callgate: allow CG0152 nobody asks twice\n");
    assert!(counting(&trailing).is_empty());
    let allowed: Vec<_> = check(&trailing).into_iter().filter_map(|f| f.allowed).collect();
    assert_eq!(allowed, ["nobody asks twice"]);
    assert!(
        counting(&format!("{HEAD}# callgate: allow CG0152 reason\n# more\nerrno(0) getppid\n")).is_empty()
    );
    let whole = format!("# callgate: allow-file CG0152, CG0101 reason\n{HEAD}errno(0) getppid\n");
    assert!(counting(&whole).is_empty());
}

#[test]
fn only_what_it_names_where_it_stands() {
    let elsewhere = format!("{HEAD}errno(0) getppid\n# callgate: allow CG0152 reason\nallow read\n");
    assert_eq!(counting(&elsewhere), ["CG0152", "CG0191"]);
    let other = format!("{HEAD}errno(0) getppid  # callgate: allow CG0153 reason\n");
    assert_eq!(counting(&other), ["CG0152", "CG0191"]);
    let several = format!("{HEAD}errno(0) getppid,\n    getpgid  # callgate: allow CG0152 reason\n");
    assert!(counting(&several).is_empty(), "a statement may have several lines");
    let labels = format!("{HEAD}errno(EPERM) execve  # callgate: allow CG0104 execveat needs a descriptor\n");
    assert!(counting(&labels).is_empty(), "the denied call's line is a place of the finding too");
}

#[test]
fn what_cannot_be_read_is_said() {
    for (comment, message) in [
        ("# callgate: alow CG0152 reason", "`alow` is no instruction to callgate"),
        ("# callgate: allow reason", "no code is named"),
        ("# callgate: allow CG0152", "no reason is given"),
        ("# callgate: allow CG0152,", "no reason is given"),
        ("# callgate: allow CG9999 reason", "there is no code `CG9999`"),
        ("# callgate: allow CG152 reason", "there is no code `CG152`"),
    ] {
        let found = check(&format!("{HEAD}{comment}\nallow read\n"));
        let said = found.iter().find(|f| f.code().to_string() == "CG0190").unwrap();
        assert_eq!(said.diagnostic.message, message, "{comment}");
    }
    assert!(counting(&format!("{HEAD}# callgate is fine\nallow read\n")).is_empty());
}

#[test]
fn a_text_in_quotes_is_no_comment() {
    let text = format!("{HEAD}errno(0) getppid\ninclude \"# callgate: allow-file CG0152 x\"\n");
    let mut loader = |path: &str, _: &str| Ok((path.to_string(), "allow read\n".to_string()));
    let mut parsed = syntax::parse("test.cg", &text, &mut loader);
    let policy = parsed.policy.take().unwrap();
    let found = lint::lint(&Subject::new(Layer::Text(&policy, &parsed)), &Options::default());
    assert!(found.iter().any(|f| f.code().to_string() == "CG0152" && f.allowed.is_none()));
}

#[test]
fn warnings_of_the_language_can_be_allowed_too() {
    let text = format!("{HEAD}errno(EPERM) kill if pid >= 0 && sig == 9");
    let warned = counting(&text);
    assert!(warned.contains(&"CG0039".into()), "{warned:?}");
    assert!(!counting(&format!("{text}  # callgate: allow CG0039 said twice\n")).contains(&"CG0039".into()));
}
