//! What other disassemblers get wrong or cannot do, done right here.

mod corpus;

use callgate::abi::{Endian, Insn};
use callgate::program::Code;
use callgate::program::asm::{self, assemble};
use callgate::program::disasm::{Options, disasm};
use callgate::{Arch, Syscall};
use std::time::{Duration, Instant};

fn listing(text: &str) -> String {
    let options = asm::Options { arch: Some(Arch::X86_64), endian: None };
    let code = assemble(text, &options).unwrap_or_else(|e| panic!("{e:#?}"));
    disasm(&code, &Options { arch: Some(Arch::X86_64), bytes: false }).to_string()
}

/// Whether the tables know a call's parameters; without them there is nothing to test.
fn has_params(call: &str) -> bool {
    let known = Syscall::from_name(call).and_then(|c| c.params(Arch::X86_64)).is_some();
    if !known {
        println!("skipped: the tables have no parameters of {call}");
    }
    known
}

#[track_caller]
fn shows(text: &str, expected: &[&str]) {
    let listing = listing(text);
    for line in expected {
        assert!(listing.contains(line), "`{line}` is missing:\n{listing}");
    }
}

#[test]
fn ranges_are_named() {
    shows(
        "A = nr\nif A >= 439 goto next\nif A > 0x100 goto +1\nreturn KILL\nreturn ALLOW",
        &["nr >= faccessat2", "nr > migrate_pages"],
    );
}

#[test]
fn foreign_numbers_are_named_in_their_own_table() {
    let text = "A = arch\nif A == i386 goto +3\nif A != x86_64 goto +5\nA = nr\nif A == 0 goto +2 else goto +3\nA = nr
        if A == 0 goto next\nreturn ALLOW\nreturn KILL";
    shows(text, &["nr == read", "# x86:\n", "nr == x86:restart_syscall"]);
    // Behind a test that leaves several architectures, nobody knows whose number it is.
    let text = ".arch aarch64\nA = arch\nif A == aarch64 goto +2\nA = nr\nif A == 57 goto next\nreturn KILL";
    shows(text, &["nr == 57"]);
}

#[test]
fn arguments_are_named_behind_the_x32_test() {
    if !has_params("mmap") {
        return;
    }
    shows(
        "A = arch\nif A != x86_64 goto no\nA = nr\nif A < 0x40000000 goto ok\nif A != 0xffffffff goto no
         ok: if A != mmap goto no\nA = args[2].hi\nif A != 0 goto no\nA = args[2].lo\nif A & 4 goto no\nreturn ALLOW\nno: return KILL",
        &["A = prot.hi", "if prot.hi != 0", "prot.lo & PROT_EXEC"],
    );
}

#[test]
fn arguments_are_named_through_scratch_memory_and_x() {
    if !has_params("ioctl") {
        return;
    }
    shows(
        "A = nr\nM[0] = A\nA = args[1].lo\nM[1] = A\nA = M[0]\nif A != ioctl goto no\nX = M[1]\nA = X\nif A == 0x5412 goto no
         return ALLOW\nno: return KILL",
        &["cmd.lo == TIOCSTI"],
    );
}

#[test]
fn arguments_are_named_when_a_range_leaves_one_call() {
    if !has_params("openat") {
        return;
    }
    shows(
        "A = nr\nif A >= 258 goto no\nif A < 257 goto no\nA = args[0].lo\nif A == 0xffffff9c goto no\nreturn ALLOW\nno: return KILL",
        &["if dirfd.lo == AT_FDCWD"],
    );
}

#[test]
fn only_the_low_half_is_shown_as_such() {
    let listing =
        listing("A = args[1]\nif A == 0x5412 goto next\nA = args_h[1]\nif A == 0 goto next\nreturn ALLOW");
    assert!(
        listing.contains("if args[1].lo == 0x5412") && listing.contains("if args[1].hi == 0"),
        "{listing}"
    );
}

#[test]
fn a_load_that_is_none_is_not_shown_as_one() {
    let code = Code { insns: vec![Insn::stmt(0x28, 0), Insn::stmt(0x06, 0)], endian: Endian::Little };
    let listing = disasm(&code, &Options::default()).to_string();
    assert!(!listing.contains("nr"), "{listing}");
    assert!(listing.contains("opcode 0x0028 is not one seccomp admits"), "{listing}");
}

/// A disassembler that runs over every path never ends on tor's filter.
#[test]
fn every_real_filter_is_listed_at_once() {
    for (path, bytes) in corpus::filters() {
        let code = Code::from_bytes(&bytes, Endian::Little).unwrap();
        let start = Instant::now();
        let lines = disasm(&code, &Options::default()).to_string().lines().count();
        assert!(lines > code.insns.len());
        assert!(start.elapsed() < Duration::from_millis(500), "{path}: {:?}", start.elapsed());
    }
}
