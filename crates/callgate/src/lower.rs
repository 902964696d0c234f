//! Policy → Filter: what the rules mean.

mod values;

use crate::diagram::{Cube, Diagram, Filter, Leaves, Limits, Ref, Store, TooLarge, words::Test};
use crate::policy::{ArgCmp, Call, Cond, Decided, FOREIGN, Op, Policy, is_unknown};
use callgate_abi::{Action, Arch, Errno, Syscall, Width, Word};
use std::fmt;
use std::hash::Hash;
use values::Field;

/// Why a policy has no filter.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LowerError {
    /// The policy has rules but lists no architecture, so none of them could ever match.
    NoArch,
    /// The function needs more nodes than the budget.
    TooLarge(TooLarge),
}

impl fmt::Display for LowerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LowerError::NoArch => f.write_str("the policy lists no architecture"),
            LowerError::TooLarge(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for LowerError {}

impl From<TooLarge> for LowerError {
    fn from(e: TooLarge) -> LowerError {
        LowerError::TooLarge(e)
    }
}

impl Policy {
    /// The filter: for every call, the action of the first rule that matches.
    ///
    /// Error numbers of the policy are generic; the filter holds each architecture's own.
    pub fn lower(&self) -> Result<Filter, LowerError> {
        self.build(|arch, decided| localize(self.action_of(decided), arch))
    }

    /// For every call, what decides it. [`Policy::lower`] is its map to actions.
    pub fn decisions(&self) -> Result<Diagram<Decided>, LowerError> {
        self.build(|_, decided| decided)
    }

    fn build<L: Clone + Eq + Hash>(
        &self,
        leaf: impl FnMut(Option<Arch>, Decided) -> L,
    ) -> Result<Diagram<L>, LowerError> {
        if self.arches.is_empty() && !self.rules.is_empty() {
            return Err(LowerError::NoArch);
        }
        let mut tokens: Vec<u32> = self.arches.iter().map(|a| a.token()).collect();
        tokens.sort_unstable();
        tokens.dedup();
        let mut lowering = Lowering {
            policy: self,
            store: Store::with_room(Limits::default(), room(self, tokens.len())),
            leaves: Leaves::new(),
            ruled: vec![None; self.rules.len()],
            ranges: Vec::new(),
            leaf,
        };
        let bad = lowering.foreign()?;
        let mut segments = vec![(0, bad)];
        for token in tokens {
            let made = lowering.numbers(token)?;
            if segments.last().is_some_and(|s| s.0 == token) {
                segments.pop();
            }
            segments.push((token, made));
            segments.push((token + 1, bad));
        }
        segments.dedup_by_key(|s| s.1);
        let root = lowering.store.layer(Word::ARCH, &segments)?;
        Ok(lowering.store.finish(root, lowering.leaves.list()))
    }
}

/// The action with its error number as this architecture counts.
fn localize(action: Action, arch: Option<Arch>) -> Action {
    match (action, arch) {
        (Action::Errno(errno), Some(arch)) => Action::Errno(Errno(errno.on(arch))),
        _ => action,
    }
}

/// Numbers that a rule speaks about.
#[derive(Clone, Copy)]
struct Span {
    first: u32,
    last: u32,
    rule: u32,
    /// Whether it is all numbers because the rule names none.
    is_any: bool,
}

impl Span {
    /// The numbers of a range or of `any`; calls with names have none here.
    fn of(call: &Call, rule: u32) -> Option<Span> {
        match call {
            Call::Any => Some(Span { first: 0, last: u32::MAX, rule, is_any: true }),
            Call::Numbers(range) if !range.is_empty() => {
                Some(Span { first: *range.start(), last: *range.end(), rule, is_any: false })
            }
            Call::Numbers(_) | Call::Named(_) => None,
        }
    }
}

/// The spans over a number, for one number after another: every span is looked at where it begins and ends, and not
/// at all numbers.
struct Sweep {
    /// In order of their beginnings.
    spans: Vec<Span>,
    next: usize,
    open: Vec<Span>,
}

impl Sweep {
    fn over(mut spans: Vec<Span>) -> Sweep {
        spans.sort_by_key(|s| s.first);
        Sweep { spans, next: 0, open: Vec::new() }
    }

    /// The spans over `nr`, which is not below the numbers asked for before.
    fn at(&mut self, nr: u32) -> &[Span] {
        self.open.retain(|s| s.last >= nr);
        while let Some(span) = self.spans.get(self.next).filter(|s| s.first <= nr) {
            if span.last >= nr {
                self.open.push(*span);
            }
            self.next += 1;
        }
        &self.open
    }
}

struct Lowering<'a, L, F> {
    policy: &'a Policy,
    store: Store,
    leaves: Leaves<L>,
    /// The leaf of each rule under the architecture it was last met for.
    ruled: Vec<Option<(Arch, Ref)>>,
    /// The values of an argument that a condition names, while they are laid over a function.
    ranges: Vec<(u64, u64)>,
    leaf: F,
}

impl<L: Clone + Eq + Hash, F: FnMut(Option<Arch>, Decided) -> L> Lowering<'_, L, F> {
    fn leaf(&mut self, arch: Option<Arch>, decided: Decided) -> Ref {
        self.leaves.intern((self.leaf)(arch, decided))
    }

    fn rule_leaf(&mut self, arch: Arch, rule: u32) -> Ref {
        match self.ruled[rule as usize] {
            Some((of, leaf)) if of == arch => leaf,
            _ => {
                let leaf = self.leaf(Some(arch), Decided::Rule(rule));
                self.ruled[rule as usize] = Some((arch, leaf));
                leaf
            }
        }
    }

    /// The layer of `nr` under an architecture that is not listed.
    fn foreign(&mut self) -> Result<Ref, TooLarge> {
        let policy = self.policy;
        let bad = self.leaf(None, Decided::BadArch);
        let mut spans: Vec<Span> = Vec::new();
        for (i, rule) in policy.foreign.iter().enumerate() {
            spans.extend(rule.calls.iter().filter_map(|call| Span::of(call, i as u32)));
        }
        let mut cuts = vec![0];
        for span in &spans {
            cuts.push(span.first);
            cuts.extend(span.last.checked_add(1));
        }
        cuts.sort_unstable();
        cuts.dedup();
        let mut sweep = Sweep::over(spans);
        let mut segments: Vec<(u32, Ref)> = Vec::with_capacity(cuts.len());
        let mut rules: Vec<u32> = Vec::new();
        for nr in cuts {
            let here = sweep.at(nr);
            self.store.spend(here.len() as u64)?;
            rules.clear();
            rules.extend(here.iter().map(|span| span.rule));
            rules.sort_unstable();
            rules.dedup();
            let mut made = bad;
            for &i in rules.iter().rev() {
                let action = self.leaf(None, Decided::Foreign(i));
                made = self.condition(FOREIGN, &policy.foreign[i as usize].when, action, made)?;
            }
            if segments.last().is_none_or(|last| last.1 != made) {
                segments.push((nr, made));
            }
        }
        self.store.layer(Word::NR, &segments)
    }

    /// The layer of `nr` under one audit token: the line of numbers is cut wherever the set of
    /// matching rules can change, and each piece is folded from its last rule to its first.
    fn numbers(&mut self, token: u32) -> Result<Ref, TooLarge> {
        let policy = self.policy;
        let listed: Vec<Arch> = policy.arches.iter().copied().filter(|a| a.token() == token).collect();
        let arch_of = |nr: u32| Arch::of_call(token, nr).unwrap_or(listed[0]);
        // The only number at which the architecture changes.
        let (low, high) = (arch_of(0), arch_of(Arch::X32_BIT));
        let mut cuts: Vec<u32> = vec![0];
        if token == Arch::X32.token() {
            cuts.push(Arch::X32_BIT);
        }
        for &arch in &listed {
            if let Some(last) = Syscall::last_number(arch) {
                cuts.extend(last.checked_add(1));
                for (nr, _) in Syscall::of_arch(arch).filter(|e| e.0 > last) {
                    cuts.push(nr);
                    cuts.extend(nr.checked_add(1));
                }
            }
        }
        // Single numbers with the rules that name them, and rules that cover whole ranges.
        let points = points(policy, &listed);
        let mut spans: Vec<Span> = Vec::new();
        for (i, rule) in policy.rules.iter().enumerate() {
            spans.extend(rule.calls.iter().filter_map(|call| Span::of(call, i as u32)));
        }
        for span in &spans {
            cuts.push(span.first);
            cuts.extend(span.last.checked_add(1));
        }
        let mut sweep = Sweep::over(spans);
        cuts.sort_unstable();
        cuts.dedup();

        let mut segments: Vec<(u32, Ref)> = Vec::with_capacity(cuts.len() + points.len());
        let (mut next_cut, mut next_point, mut behind_point) = (0, 0, None);
        let mut rules: Vec<u32> = Vec::new();
        loop {
            let ahead = [cuts.get(next_cut).copied(), points.get(next_point).map(|p| p.0), behind_point];
            let Some(nr) = ahead.into_iter().flatten().min() else { break };
            next_cut += usize::from(ahead[0] == Some(nr));
            behind_point = behind_point.filter(|behind| *behind != nr);
            let arch = if nr < Arch::X32_BIT { low } else { high };
            rules.clear();
            while points.get(next_point).is_some_and(|p| p.0 == nr) {
                rules.push(points[next_point].1);
                next_point += 1;
                behind_point = nr.checked_add(1);
            }
            let spans = sweep.at(nr);
            if !spans.is_empty() {
                self.store.spend(spans.len() as u64)?;
                let is_listed = listed.contains(&arch);
                // Where the architecture is not listed, only rules that name the number speak about it.
                rules.extend(spans.iter().filter(|s| is_listed || !s.is_any).map(|s| s.rule).filter(|&i| {
                    let rule = &policy.rules[i as usize];
                    rule.arches.is_empty()
                        || rule.arches.contains(&arch)
                        || (!is_listed && rule.arches.iter().any(|a| a.token() == token))
                }));
                rules.sort_unstable();
                rules.dedup();
            }
            let made = self.piece(arch, listed.contains(&arch), nr, &rules)?;
            if segments.last().is_none_or(|last| last.1 != made) {
                segments.push((nr, made));
            }
        }
        self.store.layer(Word::NR, &segments)
    }

    /// What happens to a number that these rules, in order, speak about.
    fn piece(&mut self, arch: Arch, listed: bool, nr: u32, rules: &[u32]) -> Result<Ref, TooLarge> {
        let policy = self.policy;
        let first_certain = rules.iter().position(|&i| matches!(policy.rules[i as usize].when, Cond::True));
        let (conditional, mut made) = match first_certain {
            Some(at) => (&rules[..at], self.rule_leaf(arch, rules[at])),
            None => {
                let otherwise = match (listed, arch) {
                    (false, Arch::X32) => Decided::X32,
                    (false, _) => Decided::BadArch,
                    (true, _) if is_unknown(arch, nr) => Decided::Unknown,
                    (true, _) => Decided::Default,
                };
                (rules, self.leaf(Some(arch), otherwise))
            }
        };
        for &i in conditional.iter().rev() {
            let action = self.rule_leaf(arch, i);
            made = self.condition(arch, &policy.rules[i as usize].when, action, made)?;
        }
        Ok(made)
    }

    /// `condition ? then : otherwise`.
    fn condition(
        &mut self,
        arch: Arch,
        condition: &Cond,
        then: Ref,
        otherwise: Ref,
    ) -> Result<Ref, TooLarge> {
        match condition {
            Cond::True => Ok(then),
            Cond::Not(inner) => self.condition(arch, inner, otherwise, then),
            Cond::Any(any) => self.any(arch, any, then, otherwise),
            Cond::Arg(_) | Cond::All(_) => self.any(arch, std::slice::from_ref(condition), then, otherwise),
        }
    }

    /// `any of them ? then : otherwise`; those about the values of one argument that follow each other at once.
    fn any(&mut self, arch: Arch, any: &[Cond], then: Ref, otherwise: Ref) -> Result<Ref, TooLarge> {
        let mut made = otherwise;
        let mut rest = any;
        while let Some((last, before)) = rest.split_last() {
            self.ranges.clear();
            let Some(field) = values::ranges(arch, last, &mut self.ranges) else {
                made = self.one(arch, last, then, made)?;
                rest = before;
                continue;
            };
            let mut first = before.len();
            while let Some(before) = first.checked_sub(1) {
                let known = self.ranges.len();
                if values::ranges(arch, &any[before], &mut self.ranges) != Some(field) {
                    self.ranges.truncate(known);
                    break;
                }
                first = before;
            }
            made = self.values(arch, &rest[first..], field, then, made)?;
            rest = &rest[..first];
        }
        Ok(made)
    }

    /// `any of them ? then : otherwise`, where they are about one argument and `ranges` are its values.
    fn values(
        &mut self,
        arch: Arch,
        any: &[Cond],
        field: Field,
        then: Ref,
        otherwise: Ref,
    ) -> Result<Ref, TooLarge> {
        values::merge(&mut self.ranges);
        match self.store.lay(field.arg, field.wide, &self.ranges, then, otherwise) {
            Some(made) => made,
            // Something is asked before the argument.
            None => any.iter().rev().try_fold(otherwise, |made, c| self.one(arch, c, then, made)),
        }
    }

    /// A condition by itself.
    fn one(&mut self, arch: Arch, condition: &Cond, then: Ref, otherwise: Ref) -> Result<Ref, TooLarge> {
        if then.is_leaf()
            && let Some(cube) = cube(arch, condition)
        {
            return cube.map_or(Ok(otherwise), |cube| self.store.overlay(&cube, then, otherwise));
        }
        match condition {
            Cond::Arg(cmp) => self.compare(arch, cmp, then, otherwise),
            Cond::All(all) => {
                let mut parts: Vec<&Cond> = all.iter().collect();
                // Each test is built around the ones before. Over a leaf, the deepest comes first, and no
                // test meets another; over many rules, the one asked first does, since then all but one
                // path has the same two ends for the tests that follow, which stop there.
                parts.sort_by_key(|c| first_arg(c));
                if otherwise.node_index().is_none() {
                    parts.reverse();
                }
                parts.into_iter().try_fold(then, |made, c| self.condition(arch, c, made, otherwise))
            }
            Cond::True | Cond::Any(_) | Cond::Not(_) => self.condition(arch, condition, then, otherwise),
        }
    }

    fn compare(&mut self, arch: Arch, cmp: &ArgCmp, then: Ref, otherwise: Ref) -> Result<Ref, TooLarge> {
        let (hi, lo) = (Word::arg_hi(cmp.arg.get()), Word::arg_lo(cmp.arg.get()));
        let (wide, of) = width(arch, cmp);
        let (mask, value, then, otherwise) = match cmp.op {
            Op::Eq(v) => (u64::MAX, of(v), then, otherwise),
            Op::Ne(v) => (u64::MAX, of(v), otherwise, then),
            Op::MaskedEq { mask, value } => (of(mask), of(value), then, otherwise),
            Op::Ge(v) => return self.order(wide, cmp.arg.get(), (of(v), false), then, otherwise),
            Op::Gt(v) => return self.order(wide, cmp.arg.get(), (of(v), true), then, otherwise),
            Op::Lt(v) => return self.order(wide, cmp.arg.get(), (of(v), false), otherwise, then),
            Op::Le(v) => return self.order(wide, cmp.arg.get(), (of(v), true), otherwise, then),
        };
        let ([mask_hi, mask_lo], [value_hi, value_lo]) = (halves(mask), halves(value));
        if value & !mask != 0 || (!wide && value_hi != 0) {
            return Ok(otherwise);
        }
        if wide
            && mask == u64::MAX
            && let Some(made) = self.store.argument_at(cmp.arg.get(), value, false, then, otherwise)
        {
            return made;
        }
        let made = self.store.branch(lo, mask_lo, Test::Eq(value_lo), then, otherwise)?;
        if !wide {
            return Ok(made);
        }
        self.store.branch(hi, mask_hi, Test::Eq(value_hi), made, otherwise)
    }

    /// `argument >= value`, or with `above` `argument > value`.
    fn order(
        &mut self,
        wide: bool,
        arg: u8,
        (value, above): (u64, bool),
        then: Ref,
        otherwise: Ref,
    ) -> Result<Ref, TooLarge> {
        let (value_hi, value_lo) = ((value >> 32) as u32, value as u32);
        if !wide && value_hi != 0 {
            return Ok(otherwise);
        }
        if wide {
            // Above a value is from the next one on.
            let Some(from) = value.checked_add(above.into()) else { return Ok(otherwise) };
            if let Some(made) = self.store.argument_at(arg, from, true, then, otherwise) {
                return made;
            }
        }
        let (hi, lo) = (Word::arg_hi(arg), Word::arg_lo(arg));
        let test = if above { Test::Gt(value_lo) } else { Test::Ge(value_lo) };
        let low = self.store.branch(lo, u32::MAX, test, then, otherwise)?;
        if !wide {
            return Ok(low);
        }
        let equal = self.store.branch(hi, u32::MAX, Test::Eq(value_hi), low, otherwise)?;
        self.store.branch(hi, u32::MAX, Test::Gt(value_hi), then, equal)
    }
}

/// About how many nodes a policy comes to.
fn room(policy: &Policy, tokens: usize) -> usize {
    const A_TOKEN: usize = 256;
    const A_COMPARISON: usize = 24;
    const MOST: usize = 4096;
    fn comparisons(condition: &Cond) -> usize {
        match condition {
            Cond::True => 0,
            Cond::Arg(_) => 1,
            Cond::Not(inner) => comparisons(inner),
            Cond::All(all) | Cond::Any(all) => all.iter().map(comparisons).sum(),
        }
    }
    let each: usize = policy.rules.iter().map(|rule| comparisons(&rule.when)).sum();
    (tokens * A_TOKEN + each * A_COMPARISON).clamp(A_TOKEN, MOST)
}

/// The numbers that rules name on architectures of one token, with the rules, both ascending.
fn points(policy: &Policy, listed: &[Arch]) -> Vec<(u32, u32)> {
    /// As many numbers from the first one on are sorted by counting.
    const DENSE: usize = 640;
    let mut sorted: Vec<(u32, u32)> = Vec::new();
    for &arch in listed {
        let mut points: Vec<(u32, u32)> = Vec::with_capacity(128);
        for (i, rule) in policy.rules.iter().enumerate() {
            if rule.arches.is_empty() || rule.arches.contains(&arch) {
                points.extend(rule.calls.iter().filter_map(|call| match call {
                    Call::Named(call) => Some((call.number(arch)?, i as u32)),
                    Call::Any | Call::Numbers(_) => None,
                }));
            }
        }
        let first = Syscall::of_arch(arch).next().map_or(0, |c| c.0);
        let place = |nr: u32| nr.checked_sub(first).map(|n| n as usize).filter(|n| *n < DENSE);
        // Rules ascend already, so that numbers alone are to be sorted.
        let mut ends = [0_u32; DENSE];
        points.iter().filter_map(|p| place(p.0)).for_each(|n| ends[n] += 1);
        let mut end = sorted.len() as u32;
        for count in &mut ends {
            (*count, end) = (end, end + *count);
        }
        sorted.resize(end as usize, (0, 0));
        for &point in &points {
            match place(point.0) {
                Some(n) => {
                    sorted[ends[n] as usize] = point;
                    ends[n] += 1;
                }
                None => sorted.push(point),
            }
        }
    }
    if !sorted.is_sorted() {
        sorted.sort_unstable();
    }
    sorted.dedup();
    sorted
}

/// Whether a comparison looks at both halves of the argument, and the part of its values that it looks at.
fn width(arch: Arch, cmp: &ArgCmp) -> (bool, impl Fn(u64) -> u64) {
    let narrow = cmp.width == Width::W32;
    let wide = cmp.width == Width::Slot || (!narrow && arch.register_bits() == 64);
    (wide, move |v| if narrow { v & 0xffff_ffff } else { v })
}

/// The high half and the low one.
fn halves(value: u64) -> [u32; 2] {
    [(value >> 32) as u32, value as u32]
}

/// The bits that a condition asks for all at once: `None` if it is not of this kind, nothing in it if it cannot hold.
fn cube(arch: Arch, condition: &Cond) -> Option<Option<Cube>> {
    let mut cube = Cube::default();
    let mut holds = true;
    let mut add = |cond: &Cond| {
        let Cond::Arg(cmp) = cond else { return false };
        let (wide, of) = width(arch, cmp);
        let (mask, value) = match cmp.op {
            Op::Eq(v) => (u64::MAX, of(v)),
            Op::MaskedEq { mask, value } => (of(mask), of(value)),
            Op::Ne(_) | Op::Lt(_) | Op::Le(_) | Op::Gt(_) | Op::Ge(_) => return false,
        };
        let ([mask_hi, mask_lo], [value_hi, value_lo]) = (halves(mask), halves(value));
        holds &= value & !mask == 0 && (wide || value_hi == 0);
        holds &= cube.ask(Word::arg_lo(cmp.arg.get()), mask_lo, value_lo);
        holds &= !wide || cube.ask(Word::arg_hi(cmp.arg.get()), mask_hi, value_hi);
        true
    };
    let all = match condition {
        Cond::All(all) => all.iter().all(add),
        one => add(one),
    };
    all.then(|| holds.then_some(cube))
}

/// The argument a condition asks first.
fn first_arg(cond: &Cond) -> u8 {
    match cond {
        Cond::True => 0,
        Cond::Arg(cmp) => cmp.arg.get(),
        Cond::Not(inner) => first_arg(inner),
        Cond::All(all) | Cond::Any(all) => all.iter().map(first_arg).min().unwrap_or(0),
    }
}
