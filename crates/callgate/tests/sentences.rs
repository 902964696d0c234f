//! Sentences about filters: stacking, comparing, letting one marked call through.

use callgate::abi::insn::{Insn, op};
use callgate::{Action, Arch, Errno, Filter, Policy, Program, SeccompData, Syscall};
use callgate_sys::trial::{Fate, attempt};

fn filter(text: &str) -> Filter {
    Policy::parse(text).unwrap().lower().unwrap()
}

fn call(name: &str, args: [u64; 6]) -> SeccompData {
    let nr = Syscall::from_name(name).unwrap().number(Arch::X86_64).unwrap();
    SeccompData { nr, arch: Arch::X86_64.token(), ip: 0, args }
}

/// The strictest action of a stack wins; between equal ones the newest filter's data does.
#[test]
fn a_stack_is_what_the_kernel_makes_of_it() {
    let ret =
        |action: Action| Program::new(vec![Insn::stmt(op::RET_K, action.to_ret())]).unwrap().lift().unwrap();
    let (seven, nine) = (Action::Errno(Errno(7)), Action::Errno(Errno(9)));
    let of = |old, new| *ret(old).stack(&ret(new)).unwrap().eval(&call("read", [0; 6]));
    assert_eq!(of(seven, nine), nine);
    assert_eq!(of(nine, seven), seven);
    assert_eq!(of(seven, Action::ALLOW), seven);
    assert_eq!(of(Action::ALLOW, Action::KILL_THREAD), Action::KILL_THREAD);
    // KILL_PROCESS is negative as a signed number, hence stricter than everything.
    assert_eq!(of(Action::KILL_PROCESS, Action::KILL_THREAD), Action::KILL_PROCESS);
    assert_eq!(of(Action::Trace(1), Action::Notify(2)), Action::Notify(2));
}

#[test]
fn weaker_means_permitting_more() {
    let strict = filter("arch x86_64\ndefault kill\nallow read\nallow socket if domain == AF_UNIX");
    let loose = filter("arch x86_64\ndefault errno(EPERM)\nallow read, socket");
    assert_eq!(strict.weaker_than(&loose).unwrap(), None);
    let witness = loose.weaker_than(&strict).unwrap().unwrap();
    assert_eq!(witness.nr, call("socket", [0; 6]).nr);
    assert!(loose.eval(&witness).permits() && !strict.eval(&witness).permits());
    // One refusal is as good as another.
    let dead = filter("arch x86_64\ndefault kill");
    let failing = filter("arch x86_64\ndefault errno(EPERM)\nforeign errno(EPERM)");
    assert_eq!(failing.weaker_than(&dead).unwrap(), None);
}

/// A slot has 64 bits wherever it is looked at, other arguments have as many as the architecture.
#[test]
fn slots_are_whole_under_every_architecture() {
    let text = "arch x86_64, x86\ndefault kill\n\nallow kill if pid:slot == 7\nallow read if fd:64 == 7\n";
    let policy = Policy::parse(text).unwrap();
    assert_eq!(callgate::syntax::print(&policy), text);
    let filter = policy.lower().unwrap();
    for (name, arch, first, allowed) in [
        ("kill", Arch::X86, 7, true),
        ("kill", Arch::X86, 1 << 32 | 7, false),
        ("kill", Arch::X86_64, 1 << 32 | 7, false),
        ("read", Arch::X86, 1 << 32 | 7, true),
        ("read", Arch::X86_64, 1 << 32 | 7, false),
    ] {
        let nr = Syscall::from_name(name).unwrap().number(arch).unwrap();
        let data = SeccompData { nr, arch: arch.token(), ip: 0, args: [first, 0, 0, 0, 0, 0] };
        assert_eq!(policy.eval(&data).permits(), allowed, "{name} {first:#x} on {}", arch.name());
        assert_eq!(*filter.eval(&data), policy.eval(&data));
        assert_eq!(filter.emit().unwrap().run(&data).action(), policy.eval(&data));
    }
    assert_eq!(filter.render().unwrap().policy.lower().unwrap(), filter);
}

/// The upper half of an argument does not exist under a 32-bit architecture.
#[test]
fn impossible_inputs_are_put_out_of_account() {
    let narrow = filter("arch x86\ndefault kill\nallow read if fd == 3");
    assert_eq!(narrow.on_real_calls().unwrap(), narrow);
    let wide = filter("arch x86_64\ndefault kill\nallow mmap if length < 0x100000000");
    assert_eq!(wide.on_real_calls().unwrap(), wide);
}

/// The mark opens one call for one number, nothing else, and the kernel sees it that way.
#[test]
fn a_mark_lets_one_call_through() {
    const MARK: u64 = 0x0123_4567_89ab_cdef;
    let uname = Syscall::from_name("uname").unwrap();
    let closed = filter("arch x86_64\ndefault errno(EACCES)\nallow exit_group");
    assert!(!closed.always_permits(Arch::X86_64, uname));
    let open = closed.with_mark(Arch::X86_64, uname, MARK).unwrap();
    let changed = closed.beside(&open).unwrap();
    let witness = changed.witness(|(a, b)| a != b).unwrap();
    assert_eq!((witness.nr, witness.args[5]), (call("uname", [0; 6]).nr, MARK));
    let other = changed.restrict(callgate::abi::Word::arg_lo(5), MARK as u32 ^ 1);
    assert_eq!(other.witness(|(a, b)| a != b), None);

    if Arch::NATIVE != Some(Arch::X86_64) {
        println!("skipped: calls are made as x86_64 makes them");
        return;
    }
    let program = open.emit().unwrap();
    let calls = [
        call("uname", [0; 6]),
        call("uname", [0, 0, 0, 0, 0, MARK]),
        call("uname", [0, 0, 0, 0, 0, MARK + 1]),
    ];
    match attempt(program.insns(), &calls) {
        // The kernel reads only the first argument, a null pointer: EFAULT.
        Ok(fates) => assert_eq!(fates, [Fate::Returned(-13), Fate::Returned(-14), Fate::Returned(-13)]),
        Err(e) => println!("skipped: this process may not load filters: {e}"),
    }
}
