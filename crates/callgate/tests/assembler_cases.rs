//! Cases under `testdata/asm`: a text, and its listing or its errors beside it. Set `BLESS=1` to write
//! the expected files anew.

use callgate::program::asm::{Options, assemble};
use callgate::program::disasm::{self, disasm};
use std::path::{Path, PathBuf};

fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/asm").join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|e| e == "asm"));
    cases.sort();
    assert!(cases.len() > 3, "cases are missing in {}", folder.display());
    cases
}

#[track_caller]
fn is_as_expected(case: &Path, extension: &str, found: &str) {
    let path = case.with_extension(extension);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(found, expected, "{} (BLESS=1 writes it anew)", path.display());
}

#[test]
fn good_texts_give_their_listings() {
    for case in cases("good") {
        let text = std::fs::read_to_string(&case).unwrap();
        let code = assemble(&text, &Options { arch: Some(callgate::Arch::X86_64), endian: None })
            .unwrap_or_else(|errors| panic!("{}: {errors:#?}", case.display()));
        let listing = disasm(&code, &disasm::Options { arch: None, bytes: true }).to_string();
        is_as_expected(&case, "dis", &listing);
        assert_eq!(assemble(&listing, &Options::default()).unwrap(), code, "{}", case.display());
    }
}

#[test]
fn bad_texts_give_all_their_errors() {
    for case in cases("bad") {
        let text = std::fs::read_to_string(&case).unwrap();
        let errors = assemble(&text, &Options::default())
            .expect_err(&format!("{} should not assemble", case.display()));
        let errors: String = errors.iter().map(|e| format!("{e}\n")).collect();
        is_as_expected(&case, "err", &errors);
    }
}

/// The example in the documentation is what it says it is.
#[test]
fn the_documented_listing_is_one() {
    let doc = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/assembler.md");
    let doc = std::fs::read_to_string(doc).unwrap();
    let example = doc.split("```\n").nth(1).expect("the page begins with an example");
    let code = assemble(example, &Options::default()).unwrap();
    assert_eq!(code.insns.len(), 11);
    assert!(code.clone().check().is_ok());
    if callgate::Syscall::from_name("ioctl").and_then(|c| c.params(callgate::Arch::X86_64)).is_none() {
        assert_eq!(disasm(&code, &disasm::Options::default()).to_string(), example);
    }
}
