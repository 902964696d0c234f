//! Real filters, where a directory of them is present: read back, and compared with the interpreter.

mod support;

use callgate::abi::{Endian, Word};
use callgate::program::{Code, asm, disasm};
use callgate::{Policy, Program, SeccompData};
use std::path::PathBuf;
use std::time::Instant;
use support::{Rng, corpus};

/// A call near the constants the program compares with.
fn call(program: &Program, rng: &mut Rng) -> SeccompData {
    let insns = program.insns();
    let mut data = SeccompData::default();
    for i in 0..Word::COUNT {
        let word = Word::from_index(i).unwrap();
        let near = insns[rng.below(insns.len() as u64) as usize].k;
        let value = match rng.next() % 4 {
            0 => near.wrapping_add(rng.next() as u32 % 3).wrapping_sub(1),
            1 => near ^ 1 << (rng.next() % 32),
            2 => 0,
            _ => near,
        };
        word.set(&mut data, value);
    }
    if !rng.chance(4) {
        data.arch = rng.pick(&[0xc000_003e, 0x4000_0003, 0xc000_00b7]);
    }
    if rng.chance(2) {
        data.nr = rng.next() as u32 % 470;
    }
    data
}

#[test]
fn real_filters_mean_what_they_do() {
    let Some(dir) = corpus() else {
        eprintln!("skipped: no corpus of real filters here (CALLGATE_CORPUS)");
        return;
    };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(dir.join("filters")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let mut rng = Rng::new(1);
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let program = Program::from_bytes(&bytes, Endian::Little).unwrap();
        let start = Instant::now();
        let filter = program.lift().unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let took = start.elapsed();
        println!(
            "{}: {} instructions, {} nodes, {} leaves, {took:?}",
            file.file_name().unwrap().display(),
            program.len(),
            filter.node_count(),
            filter.leaves().len()
        );
        let start = Instant::now();
        match filter.emit() {
            Ok(again) => {
                println!("    emitted and proved in {:?}: {} instructions", start.elapsed(), again.len());
                assert_eq!(again.lift().unwrap(), filter);
            }
            Err(e) => panic!("{}: {e}", file.display()),
        }
        let start = Instant::now();
        let rendered = filter.render().unwrap_or_else(|e| panic!("{}: {e}", file.display())).policy;
        println!(
            "    rendered in {:?}: {} rules",
            start.elapsed(),
            rendered.rules.len() + rendered.foreign.len()
        );
        // Its text, compiled, is the same function.
        let text = callgate::syntax::print(&rendered);
        let again = Policy::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let compiled = again.compile().unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert_eq!(compiled.lift().unwrap(), filter, "{}", file.display());
        // Its listing, assembled, is the same bytes.
        let code = Code::from(&program);
        let listing = disasm::disasm(&code, &disasm::Options::default()).to_string();
        let assembled = asm::assemble(&listing, &asm::Options::default()).unwrap();
        assert_eq!(assembled.to_bytes(), bytes, "{}", file.display());
        for _ in 0..20_000 {
            let data = call(&program, &mut rng);
            assert_eq!(*filter.eval(&data), program.run(&data).action(), "{}: {data:x?}", file.display());
        }
    }
}
