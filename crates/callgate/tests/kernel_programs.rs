//! Arbitrary programs, as people who write them by hand or by other tools make them: what the kernel accepts is what
//! the checker accepts, and what it answers is what the interpreter and the diagram say.

mod support;

use callgate::abi::insn::{Insn, op};
use callgate::{Action, Arch, Limits, Program, SeccompData};
use callgate_sys::trial::{Fate, attempt};
use support::{Rng, show};

/// Calls without effect, and numbers that are no calls.
const HARMLESS: &[(Arch, u32)] = &[
    (Arch::X86_64, 39),
    (Arch::X86_64, 102),
    (Arch::X86_64, 104),
    (Arch::X86_64, 107),
    (Arch::X86_64, 110),
    (Arch::X86_64, 186),
    (Arch::X86_64, 700),
    (Arch::X86_64, 0x1234_5678),
    (Arch::X86, 20),
    (Arch::X86, 24),
    (Arch::X86, 64),
    (Arch::X86, 1000),
];

/// `exit_group` of x86_64, by which the child leaves.
const EXIT: u32 = 231;

fn number(rng: &mut Rng) -> u32 {
    match rng.below(4) {
        0 => rng.pick(HARMLESS).1,
        1 => rng.pick(&[Arch::X86_64.token(), Arch::X86.token()]),
        _ => rng.number() as u32,
    }
}

/// What a program may return, the impossible among it.
fn verdict(rng: &mut Rng) -> u32 {
    match rng.below(8) {
        0 => rng.pick(&[
            Action::KILL_PROCESS,
            Action::KILL_THREAD,
            Action::Trap(7),
            Action::Trace(9),
            Action::Notify(1),
        ]),
        1 => rng.pick(&[Action::ALLOW, Action::Allow(5), Action::LOG]),
        2 => Action::from_ret(rng.number() as u32),
        _ => Action::Errno(callgate::Errno(rng.below(5000) as u16)),
    }
    .to_ret()
}

/// One instruction of any kind, `left` others behind it. Most are fine, some the kernel refuses.
fn instruction(rng: &mut Rng, left: u64) -> Insn {
    let jump = |rng: &mut Rng| {
        let too_far = u64::from(rng.chance(400));
        rng.below(left.min(255) + too_far) as u8
    };
    let memory = |rng: &mut Rng| rng.below(3) as u32 + 14 * u32::from(rng.chance(300));
    match rng.below(20) {
        // The words of the call but for the instruction pointer, which nobody chooses.
        0..=4 => Insn::stmt(op::LD_ABS, rng.pick(&[0, 0, 4, 16, 20, 24, 28, 32, 36, 56, 60])),
        5 => Insn::stmt(rng.pick(&[op::LD_LEN, op::LDX_LEN, op::TAX, op::TXA, op::NEG]), 0),
        6 => Insn::stmt(rng.pick(&[op::LD_IMM, op::LDX_IMM]), number(rng)),
        7 => Insn::stmt(rng.pick(&[op::LD_MEM, op::LDX_MEM]), memory(rng)),
        8 => Insn::stmt(rng.pick(&[op::ST, op::STX]), memory(rng)),
        9 => Insn::stmt(rng.pick(&[op::LSH_K, op::RSH_K]), rng.below(32) as u32 + u32::from(rng.chance(300))),
        10 => {
            let code = rng.pick(&[
                op::ADD_X,
                op::SUB_X,
                op::MUL_X,
                op::DIV_X,
                op::OR_X,
                op::AND_X,
                op::LSH_X,
                op::RSH_X,
                op::XOR_X,
            ]);
            Insn::stmt(code, 0)
        }
        11 | 12 => {
            let code =
                rng.pick(&[op::ADD_K, op::SUB_K, op::MUL_K, op::DIV_K, op::OR_K, op::AND_K, op::XOR_K]);
            Insn::stmt(code, number(rng) | u32::from(code == op::DIV_K && !rng.chance(20)))
        }
        13 => Insn::stmt(op::JA, rng.below(left.min(6)) as u32),
        14 => Insn::stmt(op::RET_K, verdict(rng)),
        15 if rng.chance(300) => Insn::stmt(rng.below(0x100) as u16, number(rng)),
        15 if rng.chance(6) => Insn::stmt(op::RET_A, 0),
        15 | 16 => {
            let code = rng.pick(&[op::JEQ_X, op::JGT_X, op::JGE_X, op::JSET_X]);
            Insn::jump(code, 0, jump(rng), jump(rng))
        }
        _ => {
            let code = rng.pick(&[op::JEQ_K, op::JGT_K, op::JGE_K, op::JSET_K]);
            Insn::jump(code, number(rng), jump(rng), jump(rng))
        }
    }
}

fn program(rng: &mut Rng) -> Vec<Insn> {
    let longest = if rng.chance(10) { 300 } else { 40 };
    let body = 4 + rng.below(longest);
    let mut insns = vec![
        Insn::stmt(op::LD_ABS, 0),
        Insn::jump(op::JEQ_K, EXIT, 0, 1),
        Insn::stmt(op::RET_K, Action::ALLOW.to_ret()),
    ];
    // So that some of the scratch memory may be read.
    for word in 0..rng.below(4) as u32 {
        insns.push(Insn::stmt(op::ST, word));
    }
    insns.extend((0..body).rev().map(|left| instruction(rng, left + 1)));
    insns.push(Insn::stmt(op::RET_K, verdict(rng)));
    insns
}

fn call(rng: &mut Rng, program: &[Insn]) -> SeccompData {
    let (arch, nr) = rng.pick(HARMLESS);
    let mut args = [0; 6].map(|_: u64| match rng.below(3) {
        // A number near one that the program compares with.
        0 => u64::from(rng.pick(program).k).wrapping_add(rng.below(3)).wrapping_sub(1),
        1 => u64::from(rng.pick(program).k) << 32 | u64::from(rng.pick(program).k),
        _ => rng.number(),
    });
    if arch == Arch::X86 {
        args = args.map(|a| a & 0xffff_ffff);
    }
    SeccompData { nr, arch: arch.token(), ip: 0, args }
}

/// Whether what happened is what an action stands for, of a process without handler, tracer and supervisor.
fn is(fate: Fate, action: Action) -> bool {
    match action {
        Action::KillProcess(_) | Action::KillThread(_) | Action::Trap(_) | Action::Unknown(_) => {
            fate == Fate::Killed(31)
        }
        Action::Errno(e) => fate == Fate::Returned(-i64::from(e.0.min(4095))),
        Action::Notify(_) | Action::Trace(_) => fate == Fate::Returned(-38),
        // None of the harmless calls fails, but for numbers that are none.
        Action::Log(_) | Action::Allow(_) => {
            matches!(fate, Fate::Returned(value) if value >= 0 || value == -38)
        }
    }
}

#[test]
fn programs_of_any_kind() {
    if Arch::NATIVE != Some(Arch::X86_64) {
        println!("skipped: calls are made as x86_64 makes them");
        return;
    }
    let nothing = SeccompData { nr: 39, arch: Arch::X86_64.token(), ..SeccompData::default() };
    if attempt(&[Insn::stmt(op::RET_K, Action::ALLOW.to_ret())], &[nothing]).is_err() {
        println!("skipped: this process may not load filters");
        return;
    }
    let rounds = std::env::var("CALLGATE_PROGRAMS").ok().and_then(|n| n.parse().ok()).unwrap_or(1500);
    let (mut accepted, mut refused, mut lifted, mut tried) = (0, 0, 0, 0);
    for seed in 0..rounds {
        let mut rng = Rng::new(seed + 31_000);
        let insns = program(&mut rng);
        let calls: Vec<SeccompData> = (0..12).map(|_| call(&mut rng, &insns)).collect();
        let fates = attempt(&insns, &calls);
        let program = match Program::new(insns.clone()) {
            Ok(program) => program,
            Err(why) => {
                let kernel =
                    fates.expect_err(&format!("seed {seed}: refused here ({why}), not by the kernel"));
                assert_eq!(kernel.errno(), Some(22), "seed {seed}: {why}: {kernel}");
                refused += 1;
                continue;
            }
        };
        let fates = fates.unwrap_or_else(|e| panic!("seed {seed}: refused by the kernel, not here: {e}"));
        accepted += 1;
        for (data, fate) in calls.iter().zip(fates) {
            let action = program.run(data).action();
            assert!(is(fate, action), "seed {seed}: {}: {fate:?} for {action:?}\n{insns:?}", show(data));
            tried += 1;
        }
        let Ok(filter) = program.lift_within(Limits { nodes: 20_000, steps: 1_000_000 }) else {
            continue;
        };
        lifted += 1;
        for data in &calls {
            assert_eq!(*filter.eval(data), program.run(data).action(), "seed {seed}: {}", show(data));
        }
        // What is compiled of it does the same in the kernel.
        if let Ok(again) = filter.emit() {
            let fates = attempt(again.insns(), &calls).unwrap();
            for (data, fate) in calls.iter().zip(fates) {
                let action = program.run(data).action();
                assert!(is(fate, action), "seed {seed}, compiled anew: {}: {fate:?}", show(data));
            }
        }
    }
    println!("{accepted} accepted, {refused} refused, {lifted} read back, {tried} calls made");
    assert!(accepted > rounds / 2 && refused > rounds / 20 && lifted > rounds / 3);
}
