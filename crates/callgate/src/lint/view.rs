//! The combined filter, call by call: what the rules ask.

use super::Options;
use crate::diagram::{Diagram, Filter, Ref, TooLarge};
use crate::hash::FastMap;
use callgate_abi::{Action, Arch, Kernel, Param, SeccompData, Syscall, Word};

/// How far a call is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Access {
    /// Permitted whatever its arguments.
    Open,
    /// Permitted for some arguments.
    Partial,
    /// Never permitted.
    Denied,
}

/// A filter with what is asked of it often.
pub(super) struct View<'a> {
    pub(super) options: &'a Options,
    /// The kernel the filter is for.
    pub(super) kernel: Kernel,
    /// The filter, on calls that programs of each convention make.
    pub(super) filter: Filter,
    /// The filter on all calls.
    pub(super) whole: Filter,
    /// The conventions that are looked at.
    pub(super) arches: Vec<ArchView>,
    /// The conventions that the filter treats otherwise than a made-up one.
    pub(super) apart: Vec<Arch>,
    /// An audit token that the filter does not single out, and no known architecture's.
    pub(super) foreign: Option<u32>,
    /// Per node: whether it leads to a permitting leaf (1), to another (2).
    outcomes: Vec<u8>,
    /// Per node: the words that it and those below ask.
    words: Vec<u16>,
}

/// One convention under the filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct ArchView {
    pub(super) arch: Arch,
    /// Whether numbers without a name are permitted: what is not mentioned is allowed.
    pub(super) deny_list: bool,
}

impl<'a> View<'a> {
    pub(super) fn new(combined: &Filter, options: &'a Options, home: &[Arch]) -> Result<View<'a>, TooLarge> {
        let asks_upper = (0..6).any(|i| combined.depends_on(Word::arg_hi(i)));
        let filter = if asks_upper { combined.on_real_calls()? } else { combined.clone() };
        let (mut outcomes, mut words) = (Vec::new(), Vec::new());
        for i in 0..filter.node_count() {
            let node = filter.node(i);
            let of = |at: Ref| match at.node_index() {
                Some(i) => (outcomes[i], words[i]),
                None => (outcome(filter.leaf(at)), 0),
            };
            let ((lo, lo_words), (hi, hi_words)) = (of(node.lo), of(node.hi));
            outcomes.push(lo | hi);
            words.push(lo_words | hi_words | 1 << (node.level / 32));
        }
        // Of the filter as it is: calls of a 32-bit convention differ from made-up ones in their registers.
        let foreign = combined.unknown_token();
        let apart = if combined.depends_on(Word::ARCH) { combined.arches() } else { Vec::new() };
        let kernel = options.kernel.unwrap_or(Kernel::OF_TABLES);
        let arches = Vec::new();
        let whole = combined.clone();
        let mut view = View { options, kernel, filter, whole, arches, apart, foreign, outcomes, words };
        let scope = view.scope(home);
        view.arches =
            scope.into_iter().map(|arch| ArchView { arch, deny_list: view.is_deny_list(arch) }).collect();
        Ok(view)
    }

    /// The conventions to look at: those asked for, or those the filter treats apart, or, where it
    /// treats none apart, those it is written for.
    fn scope(&self, home: &[Arch]) -> Vec<Arch> {
        if !self.options.arches.is_empty() {
            return self.options.arches.clone();
        }
        let mut apart = self.apart.clone();
        if !home.contains(&Arch::X32) {
            // x32 shares x86_64's token: it is in scope where its calls are told apart, not where all of
            // them are refused or let through.
            let is = |wanted| Syscall::of_arch(Arch::X32).any(|(nr, _)| self.access(Arch::X32, nr) == wanted);
            let told_apart = is(Access::Partial) || (is(Access::Open) && is(Access::Denied));
            apart.retain(|arch| *arch != Arch::X32 || told_apart);
        }
        if apart.is_empty() {
            apart = home.to_vec();
        }
        // Where nothing at all goes through there is nothing to say, unless it is so everywhere.
        let served = |a: &Arch| Syscall::of_arch(*a).any(|(nr, _)| self.access(*a, nr) != Access::Denied);
        if apart.iter().any(served) {
            apart.retain(served);
        }
        if !apart.is_empty() {
            return apart;
        }
        vec![Arch::NATIVE.unwrap_or(Arch::X86_64)]
    }

    fn is_deny_list(&self, arch: Arch) -> bool {
        let first = Syscall::of_arch(arch).next().map_or(0, |c| c.0);
        let last = Syscall::last_number(arch).unwrap_or(first);
        let (mut open, mut closed) = (0, 0);
        let mut next = first;
        for (nr, _) in Syscall::of_arch(arch) {
            for gap in next..nr.min(last) {
                match self.access(arch, gap) {
                    Access::Open => open += 1,
                    Access::Partial | Access::Denied => closed += 1,
                }
            }
            next = nr.saturating_add(1);
        }
        if open + closed == 0 {
            return self.access(arch, last + 1) == Access::Open;
        }
        open > closed
    }

    /// What is left to ask of a call.
    pub(super) fn at(&self, arch: Arch, nr: u32) -> Ref {
        self.at_token(arch.token(), nr)
    }

    /// What is left to ask of a call with this audit token.
    pub(super) fn at_token(&self, token: u32, nr: u32) -> Ref {
        let mut at = self.filter.root();
        while let Some(i) = at.node_index() {
            let node = self.filter.node(i);
            let word = match node.level / 32 {
                0 => token,
                1 => nr,
                _ => break,
            };
            at = if word >> (31 - node.level % 32) & 1 == 1 { node.hi } else { node.lo };
        }
        at
    }

    /// How far a number is open.
    pub(super) fn access(&self, arch: Arch, nr: u32) -> Access {
        self.access_at(self.at(arch, nr))
    }

    pub(super) fn access_at(&self, at: Ref) -> Access {
        match at.node_index().map_or_else(|| outcome(self.filter.leaf(at)), |i| self.outcomes[i]) {
            1 => Access::Open,
            2 => Access::Denied,
            _ => Access::Partial,
        }
    }

    /// How far a call is open; `None` where the architecture has no such call.
    pub(super) fn of(&self, arch: Arch, call: Syscall) -> Option<Access> {
        Some(self.access(arch, call.number(arch)?))
    }

    /// How far the call with this name is open.
    pub(super) fn named(&self, arch: Arch, name: &str) -> Option<Access> {
        self.of(arch, Syscall::from_name(name)?)
    }

    /// Whether the kernel the filter is for has the call.
    pub(super) fn exists(&self, arch: Arch, call: Syscall) -> bool {
        call.exists(arch, self.kernel)
    }

    /// The words that are asked of a call.
    pub(super) fn asks(&self, at: Ref, word: Word) -> bool {
        at.node_index().is_some_and(|i| self.words[i] >> word.index() & 1 == 1)
    }

    /// Whether somebody meant to restrict the call: in a list of what is denied it is denied for some
    /// arguments at least, in a list of what is permitted it is permitted for some arguments only.
    pub(super) fn is_restricted(&self, view: ArchView, nr: u32) -> bool {
        match self.access(view.arch, nr) {
            Access::Open => false,
            Access::Partial => true,
            Access::Denied => view.deny_list,
        }
    }

    /// The named calls of a convention.
    pub(super) fn calls(&self, arch: Arch) -> impl Iterator<Item = (u32, Syscall)> + Clone {
        Syscall::of_arch(arch)
    }

    /// A call of this number with all arguments zero.
    pub(super) fn call(arch: Arch, nr: u32) -> SeccompData {
        SeccompData { arch: arch.token(), nr, ..SeccompData::default() }
    }

    /// A call of this number whose arguments keep to `fixed` and whose action satisfies `wanted`.
    pub(super) fn find(
        &self,
        arch: Arch,
        nr: u32,
        fixed: &Fixed,
        wanted: impl Fn(&Action) -> bool,
    ) -> Option<SeccompData> {
        self.find_token(arch.token(), nr, fixed, wanted)
    }

    pub(super) fn find_token(
        &self,
        token: u32,
        nr: u32,
        fixed: &Fixed,
        wanted: impl Fn(&Action) -> bool,
    ) -> Option<SeccompData> {
        let found = search(&self.filter, self.at_token(token, nr), fixed, wanted)?;
        Some(SeccompData { arch: token, nr, ..found })
    }

    /// A permitted call of this number.
    pub(super) fn permitted(&self, arch: Arch, nr: u32) -> Option<SeccompData> {
        self.find(arch, nr, &Fixed::default(), Action::permits_ref)
    }

    /// A call of this number that is not permitted.
    pub(super) fn refused(&self, arch: Arch, nr: u32) -> Option<SeccompData> {
        self.find(arch, nr, &Fixed::default(), |a| !a.permits())
    }
}

/// 1 for what goes through, 2 for what does not. A traced call goes through: whoever traces may only
/// want to watch, and what else it does no filter says.
fn outcome(action: &Action) -> u8 {
    if action.permits() || matches!(action, Action::Trace(_)) { 1 } else { 2 }
}

/// [`Action::permits`] for references.
pub(super) trait Permits {
    fn permits_ref(&self) -> bool;
}

impl Permits for Action {
    fn permits_ref(&self) -> bool {
        self.permits()
    }
}

/// Bits of the arguments that a search must keep to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fixed([(u32, u32); Word::COUNT as usize]);

impl Default for Fixed {
    fn default() -> Fixed {
        Fixed([(0, 0); Word::COUNT as usize])
    }
}

impl Fixed {
    /// Argument `index & mask == value`.
    pub(super) fn arg(index: u8, mask: u64, value: u64) -> Fixed {
        Fixed::default().and_arg(index, mask, value)
    }

    /// As well: argument `index & mask == value`.
    pub(super) fn and_arg(mut self, index: u8, mask: u64, value: u64) -> Fixed {
        let (hi, lo) = (Word::arg_hi(index).index(), Word::arg_lo(index).index());
        self.0[usize::from(hi)] = ((mask >> 32) as u32, (value >> 32) as u32);
        self.0[usize::from(lo)] = (mask as u32, value as u32);
        self
    }
}

/// An input below `at` that keeps to `fixed` and ends in a wanted leaf; bits nobody asks are as fixed,
/// or zero.
pub(super) fn search<L>(
    diagram: &Diagram<L>,
    at: Ref,
    fixed: &Fixed,
    wanted: impl Fn(&L) -> bool,
) -> Option<SeccompData> {
    struct Walk<'d, L, F> {
        diagram: &'d Diagram<L>,
        fixed: &'d Fixed,
        wanted: F,
        dead: FastMap<Ref, ()>,
        path: Vec<(u16, bool)>,
    }
    impl<L, F: Fn(&L) -> bool> Walk<'_, L, F> {
        fn visit(&mut self, at: Ref) -> bool {
            let Some(i) = at.node_index() else { return (self.wanted)(self.diagram.leaf(at)) };
            if self.dead.contains_key(&at) {
                return false;
            }
            let node = self.diagram.node(i);
            let (mask, value) = self.fixed.0[usize::from(node.level / 32)];
            let bit = 31 - node.level % 32;
            for (side, child) in [(false, node.lo), (true, node.hi)] {
                if mask >> bit & 1 == 1 && (value >> bit & 1 == 1) != side {
                    continue;
                }
                self.path.push((node.level, side));
                if self.visit(child) {
                    return true;
                }
                self.path.pop();
            }
            self.dead.insert(at, ());
            false
        }
    }
    let mut walk = Walk { diagram, fixed, wanted, dead: FastMap::default(), path: Vec::new() };
    if !walk.visit(at) {
        return None;
    }
    let mut data = SeccompData::default();
    for index in 0..Word::COUNT {
        if let Some(word) = Word::from_index(index) {
            word.set(&mut data, fixed.0[usize::from(index)].1);
        }
    }
    for (level, side) in walk.path {
        let word = Word::from_index((level / 32) as u8)?;
        let bit = 1 << (31 - level % 32);
        let value = word.of(&data);
        word.set(&mut data, if side { value | bit } else { value & !bit });
    }
    Some(data)
}

/// The parameter a call takes at this position.
pub(super) fn param(call: Syscall, arch: Arch, index: u8) -> Option<&'static Param> {
    call.params(arch)?.get(usize::from(index))
}

/// Names in a sentence: the first few, and how many more there are.
pub(super) fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    const SHOWN: usize = 4;
    let names: Vec<&str> = names.into_iter().collect();
    let shown = if names.len() <= SHOWN + 1 { names.len() } else { SHOWN };
    let rest = names.len() - shown;
    let mut out = String::new();
    for (i, name) in names[..shown].iter().enumerate() {
        let last = i + 1 == shown && rest == 0;
        out.push_str(match i {
            0 => "",
            _ if last => " and ",
            _ => ", ",
        });
        out.push_str(name);
    }
    if rest > 0 {
        out.push_str(&format!(" and {rest} more"));
    }
    out
}

/// `is` or `are`.
pub(super) fn is(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// The calls of a list, those first that matter most to whoever gets past a filter.
pub(super) fn worst_first(mut calls: Vec<Syscall>) -> Vec<Syscall> {
    const WORST: [&str; 14] = [
        "execve",
        "socket",
        "connect",
        "openat",
        "open",
        "ptrace",
        "bpf",
        "mount",
        "clone",
        "unshare",
        "keyctl",
        "init_module",
        "kexec_load",
        "reboot",
    ];
    let rank = |call: &Syscall| WORST.iter().position(|w| *w == call.name()).unwrap_or(WORST.len());
    calls.sort_by_key(|call| (rank(call), *call));
    calls
}
