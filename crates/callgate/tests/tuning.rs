//! What programs are made fast on: profiles and targets change how many instructions a call executes, never
//! what a program does.

use callgate::abi::Endian;
use callgate::emit::{Bound, Options, Profile, Target};
use callgate::{Arch, Filter, Policy, Program, SeccompData, Syscall};

fn filter(text: &str) -> Filter {
    Policy::parse(text).unwrap().lower().unwrap()
}

fn compile(filter: &Filter, target: Target, profile: &str) -> Program {
    let profile = Profile::parse(profile).unwrap();
    let options = Options { endian: Endian::Little, target, profile: &profile, ..Options::default() };
    let program = filter.emit_with(&options).unwrap();
    assert_eq!(program.lift().unwrap(), *filter);
    program
}

/// Instructions executed by a call of x86_64.
fn steps(program: &Program, call: &str, args: [u64; 6]) -> u32 {
    let nr = Syscall::from_name(call).unwrap().number(Arch::X86_64).unwrap();
    program.run(&SeccompData { nr, arch: Arch::X86_64.token(), ip: 0, args }).steps
}

const IOCTLS: &str = "arch x86_64\ndefault kill\nallow read\n\
    allow ioctl if cmd in {0x10, 0x5401, 0x5413, 0x541b, 0x5421, 0x5450, 0x8900, 0x8912, 0xae80, 0xc0045405}\n\
    allow fcntl if cmd in {1, 2, 3, 4, 0x406}\nallow madvise if behavior == 4\n";

#[test]
fn the_value_met_most_is_asked_first() {
    let filter = filter(IOCTLS);
    for target in [Target::Bitmap, Target::Raw] {
        for value in [0x10, 0x5421, 0xae80, 0xc004_5405] {
            let profile = format!("ioctl(_, {value:#x}): 95\nfcntl: 5\n");
            let program = compile(&filter, target, &profile);
            // The architecture loaded and tested, the number loaded and tested, the command loaded and
            // tested, and the return.
            assert_eq!(steps(&program, "ioctl", [3, value, 0, 0, 0, 0]), 7, "{value:#x}");
        }
    }
}

#[test]
fn the_call_made_most_is_asked_first() {
    let filter = filter(IOCTLS);
    for (call, args) in [("madvise", [0, 0, 4, 0, 0, 0]), ("ioctl", [0, 0x5401, 0, 0, 0, 0])] {
        let rare = compile(&filter, Target::Bitmap, &format!("{call}: 1\nfcntl: 999\n"));
        let often = compile(&filter, Target::Bitmap, &format!("{call}: 999\nfcntl: 1\n"));
        assert!(steps(&often, call, args) < steps(&rare, call, args), "{call}");
    }
}

/// The low half of an argument alone decides nearly every call here: the high half is not asked.
#[test]
fn the_half_that_decides_comes_first() {
    let filter = filter(
        "arch x86_64\ndefault allow\nerrno(EPERM) lseek if offset == 0x15412\nerrno(EPERM) read if count > 38 && count < 41\n",
    );
    let program = compile(&filter, Target::Bitmap, "lseek: 1\nread: 1\n");
    let asked = |args| steps(&program, "lseek", args) <= 8;
    assert!(asked([0; 6]) && asked([0, 7, 0, 0, 0, 0]) && asked([0, 7 << 32, 0, 0, 0, 0]));
}

#[test]
fn a_profile_that_counts_nothing_known_changes_nothing_of_the_meaning() {
    let filter = filter(IOCTLS);
    for profile in ["read: 0\n", "mount: 7\n", "ioctl(_, 0xffffffffffffffff): 18446744073709551615\n"] {
        compile(&filter, Target::Bitmap, profile);
        compile(&filter, Target::Raw, profile);
    }
}

/// However often a call is made, none takes much longer than another; and architectures are asked in the order given.
#[test]
fn evenly_no_call_is_asked_late() {
    let calls: Vec<String> = (0..64).map(|i| format!("allow {}\n", 5 * i)).collect();
    let filter = filter(&format!("arch x86_64\ndefault kill\n{}", calls.concat()));
    let program = compile(&filter, Target::Even, "read: 1000000\n");
    for nr in 0..400 {
        let call = SeccompData { nr, arch: Arch::X86_64.token(), ..SeccompData::default() };
        // The architecture and the number, each loaded; x32; seven tests for 129 pieces, one more where that is uneven.
        assert!(program.run(&call).steps <= 3 + 1 + 8 + 1, "{nr}");
    }
    let three = crate::filter("arch x86_64, aarch64, riscv64\ndefault kill\nallow read\n");
    let order = [Arch::Riscv64, Arch::X86_64, Arch::Aarch64];
    let options = Options { target: Target::Even, arches: &order, ..Options::default() };
    let program = three.emit_with(&options).unwrap();
    let asked = order.map(|arch| {
        let nr = Syscall::from_name("read").unwrap().number(arch).unwrap();
        program.run(&SeccompData { nr, arch: arch.token(), ..SeccompData::default() }).steps
    });
    assert!(asked[0] <= asked[1] && asked[1] <= asked[2], "{asked:?}");
}

#[test]
fn what_is_wrong_with_a_profile_is_said_with_its_line() {
    for (text, message) in [
        ("read 3", "1: expected `NAME: COUNT` or `NAME(ARGUMENT, …): COUNT`"),
        ("# one\nread: 1\nraed: 1", "3: no system call is named `raed`"),
        ("read: many", "1: `many` is no count"),
        ("read(1: 2", "1: expected `NAME: COUNT` or `NAME(ARGUMENT, …): COUNT`"),
        ("read(one): 2", "1: `one` is neither a number nor `_`"),
        ("read(1, 2, 3, 4, 5, 6, 7): 2", "1: read: a call has at most six arguments"),
    ] {
        assert_eq!(Profile::parse(text).unwrap_err().to_string(), message);
    }
}

/// Counts may be as large as a number can be; only proportions count.
#[test]
fn large_counts_are_proportions_too() {
    let filter = filter(IOCTLS);
    let (large, small) = (u64::MAX, u64::MAX / 4);
    for target in [Target::Bitmap, Target::Raw] {
        for (often, rare) in [("madvise", "ioctl"), ("ioctl", "madvise")] {
            let of = |a: u64, b: u64| {
                compile(
                    &filter,
                    target,
                    &format!("{often}: {a}\n{often}(0, 4, 4): {a}\n{rare}: {b}\n{rare}(0, 4, 4): {b}\n"),
                )
            };
            assert_eq!(of(large, small).insns(), of(4, 1).insns());
        }
    }
}

/// Tests of numbers that a call may take in a tree of `leaf` calls a leaf, the highest number first: those of the halves
/// above it, and its place in the leaf.
fn tests_in_tree(calls: &[u32], leaf: usize, nr: u32) -> usize {
    let mut whole = leaf;
    while whole < calls.len() {
        whole *= 2;
    }
    let (mut calls, mut tests) = (calls, 0);
    while whole > leaf {
        whole /= 2;
        if calls.len() > whole {
            tests += 1;
            calls = if nr > calls[whole] { &calls[..whole] } else { &calls[whole..] };
        }
    }
    tests + calls.iter().position(|call| *call == nr).map_or(calls.len(), |place| place + 1)
}

/// Whichever calls there are, and whatever happens to them, no way is longer than the one it is held against.
#[test]
fn no_way_is_longer_than_its_bound() {
    let token = Arch::X86.token();
    let mut state = 7_u64;
    let mut below = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    for round in 0..200 {
        let mut calls: Vec<u32> = (0..1 + below(30)).map(|_| u32::try_from(below(60)).unwrap()).collect();
        calls.sort_unstable_by(|a, b| b.cmp(a));
        calls.dedup();
        let actions = ["allow", "log", "errno(1)", "errno(2)"];
        let kinds = 1 + below(4);
        let rules: String = calls
            .iter()
            .map(|nr| format!("{} {nr}\n", actions[usize::try_from(below(kinds)).unwrap()]))
            .collect();
        let filter = filter(&format!("arch x86\ndefault kill\n{rules}"));
        let mut row: Vec<(u32, u32)> = calls.iter().map(|nr| (token, *nr)).collect();
        let tree = row.clone();
        row.rotate_left(calls.len() / 2);
        for (bound, in_row) in [(Bound::Row(&row), true), (Bound::Leaves(&tree, 4), false)] {
            let options = Options { target: Target::Even, bit_tests: false, bound, ..Options::default() };
            let program = filter.emit_with(&options).unwrap();
            for nr in 0..64 {
                let most = if in_row {
                    row.iter().position(|call| call.1 == nr).map_or(row.len(), |place| place + 1)
                } else {
                    tests_in_tree(&calls, 4, nr)
                };
                // The architecture loaded and tested, the number loaded, and the return.
                let steps = program.run(&SeccompData { nr, arch: token, ip: 0, args: [0; 6] }).steps as usize;
                assert!(
                    steps <= most + 4,
                    "round {round}, {bound:?}, call {nr}: {steps} for {most}:\n{rules}"
                );
            }
        }
    }
}
