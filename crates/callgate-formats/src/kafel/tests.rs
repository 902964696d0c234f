use crate::{Format, Options, read};
use callgate::{Action, Arch, Errno, Policy, SeccompData, Syscall};

fn policy(text: &str) -> Policy {
    let import =
        read(text, Format::Kafel, &Options::new(Arch::X86_64)).unwrap_or_else(|e| panic!("{text}: {e}"));
    import.policies[0].policy.clone()
}

fn eval(text: &str, name: &str, args: [u64; 6]) -> Action {
    let nr = Syscall::from_name(name).and_then(|c| c.number(Arch::X86_64)).unwrap();
    policy(text).eval(&SeccompData { nr, arch: Arch::X86_64.token(), ip: 0, args })
}

fn error(text: &str) -> String {
    let options = Options { file: Some("k".into()), ..Options::new(Arch::X86_64) };
    read(text, Format::Kafel, &options).unwrap_err().to_string()
}

/// Whether `write` is allowed under a condition.
fn allows(cond: &str, args: [u64; 6]) -> bool {
    eval(&format!("ALLOW {{ write {{ {cond} }} }}"), "write", args) == Action::ALLOW
}

#[test]
fn statements_and_first_match() {
    let text = "#define ONE 1\nPOLICY a { ERRNO(5) { read { fd == ONE } } }\nPOLICY b { KILL_PROCESS { ptrace } }\n\
                USE a, ALLOW { read, write, newstat }\nUSE a DEFAULT TRAP(7)";
    assert_eq!(eval(text, "read", [1, 0, 0, 0, 0, 0]), Action::Errno(Errno(5)));
    assert_eq!(eval(text, "read", [2, 0, 0, 0, 0, 0]), Action::ALLOW);
    assert_eq!(eval(text, "stat", [0; 6]), Action::ALLOW);
    assert_eq!(eval(text, "ptrace", [0; 6]), Action::Trap(7), "policy b is not used");
    assert_eq!(policy(text).rules.len(), 4, "a policy is expanded once");
}

#[test]
fn widths_are_those_of_the_kernel() {
    assert!(allows("fd == 1", [1 << 32 | 1, 0, 0, 0, 0, 0]), "an int: 32 bits");
    assert!(!allows("count == 1", [0, 0, 1 << 32 | 1, 0, 0, 0]), "a size_t: 64 bits");
    assert!(!allows("fd == -1", [0xffff_ffff, 0, 0, 0, 0, 0]) && allows("fd == -1", [!0, 0, 0, 0, 0, 0]));
    let declared = "ALLOW { write(a, b, c) { a == 1 } }";
    assert_eq!(eval(declared, "write", [1 << 32 | 1, 0, 0, 0, 0, 0]), Action::KILL_THREAD);
}

#[test]
fn precedence() {
    let fd = |fd| [fd, 0, 0, 0, 0, 0];
    assert!(allows("fd & 3 == 2", fd(6)), "& binds tighter than ==");
    assert!(allows("fd & 4 | 1 == 5", fd(4)) && !allows("fd & 4 | 1 == 5", fd(1)));
    assert!(allows("fd == 1 && count == 2 || fd == 3", fd(3)));
    assert!(allows("fd == 1, fd == 2 && count == 1", fd(1)));
    assert!(allows("!(fd == 1) && !count != 0", fd(2)));
}

#[test]
fn numbers_made_of_one_argument() {
    let holds = |expr: &str, f: &dyn Fn(u64) -> bool| {
        for v in (0..200).chain([u64::from(u32::MAX), 0x8000_0000]) {
            assert_eq!(allows(expr, [v, 0, 0, 0, 0, 0]), f(v), "{expr} for {v}");
        }
    };
    holds("(fd & 0x16) < 0x12", &|v| v & 0x16 < 0x12);
    holds("(fd & 0x16) <= 0x12", &|v| v & 0x16 <= 0x12);
    holds("(fd | 9) > 0x29", &|v| v | 9 > 0x29);
    holds("0x29 >= (fd | 9)", &|v| v | 9 <= 0x29);
    holds("(fd & 0xf | 0x30) != 0x35", &|v| v & 0xf | 0x30 != 0x35);
    holds("(fd & 6) == 8", &|_| false);
    holds("(fd & 0) == 0", &|_| true);
}

#[test]
fn x32_and_foreign_calls() {
    let p = policy("DEFAULT ALLOW");
    let data = SeccompData { nr: 0x4000_0001, arch: Arch::X86_64.token(), ..SeccompData::default() };
    assert_eq!(p.eval(&data), Action::ALLOW);
    assert_eq!(p.eval(&SeccompData { arch: Arch::X86.token(), ..data }), Action::KILL_THREAD);
    let p = policy("KILL_PROCESS { SYSCALL[0x40000001] } DEFAULT ALLOW");
    assert_eq!(p.eval(&data), Action::KILL_PROCESS);
}

#[test]
fn errors_name_the_place() {
    assert_eq!(error("ALLOW { stat }"), "k:1:9: unknown system call on x86_64 stat; kafel calls it newstat");
    assert_eq!(error("ALLOW { raed }"), "k:1:9: unknown system call on x86_64 raed; did you mean read?");
    assert_eq!(
        error("ALLOW { write { fdd == 1 } }"),
        "k:1:17: no argument or constant is called fdd; did you mean fd?"
    );
    assert!(error("ALLOW { write { fd == count } }").starts_with("k:1:20: fd and count: two arguments"));
    assert_eq!(error("ALLOW { read, }"), "k:1:15: expected a system call, not `}`");
    assert_eq!(
        error("POLICY p { ALLOW { reed } } DEFAULT ALLOW"),
        "k:1:20: unknown system call on x86_64 reed; did you mean read?"
    );
    assert_eq!(error(""), "k:1:1: the policy is empty");
    assert_eq!(error("USE x"), "k:1:5: no policy is called x");
    assert_eq!(error("ALOW {}"), "k:1:1: expected an action, not `ALOW`; did you mean ALLOW?");
    assert_eq!(
        error("#define E 1\nERRNO(E) { read }"),
        "k:2:7: expected a number (constants are not allowed here), not `E`"
    );
    assert!(error(&format!("ALLOW {{ read {{ {} }} }}", "(".repeat(500))).contains("nests too deep"));
}

#[test]
fn architectures() {
    let both = Options { arches: Some(vec![Arch::X86_64, Arch::X86]), ..Options::new(Arch::X86_64) };
    let text = "ALLOW { read, newuname, chown ON i386, SYSCALL[3] ON {amd64} }";
    let p = read(text, Format::Kafel, &both).unwrap().policies.remove(0).policy;
    let eval = |nr, arch: Arch| p.eval(&SeccompData { nr, arch: arch.token(), ..SeccompData::default() });
    assert_eq!(eval(122, Arch::X86), Action::ALLOW);
    assert_eq!(eval(212, Arch::X86), Action::ALLOW, "kafel's chown there is chown32");
    assert_eq!(eval(92, Arch::X86_64), Action::KILL_THREAD);
    assert_eq!(eval(3, Arch::X86_64), Action::ALLOW);
}
