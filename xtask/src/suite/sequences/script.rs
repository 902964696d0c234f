//! Sequences of calls, from a number.

use std::fmt;

/// One comparison: argument, operator, two values.
pub(super) type Compare = (u32, u32, u64, u64);

/// One call of the interface.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Level(u32),
    Init(usize, u32),
    Reset(usize, u32),
    ArchAdd(usize, u32),
    ArchRemove(usize, u32),
    Attr(usize, u32, u32),
    Get(usize, u32),
    Merge(usize, usize),
    Start(usize),
    Commit(usize),
    Reject(usize),
    Priority(usize, i32, u32),
    Add { ctx: usize, exact: bool, action: u32, nr: i32, compares: Vec<Compare> },
    Bpf(usize),
    Pfc(usize),
}

impl Step {
    /// The function.
    pub(super) fn name(&self) -> String {
        let text = self.to_string();
        match self {
            Step::Add { nr, compares, exact, .. } => {
                let exact = if *exact { " exactly" } else { "" };
                format!("add{exact} of call {nr} with {} comparisons", compares.len())
            }
            _ => text,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Level(level) => write!(f, "level {level}"),
            Step::Init(ctx, action) => write!(f, "init {ctx} {action:x}"),
            Step::Reset(ctx, action) => write!(f, "reset {ctx} {action:x}"),
            Step::ArchAdd(ctx, token) => write!(f, "archadd {ctx} {token:x}"),
            Step::ArchRemove(ctx, token) => write!(f, "archremove {ctx} {token:x}"),
            Step::Attr(ctx, which, value) => write!(f, "attr {ctx} {which} {value:x}"),
            Step::Get(ctx, which) => write!(f, "get {ctx} {which}"),
            Step::Merge(into, from) => write!(f, "merge {into} {from}"),
            Step::Start(ctx) => write!(f, "start {ctx}"),
            Step::Commit(ctx) => write!(f, "commit {ctx}"),
            Step::Reject(ctx) => write!(f, "reject {ctx}"),
            Step::Priority(ctx, nr, priority) => write!(f, "priority {ctx} {nr} {priority}"),
            Step::Add { ctx, exact, action, nr, compares } => {
                write!(f, "add {ctx} {} {action:x} {nr} {}", u32::from(*exact), compares.len())?;
                compares.iter().try_for_each(|(arg, op, a, b)| write!(f, " {arg} {op} {a:x} {b:x}"))
            }
            Step::Bpf(ctx) => write!(f, "bpf {ctx}"),
            Step::Pfc(ctx) => write!(f, "pfc {ctx}"),
        }
    }
}

/// Tokens of architectures of one byte order, the native one first, and x32's.
const TOKENS: [u32; 8] =
    [0xc000_003e, 0x4000_0003, 0x4000_003e, 0xc000_00b7, 0x4000_0028, 0xc000_0015, 0x4000_0008, 0xc000_00f3];
const ALLOW: u32 = 0x7fff_0000;
const KILL: u32 = 0;
const ACTIONS: [u32; 6] = [0x0005_0001, 0x0005_0026, 0x0003_0000, 0x7ffc_0000, 0x8000_0000, 0x7ff0_0007];
/// Calls by x86_64 numbers: everywhere, with siblings, multiplexed, missing on some, unknown, negative.
const CALLS: [i32; 22] =
    [0, 1, 2, 3, 9, 16, 41, 42, 49, 56, 64, 157, 231, 257, 288, 435, 437, 999, -101, -10001, -5, -1];

/// The sequence with this number.
pub(super) fn script(number: u64) -> Vec<Step> {
    let mut dice = Dice(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let default = if dice.once_in(3) { KILL } else { ALLOW };
    let mut steps = vec![Step::Level(7), Step::Init(0, default)];
    let contexts = if dice.once_in(4) { 2 } else { 1 };
    if contexts == 2 {
        steps.push(Step::Init(1, default));
        let token = TOKENS[1 + dice.below(7)];
        steps.extend([Step::ArchRemove(1, TOKENS[0]), Step::ArchAdd(1, token)]);
    }
    // Most sequences use one action, so that what they mean does not hang on the order of insertion.
    let action = ACTIONS[dice.below(ACTIONS.len())];
    let mixed = dice.once_in(4);
    // In many sequences most rules are about one call, and meet each other.
    let one = dice.once_in(3).then(|| CALLS[dice.below(6)]);
    let mut open = [0usize; 2];
    for _ in 0..3 + dice.below(14) {
        let ctx = dice.below(contexts);
        let calls = if dice.once_in(4) { CALLS.len() } else { 6 };
        steps.push(match dice.below(20) {
            0 => Step::ArchAdd(ctx, if dice.once_in(9) { 0x1234 } else { TOKENS[dice.below(8)] }),
            1 if dice.once_in(3) => Step::ArchRemove(ctx, TOKENS[dice.below(8)]),
            2 => Step::Attr(ctx, of_both(dice.below(13) as u32), dice.below(3) as u32),
            3 if dice.once_in(2) => Step::Attr(ctx, 2, ACTIONS[dice.below(6)]),
            4 => Step::Get(ctx, of_both(1 + dice.below(11) as u32)),
            5 => Step::Priority(ctx, CALLS[dice.below(22)], dice.below(256) as u32),
            6 => {
                open[ctx] += 1;
                Step::Start(ctx)
            }
            // Some releases crash when nothing has been started.
            7 | 8 if open[ctx] > 0 => {
                open[ctx] -= 1;
                if dice.once_in(2) { Step::Commit(ctx) } else { Step::Reject(ctx) }
            }
            9 if dice.once_in(4) => Step::Reset(ctx, default),
            _ => Step::Add {
                ctx,
                exact: dice.once_in(6),
                action: match () {
                    () if dice.once_in(30) => default,
                    () if dice.once_in(40) => 0x1234_5678,
                    () if mixed => ACTIONS[dice.below(6)],
                    () => action,
                },
                nr: one.filter(|_| !dice.once_in(4)).unwrap_or_else(|| CALLS[dice.below(calls)]),
                compares: compares(&mut dice),
            },
        });
    }
    if contexts == 2 {
        steps.push(Step::Merge(0, 1));
    }
    steps.extend([Step::Pfc(0), Step::Bpf(0)]);
    steps
}

/// Attributes 11 and 12 came after 2.6: another number in their place, which is none with either library.
fn of_both(attribute: u32) -> u32 {
    if matches!(attribute, 11 | 12) { attribute + 100 } else { attribute }
}

fn compares(dice: &mut Dice) -> Vec<Compare> {
    const VALUES: [u64; 12] = [
        0,
        1,
        2,
        3,
        0xff,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        1 << 32,
        5 << 32 | 1,
        u64::MAX - 1,
        u64::MAX,
    ];
    let count = [0, 0, 1, 1, 1, 1, 2, 2, 3][dice.below(9)];
    (0..count)
        .map(|_| {
            let arg = if dice.once_in(60) { 6 } else { dice.below(4) as u32 };
            let op = match dice.below(12) {
                _ if dice.once_in(60) => 8,
                0..=4 => 4,
                5 | 6 => 7,
                other => [1, 2, 3, 5, 6][other - 7],
            };
            (arg, op, VALUES[dice.below(12)], VALUES[dice.below(12)])
        })
        .collect()
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % n
    }

    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}
