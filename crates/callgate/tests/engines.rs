//! Every engine gives the same verdict: the plain reading of the rules, the diagram, the program, the
//! program read back, the policy rendered from it, and the kernel.

mod support;

use callgate::abi::Endian;
use callgate::{
    Action, Arch, Call, CompileError, Cond, Decided, EmitError, Errno, Origin, Policy, Rule, Syscall,
};
use callgate_sys::trial::{Fate, attempt};
use support::{Rng, any_action, call, localized, policy, show};

#[test]
fn generated_policies_mean_one_thing() {
    let (mut compiled, mut rendered) = (0, 0);
    for seed in 0..500 {
        let mut rng = Rng::new(seed);
        let endian = if rng.chance(4) { Endian::Big } else { Endian::Little };
        let policy = policy(&mut rng, endian, &mut any_action);
        let filter = policy.lower().unwrap();
        let decisions = policy.decisions().unwrap();
        let program = match policy.compile() {
            Ok(program) => Some(program),
            Err(CompileError::Emit(EmitError::TooLong { .. })) => None,
            Err(e) => panic!("seed {seed}: {e}\n{policy:#?}"),
        };
        compiled += usize::from(program.is_some());
        for _ in 0..60 {
            let data = call(&mut rng, &policy);
            let expected = localized(&policy, &data);
            assert_eq!(*filter.eval(&data), expected, "seed {seed}: {}\n{policy:#?}", show(&data));
            assert_eq!(*decisions.eval(&data), policy.decide(&data), "seed {seed}: {}", show(&data));
            if let Some(program) = &program {
                assert_eq!(program.run(&data).action(), expected, "seed {seed}: {}", show(&data));
            }
        }
        if let Some(program) = program {
            assert_eq!(program.lift().unwrap(), filter, "seed {seed}");
            // An unconditional allow must stay inside what the kernel can cache.
            for arch in policy.arches.iter().filter(|a| **a != Arch::X32) {
                for (nr, _) in Syscall::of_arch(*arch) {
                    let only = filter.restrict(callgate::abi::Word::ARCH, arch.token());
                    let only = only.restrict(callgate::abi::Word::NR, nr);
                    if seed % 50 == 0 && only.leaves() == [Action::ALLOW] {
                        assert!(program.always_allows(arch.token(), nr), "seed {seed}: {} {nr}", arch.name());
                    }
                }
            }
        }
        match filter.render() {
            Ok(r) => {
                rendered += 1;
                assert_eq!(r.policy.lower().unwrap(), filter, "seed {seed}");
            }
            Err(e) => {
                assert_ne!(
                    e,
                    callgate::RenderError::Unproved,
                    "seed {seed}: {}",
                    callgate::syntax::print(&policy)
                );
                println!("seed {seed}: not rendered: {e}");
            }
        }
    }
    println!("{compiled} compiled, {rendered} rendered of 500");
    assert!(compiled > 450 && rendered > 400, "{compiled} compiled, {rendered} rendered");
}

/// Policies whose every verdict is an error number can be tried on the real kernel, whatever the call.
#[test]
fn the_kernel_agrees() {
    if Arch::NATIVE != Some(Arch::X86_64) {
        println!("skipped: calls are made as x86_64 makes them");
        return;
    }
    let mut tried = 0;
    for seed in 0..120 {
        let mut rng = Rng::new(seed + 77_000);
        let mut errno = |rng: &mut Rng| Action::Errno(Errno(1000 + rng.below(3000) as u16));
        let mut policy = policy(&mut rng, Endian::Little, &mut errno);
        policy.arches = rng.pick(&[
            vec![Arch::X86_64],
            vec![Arch::X86_64, Arch::X86],
            vec![Arch::X86, Arch::X86_64, Arch::X32],
            vec![Arch::X86_64, Arch::X32],
        ]);
        for rule in &mut policy.rules {
            rule.arches.retain(|a| policy.arches.contains(a));
        }
        let exit = Syscall::from_name("exit_group").unwrap();
        policy.rules.insert(
            0,
            Rule {
                calls: vec![Call::Named(exit)],
                arches: vec![Arch::X86_64],
                when: Cond::True,
                action: Action::ALLOW,
                origin: Origin::default(),
            },
        );
        let Ok(program) = policy.compile() else { continue };
        let mut calls = Vec::new();
        while calls.len() < 40 {
            let mut data = call(&mut rng, &policy);
            data.arch = rng.pick(&[Arch::X86_64.token(), Arch::X86.token()]);
            if data.arch == Arch::X86.token() {
                data.args = data.args.map(|a| a & 0xffff_ffff);
            }
            // The kernel lets the calls that its own breakpoints consist of through every filter
            // (Linux 6.14, `seccomp_uprobe_exception`).
            if data.arch == Arch::X86_64.token() && (335..=336).contains(&data.nr) {
                continue;
            }
            // Numbers below zero are how tracers say "skip this call": the kernel never asks the filter.
            if policy.decide(&data) != Decided::Rule(0) && (data.nr as i32) >= 0 {
                calls.push(data);
            }
        }
        let fates = match attempt(program.insns(), &calls) {
            Ok(fates) => fates,
            Err(e) => {
                println!("skipped: this process may not load filters: {e}");
                return;
            }
        };
        for (data, fate) in calls.iter().zip(fates) {
            let Action::Errno(expected) = policy.eval(data) else { panic!("only errors here") };
            // What no filter could see: this kernel may not serve 32-bit calls at all.
            assert_eq!(fate, Fate::Returned(-i64::from(expected.0)), "seed {seed}: {}", show(data));
            tried += 1;
        }
    }
    println!("{tried} calls made");
    assert!(tried > 3000);
}

/// A policy that kills is one too, and the kernel does kill.
#[test]
fn the_kernel_kills() {
    if Arch::NATIVE != Some(Arch::X86_64) {
        println!("skipped: calls are made as x86_64 makes them");
        return;
    }
    let policy =
        Policy::parse("arch x86_64\ndefault kill\nallow exit_group\nerrno(EPERM) getpid\ntrap getuid\n")
            .unwrap();
    let program = policy.compile().unwrap();
    let number = |name: &str| Syscall::from_name(name).unwrap().number(Arch::X86_64).unwrap();
    let call = |name: &str| callgate::SeccompData {
        nr: number(name),
        arch: Arch::X86_64.token(),
        ..callgate::SeccompData::default()
    };
    match attempt(program.insns(), &[call("getpid"), call("getppid"), call("getuid"), call("getpid")]) {
        Ok(fates) => {
            assert_eq!(fates, [Fate::Returned(-1), Fate::Killed(31), Fate::Killed(31), Fate::Returned(-1)])
        }
        Err(e) => println!("skipped: this process may not load filters: {e}"),
    }
}
