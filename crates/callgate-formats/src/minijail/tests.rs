use crate::{Format, Options, read};
use callgate::{Action, Arch, Errno, SeccompData, Syscall};

fn eval(text: &str, format: Format, name: &str, args: [u64; 6]) -> Action {
    let import = read(text, format, &Options::new(Arch::X86_64)).unwrap_or_else(|e| panic!("{text}: {e}"));
    let nr = Syscall::from_name(name).and_then(|c| c.number(Arch::X86_64)).unwrap();
    import.policies[0].policy.eval(&SeccompData { nr, arch: Arch::X86_64.token(), ip: 0, args })
}

fn error(text: &str, format: Format) -> String {
    let options = Options { file: Some("p".into()), ..Options::new(Arch::X86_64) };
    read(text, format, &options).unwrap_err().to_string()
}

const C: Format = Format::Minijail;
const PY: Format = Format::MinijailPython;
const KILL: Action = Action::KILL_THREAD;
const EPERM: Action = Action::Errno(Errno::EPERM);

fn a0(v: u64) -> [u64; 6] {
    [v, 0, 0, 0, 0, 0]
}

#[test]
fn the_two_dialects_disagree_about_return() {
    let text = "read: arg0 == 0; return 1";
    assert_eq!(eval(text, C, "read", a0(0)), Action::ALLOW);
    assert_eq!(eval(text, C, "read", a0(7)), EPERM);
    assert_eq!(eval(text, PY, "read", a0(0)), EPERM);
    assert_eq!(eval(text, PY, "read", a0(7)), KILL);
}

#[test]
fn operators_take_all_64_bits() {
    for format in [C, PY] {
        let eval =
            |atom: &str, v| eval(&format!("read: arg0 {atom}"), format, "read", a0(v)) == Action::ALLOW;
        assert!(eval("== -1", u64::MAX) && !eval("== -1", 0xffff_ffff));
        assert!(eval("in 0x3", 2) && !eval("in 0x3", 6) && !eval("in 0x3", 1 << 40));
        assert!(eval("& 0x3", 6) && !eval("& 0x3", 4) && !eval("& 0", 4));
        assert!(eval("in ~4", 3) && !eval("in ~4", 7));
        assert!(eval("== 1|(2|4)", 7) && eval("> 0xffffffff", 1 << 32));
        assert!(eval("!= EPERM", 2) && !eval("!= EPERM", 1));
    }
    assert_eq!(eval("read: arg0 == 010", C, "read", a0(8)), Action::ALLOW);
    assert_eq!(error("read: arg0 == 010", PY), "p:1:15: unknown constant `010`");
}

#[test]
fn repeated_lines() {
    let same = read("read: 1\nread: 1", C, &Options::new(Arch::X86_64)).unwrap();
    assert_eq!((same.format, same.notes.len(), same.policies[0].policy.rules.len()), (C, 1, 1));
    let other = read("read: arg0 == 1\nread: arg0 == 2", C, &Options::new(Arch::X86_64)).unwrap();
    assert_eq!(other.format, PY, "only the other dialect takes alternatives");
    let both = "read: arg0 == 1\nread: arg0 == 2\nopen: arg0 == 1; return 5";
    assert!(error(both, C).contains("has a line already"), "and it would turn `; return` round");
}

#[test]
fn run_time_errors() {
    assert_eq!(error("read: 1\nread: return 5", C), "p:2:1: read has a line already (line 1)");
    assert_eq!(error("raed: 1", C), "p:1:1: unknown system call on x86_64 raed; did you mean read?");
    assert_eq!(error("read: arg6 == 1", C), "p:1:7: `arg6` is no argument, expected arg0 to arg5");
    assert!(error("read: arg0==1", C).contains("three words"));
    assert!(error("read: arg0 == 1 | 2", C).contains("without blanks"));
    assert_eq!(error("read: arg0 == 1 && \\\n arg1 == x", C), "p:2:10: unknown constant `x`");
    assert_eq!(error("@include ./x", C), "p:1:10: ./x is included, but files cannot be opened here");
    assert_eq!(error("read: 1\n@include x", C), "p:2:10: the included path x must begin with / or ./");
}

#[test]
fn build_time_lists_and_actions() {
    let text = "@default trap\n{read, write[arch=arm]}: { arg0 == 0; log, arg0 == 1 && arg1 == 2; return EACCES } # c\nkill: 1";
    assert_eq!(eval(text, C, "read", a0(0)), Action::LOG, "recognised by its words");
    assert_eq!(eval(text, PY, "read", [1, 2, 0, 0, 0, 0]), Action::Errno(Errno(13)));
    assert_eq!(eval(text, PY, "read", a0(1)), Action::Trap(0));
    assert_eq!(eval(text, PY, "write", a0(1)), Action::Trap(0), "for another architecture");
    assert_eq!(eval(text, PY, "kill", a0(1)), Action::ALLOW);
    let dropped = "read: { arg0 == 0; kill, allow }";
    assert_eq!(eval(dropped, PY, "read", a0(0)), Action::ALLOW, "the compiler's own mistake");
    let kept = "read: { arg0 == 0; kill, return 1 }";
    assert_eq!(eval(kept, PY, "read", a0(0)), KILL);
    assert!(error("read: allow\nread: arg0 == 1", PY).contains("unconditional action already"));
    assert_eq!(error("read: arg0 == 1 2", PY), "p:1:17: `2` is left over");
    assert_eq!(error("read arg0", PY), "p:1:6: expected `:`, not `arg0`");
}

#[test]
fn deny_lists() {
    let text = "@denylist\nread: return 5\nwrite: arg0 == 1; return 6\nopen: kill";
    assert_eq!(eval(text, PY, "read", a0(0)), Action::Errno(Errno(5)));
    assert_eq!(eval(text, PY, "write", a0(1)), Action::Errno(Errno(6)));
    assert_eq!(eval(text, PY, "write", a0(2)), Action::ALLOW);
    assert_eq!(eval(text, PY, "open", a0(2)), EPERM);
    assert_eq!(eval(text, PY, "close", a0(2)), Action::ALLOW);
    assert!(error("@denylist\nread: trap", PY).contains("no action but"));
}
