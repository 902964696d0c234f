//! Arbitrary policies: whatever is found in them is so.

use callgate::diagnostic::Severity;
use callgate::lint::{self, Layer, Options, Subject};
use callgate::program::Code;
use callgate::{Action, Arch, ArgCmp, ArgIndex, Call, Cond, Errno, Op, Origin, Policy, Rule, Syscall, Width};

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

const ACTIONS: [Action; 8] = [
    Action::ALLOW,
    Action::ALLOW,
    Action::KILL_PROCESS,
    Action::Errno(Errno::EPERM),
    Action::Errno(Errno::ENOSYS),
    Action::Errno(Errno(0)),
    Action::Trace(3),
    Action::Notify(0),
];

fn condition(rng: &mut Rng, depth: usize) -> Cond {
    let value =
        rng.pick(&[0u64, 1, 2, 3, 0x5412, 0x1000_0000, 0xffff_ff9c, u64::MAX, 0x1_0000_0000, 1 << 31]);
    match rng.below(if depth == 0 { 4 } else { 6 }) {
        0..=3 => Cond::Arg(ArgCmp {
            arg: ArgIndex::new(rng.below(6) as u8).unwrap(),
            width: rng.pick(&[Width::W32, Width::W64]),
            op: match rng.below(5) {
                0 => Op::Eq(value),
                1 => Op::Ne(value),
                2 => Op::Ge(value),
                3 => Op::Lt(value),
                _ => Op::MaskedEq { mask: value | 0xf, value: value & 0xf },
            },
        }),
        4 => Cond::Not(Box::new(condition(rng, depth - 1))),
        _ => Cond::All(vec![condition(rng, depth - 1), condition(rng, depth - 1)]),
    }
}

fn policy(rng: &mut Rng, calls: &[Syscall]) -> Policy {
    let arches = [
        vec![Arch::X86_64],
        vec![Arch::X86_64, Arch::X86],
        vec![Arch::X86_64, Arch::X32, Arch::X86],
        vec![Arch::Aarch64, Arch::Arm],
        vec![Arch::S390x],
        vec![Arch::Mipsel64],
    ];
    let rules = (0..rng.below(12)).map(|_| Rule {
        calls: (0..1 + rng.below(5))
            .map(|_| match rng.below(12) {
                0 => Call::Numbers(rng.below(500) as u32..=500),
                _ => Call::Named(rng.pick(calls)),
            })
            .collect(),
        arches: Vec::new(),
        when: if rng.below(2) == 0 { Cond::True } else { condition(rng, 2) },
        action: rng.pick(&ACTIONS),
        origin: Origin::default(),
    });
    let rules = rules.collect();
    Policy {
        arches: rng.pick(&arches),
        rules,
        default: rng.pick(&ACTIONS),
        foreign: Vec::new(),
        bad_arch: rng.pick(&ACTIONS),
        x32: rng.pick(&[None, Some(Action::ALLOW), Some(Action::Errno(Errno::ENOSYS))]),
        unknown: rng.pick(&[None, Some(Action::Errno(Errno::ENOSYS))]),
    }
}

/// Findings about policies, alone and stacked, and about their programs: no defect, no wrong witness.
#[test]
fn what_is_found_is_so() {
    let mut rng = Rng(0x9e37_79b9_7f4a_7c15);
    // Those that rules look at, and some others.
    let mut calls: Vec<Syscall> = [
        "clone",
        "clone3",
        "open",
        "openat",
        "openat2",
        "socket",
        "socketcall",
        "ioctl",
        "mprotect",
        "mmap",
        "shmat",
        "ipc",
        "personality",
        "unshare",
        "io_uring_setup",
        "execve",
        "ptrace",
        "kill",
        "seccomp",
    ]
    .iter()
    .map(|n| Syscall::from_name(n).unwrap())
    .collect();
    calls.extend(Syscall::all().step_by(17));
    let (mut found, mut kinds) = (0, std::collections::BTreeSet::new());
    for _ in 0..150 {
        let (a, b) = (policy(&mut rng, &calls), policy(&mut rng, &calls));
        let code = Code::from(&match a.compile() {
            Ok(program) => program,
            Err(_) => continue,
        });
        let subjects = [
            Subject::new(Layer::Policy(&a)),
            Subject { layers: vec![Layer::Policy(&a), Layer::Policy(&b)] },
            Subject { layers: vec![Layer::Code(&code), Layer::Policy(&b)] },
            Subject::new(Layer::Code(&code)),
        ];
        for subject in subjects {
            for finding in lint::lint(&subject, &Options::default()) {
                assert_ne!(finding.code().to_string(), "CG0181", "{finding:#?}\n{a:#?}\n{b:#?}");
                if let (Some(witness), [Layer::Policy(only)]) = (finding.witness, &subject.layers[..]) {
                    let arch = Arch::of_call(witness.call.arch, witness.call.nr);
                    let same = match (only.eval(&witness.call), arch) {
                        (Action::Errno(e), Some(arch))
                            if only.arches.iter().any(|a| a.token() == arch.token()) =>
                        {
                            Action::Errno(Errno(e.on(arch))) == witness.action
                        }
                        (action, _) => action == witness.action,
                    };
                    assert!(same, "{finding:#?}");
                }
                found += usize::from(finding.severity() != Severity::Note);
                kinds.insert(finding.code());
            }
        }
    }
    assert!(found > 400 && kinds.len() > 25, "{found} {kinds:?}");
}
