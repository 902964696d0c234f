//! What the rules of a sequence say, by the plainest reading: which rules match a call.

use super::script::{Compare, Step};
use callgate::abi::multiplex;
use callgate::{Action, Arch, SeccompData, Syscall};

/// The contexts of a sequence, as accepted calls have made them.
#[derive(Default)]
pub(super) struct Model {
    contexts: [Option<Context>; 2],
}

#[derive(Clone)]
struct Context {
    default: u32,
    bad_arch: u32,
    skip: bool,
    filters: Vec<(Arch, Vec<Rule>)>,
    snapshots: Vec<Vec<(Arch, Vec<Rule>)>>,
}

#[derive(Clone)]
struct Rule {
    action: u32,
    nr: i32,
    compares: Vec<Compare>,
}

/// What the rules say of a call.
#[derive(Debug)]
pub(super) enum Verdict {
    Certain(Action),
    /// Rules with different actions match, and which one decides is not laid down.
    Open(Vec<Action>),
}

impl Model {
    /// Takes in a step that both libraries have carried out, or refused.
    pub(super) fn step(&mut self, step: &Step, done: bool) {
        if !done {
            return;
        }
        match step {
            Step::Init(ctx, default) | Step::Reset(ctx, default) => {
                self.contexts[*ctx] = Some(Context::new(*default));
            }
            Step::Merge(into, from) => {
                if let Some(from) = self.contexts[*from].take()
                    && let Some(into) = &mut self.contexts[*into]
                {
                    into.filters.extend(from.filters);
                }
            }
            Step::ArchAdd(ctx, _)
            | Step::ArchRemove(ctx, _)
            | Step::Attr(ctx, ..)
            | Step::Start(ctx)
            | Step::Commit(ctx)
            | Step::Reject(ctx)
            | Step::Add { ctx, .. } => {
                if let Some(context) = &mut self.contexts[*ctx] {
                    context.step(step);
                }
            }
            Step::Level(_) | Step::Get(..) | Step::Priority(..) | Step::Bpf(_) | Step::Pfc(_) => {}
        }
    }

    /// An architecture of a context: all have one byte order.
    pub(super) fn first_arch(&self, ctx: usize) -> Option<Arch> {
        self.contexts[ctx].as_ref()?.filters.first().map(|f| f.0)
    }

    /// Whether the rules of architectures alone say that a call must return this.
    ///
    /// A refused rule takes the stock library back to what the latest accepted rule left: an architecture that has
    /// been added since is gone, one that has been removed since is there again. Stock 2.6.0 and 2.6.1 both show it
    /// in sequences of few calls, from a new context, `refused` being any rule that ends in an error:
    ///
    /// - a rule, `seccomp_arch_add(x32)`, refused: `seccomp_rule_add_exact` then succeeds, although there are two
    ///   architectures, which is `-EOPNOTSUPP` (seccomp_rule_add(3)); `seccomp_arch_add(x32)` succeeds once more;
    ///   `seccomp_arch_remove(x32)` is `-EEXIST`.
    /// - `seccomp_arch_add(x32)`, a rule, `seccomp_arch_remove(x86_64)`, refused: `seccomp_rule_add_exact` is
    ///   `-EOPNOTSUPP`, although there is one architecture, and `seccomp_arch_remove(x86_64)` succeeds once more.
    /// - a rule, `seccomp_arch_add(x32)`, refused, `seccomp_arch_remove(x86_64)`: no architecture is left there, and
    ///   with none a context is invalid: every rule is `-EINVAL`, although x32 was never removed.
    pub(super) fn bears_out(&self, step: &Step, returned: &str, theirs: &str) -> bool {
        let has = |ctx: usize, token: u32| {
            self.contexts[ctx].as_ref().is_some_and(|c| c.filters.iter().any(|f| Some(f.0) == arch_of(token)))
        };
        match (step, returned) {
            // They have lost all architectures but one.
            (Step::Add { ctx, exact: true, .. }, "-95") => self.arches(*ctx) > 1,
            // What the only architecture lacks cannot be asked for exactly; they have another one.
            (Step::Add { ctx, exact: true, nr: nr @ 0.., .. }, "-33") => {
                let call = Arch::NATIVE.and_then(|a| Syscall::from_number(a, nr.cast_unsigned()));
                let lacks = |arch: Arch| call.is_some_and(|c| c.number(arch).is_none());
                self.arches(*ctx) == 1 && self.first_arch(*ctx).is_some_and(lacks)
            }
            // They count an architecture that has been removed.
            (Step::Add { ctx, exact: true, .. }, _) if theirs == "-95" => self.arches(*ctx) == 1,
            // They have no architecture left, and so no valid context; nothing in the rule is invalid.
            (Step::Add { ctx, exact: false, nr: 0.., compares, .. }, "0") if theirs == "-22" => {
                self.arches(*ctx) > 0 && are_valid(compares)
            }
            // A number that is no call here has no name to be found by elsewhere.
            (
                Step::Add { ctx, nr: -101 | -10001 | 999, .. } | Step::Priority(ctx, -101 | -10001 | 999, _),
                "-14",
            ) => self.contexts[*ctx]
                .as_ref()
                .is_some_and(|c| c.filters.iter().any(|f| Some(f.0) != Arch::NATIVE)),
            (Step::ArchAdd(ctx, token), "-17") => has(*ctx, *token),
            // They have kept one that was removed before a transaction which has been rejected.
            (Step::ArchAdd(ctx, token), "0") if theirs == "-17" => !has(*ctx, *token),
            (Step::ArchRemove(ctx, token), "-17") => !has(*ctx, *token),
            (Step::ArchRemove(ctx, token), "0") => has(*ctx, *token),
            (Step::Merge(into, from), "-17" | "0") if returned == "-17" || theirs == "-17" => {
                (returned == "-17")
                    == self.contexts[*from]
                        .as_ref()
                        .zip(self.contexts[*into].as_ref())
                        .is_some_and(|(a, b)| a.filters.iter().any(|f| b.filters.iter().any(|g| f.0 == g.0)))
            }
            _ => false,
        }
    }

    /// How many architectures a context has.
    pub(super) fn arches(&self, ctx: usize) -> usize {
        self.contexts[ctx].as_ref().map_or(0, |c| c.filters.len())
    }

    /// What the rules of a context say of a call.
    pub(super) fn verdict(&self, ctx: usize, call: &SeccompData) -> Verdict {
        let Some(context) = &self.contexts[ctx] else { return Verdict::Open(Vec::new()) };
        context.verdict(call)
    }
}

impl Context {
    fn new(default: u32) -> Context {
        let filters = Arch::NATIVE.into_iter().map(|a| (a, Vec::new())).collect();
        Context { default, bad_arch: 0, skip: false, filters, snapshots: Vec::new() }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::ArchAdd(_, token) => self.filters.extend(arch_of(*token).map(|a| (a, Vec::new()))),
            Step::ArchRemove(_, token) => self.filters.retain(|f| Some(f.0) != arch_of(*token)),
            Step::Attr(_, 2, value) => self.bad_arch = *value,
            Step::Attr(_, 5, value) => self.skip = *value != 0,
            Step::Start(_) => self.snapshots.push(self.filters.clone()),
            Step::Commit(_) => drop(self.snapshots.pop()),
            Step::Reject(_) => {
                if let Some(before) = self.snapshots.pop() {
                    self.filters = before;
                }
            }
            Step::Add { action, nr, compares, .. } => {
                let rule = Rule { action: *action, nr: *nr, compares: compares.clone() };
                self.filters.iter_mut().for_each(|f| f.1.push(rule.clone()));
            }
            _ => {}
        }
    }

    fn verdict(&self, call: &SeccompData) -> Verdict {
        let certain = |raw| Verdict::Certain(Action::from_ret(raw));
        let is_skip = call.nr == u32::MAX;
        let of_token = || self.filters.iter().filter(|f| f.0.token() == call.arch);
        let arch = Arch::of_call(call.arch, call.nr);
        let mut filter = self.filters.iter().find(|f| Some(f.0) == arch);
        if filter.is_none() && is_skip {
            filter = of_token().next();
        }
        let Some((arch, rules)) = filter else { return certain(self.bad_arch) };
        let mut matching = Vec::new();
        for rule in rules {
            for (nr, compares) in readings(*arch, rule) {
                let is_it = nr == call.nr && (!is_skip || (self.skip && rule.nr == -1));
                if !is_it {
                    continue;
                }
                let compares: Vec<Compare> = compares.into_iter().filter(|c| !always(*arch, c)).collect();
                if compares.is_empty() {
                    // Of rules without comparisons the first stays, and it beats the others.
                    return certain(self.first_plain(*arch, call.nr, rules).unwrap_or(rule.action));
                }
                if compares.iter().all(|c| holds(*arch, c, call)) {
                    matching.push(Action::from_ret(rule.action));
                }
            }
        }
        matching.sort_unstable();
        matching.dedup();
        match matching[..] {
            [] => certain(self.default),
            [action] => Verdict::Certain(action),
            _ => Verdict::Open(matching),
        }
    }

    fn first_plain(&self, arch: Arch, nr: u32, rules: &[Rule]) -> Option<u32> {
        rules.iter().find_map(|rule| {
            let plain = readings(arch, rule)
                .into_iter()
                .any(|(n, compares)| n == nr && compares.iter().all(|c| always(arch, c)));
            plain.then_some(rule.action)
        })
    }
}

/// The calls a rule is about on an architecture.
fn readings(arch: Arch, rule: &Rule) -> Vec<(u32, Vec<Compare>)> {
    if rule.nr == -1 {
        return vec![(u32::MAX, rule.compares.clone())];
    }
    let native = Some(arch) == Arch::NATIVE;
    let call = match u32::try_from(rule.nr) {
        Ok(nr) => Arch::NATIVE.and_then(|a| Syscall::from_number(a, nr)),
        Err(_) => multiplex::from_pseudo_number(rule.nr).filter(|_| !native),
    };
    let Some(call) = call else {
        let own = u32::try_from(rule.nr).ok().filter(|_| native);
        return own.map(|nr| (nr, rule.compares.clone())).into_iter().collect();
    };
    let mut readings = Vec::new();
    if let Some((through, sub)) = multiplex::of_call_on(call, arch)
        && let Some(nr) = through.call().number(arch)
    {
        let mut compares: Vec<Compare> = rule.compares.iter().copied().filter(|c| c.0 != 0).collect();
        compares.push((0, 4, u64::from(sub), 0));
        readings.push((nr, compares));
    }
    readings.extend(call.number(arch).map(|nr| (nr, rule.compares.clone())));
    readings
}

/// A value as an architecture holds it.
fn cut(arch: Arch, value: u64) -> u64 {
    if arch.pointer_bits() == 32 { value & 0xffff_ffff } else { value }
}

/// A mask of nothing holds whatever the value.
fn always(arch: Arch, compare: &Compare) -> bool {
    compare.1 == 7 && cut(arch, compare.2) == 0
}

fn holds(arch: Arch, compare: &Compare, call: &SeccompData) -> bool {
    let (arg, op, a, b) = *compare;
    let value = cut(arch, call.args[arg as usize % 6]);
    let (a, b) = (cut(arch, a), cut(arch, b));
    match op {
        1 => value != a,
        2 => value < a,
        3 => value <= a,
        4 => value == a,
        5 => value >= a,
        6 => value > a,
        _ => value & a == b & a,
    }
}

/// Whether comparisons name arguments there are, each once, and operators there are.
fn are_valid(compares: &[Compare]) -> bool {
    let distinct = compares.iter().enumerate().all(|(i, c)| compares[..i].iter().all(|d| d.0 != c.0));
    distinct && compares.iter().all(|c| c.0 < 6 && (1..=7).contains(&c.1))
}

fn arch_of(token: u32) -> Option<Arch> {
    match token {
        0x4000_003e => Some(Arch::X32),
        _ => Arch::ALL.iter().copied().find(|a| a.token() == token),
    }
}
