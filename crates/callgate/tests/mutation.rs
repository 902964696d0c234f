//! The judge judged: programs corrupted in one instruction. Reading back must find every corruption that
//! changes what any call gets, and no other.

mod support;

use callgate::abi::insn::op;
use callgate::abi::{Endian, Insn};
use callgate::{Policy, Program, SeccompData};
use support::{Rng, any_action, call, policy, show};

/// What one wrong byte, one wrong jump or one forgotten step of a compiler would leave.
fn corrupt(rng: &mut Rng, insns: &mut [Insn]) {
    const TESTS: &[u16] = &[op::JEQ_K, op::JGT_K, op::JGE_K, op::JSET_K];
    let at = rng.below(insns.len() as u64) as usize;
    let insn = &mut insns[at];
    match rng.below(8) {
        0 => insn.k = insn.k.wrapping_add(1),
        1 => insn.k = insn.k.wrapping_sub(1),
        2 => insn.k ^= 1 << rng.below(32),
        3 if TESTS.contains(&insn.code) => insn.code = rng.pick(TESTS),
        4 => std::mem::swap(&mut insn.jt, &mut insn.jf),
        5 => insn.jt = insn.jt.wrapping_add(rng.pick(&[1, 255, 2])),
        6 => insn.jf = insn.jf.wrapping_add(rng.pick(&[1, 255, 2])),
        7 if insn.code == op::LD_ABS => insn.k = 4 * rng.below(16) as u32,
        _ => {
            // An instruction that does nothing: the next one finds what was there before.
            *insn = Insn::jump(op::JA, 0, 0, 0);
        }
    }
}

/// A call on which the two differ, if trying finds one.
fn differing(rng: &mut Rng, policy: &Policy, a: &Program, b: &Program) -> Option<SeccompData> {
    const TRIES: usize = 300;
    (0..TRIES).map(|_| call(rng, policy)).find(|data| a.run(data).ret != b.run(data).ret)
}

#[test]
fn every_corruption_that_matters_is_found() {
    let (mut different, mut same, mut found_by_trying) = (0, 0, 0);
    for seed in 0..60 {
        let mut rng = Rng::new(seed + 31_000);
        let endian = if rng.chance(6) { Endian::Big } else { Endian::Little };
        let policy = policy(&mut rng, endian, &mut any_action);
        let Ok(program) = policy.compile() else { continue };
        let filter = policy.lower().unwrap();
        for _ in 0..40 {
            let mut insns = program.insns().to_vec();
            corrupt(&mut rng, &mut insns);
            // Most wild jumps are no program at all.
            let Ok(mutant) = Program::with_endian(insns, endian) else { continue };
            let Ok(meant) = mutant.lift() else { continue };
            let tried = differing(&mut rng, &policy, &program, &mutant);
            if meant == filter {
                same += 1;
                if let Some(data) = tried {
                    panic!("seed {seed}: taken for equal, but differs on {}", show(&data));
                }
                continue;
            }
            different += 1;
            found_by_trying += usize::from(tried.is_some());
            // What is called different must differ on a call that can be shown.
            let data = filter.counterexample(&meant, |a, b| a != b).unwrap().unwrap();
            assert_eq!(program.run(&data).action(), *filter.eval(&data), "seed {seed}: {}", show(&data));
            assert_eq!(mutant.run(&data).action(), *meant.eval(&data), "seed {seed}: {}", show(&data));
            assert_ne!(program.run(&data).ret, mutant.run(&data).ret, "seed {seed}: {}", show(&data));
        }
    }
    println!("{different} differ, {found_by_trying} of them found by trying; {same} mean the same");
    assert!(different > 800 && found_by_trying > 400 && same > 50, "{different} {found_by_trying} {same}");
}
