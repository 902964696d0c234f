//! The programs at the tracepoints.
//!
//! What they share: `scope` holds the processes that are watched, by number, each with the number of the program
//! it executes, 0 as long as that is not to be counted; `programs` the paths of those. Who calls, a program and a
//! thread's name, has a number too: `whos` gives it, `NAMES` holds what it stands for, and `REMEMBERED` has it by
//! thread, so that most calls look up nothing: they are counted in `CELLS`, one for each number of a call.
//! Calls with arguments that matter, and what there is no cell for, are counted in the hash `calls`. What is no hash
//! is a part of one table, which is mapped: it is read without asking the kernel.
//!
//! The current task and its registers are pointers whose types the kernel knows: they are read as its own code does.
//! What a tracepoint is called with are numbers, and a helper reads what they point to: for programs that are told
//! their types, too, the kernel would look for these in its description, three times a tenth of a millisecond.
//! Tracepoints and their arguments: `include/trace/events/syscalls.h`, `sched.h`. Registers of a call: `struct
//! pt_regs`, `arch/x86/include/asm/ptrace.h`.

use std::ffi::CStr;

use super::btf::Btf;
use super::code::{Alu, Code, FP, Helper, Label, Size, Test};

/// Length of a path with its end; longer ones are cut.
pub(super) const PATH: usize = 128;
/// A call in the hash: who, the call's number, two arguments.
pub(super) const KEY: usize = 24;
/// Bits beside who made a call: by the 32-bit convention, and answered by a filter.
pub(super) const NARROW: u32 = 1 << 30;
pub(super) const DENIED: u32 = 1 << 31;
/// How many callers are told apart; what others call is lost. Number 0 is nobody.
pub(super) const WHOS: usize = 1 << 12;
/// Who: the program's number and the thread's name.
pub(super) const WHO: usize = 24;

// The parts of the table, and where they begin.
/// The calls that were not counted, and the last number of a caller.
pub(super) const LOST: usize = 0;
pub(super) const LAST: usize = LOST + 8;
/// By number of a call, which arguments matter; twice, for the 32-bit convention has numbers of its own.
pub(super) const ARGUMENTS: usize = 64;
/// How many numbers there are arguments for.
pub(super) const NUMBERS: usize = 1024;
/// Who threads are, by the lower bits of their numbers.
const REMEMBERED: usize = ARGUMENTS + 2 * NUMBERS * 4;
/// How many threads are remembered.
const THREADS: usize = 1 << 13;
/// What the numbers of callers stand for.
pub(super) const NAMES: usize = REMEMBERED + THREADS * 8;
/// A caller there: as in `whos`, and longer, so that places are shifts.
pub(super) const NAME: usize = 32;
/// The counts, by processor, caller, and number of the call.
pub(super) const CELLS: usize = NAMES + WHOS * NAME;
/// How many callers and numbers of calls have cells of their own.
pub(super) const CELLED_WHOS: usize = 32;
pub(super) const CELLED_NUMBERS: usize = 512;

/// How many bytes the table has.
pub(super) fn table_len(processors: usize) -> usize {
    (CELLS + processors * CELLED_WHOS * CELLED_NUMBERS * 8).next_multiple_of(4096)
}

/// A first call: who, number, two arguments, thread, process, instruction pointer, stack pointer, frame pointer, how
/// many bytes of the stack there are, and those.
pub(super) const FIRST: i32 = STACK as i32 + DEPTH;
/// Where the stack begins in that, and how much of it there is at most: in front of where the stack begins there may
/// be less, which is tried in steps.
pub(super) const STACK: i16 = 64;
const DEPTH: i32 = 8192;
const STEPS: [i32; 6] = [DEPTH, 4096, 2048, 1024, 512, 256];

/// The maps.
pub(super) struct Maps {
    pub(super) scope: i32,
    pub(super) programs: i32,
    pub(super) calls: i32,
    pub(super) whos: i32,
    pub(super) table: i32,
    /// By thread, whether it is in a call; `None` where denied calls are not asked for.
    pub(super) inside: Option<i32>,
    /// A ring buffer for the first of each call with its stack; `None` where those are not asked for.
    pub(super) ring: Option<i32>,
    /// For how many processors there are cells: a power of two. Those beyond share them.
    pub(super) processors: usize,
}

/// A tracepoint.
pub(super) const ENTER: &CStr = c"sys_enter";
pub(super) const LEAVE: &CStr = c"sys_exit";
pub(super) const FORK: &CStr = c"sched_process_fork";
pub(super) const EXEC: &CStr = c"sched_process_exec";

/// Where the kernel's structures keep what the programs read.
pub(super) struct Offsets {
    pid: i16,
    tgid: i16,
    comm: i16,
    filename: i16,
    status: i16,
}

impl Offsets {
    pub(super) fn of(btf: &Btf) -> Option<Offsets> {
        let found = btf.structures(&["task_struct", "linux_binprm", "thread_info"]);
        let found: Option<Vec<_>> = found.into_iter().collect();
        let [task, binprm, info] = *found?.first_chunk()?;
        let offset = |of, member| i16::try_from(btf.offset(of, member)?).ok();
        Some(Offsets {
            pid: offset(task, "pid")?,
            tgid: offset(task, "tgid")?,
            comm: offset(task, "comm")?,
            filename: offset(binprm, "filename")?,
            status: offset(task, "thread_info")?.checked_add(offset(info, "status")?)?,
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

// Registers that keep their meaning through a program.
/// What the tracepoint was called with.
const CONTEXT: u8 = 6;
/// The current task.
const TASK: u8 = 7;
/// Who calls.
const CALLER: u8 = 8;
/// The number of the call.
const NUMBER: u8 = 9;

// Places on the stack.
const SMALL: i16 = -8;
const PROGRAM: i16 = -16;
/// Who, as in `whos`.
const WHO_AT: i16 = -40;
/// The key of a call.
const KEY_AT: i16 = -64;
/// What was read of the kernel's memory.
const READ: i16 = -72;
/// The six arguments.
const ARGS: i16 = -112;

/// A key on the stack.
fn key(code: &mut Code, map: i32, at: i16) {
    code.load_map(1, map);
    code.mov(2, FP);
    code.alu_imm(Alu::Add, 2, i32::from(at));
}

/// Puts the place in `scope` of the current process into r0, its number at `SMALL`; jumps to `out` if it has none.
fn look_up(code: &mut Code, maps: &Maps, offsets: &Offsets, out: Label) {
    code.load(Size::Word, 1, TASK, offsets.tgid);
    code.store(Size::Word, FP, SMALL, 1);
    key(code, maps.scope, SMALL);
    code.call(Helper::Lookup);
    code.jump_if(Test::Eq, 0, 0, out);
}

/// `*lost += 1`.
fn lose(code: &mut Code, maps: &Maps) {
    code.load_value(1, maps.table, LOST);
    code.mov_imm(2, 1);
    code.atomic_add(1, 0, 2);
}

/// Reads a word or two from the address in r3 to `READ`; 0 where that cannot be.
fn read(code: &mut Code, size: Size) {
    code.mov(1, FP);
    code.alu_imm(Alu::Add, 1, i32::from(READ));
    code.mov_imm(2, if matches!(size, Size::Word) { 4 } else { 8 });
    code.call(Helper::ReadKernel);
}

/// A pointer to what the current task's registers were when it entered the kernel into r0 (Linux 5.15).
fn registers(code: &mut Code) {
    code.mov(1, TASK);
    code.call(Helper::Registers);
}

/// The current task into its register.
fn begin(code: &mut Code) {
    code.mov(CONTEXT, 1);
    code.call(Helper::TaskTyped);
    code.mov(TASK, 0);
}

/// Jumps to `out` if the current task is not in the control group.
fn in_group(code: &mut Code, id: u64, level: i32, out: Label) {
    code.mov_imm(1, level);
    code.call(Helper::AncestorCgroup);
    code.load_imm(1, id);
    code.jump_if_reg(Test::Ne, 0, 1, out);
}

/// Puts the address of the number in r1 of a thread's place in `threads` into r2.
fn remembered(code: &mut Code, maps: &Maps) {
    code.mov(3, 1);
    code.alu_imm(Alu::And, 3, (THREADS - 1) as i32);
    code.alu_imm(Alu::Shl, 3, 3);
    code.load_value(2, maps.table, REMEMBERED);
    code.alu(Alu::Add, 2, 3);
}

/// Puts who calls into its register, if the current task is in scope and counted; jumps to `out` if not.
fn who(code: &mut Code, maps: &Maps, offsets: &Offsets, scope: Scope, out: Label) {
    let (slow, nobody, known, found, unknown, full) =
        (code.label(), code.label(), code.label(), code.label(), code.label(), code.label());
    if let Scope::Cgroup { id, level } = scope {
        in_group(code, id, level, out);
    }
    // A thread's number and who that is, in one word: it is never half another's.
    code.load(Size::Word, 1, TASK, offsets.pid);
    remembered(code, maps);
    code.load(Size::Double, CALLER, 2, 0);
    code.mov(3, CALLER);
    code.alu_imm(Alu::Shr, 3, 32);
    code.jump_if_reg(Test::Ne, 3, 1, slow);
    code.alu_imm(Alu::And, CALLER, (WHOS - 1) as i32);
    code.jump_if(Test::Eq, CALLER, 0, out);
    // Its name may have changed.
    code.mov(1, CALLER);
    code.alu_imm(Alu::Shl, 1, NAME.trailing_zeros().cast_signed());
    code.load_value(2, maps.table, NAMES);
    code.alu(Alu::Add, 2, 1);
    for half in [0, 8] {
        code.load(Size::Double, 3, 2, 8 + half);
        code.load(Size::Double, 4, TASK, offsets.comm + half);
        code.jump_if_reg(Test::Ne, 3, 4, slow);
    }
    code.jump(known);

    code.place(slow);
    code.store_imm(Size::Double, FP, WHO_AT, 0);
    match scope {
        Scope::Processes => {
            look_up(code, maps, offsets, nobody);
            code.load(Size::Word, 1, 0, 0);
            code.jump_if(Test::Eq, 1, 0, nobody);
            code.store(Size::Word, FP, WHO_AT, 1);
        }
        Scope::Cgroup { .. } => {
            look_up(code, maps, offsets, unknown);
            code.load(Size::Word, 1, 0, 0);
            code.store(Size::Word, FP, WHO_AT, 1);
            code.place(unknown);
        }
    }
    for half in [0, 8] {
        code.load(Size::Double, 1, TASK, offsets.comm + half);
        code.store(Size::Double, FP, WHO_AT + 8 + half, 1);
    }
    // Twice: another processor may be the first.
    for round in 0..2 {
        key(code, maps.whos, WHO_AT);
        code.call(Helper::Lookup);
        code.jump_if(Test::Ne, 0, 0, found);
        if round == 1 {
            break;
        }
        code.load_value(1, maps.table, LOST);
        code.mov_imm(CALLER, 1);
        code.atomic_fetch_add(1, (LAST - LOST) as i16, CALLER);
        code.alu_imm(Alu::Add, CALLER, 1);
        code.jump_if(Test::Ge, CALLER, WHOS as i32, full);
        code.mov(1, CALLER);
        code.alu_imm(Alu::Shl, 1, NAME.trailing_zeros().cast_signed());
        code.load_value(2, maps.table, NAMES);
        code.alu(Alu::Add, 2, 1);
        for part in [0, 8, 16] {
            code.load(Size::Double, 1, FP, WHO_AT + part);
            code.store(Size::Double, 2, part, 1);
        }
        code.store(Size::Double, FP, SMALL, CALLER);
        key(code, maps.whos, WHO_AT);
        code.mov(3, FP);
        code.alu_imm(Alu::Add, 3, i32::from(SMALL));
        // BPF_NOEXIST
        code.mov_imm(4, 1);
        code.call(Helper::Update);
    }
    code.jump(full);
    code.place(found);
    code.load(Size::Double, CALLER, 0, 0);
    code.alu_imm(Alu::And, CALLER, (WHOS - 1) as i32);
    // It never is: the verifier, who does not know that, looks at all that follows but once, as it is the same for it.
    code.jump_if(Test::Eq, CALLER, 0, out);
    remember(code, maps, offsets, CALLER);
    code.jump(known);

    // What cannot be reached must not be there.
    if matches!(scope, Scope::Processes) {
        code.place(nobody);
        code.mov_imm(4, 0);
        remember(code, maps, offsets, 4);
        code.jump(out);
    }

    code.place(full);
    lose(code, maps);
    code.jump(out);
    code.place(known);
}

/// Who the current thread is, for the next time.
fn remember(code: &mut Code, maps: &Maps, offsets: &Offsets, who: u8) {
    code.load(Size::Word, 1, TASK, offsets.pid);
    remembered(code, maps);
    code.alu_imm(Alu::Shl, 1, 32);
    code.alu(Alu::Add, 1, who);
    code.store(Size::Double, 2, 0, 1);
}

/// Forgets who a thread is, whose number is in r1.
fn forget(code: &mut Code, maps: &Maps) {
    remembered(code, maps);
    code.store_imm(Size::Double, 2, 0, 0);
}

/// At `sys_enter(regs, id)`: count the call.
pub(super) fn enter(maps: &Maps, offsets: &Offsets, scope: Scope) -> Option<Vec<u64>> {
    let mut code = Code::default();
    let out = code.label();
    begin(&mut code);
    who(&mut code, maps, offsets, scope, out);
    if let Some(inside) = maps.inside {
        thread(&mut code, offsets);
        code.store_imm(Size::Word, FP, PROGRAM, 1);
        update(&mut code, inside, SMALL, PROGRAM);
    }
    code.load(Size::Double, NUMBER, CONTEXT, 8);
    count(&mut code, maps, offsets, false, out);
    code.finish()
}

/// Puts the number of the current thread at `SMALL`.
fn thread(code: &mut Code, offsets: &Offsets) {
    code.load(Size::Word, 1, TASK, offsets.pid);
    code.store(Size::Word, FP, SMALL, 1);
}

/// At `sys_exit(regs, ret)`: count the call if it has not begun. A filter is asked before `sys_enter`, and what it
/// answers itself only comes by here: an error, or the call's own number after a trap.
pub(super) fn leave(maps: &Maps, offsets: &Offsets, scope: Scope) -> Option<Vec<u64>> {
    /// `orig_ax` in `struct pt_regs`.
    const CALL: i16 = 15 * 8;
    let mut code = Code::default();
    let (out, first, denied) = (code.label(), code.label(), code.label());
    let inside = maps.inside?;
    begin(&mut code);
    who(&mut code, maps, offsets, scope, out);
    thread(&mut code, offsets);
    key(&mut code, inside, SMALL);
    code.call(Helper::Lookup);
    // A thread that was in a call when counting began, or has just been made.
    code.jump_if(Test::Eq, 0, 0, first);
    code.load(Size::Word, 1, 0, 0);
    code.jump_if(Test::Eq, 1, 0, denied);
    code.store_imm(Size::Word, 0, 0, 0);
    code.jump(out);
    code.place(first);
    code.store_imm(Size::Word, FP, PROGRAM, 0);
    update(&mut code, inside, SMALL, PROGRAM);
    code.jump(out);
    code.place(denied);
    registers(&mut code);
    code.load(Size::Double, NUMBER, 0, CALL);
    // A program executed by another thread than the first comes by here with a number it had not before: it
    // has succeeded. Errors are numbers from -4095 on.
    let counts = code.label();
    code.load(Size::Double, 1, CONTEXT, 8);
    code.jump_if_reg(Test::Eq, 1, NUMBER, counts);
    code.jump_if(Test::Ge, 1, -4095, counts);
    code.jump(out);
    code.place(counts);
    // No call at all: a tracer's doing.
    code.jump_if(Test::Eq, NUMBER, -1, out);
    count(&mut code, maps, offsets, true, out);
    code.finish()
}

/// Counts the call, whose registers are the first argument of the tracepoint; places `out`, and ends.
fn count(code: &mut Code, maps: &Maps, offsets: &Offsets, denied: bool, out: Label) {
    // Words of `struct pt_regs`, in the order of the arguments.
    const WIDE_REGISTERS: [i16; 6] = [14, 13, 12, 7, 9, 8];
    const NARROW_REGISTERS: [i16; 6] = [5, 11, 12, 13, 14, 4];
    let (narrow, plain, hashed, arguments, full, first) =
        (code.label(), code.label(), code.label(), code.label(), code.label(), code.label());
    compat(code, offsets);
    code.store(Size::Word, FP, KEY_AT, CALLER);
    code.store_imm(Size::Double, FP, KEY_AT + 8, 0);
    code.store_imm(Size::Double, FP, KEY_AT + 16, 0);
    code.alu_imm(Alu::Shl, NUMBER, 32);
    code.alu_imm(Alu::Shr, NUMBER, 32);
    code.jump_if(Test::Ne, 1, 0, narrow);
    // Numbers beyond the table have no arguments that matter.
    code.jump_if(Test::Ge, NUMBER, NUMBERS as i32, hashed);
    code.mov(1, NUMBER);
    code.alu_imm(Alu::Shl, 1, 2);
    code.load_value(2, maps.table, ARGUMENTS);
    code.alu(Alu::Add, 2, 1);
    code.load(Size::Word, 5, 2, 0);
    code.jump_if(Test::Eq, 5, 0, plain);
    take(code, &WIDE_REGISTERS);
    code.jump(arguments);

    code.place(plain);
    if denied {
        code.jump(hashed);
    } else {
        code.jump_if(Test::Ge, NUMBER, CELLED_NUMBERS as i32, hashed);
        code.jump_if(Test::Ge, CALLER, CELLED_WHOS as i32, hashed);
        code.call(Helper::Processor);
        code.alu_imm(Alu::And, 0, (maps.processors - 1) as i32);
        code.alu_imm(Alu::Mul, 0, CELLED_WHOS as i32);
        code.alu(Alu::Add, 0, CALLER);
        code.alu_imm(Alu::Mul, 0, CELLED_NUMBERS as i32);
        code.alu(Alu::Add, 0, NUMBER);
        code.alu_imm(Alu::Shl, 0, 3);
        code.load_value(1, maps.table, CELLS);
        code.alu(Alu::Add, 1, 0);
        code.mov_imm(2, 1);
        if maps.ring.is_some() {
            code.atomic_fetch_add(1, 0, 2);
            code.jump_if(Test::Eq, 2, 0, first);
        } else {
            code.atomic_add(1, 0, 2);
        }
        code.exit();
    }

    code.place(narrow);
    mark(code, NARROW);
    code.jump_if(Test::Ge, NUMBER, NUMBERS as i32, hashed);
    code.mov(1, NUMBER);
    code.alu_imm(Alu::Add, 1, NUMBERS as i32);
    code.alu_imm(Alu::Shl, 1, 2);
    code.load_value(2, maps.table, ARGUMENTS);
    code.alu(Alu::Add, 2, 1);
    code.load(Size::Word, 5, 2, 0);
    code.jump_if(Test::Eq, 5, 0, hashed);

    take(code, &NARROW_REGISTERS);

    code.place(arguments);
    // For each argument, a byte of one more than its position, and one of the bits to leave out.
    for argument in 0..2 {
        code.load(Size::Double, 1, FP, PROGRAM);
        if argument > 0 {
            code.alu_imm(Alu::Shr, 1, argument * 16);
            code.jump_if(Test::Eq, 1, 0, hashed);
        }
        code.mov(4, 1);
        code.alu_imm(Alu::And, 1, 7);
        code.jump_if(Test::Eq, 1, 7, hashed);
        code.alu_imm(Alu::Shl, 1, 3);
        code.mov(2, FP);
        code.alu(Alu::Add, 2, 1);
        code.load(Size::Double, 3, 2, ARGS - 8);
        code.alu_imm(Alu::Shr, 4, 8);
        code.alu_imm(Alu::And, 4, 0x3f);
        code.alu(Alu::Shl, 3, 4);
        code.alu(Alu::Shr, 3, 4);
        code.store(Size::Double, FP, KEY_AT + 8 + 8 * argument as i16, 3);
    }

    code.place(hashed);
    if denied {
        mark(code, DENIED);
    }
    code.store(Size::Word, FP, KEY_AT + 4, NUMBER);
    let known = code.label();
    // Twice: another processor may be the first.
    for round in 0..2 {
        key(code, maps.calls, KEY_AT);
        code.call(Helper::Lookup);
        code.jump_if(Test::Ne, 0, 0, known);
        if round == 1 {
            break;
        }
        code.store_imm(Size::Double, FP, SMALL, 1);
        key(code, maps.calls, KEY_AT);
        code.mov(3, FP);
        code.alu_imm(Alu::Add, 3, i32::from(SMALL));
        // BPF_NOEXIST
        code.mov_imm(4, 1);
        code.call(Helper::Update);
        code.jump_if(Test::Eq, 0, 0, if maps.ring.is_some() && !denied { first } else { out });
    }
    code.jump(full);
    code.place(known);
    code.mov_imm(1, 1);
    code.atomic_add(0, 0, 1);
    code.exit();
    if let Some(ring) = maps.ring.filter(|_| !denied) {
        code.place(first);
        tell_first(code, offsets, ring, out);
    }
    code.place(full);
    lose(code, maps);
    code.place(out);
    code.exit();
}

/// Puts into r1 whether the call follows the 32-bit convention.
fn compat(code: &mut Code, offsets: &Offsets) {
    /// `TS_COMPAT`, `arch/x86/include/asm/thread_info.h`.
    const COMPAT: i32 = 2;
    code.load(Size::Word, 1, TASK, offsets.status);
    code.alu_imm(Alu::And, 1, COMPAT);
}

/// Adds a bit to who calls in the key.
fn mark(code: &mut Code, bit: u32) {
    code.load(Size::Word, 1, FP, KEY_AT);
    code.alu_imm(Alu::Or, 1, bit.cast_signed());
    code.store(Size::Word, FP, KEY_AT, 1);
}

/// Puts the call into the ring, with its stack, and ends; jumps to `out` where there is no room.
fn tell_first(code: &mut Code, offsets: &Offsets, ring: i32, out: Label) {
    // `struct pt_regs`: the instruction pointer, the stack pointer, `rbp`.
    const REGISTERS: [i16; 3] = [16 * 8, 19 * 8, 4 * 8];
    /// The call's number is in the record by then.
    const RECORD: u8 = NUMBER;
    // Nobody unwinds 32-bit programs.
    compat(code, offsets);
    code.jump_if(Test::Ne, 1, 0, out);
    code.load_map(1, ring);
    code.mov_imm(2, FIRST);
    code.mov_imm(3, 0);
    code.call(Helper::Reserve);
    code.jump_if(Test::Eq, 0, 0, out);
    code.store(Size::Word, 0, 0, CALLER);
    code.store(Size::Word, 0, 4, NUMBER);
    code.mov(RECORD, 0);
    for (to, from) in [(8, KEY_AT + 8), (16, KEY_AT + 16)] {
        code.load(Size::Double, 1, FP, from);
        code.store(Size::Double, RECORD, to, 1);
    }
    code.load(Size::Word, 1, TASK, offsets.pid);
    code.store(Size::Word, RECORD, 24, 1);
    code.load(Size::Word, 1, TASK, offsets.tgid);
    code.store(Size::Word, RECORD, 28, 1);
    registers(code);
    for (place, register) in (0..).zip(REGISTERS) {
        code.load(Size::Double, 1, 0, register);
        code.store(Size::Double, RECORD, 32 + 8 * place, 1);
    }
    let done = code.label();
    for len in STEPS {
        code.mov(1, RECORD);
        code.alu_imm(Alu::Add, 1, i32::from(STACK));
        code.mov_imm(2, len);
        code.load(Size::Double, 3, RECORD, 40);
        code.call(Helper::ReadUser);
        code.mov_imm(2, len);
        code.jump_if(Test::Eq, 0, 0, done);
    }
    code.mov_imm(2, 0);
    code.place(done);
    code.store(Size::Double, RECORD, 56, 2);
    code.mov(1, RECORD);
    code.mov_imm(2, 0);
    code.call(Helper::Submit);
    code.exit();
}

/// Puts the six arguments at their place, and which of them matter, from r5, at `PROGRAM`.
fn take(code: &mut Code, words: &[i16; 6]) {
    code.store(Size::Double, FP, PROGRAM, 5);
    registers(code);
    // In front of the first, so that every place the verifier thinks of holds something.
    code.store_imm(Size::Double, FP, ARGS - 8, 0);
    for (argument, word) in (0..).zip(words) {
        code.load(Size::Double, 1, 0, word * 8);
        code.store(Size::Double, FP, ARGS + 8 * argument, 1);
    }
}

/// At `sched_process_exec(task, old_pid, bprm)`: the process counts from here on, under the program's path.
pub(super) fn exec(maps: &Maps, offsets: &Offsets, scope: Scope) -> Option<Vec<u64>> {
    const AT: i16 = PROGRAM - PATH as i16;
    let mut code = Code::default();
    let out = code.label();
    begin(&mut code);
    match scope {
        Scope::Processes => look_up(&mut code, maps, offsets, out),
        Scope::Cgroup { id, level } => {
            in_group(&mut code, id, level, out);
            code.load(Size::Word, 1, TASK, offsets.tgid);
            code.store(Size::Word, FP, SMALL, 1);
        }
    }
    // Before anything is where this is read to.
    code.load(Size::Double, 3, CONTEXT, 16);
    code.alu_imm(Alu::Add, 3, i32::from(offsets.filename));
    read(&mut code, Size::Double);
    code.load(Size::Double, 3, FP, READ);
    for at in (0..PATH as i16).step_by(8) {
        code.store_imm(Size::Double, FP, AT + at, 0);
    }
    code.mov(1, FP);
    code.alu_imm(Alu::Add, 1, i32::from(AT));
    code.mov_imm(2, PATH as i32);
    code.call(Helper::ReadKernelStr);
    // Its number, see `number_of`.
    code.mov_imm(CALLER, 0);
    for at in (0..PATH as i16).step_by(8) {
        code.load(Size::Double, 1, FP, AT + at);
        code.alu_imm(Alu::Mul, CALLER, FACTOR);
        code.alu(Alu::Add, CALLER, 1);
        code.mov(1, CALLER);
        code.alu_imm(Alu::Shr, 1, 29);
        code.alu(Alu::Add, CALLER, 1);
    }
    code.alu_imm(Alu::Shl, CALLER, 33);
    code.alu_imm(Alu::Shr, CALLER, 33);
    let some = code.label();
    code.jump_if(Test::Ne, CALLER, 0, some);
    code.mov_imm(CALLER, 1);
    code.place(some);
    code.store(Size::Word, FP, PROGRAM, CALLER);
    update(&mut code, maps.programs, PROGRAM, AT);
    update(&mut code, maps.scope, SMALL, PROGRAM);
    // It is another than it was.
    code.load(Size::Word, 1, TASK, offsets.pid);
    forget(&mut code, maps);
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

fn update(code: &mut Code, map: i32, at: i16, value: i16) {
    key(code, map, at);
    code.mov(3, FP);
    code.alu_imm(Alu::Add, 3, i32::from(value));
    code.mov_imm(4, 0);
    code.call(Helper::Update);
}

/// At `sched_process_fork(parent, child)`: the child is what the parent is. A number that comes round again is
/// forgotten here.
pub(super) fn fork(maps: &Maps, offsets: &Offsets) -> Option<Vec<u64>> {
    const PARENT: i16 = PROGRAM;
    let mut code = Code::default();
    let (out, fresh) = (code.label(), code.label());
    begin(&mut code);
    for number in [offsets.pid, offsets.tgid] {
        code.load(Size::Double, 3, CONTEXT, 8);
        code.alu_imm(Alu::Add, 3, i32::from(number));
        read(&mut code, Size::Word);
        code.load(Size::Word, CALLER, FP, READ);
        if number == offsets.pid {
            code.mov(1, CALLER);
            forget(&mut code, maps);
        }
    }
    code.load(Size::Word, 1, TASK, offsets.tgid);
    // A thread: nothing new.
    code.jump_if_reg(Test::Eq, CALLER, 1, out);
    look_up(&mut code, maps, offsets, fresh);
    code.load(Size::Word, 1, 0, 0);
    code.store(Size::Word, FP, PARENT, 1);
    code.store(Size::Word, FP, SMALL, CALLER);
    update(&mut code, maps.scope, SMALL, PARENT);
    code.jump_if(Test::Eq, 0, 0, out);
    lose(&mut code, maps);
    code.jump(out);
    code.place(fresh);
    code.store(Size::Word, FP, SMALL, CALLER);
    key(&mut code, maps.scope, SMALL);
    code.call(Helper::Delete);
    code.place(out);
    code.exit();
    code.finish()
}
