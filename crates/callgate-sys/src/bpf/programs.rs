//! The programs at the tracepoints.
//!
//! What they share: `scope` holds the processes that are watched, by number, each with the number of the program
//! it executes, 0 as long as that is not to be counted; `programs` the paths of those; `calls` the counts.
//!
//! Tracepoints and their arguments: `include/trace/events/syscalls.h`, `sched.h`. Registers of a call:
//! `struct pt_regs`, `arch/x86/include/asm/ptrace.h`.

use super::btf::Btf;
use super::code::{Alu, Code, FP, Helper, Label, Size, Test};

/// Length of a path with its end; longer ones are cut.
pub(super) const PATH: usize = 128;
/// A counted call: convention, number, program, whether it was denied, two arguments, the thread's name.
pub(super) const KEY: usize = 48;
/// How many numbers there are arguments for; twice, for the 32-bit convention has numbers of its own.
pub(super) const NUMBERS: usize = 1024;
/// The calls that were not counted: the only number in `lost`.
pub(super) const LOST: usize = 8;

/// The maps.
pub(super) struct Maps {
    pub(super) scope: i32,
    pub(super) programs: i32,
    pub(super) calls: i32,
    pub(super) arguments: i32,
    pub(super) lost: i32,
    /// By thread, whether it is in a call; `None` where denied calls are not asked for.
    pub(super) inside: Option<i32>,
}

/// Where the kernel's structures keep what the programs read.
pub(super) struct Offsets {
    tgid: u32,
    filename: u32,
    status: u32,
}

impl Offsets {
    pub(super) fn of(btf: &Btf) -> Option<Offsets> {
        Some(Offsets {
            tgid: btf.offset("task_struct", "tgid")?,
            filename: btf.offset("linux_binprm", "filename")?,
            status: btf.offset("task_struct", "thread_info")? + btf.offset("thread_info", "status")?,
        })
    }
}

/// Whom the programs look at.
#[derive(Clone, Copy)]
pub(super) enum Scope {
    /// Processes in the map, and those they make.
    Processes,
    /// All in this control group, so many levels below the root, and in those below it.
    Cgroup { id: u64, level: i32 },
}

/// Puts the number of the current process at `FP - 4` and its place in `scope` into r0; jumps to `out` if it has
/// none.
fn look_up(code: &mut Code, maps: &Maps, out: Label) {
    code.call(Helper::PidTgid);
    code.alu_imm(Alu::Shr, 0, 32);
    code.store(Size::Word, FP, -4, 0);
    code.load_map(1, maps.scope);
    code.mov(2, FP);
    code.alu_imm(Alu::Add, 2, -4);
    code.call(Helper::Lookup);
    code.jump_if(Test::Eq, 0, 0, out);
}

/// `*lost += 1`.
fn lose(code: &mut Code, maps: &Maps) {
    code.load_value(1, maps.lost);
    code.mov_imm(2, 1);
    code.atomic_add(1, 0, 2);
}

/// Where the key of a counted call is put together.
const AT: i16 = -64;

/// Puts the number of the program into r9, if the current process is in scope and counted; jumps to `out` if not.
fn in_scope(code: &mut Code, maps: &Maps, scope: Scope, out: Label) {
    match scope {
        Scope::Processes => {
            look_up(code, maps, out);
            code.load(Size::Word, 9, 0, 0);
            code.jump_if(Test::Eq, 9, 0, out);
        }
        Scope::Cgroup { id, level } => {
            code.mov_imm(1, level);
            code.call(Helper::AncestorCgroup);
            code.load_imm(1, id);
            code.jump_if_reg(Test::Ne, 0, 1, out);
            let unknown = code.label();
            code.mov_imm(9, 0);
            look_up(code, maps, unknown);
            code.load(Size::Word, 9, 0, 0);
            code.place(unknown);
        }
    }
}

/// Puts the number of the current thread at `FP - 4`.
fn thread(code: &mut Code) {
    code.call(Helper::PidTgid);
    code.store(Size::Word, FP, -4, 0);
}

/// At `sys_enter(regs, id)`: count the call.
pub(super) fn enter(maps: &Maps, offsets: &Offsets, scope: Scope) -> Option<Vec<u64>> {
    let mut code = Code::default();
    let out = code.label();
    code.mov(6, 1);
    in_scope(&mut code, maps, scope, out);
    if let Some(inside) = maps.inside {
        thread(&mut code);
        code.store_imm(Size::Word, FP, -8, 1);
        update(&mut code, inside, -4, -8);
    }
    code.load(Size::Double, 8, 6, 8);
    count(&mut code, maps, offsets, false, out)?;
    code.finish()
}

/// At `sys_exit(regs, ret)`: count the call if it has not begun. A filter is asked before `sys_enter`, and what it
/// answers itself only comes by here: an error, or the call's own number after a trap.
pub(super) fn leave(maps: &Maps, offsets: &Offsets, scope: Scope) -> Option<Vec<u64>> {
    /// `orig_ax` in `struct pt_regs`.
    const NUMBER: i32 = 15 * 8;
    let mut code = Code::default();
    let (out, first, denied) = (code.label(), code.label(), code.label());
    let inside = maps.inside?;
    code.mov(6, 1);
    in_scope(&mut code, maps, scope, out);
    thread(&mut code);
    code.load_map(1, inside);
    code.mov(2, FP);
    code.alu_imm(Alu::Add, 2, -4);
    code.call(Helper::Lookup);
    // A thread that was in a call when counting began, or has just been made.
    code.jump_if(Test::Eq, 0, 0, first);
    code.load(Size::Word, 1, 0, 0);
    code.jump_if(Test::Eq, 1, 0, denied);
    code.store_imm(Size::Word, 0, 0, 0);
    code.jump(out);
    code.place(first);
    code.store_imm(Size::Word, FP, -8, 0);
    update(&mut code, inside, -4, -8);
    code.jump(out);
    code.place(denied);
    code.load(Size::Double, 3, 6, 0);
    code.alu_imm(Alu::Add, 3, NUMBER);
    code.mov(1, FP);
    code.alu_imm(Alu::Add, 1, -8);
    code.mov_imm(2, 8);
    code.call(Helper::ReadKernel);
    code.load(Size::Double, 8, FP, -8);
    // A program executed by another thread than the first comes by here with a number it had not before: it
    // has succeeded. Errors are numbers from -4095 on.
    let counts = code.label();
    code.load(Size::Double, 1, 6, 8);
    code.jump_if_reg(Test::Eq, 1, 8, counts);
    code.jump_if(Test::Ge, 1, -4095, counts);
    code.jump(out);
    code.place(counts);
    // No call at all: a tracer's doing.
    code.jump_if(Test::Eq, 8, -1, out);
    count(&mut code, maps, offsets, true, out)?;
    code.finish()
}

/// Counts the call with the number in r8 and the registers at the first argument of the tracepoint, whose
/// arguments are at r6, for the program in r9; places `out`, and ends.
fn count(code: &mut Code, maps: &Maps, offsets: &Offsets, denied: bool, out: Label) -> Option<()> {
    /// `TS_COMPAT`, `arch/x86/include/asm/thread_info.h`.
    const COMPAT: i32 = 2;
    let (known, counted, full) = (code.label(), code.label(), code.label());
    // The key at FP - 64, r8: the number with the convention, for `arguments`.
    for at in (0..KEY as i16).step_by(8) {
        code.store_imm(Size::Double, FP, AT + at, 0);
    }
    code.store(Size::Word, FP, AT + 8, 9);
    code.store_imm(Size::Word, FP, AT + 12, i32::from(denied));
    code.store(Size::Word, FP, AT + 4, 8);
    code.call(Helper::Task);
    code.mov(3, 0);
    code.alu_imm(Alu::Add, 3, i32::try_from(offsets.status).ok()?);
    code.mov(1, FP);
    code.alu_imm(Alu::Add, 1, -8);
    code.mov_imm(2, 4);
    code.store_imm(Size::Double, FP, -8, 0);
    code.call(Helper::ReadKernel);
    code.load(Size::Word, 7, FP, -8);
    code.alu_imm(Alu::And, 7, COMPAT);
    code.store(Size::Word, FP, AT, 7);
    // Numbers beyond the table have no arguments that matter.
    let plain = code.label();
    code.alu_imm(Alu::Shl, 8, 32);
    code.alu_imm(Alu::Shr, 8, 32);
    code.jump_if(Test::Ge, 8, NUMBERS as i32, plain);
    code.alu_imm(Alu::Mul, 7, (NUMBERS / COMPAT as usize) as i32);
    code.alu(Alu::Add, 8, 7);
    code.alu_imm(Alu::And, 8, (2 * NUMBERS - 1) as i32);
    code.alu_imm(Alu::Shl, 8, 2);
    code.load_value(1, maps.arguments);
    code.alu(Alu::Add, 1, 8);
    code.load(Size::Word, 8, 1, 0);
    // r8: for each argument, a byte of one more than its register's place, and one of the bits to leave out.
    for argument in 0..2 {
        let none = code.label();
        code.mov(7, 8);
        code.alu_imm(Alu::Shr, 7, argument * 16);
        code.alu_imm(Alu::And, 7, 0xff);
        code.jump_if(Test::Eq, 7, 0, none);
        code.alu_imm(Alu::Add, 7, -1);
        code.alu_imm(Alu::Shl, 7, 3);
        code.load(Size::Double, 3, 6, 0);
        code.alu(Alu::Add, 3, 7);
        code.mov(1, FP);
        code.alu_imm(Alu::Add, 1, -8);
        code.mov_imm(2, 8);
        code.call(Helper::ReadKernel);
        code.load(Size::Double, 1, FP, -8);
        code.mov(7, 8);
        code.alu_imm(Alu::Shr, 7, argument * 16 + 8);
        code.alu_imm(Alu::And, 7, 0x3f);
        code.alu(Alu::Shl, 1, 7);
        code.alu(Alu::Shr, 1, 7);
        code.store(Size::Double, FP, AT + 16 + 8 * argument as i16, 1);
        code.place(none);
    }
    code.place(plain);
    code.mov(1, FP);
    code.alu_imm(Alu::Add, 1, i32::from(AT) + 32);
    code.mov_imm(2, 16);
    code.call(Helper::Comm);
    // Twice: another CPU may be the first.
    for round in 0..2 {
        code.load_map(1, maps.calls);
        code.mov(2, FP);
        code.alu_imm(Alu::Add, 2, i32::from(AT));
        code.call(Helper::Lookup);
        code.jump_if(Test::Ne, 0, 0, known);
        if round == 1 {
            break;
        }
        code.store_imm(Size::Double, FP, -8, 1);
        code.load_map(1, maps.calls);
        code.mov(2, FP);
        code.alu_imm(Alu::Add, 2, i32::from(AT));
        code.mov(3, FP);
        code.alu_imm(Alu::Add, 3, -8);
        // BPF_NOEXIST
        code.mov_imm(4, 1);
        code.call(Helper::Update);
        code.jump_if(Test::Eq, 0, 0, counted);
    }
    code.jump(full);
    code.place(known);
    code.mov_imm(1, 1);
    code.atomic_add(0, 0, 1);
    code.place(counted);
    code.exit();
    code.place(full);
    lose(code, maps);
    code.place(out);
    code.exit();
    Some(())
}

/// At `sched_process_exec(task, old_pid, bprm)`: the process counts from here on, under the program's path.
pub(super) fn exec(maps: &Maps, offsets: &Offsets, scope: Scope) -> Option<Vec<u64>> {
    const AT: i16 = -8 - PATH as i16;
    let mut code = Code::default();
    let out = code.label();
    code.mov(6, 1);
    match scope {
        Scope::Processes => look_up(&mut code, maps, out),
        Scope::Cgroup { id, level } => {
            code.mov_imm(1, level);
            code.call(Helper::AncestorCgroup);
            code.load_imm(1, id);
            code.jump_if_reg(Test::Ne, 0, 1, out);
            code.call(Helper::PidTgid);
            code.alu_imm(Alu::Shr, 0, 32);
            code.store(Size::Word, FP, -4, 0);
        }
    }
    for at in (0..PATH as i16).step_by(8) {
        code.store_imm(Size::Double, FP, AT + at, 0);
    }
    // `bprm->filename`.
    code.load(Size::Double, 3, 6, 16);
    code.alu_imm(Alu::Add, 3, i32::try_from(offsets.filename).ok()?);
    code.mov(1, FP);
    code.alu_imm(Alu::Add, 1, i32::from(AT));
    code.mov_imm(2, 8);
    code.call(Helper::ReadKernel);
    code.load(Size::Double, 3, FP, AT);
    code.store_imm(Size::Double, FP, AT, 0);
    code.mov(1, FP);
    code.alu_imm(Alu::Add, 1, i32::from(AT));
    code.mov_imm(2, PATH as i32);
    code.call(Helper::ReadKernelStr);
    // Its number, see `number_of`.
    code.mov_imm(7, 0);
    for at in (0..PATH as i16).step_by(8) {
        code.load(Size::Double, 1, FP, AT + at);
        code.alu_imm(Alu::Mul, 7, FACTOR);
        code.alu(Alu::Add, 7, 1);
        code.mov(1, 7);
        code.alu_imm(Alu::Shr, 1, 29);
        code.alu(Alu::Add, 7, 1);
    }
    code.alu_imm(Alu::Shl, 7, 33);
    code.alu_imm(Alu::Shr, 7, 33);
    let some = code.label();
    code.jump_if(Test::Ne, 7, 0, some);
    code.mov_imm(7, 1);
    code.place(some);
    code.store(Size::Word, FP, AT - 8, 7);
    update(&mut code, maps.programs, AT - 8, AT);
    update(&mut code, maps.scope, -4, AT - 8);
    code.place(out);
    code.exit();
    code.finish()
}

/// What is multiplied by for a path's number.
const FACTOR: i32 = 0x0100_0193;

/// The number of a program, as `exec` makes it of the path.
pub(super) fn number_of(path: &[u8; PATH]) -> u32 {
    let words = path.chunks_exact(8).map(|w| w.iter().rev().fold(0_u64, |all, b| all << 8 | u64::from(*b)));
    let sum = words.fold(0_u64, |sum, word| {
        let sum = sum.wrapping_mul(FACTOR as u64).wrapping_add(word);
        sum.wrapping_add(sum >> 29)
    });
    ((sum & 0x7fff_ffff) as u32).max(1)
}

fn update(code: &mut Code, map: i32, key: i16, value: i16) {
    code.load_map(1, map);
    code.mov(2, FP);
    code.alu_imm(Alu::Add, 2, i32::from(key));
    code.mov(3, FP);
    code.alu_imm(Alu::Add, 3, i32::from(value));
    code.mov_imm(4, 0);
    code.call(Helper::Update);
}

/// At `sched_process_fork(parent, child)`: the child is what the parent is. A number that comes round again is
/// forgotten here.
pub(super) fn fork(maps: &Maps, offsets: &Offsets) -> Option<Vec<u64>> {
    let mut code = Code::default();
    let (out, fresh) = (code.label(), code.label());
    code.mov(6, 1);
    // The child's number at FP - 8.
    code.load(Size::Double, 3, 6, 8);
    code.alu_imm(Alu::Add, 3, i32::try_from(offsets.tgid).ok()?);
    code.store_imm(Size::Double, FP, -8, 0);
    code.mov(1, FP);
    code.alu_imm(Alu::Add, 1, -8);
    code.mov_imm(2, 4);
    code.call(Helper::ReadKernel);
    code.load(Size::Word, 7, FP, -8);
    code.call(Helper::PidTgid);
    code.alu_imm(Alu::Shr, 0, 32);
    // A thread: nothing new.
    code.jump_if_reg(Test::Eq, 0, 7, out);
    code.store(Size::Word, FP, -16, 0);
    code.load_map(1, maps.scope);
    code.mov(2, FP);
    code.alu_imm(Alu::Add, 2, -16);
    code.call(Helper::Lookup);
    code.jump_if(Test::Eq, 0, 0, fresh);
    code.load(Size::Word, 1, 0, 0);
    code.store(Size::Word, FP, -24, 1);
    update(&mut code, maps.scope, -8, -24);
    code.jump_if(Test::Eq, 0, 0, out);
    lose(&mut code, maps);
    code.jump(out);
    code.place(fresh);
    code.load_map(1, maps.scope);
    code.mov(2, FP);
    code.alu_imm(Alu::Add, 2, -8);
    code.call(Helper::Delete);
    code.place(out);
    code.exit();
    code.finish()
}
