//! The filters a profile adds: a stack of policies. firejail lets every architecture a filter is not
//! for pass, and treats x32 numbers as denied.
//!
//! Source: firejail 0.9.74, `src/fseccomp`.

use super::groups;
use super::profile::{ALL_NAMESPACES, List, Lists, Profile, errno};
use crate::import::{Collect, Effect, Named};
use crate::scan::{Pos, Source};
use callgate::abi::constant;
use callgate::{Action, Arch, ArgCmp, ArgIndex, Call, Cond, Errno, Op, Policy, Rule, Syscall, Width};

/// Operation not supported.
const ENOTSUP: Action = Action::Errno(Errno(95));

/// The policies, in the order in which firejail installs the filters.
pub(super) fn filters(profile: &Profile, host: Arch, collect: &mut Collect) -> Vec<Named> {
    let denial = profile.error_action.unwrap_or(Action::Errno(Errno::EPERM));
    let mut build = Build { profile, host, denial, collect, out: Vec::new() };
    build.protocol();
    if profile.native.on.is_some() {
        build.main(&profile.native, host, "seccomp");
    }
    match &profile.secondary.on {
        Some(_) if host == Arch::X86_64 => build.main(&profile.secondary, Arch::X86, "seccomp.32"),
        Some((source, pos)) => {
            let what = format!(
                "firejail knows no 32-bit calls beside those of {}; the filter is empty",
                host.name()
            );
            build.collect.note(source.place(*pos), what);
        }
        None => {}
    }
    build.memory();
    build.namespaces();
    build.out
}

struct Build<'a> {
    profile: &'a Profile,
    host: Arch,
    /// What happens to a denied call.
    denial: Action,
    collect: &'a mut Collect,
    out: Vec<Named>,
}

/// A policy's rules, made for one architecture and one place at a time.
struct Rules {
    arch: Arch,
    source: Source,
    pos: Pos,
    rules: Vec<Rule>,
}

impl Rules {
    fn new(arch: Arch, source: &Source, pos: Pos) -> Rules {
        Rules { arch, source: source.clone(), pos, rules: Vec::new() }
    }

    fn push(&mut self, calls: Vec<Call>, when: Cond, action: Action) {
        let origin = self.source.origin(self.pos);
        // Neighbours that say the same are shown as one.
        if let Some(last) = self.rules.last_mut().filter(|r| r.when == when && r.action == action) {
            last.calls.extend(calls);
            return;
        }
        self.rules.push(Rule { calls, arches: Vec::new(), when, action, origin });
    }

    /// A rule about a call by name, where the architecture has it.
    fn named(&mut self, name: &str, when: Cond, action: Action) {
        if let Some(call) = Syscall::from_name(name).filter(|c| c.number(self.arch).is_some()) {
            self.push(vec![Call::Named(call)], when, action);
        }
    }
}

/// A test of an argument's low word.
fn low(index: u8, op: Op) -> Cond {
    match ArgIndex::new(index) {
        Some(arg) => Cond::Arg(ArgCmp { arg, width: Width::W32, op }),
        None => Cond::Any(Vec::new()),
    }
}

fn has(index: u8, mask: u64) -> Cond {
    low(index, Op::MaskedEq { mask, value: mask })
}

fn any_bit(index: u8, mask: u64) -> Cond {
    Cond::Not(Box::new(low(index, Op::MaskedEq { mask, value: 0 })))
}

impl Build<'_> {
    fn finish(&mut self, name: &str, rules: Rules, default: Action, bad_arch: Action) {
        let mut all = rules.rules;
        if rules.arch == Arch::X86_64 {
            // x32 numbers are sorted out before anything else.
            all.insert(
                0,
                Rule {
                    calls: vec![Call::Numbers(Arch::X32_BIT..=u32::MAX)],
                    arches: Vec::new(),
                    when: Cond::True,
                    action: self.denial,
                    origin: rules.source.origin(rules.pos),
                },
            );
        }
        let policy = Policy {
            arches: vec![rules.arch],
            rules: all,
            bad_arch,
            x32: (rules.arch == Arch::X86_64).then_some(self.denial),
            ..Policy::new(default)
        };
        self.out.push(Named { name: Some(name.into()), policy });
    }

    fn main(&mut self, lists: &Lists, arch: Arch, name: &str) {
        let Some((source, pos)) = &lists.on else { return };
        if let Some(list) = &lists.keep {
            self.block_secondary();
            self.keep(list, arch, name);
            return;
        }
        // Whether there is a list without the defaults is asked of the native lists, for both.
        if self.profile.native.drop.is_some() {
            self.block_secondary();
            match &lists.drop {
                Some(list) => self.drop(Some(list), false, arch, name, (source, *pos)),
                None => {
                    let what = format!("seccomp.drop without {name}.drop: firejail fails");
                    self.collect.problem(source.problem(*pos, what));
                }
            }
            return;
        }
        if self.profile.block_secondary.is_some() {
            self.block_secondary();
        } else if self.host == Arch::X86_64 {
            self.fixed_32(source, *pos);
            let plain = self.profile.native.list.is_none() && self.denial == Action::Errno(Errno::EPERM);
            if arch == Arch::X86 && plain {
                if let Some(list) = &lists.list {
                    let what = "firejail takes its fixed list of i386 calls instead of this one, unless `seccomp` has a list too";
                    self.collect.loss(list.source.place(list.pos), what, Effect::None);
                }
                return;
            }
        }
        self.drop(lists.list.as_ref(), true, arch, name, (source, *pos));
    }

    /// Permits everything but the calls of a list.
    fn drop(&mut self, list: Option<&List>, defaults: bool, arch: Arch, name: &str, at: (&Source, Pos)) {
        let mut rules = Rules::new(arch, at.0, at.1);
        let mut postponed = Rules::new(arch, at.0, at.1);
        let items = list.map(|l| self.items(l, arch)).unwrap_or_default();
        self.first_pass(&items, &mut rules, Action::ALLOW);
        if defaults {
            let group = if self.profile.allow_debuggers { "@default" } else { "@default-nodebuggers" };
            let mut members = Vec::new();
            expand(group, (self.host, arch), &mut members);
            for number in members.into_iter().filter_map(|m| m.number()) {
                rules.push(vec![call(number, arch)], Cond::True, self.denial);
            }
        }
        let mut keep = Vec::new();
        expand("@default-keep", (self.host, arch), &mut keep);
        for item in &items {
            // firejail looks the name of the number up again: exempted calls and numbers without a
            // name are left out here.
            let Some(number) = item.number().filter(|n| Syscall::from_number(arch, *n).is_some()) else {
                if item.raw && !item.negated {
                    let place = list.map(|l| l.source.place(l.pos)).unwrap_or_default();
                    let what = format!(
                        "${} has no name; firejail leaves it out of a list of denied calls",
                        item.value
                    );
                    self.collect.note(place, what);
                }
                continue;
            };
            let calls = vec![call(number, arch)];
            if keep.iter().any(|k| k.number() == Some(number)) {
                postponed.push(calls, Cond::True, self.denial);
            } else if let Some(Own::Errno(errno)) = item.own {
                rules.push(calls, Cond::True, Action::Errno(errno));
            } else {
                rules.push(calls, Cond::True, self.denial);
            }
        }
        self.finish(name, rules, Action::ALLOW, Action::ALLOW);
        if !postponed.rules.is_empty() {
            // Calls firejail itself still needs are denied once the program has been started.
            self.finish(&format!("{name}.postexec"), postponed, Action::ALLOW, Action::ALLOW);
        }
    }

    /// Denies everything but the calls of a list.
    fn keep(&mut self, list: &List, arch: Arch, name: &str) {
        let mut rules = Rules::new(arch, &list.source, list.pos);
        let items = self.items(list, arch);
        self.first_pass(&items, &mut rules, self.denial);
        let mut own = Vec::new();
        expand("@default-keep", (self.host, arch), &mut own);
        for number in own.into_iter().filter_map(|m| m.number()) {
            rules.push(vec![call(number, arch)], Cond::True, Action::ALLOW);
        }
        for item in &items {
            let Some(number) = item.number() else { continue };
            let action = match item.own {
                Some(Own::Errno(errno)) => Action::Errno(errno),
                Some(Own::Kill) => Action::KILL_THREAD,
                None => Action::ALLOW,
            };
            rules.push(vec![call(number, arch)], Cond::True, action);
        }
        self.finish(name, rules, self.denial, Action::ALLOW);
    }

    /// What firejail writes first: exemptions, and calls with an action of their own.
    fn first_pass(&mut self, items: &[Item], rules: &mut Rules, exempted: Action) {
        for item in items {
            match item.own {
                // A negated number is written as it is, and matches nothing.
                Some(Own::Errno(errno)) => {
                    let number = item.coded() as u32;
                    rules.push(vec![call(number, rules.arch)], Cond::True, Action::Errno(errno));
                }
                Some(Own::Kill) => {
                    if let Some(number) = item.number() {
                        rules.push(vec![call(number, rules.arch)], Cond::True, Action::KILL_THREAD);
                    }
                }
                None if item.coded() < 0 => {
                    let number = item.value.unsigned_abs() as u32;
                    rules.push(vec![call(number, rules.arch)], Cond::True, exempted);
                }
                None => {}
            }
        }
    }

    /// The items of a list, groups expanded; problems go to `collect`.
    fn items(&mut self, list: &List, arch: Arch) -> Vec<Item> {
        let mut out = Vec::new();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_,:@-$!".contains(c);
        if let Some(bad) = list.text.chars().find(|c| !allowed(*c)) {
            self.problem(list, format!("{bad:?} cannot stand in a list of calls"));
            return out;
        }
        for word in list.text.split(',').filter(|w| !w.is_empty()) {
            if word.starts_with('@') {
                if !expand(word, (self.host, arch), &mut out) {
                    let pos = list.pos;
                    self.collect.unknown_in(
                        &list.source,
                        "group",
                        word,
                        pos,
                        Effect::Weaker,
                        groups::names(),
                    );
                }
                continue;
            }
            let (negated, rest) = match word.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, word),
            };
            let (name, own) = match rest.split_once(':') {
                None => (rest, None),
                Some((name, "kill")) => (name, Some(Own::Kill)),
                Some((name, error)) => match errno(error) {
                    Some(errno) => (name, Some(Own::Errno(errno))),
                    None => {
                        let known = (1..=133).filter_map(|n| Errno(n).name());
                        self.collect.unknown_in(
                            &list.source,
                            "error number",
                            error,
                            list.pos,
                            Effect::Weaker,
                            known,
                        );
                        continue;
                    }
                },
            };
            if let Some(number) = name.strip_prefix('$') {
                match parse_number(number) {
                    Some(value) => out.push(Item { value, negated, own, raw: true }),
                    None => self.problem(list, format!("`{name}` is no number")),
                }
                continue;
            }
            let Some(found) = Syscall::from_name(name) else {
                let effect = if negated { Effect::Stricter } else { Effect::Weaker };
                let known = Syscall::all().map(Syscall::name);
                self.collect.unknown_in(&list.source, "system call", name, list.pos, effect, known);
                continue;
            };
            // A call of another architecture is skipped.
            let Some(number) = found.number(arch) else { continue };
            if negated && number == 0 {
                let what = format!(
                    "!{name} is no exemption: its number is 0, and firejail codes exemptions as negative numbers; the call is denied"
                );
                self.collect.note(list.source.place(list.pos), what);
            }
            out.push(Item { value: i64::from(number), negated, own, raw: false });
        }
        if out.is_empty() && list.text.chars().all(|c| c == ',') {
            self.problem(list, "the list of calls is empty".into());
        }
        out
    }

    fn problem(&mut self, list: &List, what: String) {
        self.collect.problem(list.source.problem(list.pos, what));
    }

    /// Denies other architectures, x32 and other personalities.
    fn block_secondary(&mut self) {
        let Some((source, pos)) = &self.profile.block_secondary else { return };
        let mut rules = Rules::new(self.host, source, *pos);
        let kept = [0, 0xffff_ffff].map(|v| match ArgIndex::new(0) {
            Some(arg) => Cond::Arg(ArgCmp { arg, width: Width::W64, op: Op::Eq(v) }),
            None => Cond::True,
        });
        rules.named("personality", Cond::Not(Box::new(Cond::Any(kept.to_vec()))), self.denial);
        self.finish("seccomp.block-secondary", rules, Action::ALLOW, self.denial);
    }

    /// The fixed list of i386 calls that goes with the defaults on x86_64.
    fn fixed_32(&mut self, source: &Source, pos: Pos) {
        if self.out.iter().any(|n| n.name.as_deref() == Some("seccomp.32.fixed")) {
            return;
        }
        let mut rules = Rules::new(Arch::X86, source, pos);
        let calls = FIXED_32.iter().map(|n| call(*n, Arch::X86)).collect();
        rules.push(calls, Cond::True, self.denial);
        self.finish("seccomp.32.fixed", rules, Action::ALLOW, Action::ALLOW);
    }

    fn protocol(&mut self) {
        let Some(list) = &self.profile.protocol else { return };
        let mut families = Vec::new();
        for word in list.text.split(',').filter(|w| !w.is_empty()) {
            let known = ["unix", "inet", "inet6", "netlink", "packet", "bluetooth"];
            match known.iter().find(|k| **k == word) {
                Some(name) => {
                    families.extend(constant::value(&format!("AF_{}", name.to_uppercase()), self.host))
                }
                None => {
                    self.collect.unknown_in(&list.source, "protocol", word, list.pos, Effect::Stricter, known)
                }
            }
        }
        let listed = Cond::Any(families.iter().map(|f| low(0, Op::Eq(*f))).collect());
        let other = Cond::Not(Box::new(listed));
        let mut rules = Rules::new(self.host, &list.source, list.pos);
        rules.named("socket", other.clone(), ENOTSUP);
        self.finish("protocol", rules, Action::ALLOW, Action::ALLOW);
        if self.host == Arch::X86_64
            && let Some(last) = self.out.last_mut()
        {
            // i386's socket, by its number under whatever other architecture.
            last.policy.foreign.push(Rule {
                calls: vec![Call::Numbers(359..=359)],
                arches: Vec::new(),
                when: other,
                action: ENOTSUP,
                origin: list.source.origin(list.pos),
            });
        }
    }

    fn memory(&mut self) {
        let Some((source, pos)) = &self.profile.memory else { return };
        // PROT_WRITE, PROT_EXEC, SHM_EXEC.
        let (write, exec, shm_exec) = (2, 4, 0o100_000);
        let mut arches = vec![(self.host, "memory-deny-write-execute")];
        if self.host == Arch::X86_64 {
            arches.push((Arch::X86, "memory-deny-write-execute.32"));
        }
        for (arch, name) in arches {
            let mut rules = Rules::new(arch, source, *pos);
            match arch {
                Arch::X86_64 | Arch::Aarch64 | Arch::Ppc64 | Arch::Ppc64le => {
                    rules.named("mmap", has(2, write | exec), self.denial);
                }
                Arch::X86 => {
                    rules.named("mmap", Cond::True, self.denial);
                    rules.named("mmap2", has(2, write | exec), self.denial);
                }
                Arch::Arm => rules.named("mmap2", has(2, write | exec), self.denial),
                _ => {
                    let what = format!("memory-deny-write-execute does not cover mmap on {}", arch.name());
                    self.collect.note(source.place(*pos), what);
                }
            }
            rules.named("mprotect", has(2, exec), self.denial);
            rules.named("pkey_mprotect", has(2, exec), self.denial);
            rules.named("shmat", has(2, shm_exec), self.denial);
            rules.named("memfd_create", Cond::True, self.denial);
            self.finish(name, rules, Action::ALLOW, Action::ALLOW);
        }
    }

    fn namespaces(&mut self) {
        let Some(list) = &self.profile.namespaces else { return };
        let mut mask = 0;
        for word in list.text.split(',').filter(|w| !w.is_empty()) {
            match NAMESPACES.iter().find(|n| n.0 == word) {
                Some((_, flag)) => mask |= flag,
                None => {
                    let known = ALL_NAMESPACES.split(',');
                    self.collect.unknown_in(&list.source, "namespace", word, list.pos, Effect::Weaker, known);
                }
            }
        }
        // CLONE_NEWTIME is part of clone's exit signal.
        let clone_mask = mask & !0x80;
        let mut arches = vec![(self.host, "restrict-namespaces")];
        if self.host == Arch::X86_64 {
            arches.push((Arch::X86, "restrict-namespaces.32"));
        }
        for (arch, name) in arches {
            let flags = u8::from(matches!(arch, Arch::S390 | Arch::S390x));
            let mut rules = Rules::new(arch, &list.source, list.pos);
            rules.named("clone", any_bit(flags, clone_mask), self.denial);
            rules.named("clone3", Cond::True, Action::Errno(Errno::ENOSYS));
            rules.named("unshare", any_bit(0, mask), self.denial);
            rules.named("setns", Cond::Any(vec![low(1, Op::Eq(0)), any_bit(1, mask)]), self.denial);
            self.finish(name, rules, Action::ALLOW, Action::ALLOW);
        }
    }
}

/// An item of a list: a number, as firejail codes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Item {
    value: i64,
    negated: bool,
    own: Option<Own>,
    /// Whether it was written as a number.
    raw: bool,
}

/// An action of a call's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Own {
    Errno(Errno),
    Kill,
}

impl Item {
    /// The number as firejail hands it on: negative for `!name`.
    fn coded(&self) -> i64 {
        if self.negated { -self.value } else { self.value }
    }

    /// The number, if it is not coded as negative.
    fn number(&self) -> Option<u32> {
        u32::try_from(self.coded()).ok()
    }
}

/// The members of a group with numbers on `arch`; whether there is such a group. firejail compiles its groups
/// in for the machine it runs on, so that its 32-bit filters lack the members that only 32-bit calls are.
fn expand(group: &str, (host, arch): (Arch, Arch), out: &mut Vec<Item>) -> bool {
    let Some(members) = groups::members(group) else { return false };
    for name in members {
        if name.starts_with('@') {
            expand(name, (host, arch), out);
        } else if let Some(number) =
            Syscall::from_name(name).filter(|c| c.number(host).is_some()).and_then(|c| c.number(arch))
        {
            out.push(Item { value: i64::from(number), negated: false, own: None, raw: false });
        }
    }
    true
}

fn call(number: u32, arch: Arch) -> Call {
    match Syscall::from_number(arch, number) {
        Some(call) => Call::Named(call),
        None => Call::Numbers(number..=number),
    }
}

/// A number as `strtol` with base 0 reads it, within an `int`.
fn parse_number(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (digits, radix) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (&digits[1..], 8),
        None => (digits, 10),
    };
    let value = i64::from(u32::from_str_radix(digits, radix).ok().filter(|v| *v <= i32::MAX as u32)?);
    Some(if negative { -value } else { value })
}

const NAMESPACES: &[(&str, u64)] = &[
    ("cgroup", 0x0200_0000),
    ("ipc", 0x0800_0000),
    ("net", 0x4000_0000),
    ("mnt", 0x0002_0000),
    ("pid", 0x2000_0000),
    ("time", 0x0000_0080),
    ("user", 0x1000_0000),
    ("uts", 0x0400_0000),
];

/// i386 numbers: mount, umount2, ptrace, kexec_load, handles, modules, port I/O, ioprio_set, swap,
/// syslog, foreign memory, clocks, tracing, keys, asynchronous I/O, memory policy, chroot, reboot.
const FIXED_32: &[u32] = &[
    21, 52, 26, 283, 341, 342, 127, 128, 350, 129, 110, 101, 289, 87, 115, 103, 347, 348, 135, 149, 124, 343,
    253, 336, 338, 349, 286, 287, 288, 86, 51, 123, 217, 245, 246, 247, 248, 249, 257, 274, 276, 294, 317,
    316, 61, 88, 169, 130,
];
