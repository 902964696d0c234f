//! Seccompiler JSON: Firecracker's and rust-vmm's filters, one for each kind of thread.
//!
//! Two programs compile these files, with different meanings. rust-vmm's crate (and Firecracker up to
//! 1.10) is the format's own reading; Firecracker since 1.11 hands the rules to libseccomp, which is
//! what [`Runtime::Firecracker`] asks for.

use crate::import::{Collect, Effect, Import, Named};
use crate::libseccomp::{Added, Compare, Refused, RuleSet, Target};
use crate::options::{Options, Runtime};
use crate::place::{Error, Place, Problem};
use crate::tree::{At, Keys, Oddity, Value};
use crate::{Format, json, suggest};
use callgate::{Action, Arch, ArgCmp, ArgIndex, Call, Cond, Errno, Op, Policy, Rule, Syscall, Width};
use std::collections::BTreeMap;

/// Reads a file: one policy a thread, picked by the thread's name.
pub(crate) fn read(text: &str, options: &Options) -> Result<Import, Error> {
    let root = json::parse(text)?;
    let at = At::root(&root, Keys::Exact);
    let mut reader = Reader {
        collect: Collect::new(options),
        libseccomp: options.runtime == Some(Runtime::Firecracker),
        arch: options.arches.as_ref().and_then(|a| a.first().copied()).unwrap_or(options.host),
        hint: arch_in_name(options),
    };
    let mut policies: Vec<Named> = Vec::new();
    for (name, thread) in at.members()? {
        if let Some(earlier) = policies.iter().position(|p| p.name.as_deref() == Some(name)) {
            if !reader.libseccomp {
                return Err(thread.problem(format!("there are two filters called {name:.60}")).into());
            }
            reader.collect.note(thread.place(), format!("takes the place of the earlier {name:.60}"));
            policies.remove(earlier);
        }
        let policy = reader.thread(&thread)?;
        policies.push(Named { name: Some(name.to_string()), policy });
    }
    if policies.is_empty() {
        return Err(at.problem("there is no filter in the file").into());
    }
    reader.collect.check()?;
    Ok(Import::several(Format::Seccompiler, policies, reader.collect))
}

struct Reader {
    collect: Collect,
    libseccomp: bool,
    arch: Arch,
    /// The architecture the file's name speaks of, if it is another one.
    hint: Option<Arch>,
}

/// One entry of `filter`.
struct Entry {
    call: Syscall,
    conditions: Vec<(ArgIndex, Width, Op)>,
    place: Place,
}

impl Reader {
    fn thread(&mut self, at: &At<'_, '_>) -> Result<Policy, Problem> {
        self.odd_keys(at, &["mismatch_action", "default_action", "match_action", "filter_action", "filter"])?;
        let default = self.one_of(at, ["mismatch_action", "default_action"])?;
        let matched = self.one_of(at, ["match_action", "filter_action"])?;
        let Some(filter) = at.get("filter") else { return Err(at.problem("the filter list is missing")) };
        if default == matched {
            return Err(at.problem("both actions are the same"));
        }
        let mut entries = Vec::new();
        for entry in filter.elements()? {
            match self.entry(&entry, default, matched) {
                Ok(entry) => entries.extend(entry),
                Err(problem) => self.collect.problem(problem),
            }
        }
        Ok(if self.libseccomp {
            self.by_libseccomp(default, matched, &entries)
        } else {
            self.by_crate(default, matched, &entries)
        })
    }

    fn one_of(&mut self, at: &At<'_, '_>, keys: [&str; 2]) -> Result<Action, Problem> {
        match (at.get(keys[0]), at.get(keys[1])) {
            (Some(a), Some(_)) => Err(a.problem(format!("{} and {} are the same key", keys[0], keys[1]))),
            (Some(a), None) | (None, Some(a)) => action(&a),
            (None, None) => Err(at.problem(format!("{} (or {}) is missing", keys[0], keys[1]))),
        }
    }

    fn entry(&mut self, at: &At<'_, '_>, default: Action, matched: Action) -> Result<Option<Entry>, Problem> {
        self.odd_keys(at, &["syscall", "args", "comment"])?;
        let Some(name) = at.get("syscall") else { return Err(at.problem("syscall is missing")) };
        let mut conditions = Vec::new();
        if let Some(args) = at.get("args") {
            for arg in args.elements()? {
                conditions.push(self.condition(&arg)?);
            }
            if conditions.is_empty() && !self.libseccomp {
                return Err(args.problem("the list of conditions is empty"));
            }
        }
        let effect = crate::profile::without(matched, default);
        let Some(call) = self.collect.syscall(name.string()?, || name.place(), effect) else {
            return Ok(None);
        };
        if call.number(self.arch).is_none() {
            let what = format!("{} has no number on {}", call.name(), self.arch.name());
            if self.collect.ignores_unknown() {
                self.collect.loss(name.place(), format!("{what}, left out"), Effect::None);
                return Ok(None);
            }
            let problem = name.problem(what);
            return Err(match self.hint {
                Some(arch) => problem.help(format!("the file seems to be for {}", arch.name())),
                None => problem,
            });
        }
        Ok(Some(Entry { call, conditions, place: at.place() }))
    }

    fn condition(&mut self, at: &At<'_, '_>) -> Result<(ArgIndex, Width, Op), Problem> {
        self.odd_keys(at, &["index", "type", "op", "val", "comment"])?;
        let need = |key: &str| at.get(key).ok_or_else(|| at.problem(format!("{key} is missing")));
        let index = need("index")?;
        let Some(arg) = ArgIndex::new(index.unsigned(u64::from(u8::MAX))? as u8) else {
            return Err(index.problem("system calls have arguments 0 to 5"));
        };
        let kind = need("type")?;
        let width = match kind.string()? {
            "dword" => Width::W32,
            "qword" => Width::W64,
            other => return Err(kind.problem(format!("expected dword or qword, found {other:.40}"))),
        };
        let val = need("val")?.unsigned(u64::MAX)?;
        let op_at = need("op")?;
        let op = match op_at.value() {
            Value::String(op) => match op.as_str() {
                "eq" => Op::Eq(val),
                "ne" => Op::Ne(val),
                "lt" => Op::Lt(val),
                "le" => Op::Le(val),
                "gt" => Op::Gt(val),
                "ge" => Op::Ge(val),
                "masked_eq" => return Err(op_at.problem("masked_eq takes a mask: {\"masked_eq\": 5}")),
                other => return Err(op_at.problem(format!("unknown operator {other:.40}"))),
            },
            _ => {
                let mask = match op_at.get("masked_eq") {
                    Some(mask) if op_at.members()?.count() == 1 => mask.unsigned(u64::MAX)?,
                    _ => return Err(op_at.problem("expected an operator or {\"masked_eq\": mask}")),
                };
                // The reference cuts the value to the mask.
                Op::MaskedEq { mask, value: val & mask }
            }
        };
        Ok((arg, width, op))
    }

    fn odd_keys(&mut self, at: &At<'_, '_>, known: &[&str]) -> Result<(), Problem> {
        for (key, member, oddity) in at.oddities(known)? {
            let what = match oddity {
                Oddity::Unknown => format!("unknown key {key:.60}"),
                Oddity::Overridden => format!("the key {key:.60} is there twice"),
            };
            if self.libseccomp {
                self.collect.note(member.place(), what);
                continue;
            }
            let problem = member.problem(what);
            self.collect.problem(match suggest::nearest(key, known.iter().copied()) {
                Some(near) if oddity == Oddity::Unknown => problem.help(format!("did you mean {near}?")),
                _ => problem,
            });
        }
        Ok(())
    }

    /// The crate: per call any of its entries; entries without conditions get lost beside ones with
    /// conditions.
    fn by_crate(&mut self, default: Action, matched: Action, entries: &[Entry]) -> Policy {
        let mut conditional: BTreeMap<Syscall, &Place> = BTreeMap::new();
        for entry in entries.iter().filter(|e| !e.conditions.is_empty()) {
            conditional.entry(entry.call).or_insert(&entry.place);
        }
        let mut rules: Vec<Rule> = Vec::new();
        let mut plain: Vec<Syscall> = Vec::new();
        for entry in entries {
            let name = entry.call.name();
            if entry.conditions.is_empty() {
                if let Some(other) = conditional.get(&entry.call) {
                    self.collect.note(
                        entry.place.clone(),
                        format!(
                            "{name} without conditions is lost beside the entry with conditions at {other}"
                        ),
                    );
                    continue;
                }
                if plain.contains(&entry.call) {
                    self.collect.note(entry.place.clone(), format!("{name} is listed before"));
                    continue;
                }
                plain.push(entry.call);
            }
            let when: Vec<Cond> = entry
                .conditions
                .iter()
                .map(|(arg, width, op)| Cond::Arg(ArgCmp { arg: *arg, width: *width, op: *op }))
                .collect();
            let rule = Rule {
                calls: vec![Call::Named(entry.call)],
                arches: Vec::new(),
                when: match when.len() {
                    0 => Cond::True,
                    1 => when[0].clone(),
                    _ => Cond::All(when),
                },
                action: matched,
                origin: self.collect.origin(&entry.place),
            };
            if rules.contains(&rule) {
                self.collect
                    .note(entry.place.clone(), format!("{name} is listed before with the same conditions"));
                continue;
            }
            rules.push(rule);
        }
        Policy {
            arches: vec![self.arch],
            rules,
            default,
            foreign: Vec::new(),
            bad_arch: Action::KILL_PROCESS,
            x32: if self.arch == Arch::X86_64 { Some(default) } else { None },
            unknown: None,
        }
    }

    /// Firecracker's own compiler since 1.11: only `eq` heeds `dword`.
    fn by_libseccomp(&mut self, default: Action, matched: Action, entries: &[Entry]) -> Policy {
        let mut set = RuleSet::new(default, vec![self.arch]);
        for entry in entries {
            let compares: Vec<Compare> = entry
                .conditions
                .iter()
                .map(|(arg, width, op)| {
                    let op = match (*op, width) {
                        (Op::Eq(v), Width::W32) => Op::MaskedEq { mask: 0xffff_ffff, value: v & 0xffff_ffff },
                        (op, _) => op,
                    };
                    Compare { arg: arg.get(), op }
                })
                .collect();
            let name = entry.call.name();
            let source = set.source(self.collect.origin(&entry.place));
            match set.add(Target::Call(entry.call), matched, &compares, source) {
                Ok(Added::New) => {}
                Ok(Added::Redundant(_) | Added::Overruled(_) | Added::Overrules(_)) => {
                    self.collect.note(entry.place.clone(), format!("{name} is covered by another entry"));
                }
                Err(Refused::Default | Refused::Conflict(_)) => {
                    self.collect.problem(Problem::new(entry.place.clone(), "both actions are the same"));
                }
                Err(Refused::Arguments) => self.collect.problem(Problem::new(
                    entry.place.clone(),
                    format!("libseccomp takes one condition on an argument, {name} has more"),
                )),
            }
        }
        set.finish().0
    }
}

fn action(at: &At<'_, '_>) -> Result<Action, Problem> {
    const WORDS: [(&str, Action); 6] = [
        ("allow", Action::ALLOW),
        ("trap", Action::Trap(0)),
        ("log", Action::LOG),
        ("kill_thread", Action::KILL_THREAD),
        ("kill_process", Action::KILL_PROCESS),
        ("user_notif", Action::Notify(0)),
    ];
    if let Value::String(word) = at.value() {
        return match WORDS.iter().find(|w| w.0 == word) {
            Some((_, action)) => Ok(*action),
            None => {
                let problem = at.problem(format!("unknown action {word:.40}"));
                Err(match (word.as_str(), suggest::nearest(word, WORDS.iter().map(|w| w.0))) {
                    ("Kill" | "kill", _) => problem.help("write kill_thread or kill_process"),
                    (_, Some(near)) => problem.help(format!("did you mean {near}?")),
                    _ => problem,
                })
            }
        };
    }
    let members: Vec<_> = at.members()?.collect();
    match &members[..] {
        [("errno", n)] => Ok(Action::Errno(Errno(n.unsigned(0xffff)? as u16))),
        [("trace", n)] => Ok(Action::Trace(n.unsigned(0xffff)? as u16)),
        _ => Err(at.problem("expected an action, {\"errno\": n} or {\"trace\": n}")),
    }
}

/// The architecture a file's name starts with, as in `aarch64-unknown-linux-musl.json`, if it is not
/// the one the file is read for.
fn arch_in_name(options: &Options) -> Option<Arch> {
    let name = options.file.as_deref()?.rsplit('/').next()?;
    let arch = Arch::from_name(name.split(['-', '.']).next()?)?;
    if arch == options.host { None } else { Some(arch) }
}
