//! What is known of one call, and the words for it.

use std::collections::{BTreeMap, BTreeSet};

use callgate_abi::breakage::{self, Breakage};
use callgate_abi::{Arch, Syscall, constant};

use super::arguments::{self, Shape};
use super::recording::Recording;

/// More values than this of one argument are no list that a person would keep.
const LONGEST_LIST: usize = 16;
/// `include/uapi/asm-generic/mman-common.h`.
const PROT_WRITE: u64 = 2;
const PROT_EXEC: u64 = 4;

/// What is known of one call on one architecture.
#[derive(Default)]
pub(super) struct Evidence {
    count: u64,
    /// How many of them a filter answered.
    denied: u64,
    runs: BTreeSet<String>,
    programs: BTreeSet<String>,
    /// Whose functions made one of them first, the innermost first.
    stack: Vec<String>,
    /// The values seen; `None` once there were too many.
    values: Option<BTreeSet<Vec<u64>>>,
}

/// What is known, by architecture and call; and the numbers that are in no table.
pub(super) type Known = (BTreeMap<Arch, BTreeMap<Syscall, Evidence>>, BTreeSet<(Arch, u32)>);

/// Sorts a recording by call.
pub(super) fn gather(recording: &Recording) -> Known {
    let mut seen: BTreeMap<Arch, BTreeMap<Syscall, Evidence>> = BTreeMap::new();
    let mut unknown = BTreeSet::new();
    for (key, counts) in recording.calls() {
        let Some(call) = Syscall::from_number(key.arch, key.nr) else {
            unknown.insert((key.arch, key.nr));
            continue;
        };
        let fresh = || Evidence { values: Some(BTreeSet::new()), ..Evidence::default() };
        let evidence = seen.entry(key.arch).or_default().entry(call).or_insert_with(fresh);
        evidence.count = counts.values().fold(evidence.count, |sum, n| sum.saturating_add(*n));
        if key.denied {
            evidence.denied = counts.values().fold(evidence.denied, |sum, n| sum.saturating_add(*n));
        }
        evidence.runs.extend(counts.keys().cloned());
        evidence.programs.insert(key.program.clone());
        let stack = recording.stack(key);
        if evidence.stack.is_empty() || (!stack.is_empty() && stack < &*evidence.stack) {
            evidence.stack = stack.to_vec();
        }
        match (&mut evidence.values, &key.args) {
            (Some(values), Some(args)) => {
                values.insert(args.clone());
            }
            (values, _) => *values = None,
        }
    }
    (seen, unknown)
}

impl Evidence {
    /// `# from socket (libc.so.6) < probe (net.rs:88) < main (net.rs:12)`, as a line of its own, if it is known.
    pub(super) fn callers(&self) -> String {
        if self.stack.is_empty() {
            return String::new();
        }
        format!("# from {}\n", crate::callers::in_short(&self.stack))
    }

    /// `12 times by /usr/bin/sort and 1 more, seen 2/3`.
    pub(super) fn remark(&self, call: Syscall, runs: usize) -> String {
        let times = if self.count == 1 { "once".to_owned() } else { format!("{} times", self.count) };
        let program = self.programs.first().map_or("", String::as_str);
        // A path may hold anything, a comment ends with its line.
        let program = program.escape_debug().to_string();
        let more = match self.programs.len() {
            0 | 1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        let by = if program.is_empty() { String::new() } else { format!(" by {program}{more}") };
        let seen = if runs > 1 { format!(", seen {}/{runs}", self.runs.len()) } else { String::new() };
        let denied = match self.denied {
            0 => String::new(),
            n if n == self.count => ", each time denied".to_owned(),
            n => format!(", denied {n} times"),
        };
        let listed = |(_, shape): &(usize, Shape)| matches!(shape, Shape::Listed | Shape::Masked(..));
        let unstable = match &self.values {
            None => ", with too many different arguments to list",
            Some(values) if values.len() > LONGEST_LIST && arguments::of(call.name()).iter().any(listed) => {
                ", with too many different arguments to list"
            }
            Some(_) => "",
        };
        format!("{times}{by}{denied}{seen}{unstable}")
    }

    /// The condition on a call's arguments, constants by name if so wanted; empty where there is none to make.
    /// With `margin`, also values a C library uses with other releases.
    pub(super) fn condition(&self, call: Syscall, arch: Arch, names: bool, margin: bool) -> String {
        let (Some(values), Some(params)) = (&self.values, call.params(arch)) else { return String::new() };
        let mut parts = Vec::new();
        for (place, (index, shape)) in arguments::of(call.name()).iter().enumerate() {
            let Some(param) = params.get(*index) else { continue };
            let of_param = || values.iter().filter_map(|v| v.get(place).copied());
            let name = |value: u64| {
                let named = param.set.filter(|_| names).and_then(|s| s.name_of(value, arch));
                named.map_or_else(|| format!("{value:#x}"), str::to_owned)
            };
            match shape {
                Shape::Listed => {
                    let mut listed: BTreeSet<_> = of_param().collect();
                    if listed.len() > LONGEST_LIST {
                        continue;
                    }
                    if margin {
                        listed.extend(coming(call, arch, *index));
                    }
                    let listed: Vec<_> = listed.into_iter().map(name).collect();
                    parts.push(format!("{} in {{{}}}", param.name, listed.join(", ")));
                }
                Shape::Masked(mask, bits) => {
                    let listed: BTreeSet<_> = of_param().map(|v| v & bits).collect();
                    let listed: Vec<_> = listed.into_iter().map(name).collect();
                    parts.push(format!("{} & {mask} in {{{}}}", param.name, listed.join(", ")));
                }
                Shape::Without(mask, bits) => {
                    if of_param().all(|v| v & bits == 0) {
                        parts.push(format!("{} & {mask} == 0", param.name));
                    }
                }
                Shape::Protection => {
                    let both = PROT_WRITE | PROT_EXEC;
                    if of_param().all(|v| v & PROT_EXEC == 0) {
                        parts.push(format!("{} & PROT_EXEC == 0", param.name));
                    } else if of_param().all(|v| v & both != both) {
                        parts
                            .push(format!("{} & (PROT_WRITE|PROT_EXEC) != PROT_WRITE|PROT_EXEC", param.name));
                    }
                }
                Shape::Noted => {}
            }
        }
        if parts.is_empty() { String::new() } else { format!(" if {}", parts.join(" && ")) }
    }
}

/// The values that C libraries began to give this argument.
fn coming(call: Syscall, arch: Arch, index: usize) -> impl Iterator<Item = u64> {
    let libraries = move |b: &&Breakage| matches!(b.component, "glibc" | "musl") && b.is_on(arch);
    breakage::of_call(call).filter(libraries).filter_map(move |b| {
        let (argument, name) = b.constant?;
        (call.param_index(arch, argument)? == index).then(|| constant::value(name, arch))?
    })
}
