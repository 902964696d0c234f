//! Filters told apart by meaning: a chain and a tree for one profile are equal, and no change of a single rule
//! escapes.
#![cfg(target_arch = "x86_64")]

mod common;

use callgate::abi::Width;
use callgate::abi::insn::{Insn, op};
use callgate::program::Code;
use callgate::syntax::print;
use callgate::{
    Action, Arch, ArgCmp, ArgIndex, Call, Cond, Errno, Op, Origin, Policy, Program, Rule, SeccompData,
    Syscall,
};
use callgate_sys::trial::{Fate, attempt};
use common::{Folder, callgate, stderr, stdout};
use serde_json::Value;

const ALLOW: u32 = 0x7fff_0000;
const EPERM: u32 = 0x0005_0001;
const ENOSYS: u32 = 0x0005_0026;
const KILL: u32 = 0x8000_0000;

/// What happens to a call of the profile: the instructions for its arguments, which all end in a return.
type Block = Vec<Insn>;

fn ret(k: u32) -> Insn {
    Insn::stmt(op::RET_K, k)
}

/// A profile as container runtimes have them: most calls allowed, some under conditions.
fn profile() -> Vec<(u32, Block)> {
    let denied =
        ["mount", "ptrace", "kexec_load", "bpf", "init_module", "reboot", "keyctl", "setns", "unshare"];
    let mut calls: Vec<(u32, Block)> = Vec::new();
    for (nr, call) in Syscall::of_arch(Arch::X86_64).filter(|c| c.0 <= 462) {
        let block = match call.name() {
            name if denied.contains(&name) || nr % 11 == 5 => continue,
            "clone3" => vec![ret(ENOSYS)],
            // flags & 0x7e020000 == 0, the low half only.
            "clone" => vec![
                Insn::stmt(op::LD_ABS, 16),
                Insn::stmt(op::AND_K, 0x7e02_0000),
                Insn::jump(op::JEQ_K, 0, 0, 1),
                ret(ALLOW),
                ret(EPERM),
            ],
            // domain is neither 38 nor 40, all 64 bits of it.
            "socket" => vec![
                Insn::stmt(op::LD_ABS, 20),
                Insn::jump(op::JEQ_K, 0, 0, 3),
                Insn::stmt(op::LD_ABS, 16),
                Insn::jump(op::JEQ_K, 38, 2, 0),
                Insn::jump(op::JEQ_K, 40, 1, 0),
                ret(ALLOW),
                ret(EPERM),
            ],
            _ => vec![ret(ALLOW)],
        };
        calls.push((nr, block));
    }
    calls
}

/// The prologue both have: the architecture, and x32.
fn prologue() -> Vec<Insn> {
    vec![
        Insn::stmt(op::LD_ABS, 4),
        Insn::jump(op::JEQ_K, Arch::X86_64.token(), 1, 0),
        ret(KILL),
        Insn::stmt(op::LD_ABS, 0),
        Insn::jump(op::JGE_K, Arch::X32_BIT, 0, 1),
        ret(KILL),
    ]
}

/// One comparison after the other.
fn chain(calls: &[(u32, Block)]) -> Vec<Insn> {
    let mut insns = prologue();
    for (nr, block) in calls {
        insns.push(Insn::jump(op::JEQ_K, *nr, 0, u8::try_from(block.len()).unwrap()));
        insns.extend(block);
    }
    insns.push(ret(EPERM));
    insns
}

/// A binary search.
fn tree(calls: &[(u32, Block)]) -> Vec<Insn> {
    fn search(calls: &[(u32, Block)]) -> Vec<Insn> {
        if let [(nr, block)] = calls {
            let mut insns = vec![Insn::jump(op::JEQ_K, *nr, 0, u8::try_from(block.len()).unwrap())];
            insns.extend(block);
            insns.push(ret(EPERM));
            return insns;
        }
        let (below, from) = calls.split_at(calls.len() / 2);
        let (left, right) = (search(below), search(from));
        let far = u32::try_from(left.len()).unwrap();
        let mut insns = vec![Insn::jump(op::JGE_K, from[0].0, 0, 1), Insn::stmt(op::JA, far)];
        insns.extend(left);
        insns.extend(right);
        insns
    }
    let mut insns = prologue();
    insns.extend(search(calls));
    insns
}

fn file_of(folder: &Folder, name: &str, insns: Vec<Insn>) -> String {
    folder.file(name, &Code::from(&Program::new(insns).unwrap()).to_bytes())
}

#[test]
fn a_chain_and_a_tree_are_proved_equal() {
    let folder = Folder::new();
    let mut calls = profile();
    let (chain, tree) = (chain(&calls), tree(&calls));
    assert!(chain.len() > 600 && tree.len() > 1000, "{} {}", chain.len(), tree.len());
    let (chain, tree) = (file_of(&folder, "chain.bpf", chain), file_of(&folder, "tree.bpf", tree));
    let output = callgate(&["prove", &chain, "equal", &tree]).output().unwrap();
    assert_eq!((stdout(&output), output.status.code()), ("PROVED\n".into(), Some(0)), "{}", stderr(&output));
    let output = callgate(&["diff", &chain, &tree]).output().unwrap();
    assert_eq!((stdout(&output), output.status.code()), ("no difference\n".into(), Some(0)));
    // One call less in the tree, and it is named.
    calls.retain(|c| c.0 != Syscall::from_name("flock").unwrap().number(Arch::X86_64).unwrap());
    let other = file_of(&folder, "other.bpf", self::tree(&calls));
    let output = callgate(&["prove", &chain, "equal", &other]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).starts_with("NOT PROVED: flock("), "{}", stdout(&output));
    let output = callgate(&["diff", &chain, &other]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stdout(&output),
        "x86_64: newly denied\n  flock: allow -> errno(EPERM)\n    for example flock(0, 0) on x86_64\n"
    );
}

/// The first error number of the rules, each of which has its own: an answer tells which rule gave it.
const FIRST: u16 = 200;
/// How many rules there are, each to be changed once.
const RULES: u16 = 50;

/// A policy that permits nothing, so that the kernel can be asked about any call of it.
fn base() -> Policy {
    let calls: Vec<Syscall> = Syscall::of_arch(Arch::X86_64)
        .map(|c| c.1)
        .filter(|c| c.number(Arch::X86).is_some() && c.params(Arch::X86_64).is_some_and(|p| p.len() >= 2))
        .take(usize::from(RULES))
        .collect();
    let rules = calls.iter().zip(0..).map(|(call, i): (_, u16)| {
        let value = u64::from(i) * 3 + 1;
        let cmp = |arg, width, op| Cond::Arg(ArgCmp { arg: ArgIndex::new(arg).unwrap(), width, op });
        let when = match i % 6 {
            0 => Cond::True,
            1 => cmp(0, Width::W32, Op::Eq(value)),
            2 => cmp(1, Width::W64, Op::Eq(value << 33 | value)),
            3 => cmp(0, Width::W64, Op::MaskedEq { mask: 0xf0, value: 0x30 }),
            4 => Cond::All(vec![cmp(0, Width::W32, Op::Ge(value)), cmp(0, Width::W32, Op::Lt(value + 9))]),
            _ => Cond::Any(vec![cmp(0, Width::W64, Op::Eq(value)), cmp(1, Width::W32, Op::Gt(value))]),
        };
        rule(*call, when, FIRST + i)
    });
    Policy {
        arches: vec![Arch::X86_64, Arch::X86],
        rules: rules.collect(),
        ..Policy::new(Action::Errno(Errno(1)))
    }
}

fn rule(call: Syscall, when: Cond, errno: u16) -> Rule {
    let action = Action::Errno(Errno(errno));
    Rule { calls: vec![Call::Named(call)], arches: Vec::new(), when, action, origin: Origin::default() }
}

/// The policy with rule `i` changed in one way or another.
fn mutated(base: &Policy, i: usize) -> Policy {
    let mut policy = base.clone();
    let rule = &mut policy.rules[i];
    match (i / 6 % 4, &mut rule.when) {
        (0, _) => {
            policy.rules.remove(i);
        }
        (1, _) | (_, Cond::True) => {
            rule.action = Action::Errno(Errno(FIRST + RULES + u16::try_from(i).unwrap()))
        }
        (2, _) => rule.arches = vec![Arch::X86],
        (_, Cond::Arg(cmp)) => match &mut cmp.op {
            Op::Eq(_) if cmp.width == Width::W64 => cmp.width = Width::W32,
            Op::Eq(value) => *value += 1,
            Op::MaskedEq { mask, .. } => *mask |= 1 << 40,
            op => *op = Op::Eq(0),
        },
        (_, Cond::All(parts) | Cond::Any(parts)) => {
            parts.pop();
        }
        (_, Cond::Not(_)) => unreachable!("no rule has one"),
    }
    policy
}

/// The call a witness in JSON stands for.
fn call_of(witness: &Value) -> SeccompData {
    let number = |v: &Value| v.as_u64().unwrap();
    let mut data = SeccompData {
        nr: u32::try_from(number(&witness["nr"])).unwrap(),
        arch: u32::try_from(number(&witness["token"])).unwrap(),
        ip: number(&witness["ip"]),
        args: [0; 6],
    };
    for (arg, value) in data.args.iter_mut().zip(witness["args"].as_array().unwrap()) {
        *arg = number(value);
    }
    data
}

#[test]
fn every_change_of_a_rule_is_found_with_a_call_the_kernel_confirms() {
    let folder = Folder::new();
    let before = base();
    let base_file = folder.file("base.cg", print(&before).as_bytes());
    let base_program = before.compile().unwrap();
    // The kernel of this machine need not run 32-bit programs.
    let ping = SeccompData { arch: Arch::X86.token(), nr: 20, ..SeccompData::default() };
    let narrow = attempt(base_program.insns(), &[ping]).is_ok_and(|f| f == [Fate::Returned(-1)]);
    let mut confirmed = 0;
    for i in 0..usize::from(RULES) {
        let after = mutated(&before, i);
        let file = folder.file(&format!("mutation-{i}.cg"), print(&after).as_bytes());
        let program = after.compile().unwrap();
        let output = callgate(&["diff", &base_file, &file, "--json"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "mutation {i}: {}", stderr(&output));
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        let changes = result["changes"].as_array().unwrap();
        let name = |policy: &Policy| match &policy.rules[i].calls[0] {
            Call::Named(call) => call.name(),
            _ => unreachable!("all are named"),
        };
        assert!(!changes.is_empty(), "mutation {i}");
        for change in changes {
            assert_eq!(change["calls"], serde_json::json!([name(&before)]), "mutation {i}");
            let call = call_of(&change["witness"]);
            if call.arch == Arch::X86.token() && !narrow {
                continue;
            }
            for (program, side) in [(&base_program, "before"), (&program, "after")] {
                let Action::Errno(errno) = program.run(&call).action() else { panic!("mutation {i}") };
                assert_eq!(change[side], Value::String(words(errno, call)), "mutation {i}, {side}");
                let fates = attempt(program.insns(), &[call]).unwrap();
                assert_eq!(fates, [Fate::Returned(-i64::from(errno.0))], "mutation {i}, {side}: {call:x?}");
            }
            confirmed += 1;
        }
        let output = callgate(&["prove", &base_file, "equal", &file]).output().unwrap();
        assert!(stdout(&output).starts_with("NOT PROVED: "), "mutation {i}: {}", stdout(&output));
    }
    assert!(confirmed >= usize::from(RULES), "{confirmed}");
}

/// An error number as `diff` writes it.
fn words(errno: Errno, call: SeccompData) -> String {
    let arch = Arch::of_call(call.arch, call.nr).unwrap();
    match Errno::name_on(errno.0, arch) {
        Some(name) => format!("errno({name})"),
        None => format!("errno({})", errno.0),
    }
}

/// Two inputs of which each is said what it is.
#[test]
fn a_format_in_front_of_a_name_is_that_inputs() {
    let folder = Folder::new();
    let policy = folder.file("a.txt", b"read: 1\n");
    let list = folder.file("b.txt", b"2\nallowlist\nread\n");
    let both =
        ["diff", &format!("minijail:{policy}"), &format!("lxc:{list}"), "--call", "write", "-a", "x86_64"];
    let output = callgate(&both).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    // A file that is really called so is itself.
    let own = folder.file("lxc:c.cg", b"default kill\n");
    let output = callgate(&["explain", &own, "read"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let output = callgate(&["explain", &format!("lxc:{policy}")]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("expected version 1 or 2"), "{}", stderr(&output));
}
