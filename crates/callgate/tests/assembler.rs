//! Listings come back byte for byte, whatever the instructions are.

mod corpus;

use callgate::Syscall;
use callgate::abi::insn::op;
use callgate::abi::{Arch, Endian, Insn};
use callgate::program::Code;
use callgate::program::asm::{self, assemble};
use callgate::program::disasm::{Options, disasm};
use proptest::prelude::*;

/// Every opcode seccomp admits.
const OPCODES: &[u16] = &[
    op::LD_ABS,
    op::LD_LEN,
    op::LD_IMM,
    op::LD_MEM,
    op::LDX_LEN,
    op::LDX_IMM,
    op::LDX_MEM,
    op::ST,
    op::STX,
    op::ADD_K,
    op::ADD_X,
    op::SUB_K,
    op::SUB_X,
    op::MUL_K,
    op::MUL_X,
    op::DIV_K,
    op::DIV_X,
    op::OR_K,
    op::OR_X,
    op::AND_K,
    op::AND_X,
    op::LSH_K,
    op::LSH_X,
    op::RSH_K,
    op::RSH_X,
    op::NEG,
    op::XOR_K,
    op::XOR_X,
    op::JA,
    op::JEQ_K,
    op::JEQ_X,
    op::JGT_K,
    op::JGT_X,
    op::JGE_K,
    op::JGE_X,
    op::JSET_K,
    op::JSET_X,
    op::RET_K,
    op::RET_A,
    op::TAX,
    op::TXA,
];

#[track_caller]
fn comes_back(code: &Code, arch: Option<Arch>) {
    for bytes in [false, true] {
        let text = disasm(code, &Options { arch, bytes }).to_string();
        match assemble(&text, &asm::Options::default()) {
            Ok(back) => assert_eq!(&back, code, "{text}"),
            Err(errors) => panic!("{errors:#?}\n{text}"),
        }
    }
}

fn little(insns: Vec<Insn>) -> Code {
    Code { insns, endian: Endian::Little }
}

#[test]
fn real_filters_come_back() {
    for (path, bytes) in corpus::filters() {
        let code = Code::from_bytes(&bytes, Endian::Little).unwrap_or_else(|e| panic!("{path}: {e}"));
        for arch in [None, Some(Arch::X86_64), Some(Arch::Aarch64), Some(Arch::X32)] {
            comes_back(&code, arch);
        }
    }
}

#[test]
fn every_opcode_comes_back() {
    let insns = |jt, jf, k| OPCODES.iter().map(move |&code| Insn { code, jt, jf, k }).collect::<Vec<_>>();
    for (jt, jf) in [(0, 0), (1, 0), (0, 1), (1, 2), (255, 255), (3, 3)] {
        for k in [0, 1, 4, 31, 32, 60, 64, 0x7fff_0000, 0xc000_003e, u32::MAX] {
            comes_back(&little(insns(jt, jf, k)), None);
        }
    }
}

#[test]
fn every_16_bit_opcode_comes_back() {
    for high in [0u16, 0x100, 0xff00] {
        let insns = (0..=255).map(|low| Insn::jump(high | low, 7, 1, 0)).collect();
        comes_back(&little(insns), Some(Arch::X86_64));
    }
}

fn any_insn() -> impl Strategy<Value = Insn> {
    let code = prop_oneof![
        8 => prop::sample::select(OPCODES),
        6 => prop::sample::select(&[op::LD_ABS, op::JEQ_K, op::JGE_K, op::AND_K][..]),
        1 => any::<u16>()
    ];
    let offset = prop_oneof![4 => 0u8..4, 1 => any::<u8>()];
    let k = prop_oneof![
        4 => (0u32..18).prop_map(|w| w * 4),
        2 => 0u32..500,
        2 => prop::sample::select(Arch::ALL).prop_map(|a| a.token()),
        1 => (0u32..500).prop_map(|n| n | Arch::X32_BIT),
        1 => any::<u32>()
    ];
    (code, offset.clone(), offset, k).prop_map(|(code, jt, jf, k)| Insn { code, jt, jf, k })
}

proptest! {
    #[test]
    fn anything_comes_back(
        insns in prop::collection::vec(any_insn(), 0..60),
        big in any::<bool>(),
        arch in prop::option::of(prop::sample::select(Arch::ALL)),
    ) {
        let endian = if big { Endian::Big } else { Endian::Little };
        comes_back(&Code { insns, endian }, arch);
    }

    /// Behind tests that leave one call, arguments and constants have names.
    #[test]
    fn anything_about_one_call_comes_back(
        call in prop::sample::select(Syscall::of_arch(Arch::X86_64).map(|(nr, _)| nr).collect::<Vec<_>>()),
        insns in prop::collection::vec(any_insn(), 0..20),
    ) {
        let mut all = vec![
            Insn::stmt(op::LD_ABS, 4),
            Insn::jump(op::JEQ_K, Arch::X86_64.token(), 1, 0),
            Insn::stmt(op::RET_K, 0),
            Insn::stmt(op::LD_ABS, 0),
            Insn::jump(op::JEQ_K, call, 1, 0),
            Insn::stmt(op::RET_K, 0),
        ];
        all.extend(insns);
        comes_back(&little(all), None);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "(?s).{0,200}") {
        let _ = assemble(&text, &asm::Options::default());
    }

    #[test]
    fn arbitrary_words_never_panic(
        words in prop::collection::vec(prop::sample::select(&[
            "A", "X", "=", "==", "if", "(", ")", "!", "goto", "next", "1", "12:", "L:", "return", "allow", "errno",
            "[", "]", "M", "args", ".lo", ".", "nr", "arch", "&", "|", "~", "-", ">>", "32", "\n", "?", ":", ",",
            "else", "0xffffffff", "x86_64", "x86_64:read", ".insn", ".arch", "$A", "+", "kill-thread", "<<", "+=",
        ][..]), 0..40)
    ) {
        let _ = assemble(&words.join(" "), &asm::Options::default());
        let _ = assemble(&words.concat(), &asm::Options::default());
    }
}

#[test]
fn a_hostile_program_takes_milliseconds() {
    // Every word of the call masked, stored, compared and jumped over, in 4096 instructions.
    let insns: Vec<Insn> = (0..4096u32)
        .map(|i| match i % 5 {
            0 => Insn::stmt(op::LD_ABS, i % 16 * 4),
            1 => Insn::stmt(op::AND_K, !i),
            2 => Insn::stmt(op::ST, i % 16),
            3 => Insn::jump(op::JEQ_K, i, (i % 250) as u8, (i * 7 % 250) as u8),
            _ => Insn::jump(op::JGE_X, 0, (i % 200) as u8, 1),
        })
        .collect();
    let start = std::time::Instant::now();
    comes_back(&little(insns), Some(Arch::X86_64));
    assert!(start.elapsed().as_secs() < 5, "took {:?}", start.elapsed());
}
