//! Groups, the policy's own and the built-in ones, and the calls that a list of targets stands for.

use super::{MAX_CALLS, Resolver};
use crate::diagnostic::Diagnostic;
use crate::policy::Call;
use crate::syntax::ast::{Kind, Target, TargetKind};
use crate::syntax::codes;
use crate::syntax::lexer::Loc;
use crate::syntax::report::span;
use callgate_abi::{Arch, Syscall, group};
use std::collections::HashSet;

/// A group that the policy defines.
pub(super) struct Group<'a> {
    file: usize,
    loc: Loc,
    targets: &'a [Target],
    members: Members,
}

enum Members {
    Open,
    /// Its definition is being followed: to meet it again is a cycle.
    Entered,
    Known(Vec<Member>),
}

/// What a target stands for: calls, for some arguments only if there is a condition.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Member {
    pub(super) call: Call,
    pub(super) when: Option<Part>,
}

impl Member {
    fn always(call: Call) -> Member {
        Member { call, when: None }
    }
}

/// The condition of a statement.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Part {
    pub(super) file: usize,
    pub(super) statement: usize,
}

/// How deeply groups may nest.
const MAX_DEPTH: usize = 100;

impl<'a> Resolver<'a> {
    /// Collects the definitions of all files, so that a group may be used before its line, and checks
    /// every one, used or not.
    pub(super) fn define_groups(&mut self) {
        let files = self.files;
        let mut names = Vec::new();
        for &(file, index) in &files.order {
            let Kind::Group { name: loc, targets } = &files.files[file].statements[index].kind else {
                continue;
            };
            self.enter(file);
            let name = &self.text(*loc)[1..];
            if group::Group::from_name(name).is_some() {
                let d = Diagnostic::error(codes::GROUP_TWICE, format!("`@{name}` is a built-in group"));
                self.say(d.help("choose another name for the policy's own group"), *loc);
            } else if let Some(first) = self.groups.get(name) {
                let first = span(&files.files[first.file].source, first.loc);
                let d = Diagnostic::error(codes::GROUP_TWICE, format!("group `@{name}` is defined twice"));
                self.say(d.label(first, "it is defined here already"), *loc);
            } else {
                self.groups.insert(name, Group { file, loc: *loc, targets, members: Members::Open });
                names.push((name, file, *loc));
            }
        }
        for (name, file, loc) in names {
            self.enter(file);
            self.follow(name, loc, 0);
            if self.calls > MAX_CALLS {
                break;
            }
        }
    }

    /// Makes the members of a group known; `use_loc` is where it is named.
    fn follow(&mut self, name: &'a str, use_loc: Loc, depth: usize) {
        let Some(group) = self.groups.get_mut(name) else { return };
        match group.members {
            Members::Known(_) => return,
            Members::Entered => {
                let message = format!("group `@{name}` contains itself");
                return self.error(codes::GROUP_CYCLE, use_loc, message);
            }
            Members::Open if depth > MAX_DEPTH => {
                let message = format!("groups nest more than {MAX_DEPTH} levels deep");
                return self.error(codes::DEPTH, use_loc, message);
            }
            Members::Open => group.members = Members::Entered,
        }
        let (targets, home) = (group.targets, group.file);
        let user = self.file;
        self.enter(home);
        let mut members = Vec::new();
        for target in targets {
            match target.kind {
                TargetKind::Group => {
                    let inner = &self.text(target.loc)[1..];
                    self.follow(inner, target.loc, depth + 1);
                    members.extend(self.group_members(inner, target.loc).unwrap_or_default());
                }
                TargetKind::Call => {
                    members.extend(self.call(target.loc).map(|c| Member::always(Call::Named(c))))
                }
                TargetKind::Numbers(first, last) => {
                    self.check_range(target, first, last);
                    members.push(Member::always(Call::Numbers(first..=last)));
                }
                TargetKind::Any | TargetKind::None => {
                    let message = format!("`{}` cannot be part of a group", self.text(target.loc));
                    self.error(codes::SYNTAX, target.loc, message);
                }
            }
        }
        self.enter(user);
        let mut met = HashSet::new();
        members.retain(|c| met.insert(c.clone()));
        self.calls += members.len();
        if let Some(group) = self.groups.get_mut(name) {
            group.members = Members::Known(members);
        }
    }

    /// The members of a group by its name without `@`; an unknown one is reported.
    fn group_members(&mut self, name: &str, loc: Loc) -> Option<Vec<Member>> {
        if let Some(group) = self.groups.get(name) {
            return match &group.members {
                Members::Known(members) => Some(members.clone()),
                Members::Open | Members::Entered => Some(Vec::new()),
            };
        }
        if let Some(group) = group::Group::from_name(name) {
            let file = self.files.groups.get(group.name).copied();
            let mut statement = 0;
            let member = |(call, condition): (Syscall, Option<&str>)| {
                let when = condition.zip(file).map(|(_, file)| Part { file, statement });
                statement += usize::from(when.is_some());
                Member { call: Call::Named(call), when }
            };
            return Some(group.entries().map(member).collect());
        }
        let d = Diagnostic::error(codes::GROUP, format!("unknown group `@{name}`"));
        let own = self.groups.keys().copied();
        let names: Vec<String> =
            own.chain(group::Group::all().iter().map(|g| g.name)).map(|n| format!("@{n}")).collect();
        self.unknown(d, loc, names.iter().map(String::as_str));
        None
    }

    /// The calls that targets stand for in a rule for `arches`; `None` if anything is wrong. Members of
    /// groups that none of the architectures has are left out.
    pub(super) fn targets(&mut self, targets: &[Target], arches: &[Arch]) -> Option<Vec<Member>> {
        let exists = |call: Syscall| arches.iter().any(|a| call.number(*a).is_some());
        let mut calls = Vec::with_capacity(targets.len());
        let mut fine = true;
        for target in targets {
            match target.kind {
                TargetKind::Any => calls.push(Member::always(Call::Any)),
                TargetKind::None => {}
                TargetKind::Numbers(first, last) => {
                    fine &= self.check_range(target, first, last);
                    calls.push(Member::always(Call::Numbers(first..=last)));
                }
                TargetKind::Call => match self.call(target.loc) {
                    Some(call) => {
                        if !target.optional && !exists(call) {
                            self.absent(call, target.loc, arches);
                            fine = false;
                        }
                        calls.push(Member::always(Call::Named(call)));
                    }
                    None => fine = false,
                },
                TargetKind::Group => match self.group_members(&self.text(target.loc)[1..], target.loc) {
                    Some(mut members) => {
                        members.retain(|m| !matches!(m.call, Call::Named(call) if !exists(call)));
                        if members.is_empty() && !target.optional {
                            let name = self.text(target.loc);
                            let d = Diagnostic::error(
                                codes::GROUP_ABSENT,
                                format!("`{name}` has no call on {}", list(arches)),
                            );
                            self.say(d.help(format!("write `{name}?` if that is fine")), target.loc);
                            fine = false;
                        }
                        calls.extend(members);
                    }
                    None => fine = false,
                },
            }
        }
        self.calls += calls.len();
        fine.then_some(calls)
    }

    fn absent(&mut self, call: Syscall, loc: Loc, arches: &[Arch]) {
        let name = call.name();
        let d = Diagnostic::error(codes::CALL_ABSENT, format!("`{name}` has no number on {}", list(arches)));
        let having: Vec<Arch> = Arch::ALL.iter().copied().filter(|a| call.number(*a).is_some()).collect();
        let d = if having.is_empty() { d } else { d.note(format!("it exists on {}", list(&having))) };
        self.say(d.help(format!("write `{name}?` if the rule may find no such call")), loc);
    }

    /// The call named at `loc`; an unknown name is reported.
    pub(super) fn call(&mut self, loc: Loc) -> Option<Syscall> {
        let word = self.text(loc);
        let call = Syscall::from_name(word);
        if call.is_none() {
            let d = Diagnostic::error(codes::CALL, format!("unknown call `{word}`"));
            match run_together(word) {
                Some((a, b)) => self.say(d.help(format!("are these two? write `{a}, {b}`")), loc),
                None => self.unknown(d, loc, Syscall::all().map(|c| c.name())),
            }
        }
        call
    }

    fn check_range(&mut self, target: &Target, first: u32, last: u32) -> bool {
        let fine = first <= last || target.optional;
        if !fine {
            let written = self.text(target.loc);
            let d = Diagnostic::error(codes::RANGE, format!("the range `{written}` holds no number"));
            self.say(d.help("write the smaller number first"), target.loc);
        }
        fine
    }
}

/// The two calls whose names a word consists of: the comma between them was forgotten.
fn run_together(word: &str) -> Option<(&str, &str)> {
    // Every cut is tried: two names have fewer letters than this.
    if word.len() > 128 {
        return None;
    }
    let known = |name: &str| Syscall::from_name(name).is_some();
    let mut cuts = word.char_indices().skip(1).map(|(at, _)| word.split_at(at));
    cuts.find(|(a, b)| known(a) && known(b))
}

/// Architectures for a message: `x86_64, x86 or arm`.
pub(super) fn list(arches: &[Arch]) -> String {
    const SHOWN: usize = 6;
    let names: Vec<_> = arches.iter().take(SHOWN).map(|a| a.name()).collect();
    match names.as_slice() {
        [] => "any architecture: the policy lists none".to_string(),
        [only] => (*only).to_string(),
        _ if arches.len() > SHOWN => format!("{} and {} others", names.join(", "), arches.len() - SHOWN),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
