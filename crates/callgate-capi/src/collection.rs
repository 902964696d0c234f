//! What a `scmp_filter_ctx` points to: rules for one or more architectures, attributes, and the program
//! they make.

use crate::attribute::{Attributes, is_action, is_notify};
use crate::chain::Compare;
use crate::compile::{self, Uncompiled};
use crate::kernel::{Feature, Kernel};
use crate::known;
use crate::name;
use crate::rules::{ArchRules, Asked, translate};
use callgate::abi::Endian;
use callgate::{Arch, Program};
use libc::{EACCES, EDOM, EEXIST, EFAULT, EINVAL, EOPNOTSUPP, c_int};
use std::collections::BTreeMap;
use std::rc::Rc;

/// How early a call is listed.
#[derive(Clone, Copy, Default)]
pub(crate) struct Priority {
    /// Higher ones come first.
    pub(crate) value: u8,
    /// Whether it was asked for before there was any rule about the call.
    pub(crate) before_rules: bool,
}

/// A collection of rules for some architectures.
#[derive(Clone)]
pub(crate) struct Collection {
    pub(crate) attributes: Attributes,
    pub(crate) filters: Vec<Rc<ArchRules>>,
    /// What `seccomp_syscall_priority` has set; transactions do not touch it.
    pub(crate) priorities: BTreeMap<(Arch, i32), Priority>,
    /// Whether any rule, or the default, hands calls to a supervisor.
    pub(crate) notifies: bool,
    snapshots: Vec<Vec<Rc<ArchRules>>>,
    program: Option<Rc<Program>>,
}

impl Collection {
    /// A collection for the native architecture.
    pub(crate) fn new(default: u32) -> Result<Collection, c_int> {
        if !is_action(default) {
            return Err(EINVAL);
        }
        let native = Arch::NATIVE.ok_or(EFAULT)?;
        Ok(Collection {
            attributes: Attributes::new(default),
            filters: vec![Rc::new(ArchRules::new(native))],
            priorities: BTreeMap::new(),
            notifies: is_notify(default),
            snapshots: Vec::new(),
            program: None,
        })
    }

    /// Whether a rule may be asked for, whatever its comparisons.
    pub(crate) fn check_rule(&self, action: u32, number: i32, exact: bool) -> Result<(), c_int> {
        self.check_number(number)?;
        if !is_action(action) {
            return Err(EINVAL);
        }
        if action == self.attributes.default {
            return Err(EACCES);
        }
        if exact && self.filters.len() > 1 {
            return Err(EOPNOTSUPP);
        }
        if is_notify(action) && self.attributes.tsync && !Kernel::has(Feature::TsyncEsrch) {
            return Err(EINVAL);
        }
        // From then on every call of that kernel has its action.
        if self.attributes.newest != known::ANY {
            return Err(EINVAL);
        }
        Ok(())
    }

    /// Adds a rule that [`Collection::check_rule`] has let pass, on every architecture or on none.
    pub(crate) fn add_rule(&mut self, asked: &Asked<'_>) -> Result<(), c_int> {
        let notify = is_notify(asked.action);
        check_compares(asked.compares)?;
        let prepared: Result<Vec<_>, c_int> = self.filters.iter().map(|f| f.prepare(asked)).collect();
        for (filter, kept) in self.filters.iter_mut().zip(prepared?) {
            if !kept.is_empty() {
                Rc::make_mut(filter).add(kept);
            }
        }
        self.notifies |= notify;
        self.program = None;
        Ok(())
    }

    /// Raises the priority of a call; higher ones are tested earlier where that is shown.
    pub(crate) fn set_priority(&mut self, number: i32, priority: u8) -> Result<(), c_int> {
        self.check_number(number)?;
        let numbers: Result<Vec<_>, c_int> = self
            .filters
            .iter()
            .map(|f| Ok((f.arch, name::rewrite(f.arch, translate(f.arch, number)?))))
            .collect();
        // A call that an architecture lacks has no place in the order there.
        for key in numbers?.into_iter().filter(|key| key.1 >= -1) {
            let has_rules = self.filters.iter().any(|f| f.arch == key.0 && f.calls.contains_key(&key.1));
            let new = Priority { value: 0, before_rules: !has_rules };
            let known = self.priorities.entry(key).or_insert(new);
            known.value = priority.max(known.value);
        }
        self.program = None;
        Ok(())
    }

    /// Adds an architecture, without rules.
    pub(crate) fn add_arch(&mut self, arch: Arch) -> Result<(), c_int> {
        if self.has_arch(arch) {
            return Err(EEXIST);
        }
        if self.endian().is_some_and(|e| e != arch.endian()) {
            return Err(EDOM);
        }
        self.filters.push(Rc::new(ArchRules::new(arch)));
        self.program = None;
        Ok(())
    }

    /// Removes an architecture with its rules.
    pub(crate) fn remove_arch(&mut self, arch: Arch) -> Result<(), c_int> {
        let at = self.filters.iter().position(|f| f.arch == arch).ok_or(EEXIST)?;
        self.filters.remove(at);
        self.priorities.retain(|key, _| key.0 != arch);
        self.program = None;
        Ok(())
    }

    pub(crate) fn has_arch(&self, arch: Arch) -> bool {
        self.filters.iter().any(|f| f.arch == arch)
    }

    /// Whether [`Collection::merge`] would take `other` in.
    pub(crate) fn can_merge(&self, other: &Collection) -> Result<(), c_int> {
        let (a, b) = (&self.attributes, &other.attributes);
        if a.default != b.default || a.no_new_privs != b.no_new_privs || a.tsync != b.tsync {
            return Err(EINVAL);
        }
        if (a.unknown, a.newest) != (b.unknown, b.newest) {
            return Err(EINVAL);
        }
        if self.endian() != other.endian() {
            return Err(EDOM);
        }
        if other.filters.iter().any(|f| self.has_arch(f.arch)) {
            return Err(EEXIST);
        }
        Ok(())
    }

    /// Takes the architectures of `other` in; the attributes stay this collection's.
    pub(crate) fn merge(&mut self, other: Collection) -> Result<(), c_int> {
        self.can_merge(&other)?;
        self.filters.extend(other.filters);
        self.priorities.extend(other.priorities);
        self.notifies |= other.notifies;
        self.program = None;
        Ok(())
    }

    /// Sets an attribute.
    pub(crate) fn set_attribute(&mut self, which: u32, value: u32) -> Result<(), c_int> {
        if self.attributes.set(which, value, self.notifies)? {
            self.program = None;
        }
        self.notifies |= is_notify(self.attributes.unknown);
        Ok(())
    }

    /// Remembers the rules, to return to them.
    pub(crate) fn start(&mut self) {
        self.snapshots.push(self.filters.clone());
    }

    /// Returns to the rules of the latest [`Collection::start`], if there is one.
    pub(crate) fn reject(&mut self) {
        if let Some(before) = self.snapshots.pop() {
            self.filters = before;
            self.program = None;
        }
    }

    /// Forgets the latest [`Collection::start`] and keeps the rules.
    pub(crate) fn commit(&mut self) {
        self.snapshots.pop();
    }

    /// The program, compiled if anything has changed.
    pub(crate) fn program(&mut self) -> Result<Rc<Program>, Uncompiled> {
        if let Some(program) = &self.program {
            return Ok(Rc::clone(program));
        }
        let program = Rc::new(compile::program(self)?);
        self.program = Some(Rc::clone(&program));
        Ok(program)
    }

    /// The byte order; none without architectures.
    pub(crate) fn endian(&self) -> Option<Endian> {
        self.filters.first().map(|f| f.arch.endian())
    }

    fn check_number(&self, number: i32) -> Result<(), c_int> {
        let skip = number == -1 && self.attributes.skip;
        if (-99..=-1).contains(&number) && !skip { Err(EINVAL) } else { Ok(()) }
    }
}

/// Each argument at most once, and only those there are.
fn check_compares(compares: &[Compare]) -> Result<(), c_int> {
    let mut seen = [false; 6];
    for compare in compares {
        match seen.get_mut(usize::from(compare.arg)) {
            Some(seen) if !*seen => *seen = true,
            _ => return Err(EINVAL),
        }
    }
    Ok(())
}
