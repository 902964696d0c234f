//! The interface as C calls it: return codes, what is kept when a call fails, and a process that survives
//! giving its context up under a filter that forbids nearly everything.
#![expect(unsafe_code, reason = "the interface is C's")]

use libc::{EACCES, EDOM, EEXIST, EFAULT, EINVAL, EOPNOTSUPP, ERANGE, c_int, c_void};
use seccomp::api::*;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::{null, null_mut};

const ALLOW: u32 = 0x7fff_0000;
const KILL: u32 = 0;
const KILL_PROCESS: u32 = 0x8000_0000;
const X86: u32 = 0x4000_0003;
const X86_64: u32 = 0xc000_003e;
const PPC: u32 = 0x14;
const EQ: u32 = 4;
const GT: u32 = 6;
const MASKED_EQ: u32 = 7;

struct Context(*mut c_void);

impl Context {
    fn new(default: u32) -> Context {
        let ctx = seccomp_init(default);
        assert!(!ctx.is_null());
        Context(ctx)
    }

    fn add(&self, action: u32, nr: c_int, compares: &[scmp_arg_cmp]) -> c_int {
        let count = u32::try_from(compares.len()).unwrap();
        // SAFETY: a live context and as many comparisons as told.
        unsafe { seccomp_rule_add_array(self.0, action, nr, count, compares.as_ptr()) }
    }

    fn exact(&self, action: u32, nr: c_int, compares: &[scmp_arg_cmp]) -> c_int {
        let count = u32::try_from(compares.len()).unwrap();
        // SAFETY: as above.
        unsafe { seccomp_rule_add_exact_array(self.0, action, nr, count, compares.as_ptr()) }
    }

    fn text(&self) -> String {
        let mut file = tempfile();
        // SAFETY: a live context and an open descriptor.
        assert_eq!(unsafe { seccomp_export_pfc(self.0, file.as_raw_fd()) }, 0);
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        text
    }

    fn program(&self) -> Vec<u8> {
        let mut len = 0;
        // SAFETY: a live context; without a buffer only the length is written.
        assert_eq!(unsafe { seccomp_export_bpf_mem(self.0, null_mut(), &raw mut len) }, 0);
        let mut bytes = vec![0; len];
        // SAFETY: the buffer has room for what was just asked.
        assert_eq!(unsafe { seccomp_export_bpf_mem(self.0, bytes.as_mut_ptr().cast(), &raw mut len) }, 0);
        bytes
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: a live context that is not used again.
        unsafe { seccomp_release(self.0) };
    }
}

/// A file without a name.
fn tempfile() -> File {
    // SAFETY: the name is a C string; the descriptor is new and nobody else's.
    unsafe {
        let fd = libc::memfd_create(c"text".as_ptr(), 0);
        assert!(fd >= 0);
        File::from_raw_fd(fd)
    }
}

fn errno(number: u32) -> u32 {
    0x0005_0000 | number
}

fn compare(arg: u32, op: u32, a: u64, b: u64) -> scmp_arg_cmp {
    scmp_arg_cmp { arg, op, datum_a: a, datum_b: b }
}

#[test]
fn what_is_no_context_is_refused() {
    let garbage = [0u64; 8];
    let garbage = garbage.as_ptr().cast_mut().cast::<c_void>();
    for ctx in [null_mut(), garbage] {
        // SAFETY: null, or readable memory.
        unsafe {
            assert_eq!(seccomp_load(ctx), -EINVAL);
            assert_eq!(seccomp_rule_add_array(ctx, KILL, 0, 0, null()), -EINVAL);
            assert_eq!(seccomp_merge(ctx, ctx), -EINVAL);
            assert_eq!(seccomp_export_bpf(ctx, 1), -EINVAL);
            seccomp_transaction_reject(ctx);
            seccomp_release(ctx);
        }
    }
    assert!(seccomp_init(ALLOW | 1).is_null());
    assert!(seccomp_init(0x0005_0000 | 4095).is_null());
}

#[test]
fn rules_are_refused_as_documented() {
    let ctx = Context::new(ALLOW);
    assert_eq!(ctx.add(ALLOW, 0, &[]), -EACCES);
    assert_eq!(ctx.add(0x1234_5678, 0, &[]), -EINVAL);
    assert_eq!(ctx.add(KILL, -5, &[]), -EINVAL);
    assert_eq!(ctx.add(KILL, 0, &[compare(6, EQ, 0, 0)]), -EINVAL);
    assert_eq!(ctx.add(KILL, 0, &[compare(0, 8, 0, 0)]), -EINVAL);
    assert_eq!(ctx.add(KILL, 0, &[compare(0, EQ, 0, 0), compare(0, EQ, 1, 0)]), -EINVAL);
    assert_eq!(ctx.exact(KILL, -10001, &[]), -EDOM);
    assert_eq!(ctx.add(KILL, 0, &[compare(0, EQ, 1, 0)]), 0);
    assert_eq!(ctx.add(KILL_PROCESS, 0, &[compare(0, EQ, 1, 0)]), -EEXIST);
    // SAFETY: a live context.
    unsafe {
        assert_eq!(seccomp_arch_add(ctx.0, X86_64), -EEXIST);
        assert_eq!(seccomp_arch_add(ctx.0, PPC), -EDOM);
        assert_eq!(seccomp_arch_add(ctx.0, 0x1234), -EINVAL);
        assert_eq!(seccomp_arch_add(ctx.0, X86), 0);
        assert_eq!(seccomp_attr_set(ctx.0, 1, KILL), -EACCES);
        assert_eq!(seccomp_attr_set(ctx.0, 8, 3), -EOPNOTSUPP);
        let mut len = 1;
        assert_eq!(seccomp_export_bpf_mem(ctx.0, [0u8].as_mut_ptr().cast(), &raw mut len), -ERANGE);
    }
    assert_eq!(ctx.exact(KILL, 1, &[]), -EOPNOTSUPP);
    assert_eq!(ctx.add(KILL, 9999, &[]), -EFAULT);
}

#[test]
fn a_refused_rule_changes_nothing() {
    let ctx = Context::new(ALLOW);
    // SAFETY: a live context.
    assert_eq!(unsafe { seccomp_arch_add(ctx.0, X86) }, 0);
    assert_eq!(ctx.add(KILL, 1, &[]), 0);
    let before = ctx.program();
    // Known on neither: refused for the second architecture after the first would have taken it.
    assert_eq!(ctx.add(KILL, 9999, &[]), -EFAULT);
    assert_eq!(ctx.program(), before);
    // SAFETY: a live context.
    assert_eq!(unsafe { seccomp_arch_exist(ctx.0, X86) }, 0);
}

/// Another action under less: refused. Another action under more: taken, and the first rule decides.
#[test]
fn what_stands_in_the_way_of_a_rule_hangs_on_the_order() {
    let narrow = [compare(0, EQ, 1, 0), compare(1, EQ, 0, 0)];
    let wide = [compare(0, EQ, 1, 0)];
    let ctx = Context::new(ALLOW);
    assert_eq!(ctx.add(errno(1), 1, &narrow), 0);
    let before = ctx.program();
    assert_eq!(ctx.add(errno(2), 1, &wide), -EEXIST);
    assert_eq!(ctx.program(), before);
    let other = Context::new(ALLOW);
    assert_eq!(other.add(errno(2), 1, &wide), 0);
    let before = other.program();
    assert_eq!(other.add(errno(1), 1, &narrow), 0);
    assert_eq!(other.program(), before);
}

/// Rules that share tests, and one that makes others superfluous: the text is libseccomp's, tests counted as it does.
#[test]
fn several_rules_of_one_call_are_listed_as_one_tree() {
    let ctx = Context::new(ALLOW);
    for second in [2, 3] {
        assert_eq!(ctx.add(errno(1), 0, &[compare(0, EQ, 1, 0), compare(1, EQ, second, 0)]), 0);
    }
    assert_eq!(ctx.add(errno(1), 0, &[compare(0, GT, 5 << 32 | 1, 0)]), 0);
    assert_eq!(ctx.add(errno(1), 0, &[compare(2, MASKED_EQ, 0xff, 3)]), 0);
    for arg in [1, 2] {
        assert_eq!(ctx.add(errno(1), 1, &[compare(0, EQ, 1, 0), compare(arg, EQ, 2, 0)]), 0);
    }
    assert_eq!(ctx.add(errno(1), 1, &[compare(0, EQ, 1, 0)]), 0);
    let text = ctx.text();
    let calls = text.split_once("if ($arch == 3221225534)\n").unwrap().1;
    let calls = calls.split_once("  # default action").unwrap().0;
    assert_eq!(
        calls,
        "  # filter for syscall \"write\" (1) [priority: 65529]
  if ($syscall == 1)
    if ($a0.hi32 == 0)
      if ($a0.lo32 == 1)
        action ERRNO(1);
  # filter for syscall \"read\" (0) [priority: 65525]
  if ($syscall == 0)
    if ($a2.hi32 & 0x00000000 == 0)
      if ($a2.lo32 & 0x000000ff == 3)
        action ERRNO(1);
    if ($a0.hi32 == 0)
      if ($a0.lo32 == 1)
        if ($a1.hi32 == 0)
          if ($a1.lo32 == 3)
            action ERRNO(1);
          if ($a1.lo32 == 2)
            action ERRNO(1);
    if ($a0.hi32 > 5)
      action ERRNO(1);
    else
      if ($a0.hi32 == 5)
        if ($a0.lo32 > 1)
          action ERRNO(1);
"
    );
}

/// Where libseccomp's tree would give a call an action that no matching rule has, the program does not, and the text
/// says what the program does.
/// Two bounds with one high half meet in its test: what the tighter one does stands there, on either side.
/// The priority in the text counts tests, those among them that libseccomp has taken from among others and forgotten.
#[test]
fn what_is_taken_from_among_others_stays_counted() {
    const LE: u32 = 3;
    const NE: u32 = 1;
    let one = 0x1_0000_0001;
    let sets: [(&[&[scmp_arg_cmp]], u32); 2] = [
        (
            &[
                &[compare(0, GT, 1, 0), compare(1, EQ, one, 0)],
                &[compare(1, GT, one, 0)],
                &[compare(0, EQ, one, 0), compare(1, GT, one - 1, 0)],
                &[compare(0, EQ, one, 0)],
                &[compare(1, EQ, one, 0)],
            ],
            65528,
        ),
        (
            &[
                &[compare(1, GT, 0, 0)],
                &[compare(1, LE, 0, 0)],
                &[compare(0, LE, 0, 0), compare(1, NE, 0, 0)],
                &[compare(1, NE, 0, 0)],
            ],
            65526,
        ),
    ];
    for (rules, priority) in sets {
        let ctx = Context::new(ALLOW);
        // On an architecture of 64 bits, whichever this one is.
        // SAFETY: a live context.
        unsafe {
            if seccomp_arch_native() != X86_64 {
                assert_eq!(seccomp_arch_remove(ctx.0, 0), 0);
                assert_eq!(seccomp_arch_add(ctx.0, X86_64), 0);
            }
        }
        // SAFETY: a C string.
        let write = unsafe { seccomp_syscall_resolve_name(c"write".as_ptr()) };
        for rule in rules {
            assert_eq!(ctx.add(KILL, write, rule), 0);
        }
        let text = ctx.text();
        assert!(text.contains(&format!("\"write\" (1) [priority: {priority}]")), "{text}");
    }
}

#[test]
fn the_tighter_of_two_bounds_decides_at_the_high_half() {
    const LE: u32 = 3;
    const LT: u32 = 2;
    for (first, second, decides) in
        [((LT, 3, 4), (LE, 1, 5), 5), ((LE, 1, 5), (LT, 3, 4), 5), ((LT, 3, 4), (LT, 7, 5), 4)]
    {
        let ctx = Context::new(ALLOW);
        for (op, value, number) in [first, second] {
            assert_eq!(ctx.add(errno(number), 9, &[compare(3, op, value, 0)]), 0);
        }
        let text = ctx.text();
        let after = text.split("if ($a3.hi32 == 0)").nth(1).unwrap_or_default();
        let other = after.split("\n        else\n").nth(1).unwrap_or_default();
        assert!(other.trim_start().starts_with(&format!("action ERRNO({decides});")), "{text}");
    }
}

/// Of few calls none has a longer way than in the library's row, which priorities order.
#[test]
fn few_calls_are_asked_for_in_order_of_priority() {
    use callgate::{Program, SeccompData, abi::Endian};
    let ctx = Context::new(KILL);
    for nr in [1, 5, 9, 20] {
        assert_eq!(ctx.add(ALLOW, nr, &[]), 0);
    }
    // SAFETY: a live context.
    assert_eq!(unsafe { seccomp_syscall_priority(ctx.0, 9, 3) }, 0);
    let program = Program::from_bytes(&ctx.program(), Endian::Little).unwrap();
    let steps = |nr| program.run(&SeccompData { nr, arch: X86_64, ip: 0, args: [0; 6] }).steps;
    // The architecture, the number, what is beyond the numbers, and the return: five beside the row's own.
    for (place, nr) in [9, 1, 5, 20].into_iter().enumerate() {
        assert!(steps(nr) as usize <= 5 + place + 1, "call {nr}: {}", steps(nr));
    }
}

#[test]
fn the_text_is_true_where_a_shared_tree_is_not() {
    let ctx = Context::new(ALLOW);
    for (low, second) in [(5, 1), (7, 2)] {
        assert_eq!(ctx.add(errno(1), 0, &[compare(0, GT, low, 0), compare(1, EQ, second, 0)]), 0);
    }
    let ret = |args| {
        let program = callgate::Program::from_bytes(&ctx.program(), callgate::abi::Endian::Little).unwrap();
        program.run(&callgate::SeccompData { nr: 0, arch: X86_64, ip: 0, args }).ret
    };
    assert_eq!(ret([6, 1, 0, 0, 0, 0]), errno(1));
    assert_eq!(ret([6, 2, 0, 0, 0, 0]), ALLOW);
    assert_eq!(ret([8, 2, 0, 0, 0, 0]), errno(1));
    // Each rule by itself: nowhere does what one asks of the second argument follow the other's first.
    let text = ctx.text();
    let after = |test: &str| text.split_once(test).unwrap().1.split_once("action").unwrap().0;
    assert!(after("if ($a0.lo32 > 5)").contains("if ($a1.lo32 == 1)"), "{text}");
    assert!(after("if ($a0.lo32 > 7)").contains("if ($a1.lo32 == 2)"), "{text}");
    assert!(!after("if ($a0.lo32 > 5)").contains("if ($a1.lo32 == 2)"), "{text}");
}

#[test]
fn transactions_nest_and_roll_back() {
    let ctx = Context::new(ALLOW);
    let empty = ctx.program();
    // SAFETY: a live context.
    unsafe {
        assert_eq!(seccomp_transaction_start(ctx.0), 0);
        assert_eq!(ctx.add(KILL, 1, &[]), 0);
        let one = ctx.program();
        assert_eq!(seccomp_transaction_start(ctx.0), 0);
        assert_eq!(ctx.add(KILL, 3, &[compare(0, MASKED_EQ, 0xf0, 0x30)]), 0);
        seccomp_transaction_reject(ctx.0);
        assert_eq!(ctx.program(), one);
        seccomp_transaction_reject(ctx.0);
        assert_eq!(ctx.program(), empty);
        seccomp_transaction_reject(ctx.0);
        assert_eq!(seccomp_transaction_commit(ctx.0), 0);
    }
}

#[test]
fn programs_hold_only_what_libseccomp_emits() {
    let ctx = Context::new(KILL);
    for (nr, mask) in [(0, 1u64), (1, 0x7e02_0000), (2, 0x8000_0000_0000_0001)] {
        assert_eq!(ctx.add(ALLOW, nr, &[compare(0, MASKED_EQ, mask, 0)]), 0);
        assert_eq!(ctx.add(ALLOW, nr, &[compare(1, MASKED_EQ, mask, mask)]), 0);
    }
    for insn in ctx.program().chunks_exact(8) {
        let code = u16::from_le_bytes([insn[0], insn[1]]);
        assert!([0x20, 0x54, 0x05, 0x15, 0x25, 0x35, 0x06].contains(&code), "{code:#x}");
    }
}

/// After loading, neither this function's end nor giving up the context may make a system call: only
/// `exit_group` is allowed.
#[test]
fn release_under_a_tight_filter_makes_no_call() {
    let ctx = Context::new(KILL_PROCESS);
    let exit_group = c_int::try_from(libc::SYS_exit_group).unwrap();
    assert_eq!(ctx.add(ALLOW, exit_group, &[]), 0);
    for nr in 400..450 {
        assert_eq!(ctx.add(0x0005_0001, nr, &[compare(0, EQ, 1, 0), compare(1, EQ, 2, 0)]), 0);
    }
    // SAFETY: the child makes no call but those of loading, releasing and leaving.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            let loaded = seccomp_load(ctx.0);
            seccomp_release(ctx.0);
            libc::_exit(-loaded);
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        assert_eq!(status, 0);
    }
}
