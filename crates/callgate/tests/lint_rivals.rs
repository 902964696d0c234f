//! Where other tools are known to go wrong, the right answer.

use callgate::diagnostic::Severity;
use callgate::lint::{self, Finding, Layer, Options, Subject};
use callgate::program::Code;
use callgate::program::asm;
use std::fmt::Write;

fn code(text: &str) -> Code {
    asm::assemble(text, &asm::Options::default()).unwrap_or_else(|e| panic!("{e:?}\n{text}"))
}

fn check(filters: &[&str]) -> Vec<Finding> {
    let codes: Vec<Code> = filters.iter().map(|t| code(t)).collect();
    lint::lint(&Subject { layers: codes.iter().map(Layer::Code).collect() }, &Options::default())
}

fn counting(filters: &[&str]) -> Vec<String> {
    let found = check(filters);
    found
        .iter()
        .filter(|f| f.severity() != Severity::Note)
        .map(|f| format!("{} {}", f.code(), f.diagnostic.message))
        .collect()
}

const HEAD: &str =
    ".arch x86_64\n A = arch\n if arch != x86_64 goto kill\n A = nr\n if nr >= 0x40000000 goto kill\n";

/// A comparison of the low half and one of the whole argument are different filters.
#[test]
fn low_half_and_whole_argument_are_told_apart() {
    let deny = |high: &str| {
        format!(
            "{HEAD} if nr != ioctl goto ok\n{high} A = args[1].lo\n if A == 0x5412 goto deny\nok: return allow\ndeny: return errno(EPERM)\nkill: return kill\n"
        )
    };
    let whole = counting(&[&deny(" A = args[1].hi\n if A != 0 goto ok\n")]);
    assert!(whole.len() == 1 && whole[0].starts_with("CG0120"), "{whole:?}");
    assert!(counting(&[&deny("")]).is_empty());
}

/// A program beyond the budget is said to be one. Nothing is called harmless that nobody has understood.
#[test]
fn what_is_not_understood_is_not_called_clean() {
    let mut text = String::from(" A = args[0].lo\n X = A\n A = args[1].lo\n");
    for i in 0..60 {
        let _ = writeln!(text, " A *= X\n A += {}\n X = A\n A = args[{}].lo\n A ^= X", i * 7919 + 1, i % 6);
    }
    text.push_str(" if A == 77 goto kill\n return allow\nkill: return kill\n");
    let found = counting(&[&text]);
    assert!(found.len() == 1 && found[0].starts_with("CG0181"), "{found:?}");
}

/// The default of a filter is what it does with numbers nobody has, not what its last instruction says.
#[test]
fn a_trapping_default_is_no_deny_list() {
    let text = format!(
        "{HEAD} if nr == read goto ok\n if nr == write goto ok\n if nr == exit_group goto ok\n if nr == rt_sigreturn goto ok\n if nr == rt_sigaction goto ok\n return trap\nok: return allow\nkill: return kill\n"
    );
    let found = check(&[&text]);
    assert!(found.iter().all(|f| f.code().to_string() != "CG0140"), "{found:#?}");
}

/// A test that no call can pass permits nothing.
#[test]
fn impossible_conditions_permit_nothing() {
    let impossible = format!(
        "{HEAD} A &= 0xff\n if A == 0x100 goto ok\n return kill\nok: return allow\nkill: return kill\n"
    );
    assert!(
        counting(&[&impossible]).iter().all(|f| f.starts_with("CG0148")),
        "{:?}",
        counting(&[&impossible])
    );
    // nr * 1000 == 137000 has one solution below 2^30, found without trying all.
    let computed = format!(
        "{HEAD} A *= 1000\n if A == 137000 goto ok\n return kill\nok: return allow\nkill: return kill\n"
    );
    let found = counting(&[&computed]);
    assert!(found.iter().all(|f| !f.starts_with("CG0142") && !f.starts_with("CG0101")), "{found:?}");
}

/// clone3 answered with ENOSYS is the right thing, not a gap.
#[test]
fn clone3_with_enosys_is_right() {
    let text = format!(
        "{HEAD} if nr == clone3 goto nosys\n if nr == unshare goto deny\n if nr != clone goto ok\n A = args[0].lo\n if A & 0x7e020000 goto deny\nok: return allow\ndeny: return errno(EPERM)\nnosys: return errno(ENOSYS)\nkill: return kill\n"
    );
    assert!(counting(&[&text]).is_empty(), "{:?}", counting(&[&text]));
}

/// Filters for one architecture each are right together, and only together.
#[test]
fn stacked_filters_are_one_filter() {
    let one = |arch: &str, guard: &str| {
        format!(
            ".arch {arch}\n A = arch\n if arch != {arch} goto ok\n A = nr\n{guard} if nr == {arch}:getppid goto deny\nok: return allow\ndeny: return errno(EPERM)\n"
        )
    };
    let (wide, narrow) = (one("x86_64", " if nr >= 0x40000000 goto deny\n"), one("x86", ""));
    assert!(counting(&[&wide])[0].starts_with("CG0106"));
    assert!(counting(&[&narrow])[0].starts_with("CG0106"));
    assert!(counting(&[&wide, &narrow]).is_empty(), "{:?}", counting(&[&wide, &narrow]));
}

/// Shifts count modulo 32, as in the kernel.
#[test]
fn shifts_are_the_kernels() {
    let text = format!(
        "{HEAD} if nr != getpriority goto ok\n X = 33\n A = 1\n A <<= X\n if A == 2 goto deny\nok: return allow\ndeny: return errno(0)\nkill: return kill\n"
    );
    let found = counting(&[&text]);
    assert!(found.iter().any(|f| f.starts_with("CG0152")), "the shift by 33 is one by 1: {found:?}");
}

/// A program the kernel refuses means nothing, so nothing but the refusal is reported.
#[test]
fn a_refused_program_has_no_policy() {
    for bad in [" .insn 0x28 0 0 0\n return allow\n", " A = data[2]\n return allow\n"] {
        let codes: Vec<String> = check(&[bad]).iter().map(|f| f.code().to_string()).collect();
        assert_eq!(codes, ["CG0175"], "{bad}");
    }
}

/// Numbers with bit 30 and above any table are looked at as well.
#[test]
fn large_numbers_are_numbers() {
    let text = ".arch x86_64\n A = arch\n if arch != x86_64 goto kill\n A = nr\n if nr == keyctl goto kill\n return allow\nkill: return kill\n";
    let found = check(&[text]);
    let hole = found.iter().find(|f| f.code().to_string() == "CG0103").unwrap();
    assert_eq!(hole.witness.unwrap().call.nr, 0x4000_0000 | 250);
}

/// A frequent call at the end of a long chain.
#[test]
fn long_chains_are_noticed() {
    let mut text = String::from(
        ".arch x86_64\n A = arch\n if arch == x86_64 goto go\n return kill\ngo: A = nr\n if nr < 0x40000000 goto low\n return kill\nlow:\n",
    );
    for nr in 0..180 {
        let _ = writeln!(text, " if nr != {} goto n{nr}\n return errno({})\nn{nr}:", 600 + nr, nr + 1);
    }
    text.push_str(" if nr != read goto ok\n A = args[0].lo\n if A == 5 goto kill\nok: return allow\nkill: return kill\n");
    let found = check(&[&text]);
    let deep = found.iter().find(|f| f.code().to_string() == "CG0180").unwrap();
    assert_eq!(deep.severity(), Severity::Note);
}
