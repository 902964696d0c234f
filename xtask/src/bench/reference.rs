//! The figures the goals were set with: what the programs of other compilers in the corpus execute, and the
//! calls they were computed with. The calls that a policy refuses whatever their arguments are left out of
//! these, and of the calls the kernel's cache answers none matters; that leaves those whose arguments are
//! asked. Before anything of ours is held against them, `--goals` computes them again.

use super::cases::{cases, satisfying};
use super::mix::Event;
use callgate::emit::Profile;
use callgate::{Arch, Call, Policy, SeccompData, Syscall};

/// Calls under one policy of the corpus and what each compiler's program executes for them on average.
pub(super) struct Reference {
    pub(super) policy: &'static str,
    calls: &'static [Made],
    /// By compiler, as printed: the number of decimals says how exact it is.
    pub(super) figures: &'static [(&'static str, &'static str)],
}

/// A call, how often it is made, and with which arguments.
struct Made(&'static str, u64, With);

enum With {
    /// Those of every rule about the call, in equal parts; rules that stand twice count twice.
    EveryRule,
    /// Those of the first rule.
    FirstRule,
    /// This one (by index).
    Value(u8, u64),
}
use With::{EveryRule, FirstRule, Value};

/// In the order in which the corpus has them.
pub(super) const REFERENCES: &[Reference] = &[
    // Frequencies that crosvm publishes for its devices.
    Reference {
        policy: "cv_wl",
        calls: &[
            Made("ioctl", 754_417, EveryRule),
            Made("fcntl", 184_948, EveryRule),
            Made("madvise", 173_919, EveryRule),
            Made("mprotect", 20_904, EveryRule),
            Made("mmap", 5_585, EveryRule),
            Made("clone", 1_170, EveryRule),
            Made("tgkill", 24, EveryRule),
        ],
        figures: &[
            ("libseccomp1", "109"),
            ("libseccomp2", "22.3"),
            ("mjc", "93"),
            ("mjpy_bst", "17.7"),
            ("mjpy_bstf", "15.1"),
            ("kafel", "22.8"),
            ("seccompiler", "75.7"),
            ("gosb", "109"),
            ("gvisor", "15.2"),
            ("gvisor_hot", "13.3"),
        ],
    },
    // Eight workloads traced; sockets of the usual families.
    Reference {
        policy: "docker64",
        calls: &[Made("socket", 1034, FirstRule), Made("clone", 260, EveryRule)],
        figures: &[
            ("libseccomp1", "321"),
            ("libseccomp2", "24.0"),
            ("mjc", "306"),
            ("mjpy_bst", "18.2"),
            ("mjpy_bstf", "19.2"),
            ("kafel", "10.6"),
            ("seccompiler", "99.6"),
            ("gosb", "316"),
            ("gvisor", "10.4"),
            ("gvisor_hot", "9.6"),
        ],
    },
    // Nearly nothing but KVM_RUN. The rest is not on record; with these counts all ten figures come out.
    Reference {
        policy: "fc_vcpu",
        calls: &[
            Made("ioctl", 9840, Value(1, 0xae80)),
            Made("ioctl", 30, Value(1, 0x8004_ae98)),
            Made("ioctl", 17, EveryRule),
            Made("madvise", 44, EveryRule),
            Made("timerfd_settime", 36, EveryRule),
            Made("mmap", 28, EveryRule),
            Made("tkill", 3, EveryRule),
            Made("futex", 2, EveryRule),
        ],
        figures: &[
            ("libseccomp1", "52.8"),
            ("libseccomp2", "30.8"),
            ("mjc", "39.2"),
            ("mjpy_bst", "80.2"),
            ("mjpy_bstf", "77.2"),
            ("kafel", "12.0"),
            ("seccompiler", "29.3"),
            ("gosb", "36.1"),
            ("gvisor", "10.0"),
            ("gvisor_hot", "7.07"),
        ],
    },
    // Frequencies that crosvm publishes for its devices.
    Reference {
        policy: "kafel_comp",
        calls: &[Made("write", 488_728, EveryRule), Made("read", 407_296, EveryRule)],
        figures: &[
            ("libseccomp1", "10.8"),
            ("libseccomp2", "11.7"),
            ("mjc", "18.9"),
            ("mjpy_bst", "10.6"),
            ("mjpy_bstf", "10.6"),
            ("kafel", "10.6"),
            ("seccompiler", "12.5"),
            ("gosb", "11.6"),
            ("gvisor", "9.8"),
            ("gvisor_hot", "9.73"),
        ],
    },
];

impl Reference {
    /// The calls, under the policy.
    pub(super) fn events(&self, policy: &Policy) -> Vec<Event> {
        let mut events = Vec::new();
        for Made(name, count, with) in self.calls {
            let nr = Syscall::from_name(name).and_then(|c| c.number(Arch::X86_64)).unwrap_or(u32::MAX);
            let alternatives = match with {
                EveryRule => of_rules(policy, nr),
                FirstRule => of_rules(policy, nr).into_iter().take(1).collect(),
                Value(index, value) => {
                    let mut args = [0; 6];
                    args[usize::from(*index)] = *value;
                    vec![args]
                }
            };
            let weight = *count as f64 / alternatives.len() as f64;
            events.extend(alternatives.into_iter().map(|args| Event {
                data: SeccompData { nr, arch: Arch::X86_64.token(), ip: 0, args },
                weight,
            }));
        }
        events
    }

    /// What the compiler is told of them: how often each call is made, and the values of single arguments.
    pub(super) fn profile(&self) -> Profile {
        let mut profile = Profile::empty();
        for Made(name, count, with) in self.calls {
            let mut args = [None; 6];
            if let Value(index, value) = with {
                args[usize::from(*index)] = Some(*value);
            }
            if let Some(call) = Syscall::from_name(name) {
                profile.add(call, &args, *count);
            }
        }
        profile
    }
}

/// Arguments that satisfy each rule about the number.
fn of_rules(policy: &Policy, nr: u32) -> Vec<[u64; 6]> {
    let about = |call: &Call| matches!(call, Call::Numbers(range) if range.contains(&nr));
    let rules = policy.rules.iter().filter(|rule| rule.calls.iter().any(about));
    let cases = rules.flat_map(|rule| cases(&rule.when).unwrap_or_default().into_iter().take(1));
    cases.filter_map(|case| satisfying(&case, Arch::X86_64)).collect()
}

/// Whether a figure is the printed one; those were rounded to two decimals first.
pub(super) fn is(figure: f64, printed: &str) -> bool {
    let decimals = printed.split_once('.').map_or(0, |(_, d)| d.len());
    let half = 0.5 * 10f64.powi(-(decimals as i32));
    printed.parse::<f64>().is_ok_and(|printed| (figure - printed).abs() <= half + 0.005 + 1e-9)
}
