//! The notation of BPF's first assemblers: what the kernel's `bpf_asm` takes, and what `bpf_dbg` and `tcpdump -d` print.
//!
//! Source: `tools/bpf/bpf_exp.y`, `tools/bpf/bpf_exp.l` and `tools/bpf/bpf_dbg.c` of Linux, `bpf_image.c` of libpcap.

use super::write::whole;
use crate::program::Code;
use crate::program::asm::{Error, MAX_TEXT};
use crate::program::check::is_conditional;
use callgate_abi::Insn;
use callgate_abi::insn::op;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The bit that makes `X` the operand, in arithmetic and tests.
const FROM_X: u16 = 0x08;
/// Codes that seccomp has no use for: they are assembled, and the checker says what the kernel makes of them.
const OTHERS: &[(&str, u16)] = &[("ldh", 0x28), ("ldb", 0x30)];
const MOD_K: u16 = 0x94;
const RET_X: u16 = 0x0e;

/// Arithmetic with a number.
const ARITHMETIC: &[(&str, u16)] = &[
    ("add", op::ADD_K),
    ("sub", op::SUB_K),
    ("mul", op::MUL_K),
    ("div", op::DIV_K),
    ("mod", MOD_K),
    ("or", op::OR_K),
    ("and", op::AND_K),
    ("lsh", op::LSH_K),
    ("rsh", op::RSH_K),
    ("xor", op::XOR_K),
];

/// Tests with a number, and whether the mnemonic is of the test's opposite.
const TESTS: &[(&str, u16, bool)] = &[
    ("jeq", op::JEQ_K, false),
    ("jne", op::JEQ_K, true),
    ("jneq", op::JEQ_K, true),
    ("jgt", op::JGT_K, false),
    ("jle", op::JGT_K, true),
    ("jge", op::JGE_K, false),
    ("jlt", op::JGE_K, true),
    ("jset", op::JSET_K, false),
];

/// The other mnemonics.
const PLAIN: &[&str] =
    &["ld", "ldi", "ldx", "ldxi", "st", "stx", "jmp", "ja", "ret", "tax", "txa", "neg", "ldh", "ldb"];

fn mnemonics() -> impl Iterator<Item = &'static str> {
    let arithmetic = ARITHMETIC.iter().map(|m| m.0);
    PLAIN.iter().copied().chain(arithmetic).chain(TESTS.iter().map(|m| m.0))
}

/// What an instruction is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operand<'a> {
    /// `[16]`: a word of the call.
    Word(u32),
    /// `M[3]`.
    Memory(u32),
    /// `#5`.
    Number(u32),
    /// `len`.
    Length,
    A,
    X,
    /// Where to jump to.
    Label(&'a str),
}

/// A place in the text.
#[derive(Clone, Copy)]
struct Spot {
    line: usize,
    column: usize,
}

impl Spot {
    fn error(self, message: impl Into<String>) -> Error {
        Error::at(self.line, self.column, message)
    }
}

/// An instruction whose jumps are labels yet: those for a true and for a false test.
struct Statement<'a> {
    at: Spot,
    insn: Insn,
    targets: [Option<&'a str>; 2],
}

/// Whether a line begins as only those of this notation do.
pub(super) fn is_line(line: &str) -> bool {
    let (_, rest) = labels(line);
    let (word, operand) = mnemonic(rest);
    let operand = operand.trim_start();
    let starts = |wanted: &[&str]| wanted.iter().any(|w| operand.starts_with(w));
    match word {
        "ld" | "ldx" => starts(&["[", "#", "M["]),
        "ret" => starts(&["#"]),
        word => TESTS.iter().any(|t| t.0 == word) && starts(&["#"]),
    }
}

/// Reads a program.
pub(super) fn assemble(text: &str) -> Result<Vec<Insn>, Vec<Error>> {
    if text.len() > MAX_TEXT {
        let what = format!("the text is larger than {} MiB, which no program's is", MAX_TEXT >> 20);
        return Err(vec![Error::at(1, 1, what)]);
    }
    let text = without_comments(text);
    let (mut statements, mut errors) = (Vec::new(), Vec::new());
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let (found, rest) = labels(line);
        let column = |part: &str| line[..part.as_ptr() as usize - line.as_ptr() as usize].chars().count() + 1;
        for label in found {
            if places.insert(name(label), statements.len()).is_some() {
                let at = Spot { line: index + 1, column: column(label) };
                errors.push(at.error(format!("the label `{label}` is there twice")));
            }
        }
        let rest = rest.trim();
        if rest.is_empty() {
            continue;
        }
        let at = Spot { line: index + 1, column: column(rest) };
        match statement(rest, at) {
            Ok(statement) => statements.push(statement),
            Err(error) => errors.push(error),
        }
    }
    let resolved: Vec<Insn> =
        statements.iter().enumerate().map(|(i, s)| resolve(s, i, &places, &mut errors)).collect();
    if errors.is_empty() { Ok(resolved) } else { Err(errors) }
}

/// The text with blanks in place of `/* … */` and of what follows a `;`.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let end = if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |i| i + 2)
        } else if c == ';' {
            rest.find('\n').unwrap_or(rest.len())
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        out.extend(rest[..end].chars().map(|c| if c == '\n' { c } else { ' ' }));
        rest = &rest[end..];
    }
    out
}

/// The labels a line begins with, `name:` or tcpdump's `(003)`, and what follows.
fn labels(line: &str) -> (Vec<&str>, &str) {
    let mut found = Vec::new();
    let mut rest = line.trim_start();
    loop {
        let numbered = rest.strip_prefix('(').and_then(|r| r.split_once(')'));
        let named = rest.split_once(':');
        let word =
            |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let (label, behind) = match (numbered, named) {
            (Some((label, behind)), _) if word(label) => (label, behind),
            (_, Some((label, behind))) if word(label.trim_end()) => (label.trim_end(), behind),
            _ => return (found, rest),
        };
        found.push(label);
        rest = behind.trim_start();
    }
}

/// The name of a label: tcpdump's numbers have leading zeros in one place and none in the other.
fn name(label: &str) -> &str {
    let short = label.trim_start_matches('0');
    if !label.bytes().all(|b| b.is_ascii_digit()) {
        return label;
    }
    if short.is_empty() { "0" } else { short }
}

fn mnemonic(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    text.split_at(end)
}

fn statement(text: &str, at: Spot) -> Result<Statement<'_>, Error> {
    let (word, rest) = mnemonic(text);
    let mut operands = Vec::new();
    let rest = rest.trim();
    if !rest.is_empty() {
        for part in rest.split(',') {
            operands.extend(parts(part));
        }
    }
    let operands: Vec<Operand<'_>> =
        operands.into_iter().map(operand).collect::<Result<_, _>>().map_err(|e| at.error(e))?;
    encode(word, &operands, at)
}

/// tcpdump separates targets by words: `#0x800  jt 2  jf 5`.
fn parts(part: &str) -> Vec<&str> {
    let words: Vec<&str> = part.split_ascii_whitespace().collect();
    match words[..] {
        [operand, "jt", yes, "jf", no] => vec![operand, yes, no],
        _ => vec![part.trim()],
    }
}

fn operand(text: &str) -> Result<Operand<'_>, String> {
    let inside = |open: &str| text.strip_prefix(open).and_then(|t| t.strip_suffix(']')).map(str::trim);
    if let Some(index) = inside("M[").or_else(|| inside("m[")) {
        return number(index).map(Operand::Memory);
    }
    if let Some(offset) = inside("[") {
        if offset.to_ascii_lowercase().starts_with(['x', '%']) {
            return Err(format!("`{text}`: seccomp has no words whose place `X` says"));
        }
        return number(offset).map(Operand::Word);
    }
    Ok(match &*text.to_ascii_lowercase() {
        "len" | "#len" | "pktlen" | "#pktlen" => Operand::Length,
        "a" | "%a" => Operand::A,
        "x" | "%x" => Operand::X,
        _ => match text.strip_prefix('#') {
            Some(value) => Operand::Number(number(value.trim())?),
            None => Operand::Label(text),
        },
    })
}

/// A number in C's notation; negative ones are their two's complement.
fn number(text: &str) -> Result<u32, String> {
    let wrong = || format!("expected a number of 32 bits, found `{text:.40}`");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (digits, radix) = match &*lower {
        hex if hex.starts_with("0x") => (&hex[2..], 16),
        binary if binary.starts_with("0b") => (&binary[2..], 2),
        octal if octal.len() > 1 && octal.starts_with('0') => (&octal[1..], 8),
        decimal => (decimal, 10),
    };
    // What `from_str_radix` takes beside digits is a sign.
    let digits = digits.bytes().all(|b| b.is_ascii_hexdigit()).then_some(digits).ok_or_else(wrong)?;
    let value = u32::from_str_radix(digits, radix).map_err(|_| wrong())?;
    if negative && value > 1 << 31 {
        return Err(wrong());
    }
    Ok(if negative { value.wrapping_neg() } else { value })
}

fn encode<'a>(word: &'a str, operands: &[Operand<'a>], at: Spot) -> Result<Statement<'a>, Error> {
    let lower = word.to_ascii_lowercase();
    let plain = |code: u16, k: u32| Ok(Statement { at, insn: Insn::stmt(code, k), targets: [None, None] });
    if let Some((_, code, opposite)) = TESTS.iter().find(|t| t.0 == lower) {
        let (code, k) = match operands.first() {
            Some(Operand::Number(k)) => (*code, *k),
            Some(Operand::X) => (*code | FROM_X, 0),
            _ => return Err(at.error(format!("`{word}` compares with a number, as `#5`, or with `x`"))),
        };
        let (yes, no) = match operands[1..] {
            [Operand::Label(yes)] => (Some(yes), None),
            [Operand::Label(yes), Operand::Label(no)] => (Some(yes), Some(no)),
            _ => return Err(at.error(format!("`{word}` needs one label or two to jump to"))),
        };
        let targets = if *opposite { [no, yes] } else { [yes, no] };
        return Ok(Statement { at, insn: Insn::jump(code, k, 0, 0), targets });
    }
    if let Some((_, code)) = ARITHMETIC.iter().find(|m| m.0 == lower) {
        return match operands {
            [Operand::Number(k)] => plain(*code, *k),
            [Operand::X] => plain(*code | FROM_X, 0),
            _ => Err(at.error(format!("`{word}` needs a number, as `#5`, or `x`"))),
        };
    }
    match (&*lower, operands) {
        ("ld", [Operand::Word(k)]) => plain(op::LD_ABS, *k),
        ("ld" | "ldi", [Operand::Number(k)]) => plain(op::LD_IMM, *k),
        ("ld", [Operand::Memory(k)]) => plain(op::LD_MEM, *k),
        ("ld", [Operand::Length]) => plain(op::LD_LEN, 0),
        ("ldx" | "ldxi", [Operand::Number(k)]) => plain(op::LDX_IMM, *k),
        ("ldx", [Operand::Memory(k)]) => plain(op::LDX_MEM, *k),
        ("ldx", [Operand::Length]) => plain(op::LDX_LEN, 0),
        ("st", [Operand::Memory(k)]) => plain(op::ST, *k),
        ("stx", [Operand::Memory(k)]) => plain(op::STX, *k),
        ("tax", []) => plain(op::TAX, 0),
        ("txa", []) => plain(op::TXA, 0),
        ("neg", []) => plain(op::NEG, 0),
        ("ret", [Operand::Number(k)]) => plain(op::RET_K, *k),
        ("ret", [] | [Operand::A]) => plain(op::RET_A, 0),
        ("ret", [Operand::X]) => plain(RET_X, 0),
        ("jmp" | "ja", [Operand::Label(target)]) => {
            Ok(Statement { at, insn: Insn::stmt(op::JA, 0), targets: [Some(*target), None] })
        }
        (word, [Operand::Word(k)]) if OTHERS.iter().any(|o| o.0 == word) => {
            plain(OTHERS.iter().find(|o| o.0 == word).map_or(0, |o| o.1), *k)
        }
        (known, _) if PLAIN.contains(&known) => {
            Err(at.error(format!("this is no operand of `{word}` that seccomp could use")))
        }
        _ => Err(at.error(format!("`{word}` is no instruction of bpf_asm")).suggest(word, mnemonics())),
    }
}

/// The instruction at `index` with its jumps' lengths.
fn resolve(
    statement: &Statement<'_>,
    index: usize,
    places: &BTreeMap<&str, usize>,
    errors: &mut Vec<Error>,
) -> Insn {
    let mut insn = statement.insn;
    let mut length = |label: &Option<&str>| {
        let Some(label) = label else { return 0 };
        let Some(place) = places.get(name(label)) else {
            let error = statement.at.error(format!("there is no label `{label:.40}`"));
            errors.push(error.suggest(label, places.keys().copied()));
            return 0;
        };
        match place.checked_sub(index + 1) {
            Some(length) => length,
            None => {
                errors.push(statement.at.error(format!("`{label}` is not behind this: jumps go forward")));
                0
            }
        }
    };
    let [yes, no] = statement.targets.each_ref().map(&mut length);
    if insn.code == op::JA {
        insn.k = u32::try_from(yes).unwrap_or(u32::MAX);
        return insn;
    }
    let mut byte = |length: usize| {
        u8::try_from(length).unwrap_or_else(|_| {
            let what =
                format!("the jump is over {length} instructions; a test reaches 255, `jmp` any number");
            errors.push(statement.at.error(what));
            0
        })
    };
    (insn.jt, insn.jf) = (byte(yes), byte(no));
    insn
}

/// Writes a program as `bpf_dbg` prints it, which `bpf_asm` takes.
///
/// # Errors
/// An instruction has something in fields that the notation does not show, or none of its mnemonics.
pub(super) fn write(code: &Code) -> Result<String, Error> {
    let mut out = String::new();
    for (at, insn) in code.insns.iter().enumerate() {
        let text = text_of(insn, at, code.insns.len()).ok_or_else(|| {
            let message = format!("instruction {at} cannot be written for bpf_asm");
            Error::at(1, 1, message).help("choose a notation that shows every field")
        })?;
        let _ = writeln!(out, "l{at}:\t{text}");
    }
    Ok(out)
}

fn text_of(insn: &Insn, at: usize, len: usize) -> Option<String> {
    if !whole(insn) {
        return None;
    }
    let target = |far: u32| {
        let to = at as u64 + 1 + u64::from(far);
        (to < len as u64).then(|| format!("l{to}"))
    };
    let k = insn.k;
    let value = || if insn.code & FROM_X != 0 { "x".to_owned() } else { format!("#{k:#x}") };
    Some(match insn.code {
        op::LD_ABS => format!("ld [{k}]"),
        op::LD_IMM => format!("ld #{k:#x}"),
        op::LD_MEM => format!("ld M[{k}]"),
        op::LD_LEN => "ld #len".into(),
        op::LDX_IMM => format!("ldx #{k:#x}"),
        op::LDX_MEM => format!("ldx M[{k}]"),
        op::LDX_LEN => "ldx #len".into(),
        op::ST => format!("st M[{k}]"),
        op::STX => format!("stx M[{k}]"),
        op::TAX => "tax".into(),
        op::TXA => "txa".into(),
        op::NEG => "neg".into(),
        op::RET_K => format!("ret #{k:#x}"),
        op::RET_A => "ret a".into(),
        op::JA => format!("jmp {}", target(k)?),
        jump if is_conditional(jump) => {
            let (word, ..) = TESTS.iter().find(|t| t.1 == jump & !FROM_X && !t.2)?;
            format!("{word} {}, {}, {}", value(), target(insn.jt.into())?, target(insn.jf.into())?)
        }
        code => {
            let (word, _) = ARITHMETIC.iter().find(|m| m.1 == code & !FROM_X && m.1 != MOD_K)?;
            format!("{word} {}", value())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::container::{Container, ReadOptions, detect, read};

    fn insns(text: &str) -> Vec<Insn> {
        assemble(text).unwrap_or_else(|e| panic!("{text}: {e:?}"))
    }

    fn error(text: &str) -> String {
        assemble(text).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    /// The example of the kernel's manual (`Documentation/networking/filter.rst`), after its assembler.
    #[test]
    fn the_kernels_example() {
        let text = "ld [4]                  /* offsetof(struct seccomp_data, arch) */\n\
                    jne #0xc000003e, bad    /* AUDIT_ARCH_X86_64 */\n\
                    ld [0]                  ; the number\n\
                    jeq #15, good           /* __NR_rt_sigreturn */\n\
                    jset #0x10, good, bad\n\
                    bad: ret #0             /* SECCOMP_RET_KILL_THREAD */\n\
                    good:\n ret #0x7fff0000\n";
        let expected = [
            Insn::stmt(op::LD_ABS, 4),
            Insn::jump(op::JEQ_K, 0xc000_003e, 0, 3),
            Insn::stmt(op::LD_ABS, 0),
            Insn::jump(op::JEQ_K, 15, 2, 0),
            Insn::jump(op::JSET_K, 16, 1, 0),
            Insn::stmt(op::RET_K, 0),
            Insn::stmt(op::RET_K, 0x7fff_0000),
        ];
        assert_eq!(insns(text), expected);
        let found = read(text.as_bytes(), &ReadOptions::default()).unwrap();
        assert_eq!((found.container, &found.code.insns[..]), (Container::BpfAsm, &expected[..]));
        let written = write(&found.code).unwrap();
        assert!(written.starts_with("l0:\tld [4]\nl1:\tjeq #0xc000003e, l2, l5\n"), "{written}");
        assert_eq!(insns(&written), expected);
    }

    /// `tcpdump -d`.
    #[test]
    fn tcpdumps_listing() {
        let text = "(000) ld       [4]\n(001) jeq      #0xc000003e      jt 2\tjf 5\n(002) ldx      M[1]\n\
                    (003) jgt      x               jt 4\tjf 5\n(004) ret      #2147418112\n(005) ret      #0\n";
        assert_eq!(insns(text)[1], Insn::jump(op::JEQ_K, 0xc000_003e, 0, 3));
        assert_eq!(insns(text)[3], Insn::jump(op::JGT_X, 0, 0, 1));
        assert_eq!(detect(text.as_bytes()).unwrap().container, Container::BpfAsm);
    }

    #[test]
    fn every_instruction() {
        let text = "ld #len\nldx len\nst M[15]\nstx M[0]\nldi #017\nldxi #0b11\ntax\ntxa\nneg\nadd #-1\nmod %x\nxor x\n\
                    jle #5, l\njlt x, l\njmp l\nret %a\nl: ret\n";
        let expected = [
            Insn::stmt(op::LD_LEN, 0),
            Insn::stmt(op::LDX_LEN, 0),
            Insn::stmt(op::ST, 15),
            Insn::stmt(op::STX, 0),
            Insn::stmt(op::LD_IMM, 15),
            Insn::stmt(op::LDX_IMM, 3),
            Insn::stmt(op::TAX, 0),
            Insn::stmt(op::TXA, 0),
            Insn::stmt(op::NEG, 0),
            Insn::stmt(op::ADD_K, u32::MAX),
            Insn::stmt(MOD_K | FROM_X, 0),
            Insn::stmt(op::XOR_X, 0),
            Insn::jump(op::JGT_K, 5, 0, 3),
            Insn::jump(op::JGE_X, 0, 0, 2),
            Insn::stmt(op::JA, 1),
            Insn::stmt(op::RET_A, 0),
            Insn::stmt(op::RET_A, 0),
        ];
        assert_eq!(insns(text), expected);
    }

    #[test]
    fn errors_name_the_place() {
        assert_eq!(
            error("ld [0]\n  jeg #1, e\ne: ret #0"),
            "2:3: `jeg` is no instruction of bpf_asm (did you mean `neg`?)"
        );
        assert_eq!(
            error("jeq #1, goood\ngood: ret #0"),
            "1:1: there is no label `goood` (did you mean `good`?)"
        );
        assert_eq!(error("e: ret #0\njmp e"), "2:1: `e` is not behind this: jumps go forward");
        assert_eq!(error("e: ret #0\ne: ret #0"), "2:1: the label `e` is there twice");
        assert_eq!(error("ld [x + 2]"), "1:1: `[x + 2]`: seccomp has no words whose place `X` says");
        assert_eq!(error("ret #4294967296"), "1:1: expected a number of 32 bits, found `4294967296`");
        assert_eq!(error("ld #proto"), "1:1: expected a number of 32 bits, found `proto`");
        assert_eq!(error("st #5"), "1:1: this is no operand of `st` that seccomp could use");
        let far = format!("jeq #1, e\n{}e: ret #0\n", "tax\n".repeat(256));
        assert!(error(&far).starts_with("1:1: the jump is over 256 instructions"), "{}", error(&far));
    }
}
