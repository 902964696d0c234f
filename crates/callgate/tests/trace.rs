//! A trace tells what the interpreter does.

mod corpus;

use callgate::abi::{Endian, Insn};
use callgate::program::asm::{self, assemble};
use callgate::program::disasm::Options;
use callgate::program::trace::{Effect, trace};
use callgate::{Arch, Program, SeccompData};
use proptest::prelude::*;

fn call(nr: u32, args: [u64; 6]) -> SeccompData {
    SeccompData { nr, arch: Arch::X86_64.token(), ip: 0x7fff_0000_1234, args }
}

#[track_caller]
fn agrees(program: &Program, data: &SeccompData) {
    let trace = trace(program, data, &Options::default());
    assert_eq!(trace.execution, program.run(data));
    assert_eq!(trace.steps.len(), trace.execution.steps as usize);
    match trace.steps.last().unwrap().effect {
        Effect::Returned(value) => assert_eq!(value, trace.execution.ret),
        other => assert_eq!((other, trace.execution.ret), (Effect::DividedByZero, 0)),
    }
    // Every step says where the next one is.
    for pair in trace.steps.windows(2) {
        let (at, next) = (pair[0].line.at.unwrap(), pair[1].line.at.unwrap());
        match pair[0].effect {
            Effect::Tested { to, .. } | Effect::Jumped(to) => assert_eq!(to, next),
            _ => assert_eq!(at + 1, next),
        }
    }
}

#[test]
fn real_filters() {
    for (_, bytes) in corpus::filters() {
        let program = Program::from_bytes(&bytes, Endian::Little).unwrap();
        for nr in (0..480).step_by(7).chain([0x4000_0001, u32::MAX]) {
            agrees(&program, &call(nr, [1, 0x5412, 3, 4, 5, 6]));
        }
    }
}

#[test]
fn shifts_count_modulo_32_as_in_the_kernel() {
    let text = "X = 33\nA = 1\nA <<= X\nA |= 0x50000\nreturn A";
    let program = assemble(text, &asm::Options::default()).unwrap().check().unwrap();
    let shown = trace(&program, &call(0, [0; 6]), &Options::default()).to_string();
    assert!(shown.contains("2: A <<= X         A = 2\n"), "{shown}");
    assert!(shown.ends_with("returns errno(ENOENT) (0x50002) after 5 instructions\n"), "{shown}");
}

#[test]
fn both_spellings_of_a_test_are_answered() {
    let text = ".arch x86_64
A = nr
if nr < write goto kill
if !(nr & 8) goto kill
return log
kill: return kill-process";
    let program = assemble(text, &asm::Options::default()).unwrap().check().unwrap();
    let options = Options { arch: Some(Arch::X86_64), bytes: false };
    let shown = trace(&program, &call(9, [0; 6]), &options).to_string();
    let expected = "   0: A = nr                   A = 9 (mmap)
   1: if nr < write goto 4     no: goes on
   2: if !(nr & 0x8) goto 4    no: goes on
   3: return log
returns log (0x7ffc0000) after 4 instructions
";
    assert_eq!(shown, expected);
    let shown = trace(&program, &call(0, [0; 6]), &options).to_string();
    assert!(shown.contains("1: if nr < write goto 4    yes: goes to 4\n"), "{shown}");
}

proptest! {
    #[test]
    fn anything_the_kernel_takes(
        raw in prop::collection::vec((prop::sample::select(&[0x20u16, 0x15, 0x1d, 0x05, 0x25, 0x00, 0x01, 0x07, 0x87, 0x84, 0x3c, 0x6c, 0x2c, 0x02, 0x61, 0x80][..]), 0u8..3, 0u8..3, 0u32..16), 0..30),
        nr in any::<u32>(),
        args in any::<[u64; 6]>(),
    ) {
        let mut insns: Vec<Insn> = raw
            .into_iter()
            .map(|(code, jt, jf, k)| match code {
                0x20 => Insn::stmt(code, k * 4),
                0x05 => Insn::stmt(code, k % 3),
                0x15 | 0x1d | 0x25 => Insn::jump(code, k, jt, jf),
                _ => Insn::stmt(code, k),
            })
            .collect();
        insns.extend([Insn::stmt(0x16, 0), Insn::stmt(0x16, 0), Insn::stmt(0x16, 0)]);
        if let Ok(program) = Program::new(insns) {
            agrees(&program, &call(nr, args));
        }
    }
}
