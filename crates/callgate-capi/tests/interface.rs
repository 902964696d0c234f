//! The interface as C calls it: return codes, what is kept when a call fails, and a process that survives
//! giving its context up under a filter that forbids nearly everything.
#![expect(unsafe_code, reason = "the interface is C's")]

use libc::{EACCES, EDOM, EEXIST, EFAULT, EINVAL, EOPNOTSUPP, ERANGE, c_int, c_void};
use seccomp::api::*;
use std::ptr::{null, null_mut};

const ALLOW: u32 = 0x7fff_0000;
const KILL: u32 = 0;
const KILL_PROCESS: u32 = 0x8000_0000;
const X86: u32 = 0x4000_0003;
const X86_64: u32 = 0xc000_003e;
const PPC: u32 = 0x14;
const EQ: u32 = 4;
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
