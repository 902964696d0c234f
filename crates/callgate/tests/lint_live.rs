//! Findings and their witnesses against the running kernel: what the linter says can be done is done, in
//! child processes.
#![cfg(all(feature = "install", target_os = "linux", target_arch = "x86_64"))]

use callgate::lint::{self, Finding, Layer, Options, Subject};
use callgate::program::Code;
use callgate::program::asm;
use callgate::{Policy, Program, SeccompData, Syscall};
use callgate_sys::trial::{Fate, attempt};

const EPERM: Fate = Fate::Returned(-1);
const ENOSYS: Fate = Fate::Returned(-38);
const HEAD: &str =
    ".arch x86_64\n A = arch\n if arch != x86_64 goto kill\n A = nr\n if nr >= 0x40000000 goto kill\n";

/// A program and the finding with this code.
fn program(text: &str, code: &str) -> (Program, Finding) {
    let assembled = asm::assemble(text, &asm::Options::default()).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    let finding = find(&Subject::new(Layer::Code(&assembled)), code);
    (Code::check(assembled).unwrap(), finding)
}

fn policy(text: &str, code: &str) -> (Program, Finding) {
    let policy: Policy = text.parse().unwrap();
    let finding = find(&Subject::new(Layer::Policy(&policy)), code);
    (policy.compile().unwrap(), finding)
}

fn find(subject: &Subject<'_>, code: &str) -> Finding {
    let found = lint::lint(subject, &Options::default());
    let all: Vec<String> = found.iter().map(|f| f.code().to_string()).collect();
    found.into_iter().find(|f| f.code().to_string() == code).unwrap_or_else(|| panic!("no {code} in {all:?}"))
}

fn witness(finding: &Finding) -> SeccompData {
    finding.witness.unwrap_or_else(|| panic!("{} has no witness", finding.code())).call
}

fn native(name: &str, args: [u64; 6]) -> SeccompData {
    let nr = Syscall::from_name(name).and_then(|c| c.number(callgate::Arch::X86_64)).unwrap();
    SeccompData { nr, arch: callgate::Arch::X86_64.token(), ip: 0, args }
}

/// What the kernel does with these calls, each in turn.
fn kernel(program: &Program, calls: &[SeccompData]) -> Vec<Fate> {
    attempt(program.insns(), calls).unwrap()
}

#[test]
fn missing_architecture_check() {
    let text = ".arch x86_64\n A = nr\n if nr >= 0x40000000 goto deny\n if nr == getppid goto deny\n return allow\ndeny: return errno(EPERM)\n";
    let (program, finding) = program(text, "CG0102");
    let call = witness(&finding);
    assert_eq!((call.arch, call.nr), (callgate::Arch::X86.token(), 64));
    let fates = kernel(&program, &[native("getppid", [0; 6]), call]);
    assert_eq!(fates[0], EPERM);
    match fates[1] {
        Fate::Returned(pid) if pid > 0 => {}
        // A kernel without 32-bit calls.
        other => eprintln!("skipped: int 0x80 gives {other:?} here"),
    }
}

/// A 32-bit call of a 64-bit program: the filter sees more of its registers than the kernel looks at.
#[test]
fn terminal_input_with_a_high_bit_by_the_gate() {
    let text = ".arch x86\n A = arch\n if arch != x86 goto native\n A = nr\n if nr != ioctl goto ok\n A = args[1].hi\n if A != 0 goto ok\n A = args[1].lo\n if A == TIOCSTI goto deny\nok: return allow\ndeny: return errno(EPERM)\nnative: return allow\n";
    let (program, finding) = program(text, "CG0120");
    let mut call = witness(&finding);
    assert_eq!((call.arch, call.args[1]), (callgate::Arch::X86.token(), 0x1_0000_5412));
    // No terminal is meant.
    call.args[0] = 0xffff_ffff;
    let clean = SeccompData { args: [0xffff_ffff, 0x5412, 0, 0, 0, 0], ..call };
    let fates = kernel(&program, &[clean, call]);
    if fates[0] == EPERM {
        assert_eq!(fates[1], Fate::Returned(-9), "the kernel gets as far as looking for the descriptor");
    } else {
        eprintln!("skipped: int 0x80 gives {:?} here", fates[0]);
    }
}

#[test]
fn terminal_input_with_a_high_bit() {
    let text = format!(
        "{HEAD} if nr != ioctl goto ok\n A = args[1].hi\n if A != 0 goto ok\n A = args[1].lo\n if A == TIOCSTI goto deny\nok: return allow\ndeny: return errno(EPERM)\nkill: return kill\n"
    );
    let (program, finding) = program(&text, "CG0120");
    let mut call = witness(&finding);
    assert_eq!(call.args[1] & 0xffff_ffff, 0x5412);
    assert_ne!(call.args[1] >> 32, 0);
    // No terminal is meant: the kernel gets as far as looking for the descriptor.
    call.args[0] = 0xffff_ffff;
    let plain = native("ioctl", [0xffff_ffff, 0x5412, 0, 0, 0, 0]);
    assert_eq!(kernel(&program, &[plain, call]), [EPERM, Fate::Returned(-9)]);
}

#[test]
fn socket_family_with_a_high_bit() {
    let text =
        "arch x86_64\ndefault allow\nunknown errno(ENOSYS)\nerrno(EPERM) socket if domain:64 == AF_INET\n";
    let (program, finding) = policy(text, "CG0120");
    let mut call = witness(&finding);
    assert_eq!(call.args[0] & 0xffff_ffff, 2);
    call.args[1] = 2;
    let fates = kernel(&program, &[native("socket", [2, 2, 0, 0, 0, 0]), call]);
    assert_eq!(fates[0], EPERM);
    assert!(matches!(fates[1], Fate::Returned(fd) if fd >= 0), "{fates:?}");
}

#[test]
fn an_added_flag_makes_a_raw_type_another() {
    let text =
        "arch x86_64\ndefault allow\nunknown errno(ENOSYS)\nerrno(EPERM) socket if type == SOCK_STREAM\n";
    let (program, finding) = policy(text, "CG0126");
    let mut call = witness(&finding);
    call.args[0] = 1;
    let fates = kernel(&program, &[native("socket", [1, 1, 0, 0, 0, 0]), call]);
    assert_eq!(fates[0], EPERM);
    assert!(matches!(fates[1], Fate::Returned(fd) if fd >= 0), "{fates:?}");
}

#[test]
fn error_zero_is_success() {
    let (program, finding) = policy("arch x86_64\ndefault allow\nerrno(0) getppid\n", "CG0152");
    assert_eq!(kernel(&program, &[witness(&finding)]), [Fate::Returned(0)]);
}

#[test]
fn error_5000_is_4095() {
    let (program, finding) = policy("arch x86_64\ndefault allow\nerrno(5000) getppid\n", "CG0153");
    assert_eq!(kernel(&program, &[witness(&finding)]), [Fate::Returned(-4095)]);
}

#[test]
fn an_unknown_action_kills() {
    let (program, finding) = policy("arch x86_64\ndefault allow\naction(0x12340000) getppid\n", "CG0154");
    const SIGSYS: i32 = 31;
    assert_eq!(kernel(&program, &[witness(&finding)]), [Fate::Killed(SIGSYS)]);
}

#[test]
fn trace_without_a_tracer_fails() {
    let (program, finding) = policy("arch x86_64\ndefault allow\ntrace(1) getppid\n", "CG0156");
    assert_eq!(kernel(&program, &[witness(&finding)]), [ENOSYS]);
}

#[test]
fn notify_without_a_supervisor_fails() {
    let (program, finding) = policy("arch x86_64\ndefault allow\nnotify getppid\n", "CG0157");
    assert_eq!(kernel(&program, &[witness(&finding)]), [ENOSYS]);
}

#[test]
fn a_permission_with_data_permits() {
    let (program, finding) = policy("arch x86_64\ndefault allow\nallow(0x1234) getppid\n", "CG0161");
    assert!(matches!(kernel(&program, &[witness(&finding)])[0], Fate::Returned(pid) if pid > 0));
}

#[test]
fn a_division_by_zero_kills() {
    let text = format!(
        "{HEAD} if nr != getpriority goto ok\n A = args[0].lo\n X = A\n A = 5\n A /= X\n if A == 9 goto kill\nok: return allow\nkill: return kill\n"
    );
    let (program, finding) = program(&text, "CG0176");
    const SIGSYS: i32 = 31;
    assert_eq!(kernel(&program, &[witness(&finding)]), [Fate::Killed(SIGSYS)]);
}

#[test]
fn clone3_stands_in_for_clone() {
    let text = "arch x86_64\ndefault allow\nunknown errno(ENOSYS)\nerrno(EPERM) fork, vfork, clone\nerrno(EPERM) unshare\n";
    let (program, finding) = policy(text, "CG0104");
    let call = witness(&finding);
    let known = Syscall::from_number(callgate::Arch::X86_64, call.nr).map(Syscall::name);
    assert_eq!(known, Some("clone3"));
    // With nothing to read it fails, but on the kernel's own account.
    let fates = kernel(&program, &[native("clone", [17, 0, 0, 0, 0, 0]), call]);
    assert_eq!(fates, [EPERM, Fate::Returned(-22)]);
    // Answered with ENOSYS it is closed.
    let fixed = "arch x86_64\ndefault allow\nerrno(EPERM) fork, vfork, clone\nerrno(ENOSYS) clone3\n";
    let closed: Policy = fixed.parse().unwrap();
    assert_eq!(kernel(&closed.compile().unwrap(), &[call]), [ENOSYS]);
}

#[test]
fn multiplexed_sockets() {
    let text = "arch x86_64, x86\ndefault allow\nunknown errno(ENOSYS)\nerrno(EPERM) socket if domain == AF_INET\nerrno(ENOSYS) @io-uring\n";
    let (program, finding) = policy(text, "CG0105");
    let call = witness(&finding);
    assert_eq!((call.arch, call.args[0]), (callgate::Arch::X86.token(), 1));
    let direct = SeccompData { nr: 359, args: [2, 1, 0, 0, 0, 0], ..call };
    match kernel(&program, &[direct, call])[..] {
        // Its arguments lie at address 0 here, which is nobody's.
        [direct, Fate::Returned(-14)] => assert_eq!(direct, EPERM),
        ref other => eprintln!("skipped: int 0x80 gives {other:?} here"),
    }
}

/// A page whose address can be told to the kernel.
#[repr(align(4096))]
struct Page([u8; 4096]);

impl Page {
    fn new() -> Box<Page> {
        Box::new(Page([0; 4096]))
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn address(&self) -> u64 {
        self.0.as_ptr() as u64
    }
}

/// A ring opens the socket that the filter denies: set up in memory of ours
/// (`IORING_SETUP_NO_MMAP | IORING_SETUP_NO_SQARRAY`, Linux 6.6), so that no call but the ring's own is
/// needed.
#[test]
fn a_ring_makes_the_denied_socket() {
    let text =
        "arch x86_64\ndefault allow\nunknown errno(ENOSYS)\nerrno(EPERM) socket if domain == AF_INET\n";
    let (program, finding) = policy(text, "CG0101");
    assert_eq!(witness(&finding).nr, 425);

    const NO_MMAP: u32 = 1 << 14;
    const NO_SQARRAY: u32 = 1 << 16;
    const SOCKET: u8 = 45;
    let (mut params, mut entries, mut tail, rings) = (Page::new(), Page::new(), Page::new(), Page::new());
    params.put(8, &(NO_MMAP | NO_SQARRAY).to_ne_bytes());
    params.put(40 + 32, &entries.address().to_ne_bytes());
    params.put(80 + 32, &rings.address().to_ne_bytes());
    // struct io_uring_sqe: opcode, fd (the family), off (the type), len (the protocol).
    entries.put(0, &[SOCKET]);
    entries.put(4, &2u32.to_ne_bytes());
    entries.put(8, &1u64.to_ne_bytes());
    tail.put(0, &1u32.to_ne_bytes());
    // The child writes the ring's tail by reading from a pipe, so that every step is a call.
    let (from, mut to) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut to, &tail.0[..4]).unwrap();
    let pipe = u64::try_from(std::os::fd::AsRawFd::as_raw_fd(&from)).unwrap();
    // The child gets the lowest free descriptors, which others may fill here meanwhile: ask it.
    let first = match kernel(&program, &[native("dup", [0, 0, 0, 0, 0, 0])])[..] {
        [Fate::Returned(fd)] if fd >= 0 => fd as u64,
        ref other => panic!("{other:?}"),
    };
    let calls = [
        native("socket", [2, 1, 0, 0, 0, 0]),
        native("io_uring_setup", [1, params.address(), 0, 0, 0, 0]),
        // sq.tail is the second word of struct io_rings.
        native("read", [pipe, rings.address() + 4, 4, 0, 0, 0]),
        native("io_uring_enter", [first, 1, 1, 1, 0, 0]),
        native("listen", [first + 1, 1, 0, 0, 0, 0]),
    ];
    let fates = kernel(&program, &calls);
    assert_eq!(fates[0], EPERM);
    if !matches!(fates[1], Fate::Returned(fd) if fd >= 0) {
        eprintln!("skipped: this kernel gives no ring of the kind needed ({:?})", fates[1]);
        return;
    }
    if fates[1] != Fate::Returned(first as i64) {
        eprintln!("skipped: descriptors came and went meanwhile ({fates:?})");
        return;
    }
    assert_eq!(fates[2..], [Fate::Returned(4), Fate::Returned(1), Fate::Returned(0)], "{fates:?}");
}
