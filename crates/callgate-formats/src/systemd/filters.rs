//! The filters a unit's settings add, one policy a setting. systemd installs one filter for every
//! architecture of the machine, each letting the other architectures pass: together they are one
//! policy for all of them.
//!
//! Source: systemd 262, `src/shared/seccomp-util.c`.

use super::files::{Files, Spot};
use super::settings::{ALL_NAMESPACES, CallList, Denial, NAMESPACES, Settings};
use crate::import::{Collect, Effect, Named};
use crate::options::Options;
use callgate::abi::Kernel;
use callgate::abi::{constant, group::Group};
use callgate::{Action, Arch, ArgCmp, ArgIndex, Call, Cond, Errno, Op, Origin, Policy, Rule, Syscall, Width};

const EPERM: Action = Action::Errno(Errno::EPERM);
const ENOSYS: Action = Action::Errno(Errno::ENOSYS);
/// Address family not supported by protocol.
const EAFNOSUPPORT: Action = Action::Errno(Errno(97));

/// The policies, in the order in which systemd installs the filters.
pub(super) fn filters(
    settings: &Settings,
    source: &Files,
    options: &Options,
    collect: &mut Collect,
) -> Vec<Named> {
    let local: Vec<Arch> = match &options.arches {
        Some(arches) => arches.clone(),
        None => local_arches(options.host).to_vec(),
    };
    let mut build = Build { source, arches: local, out: Vec::new() };
    let switch = |name: &str| settings.switches.get(name).copied();
    build.families(settings);
    if let Some(pos) = switch("MemoryDenyWriteExecute") {
        build.memory(pos, options.kernel, collect);
    }
    if let Some(pos) = switch("RestrictRealtime") {
        build.realtime(pos);
    }
    if let Some(pos) = switch("RestrictSUIDSGID").or(switch("DynamicUser")) {
        build.suid(pos, options.host);
    }
    build.namespaces(settings);
    if let Some(pos) = switch("ProtectKernelTunables") {
        build.denied("ProtectKernelTunables", ["_sysctl"].into_iter().filter_map(Syscall::from_name), pos);
    }
    build.denied_group("ProtectKernelModules", "module", switch("ProtectKernelModules"));
    if let Some(pos) = switch("ProtectKernelLogs") {
        build.denied("ProtectKernelLogs", ["syslog"].into_iter().filter_map(Syscall::from_name), pos);
    }
    for (name, group) in [("ProtectClock", "clock"), ("PrivateDevices", "raw-io")] {
        build.denied_group(name, group, switch(name));
    }
    build.architectures(settings, options.host);
    if let Some(pos) = switch("LockPersonality") {
        build.personality(pos, settings.personality.unwrap_or(0));
    }
    if let Some(pos) = switch("ProtectHostname") {
        let calls = ["sethostname", "setdomainname"].into_iter().filter_map(Syscall::from_name);
        build.denied("ProtectHostname", calls, pos);
    }
    build.log(settings);
    build.filter(settings, collect);
    build.out
}

/// The architectures systemd on this machine filters.
pub(super) fn local_arches(host: Arch) -> &'static [Arch] {
    match host {
        Arch::X86_64 => &[Arch::X86_64, Arch::X86, Arch::X32],
        Arch::X32 => &[Arch::X32, Arch::X86, Arch::X86_64],
        Arch::Aarch64 => &[Arch::Aarch64, Arch::Arm],
        Arch::Mips => &[Arch::Mips, Arch::Mipsel],
        Arch::Mipsel => &[Arch::Mipsel, Arch::Mips],
        Arch::Mips64 | Arch::Mips64n32 => {
            &[Arch::Mips64, Arch::Mips64n32, Arch::Mips, Arch::Mipsel64, Arch::Mipsel64n32, Arch::Mipsel]
        }
        Arch::Mipsel64 | Arch::Mipsel64n32 => {
            &[Arch::Mipsel64, Arch::Mipsel64n32, Arch::Mipsel, Arch::Mips64, Arch::Mips64n32, Arch::Mips]
        }
        Arch::Parisc64 => &[Arch::Parisc64, Arch::Parisc],
        Arch::Ppc64 => &[Arch::Ppc64, Arch::Ppc, Arch::Ppc64le],
        Arch::Ppc64le => &[Arch::Ppc64le, Arch::Ppc, Arch::Ppc64],
        Arch::S390x => &[Arch::S390x, Arch::S390],
        Arch::X86 => &[Arch::X86],
        Arch::Arm => &[Arch::Arm],
        Arch::Loongarch64 => &[Arch::Loongarch64],
        Arch::Parisc => &[Arch::Parisc],
        Arch::Ppc => &[Arch::Ppc],
        Arch::Riscv64 => &[Arch::Riscv64],
        Arch::S390 => &[Arch::S390],
        Arch::M68k => &[Arch::M68k],
        Arch::Sh => &[Arch::Sh],
        Arch::Sheb => &[Arch::Sheb],
    }
}

struct Build<'a> {
    source: &'a Files,
    /// The architectures that are not blocked yet.
    arches: Vec<Arch>,
    out: Vec<Named>,
}

fn arg(index: u8, op: Op) -> Cond {
    match ArgIndex::new(index) {
        Some(arg) => Cond::Arg(ArgCmp { arg, width: Width::W64, op }),
        None => Cond::Any(Vec::new()),
    }
}

/// All bits of `mask` are set.
fn has(index: u8, mask: u64) -> Cond {
    arg(index, Op::MaskedEq { mask, value: mask })
}

impl Build<'_> {
    fn push(&mut self, name: &str, arches: Vec<Arch>, mut rules: Vec<Rule>, default: Action) {
        if arches.is_empty() {
            return;
        }
        if default != Action::ALLOW {
            rules.extend(no_call(&arches, default));
        }
        // A filter lets the architectures it is not for pass, x32 by its numbers.
        let policy = Policy {
            arches,
            rules,
            default,
            bad_arch: Action::ALLOW,
            x32: None,
            unknown: None,
            foreign: Vec::new(),
        };
        self.out.push(Named { name: Some(name.into()), policy });
    }

    fn rule(&self, calls: impl IntoIterator<Item = Syscall>, when: Cond, action: Action, pos: Spot) -> Rule {
        Rule {
            calls: calls.into_iter().map(Call::Named).collect(),
            arches: Vec::new(),
            when,
            action,
            origin: self.source.origin(pos),
        }
    }

    /// A rule about one call by name.
    fn one(&self, name: &str, when: Cond, action: Action, pos: Spot) -> Rule {
        self.rule(Syscall::from_name(name), when, action, pos)
    }

    fn denied(&mut self, name: &str, calls: impl IntoIterator<Item = Syscall>, pos: Spot) {
        let rule = self.rule(calls, Cond::True, EPERM, pos);
        self.push(name, self.arches.clone(), vec![rule], Action::ALLOW);
    }

    fn denied_group(&mut self, name: &str, group: &str, pos: Option<Spot>) {
        if let (Some(pos), Some(group)) = (pos, Group::from_name(group)) {
            self.denied(name, group.members(), pos);
        }
    }

    fn families(&mut self, settings: &Settings) {
        let Some((set, allow, pos)) = &settings.families else { return };
        if !*allow && set.is_empty() {
            return;
        }
        // Where sockets are made by socketcall() the family cannot be seen, and nothing is filtered.
        let arches = self.arches.iter().copied().filter(|a| has_socket_calls(*a)).collect();
        let listed = Cond::Any(set.iter().map(|f| arg(0, Op::Eq(*f))).collect());
        let when = match (*allow, set.is_empty()) {
            (true, true) => Cond::True,
            (true, false) => Cond::Not(Box::new(listed)),
            (false, _) => listed,
        };
        let rule = self.one("socket", when, EAFNOSUPPORT, *pos);
        self.push("RestrictAddressFamilies", arches, vec![rule], Action::ALLOW);
    }

    fn memory(&mut self, pos: Spot, kernel: Option<Kernel>, collect: &mut Collect) {
        let by_prctl = Kernel::new(6, 3);
        if kernel.is_some_and(|k| k >= by_prctl) {
            let what = "MemoryDenyWriteExecute= is done by prctl(PR_SET_MDWE) on Linux 6.3 and later, not by a filter";
            collect.loss(self.source.place(pos), what, Effect::Weaker);
            return;
        }
        let what =
            "MemoryDenyWriteExecute= is a filter only before Linux 6.3; later it is prctl(PR_SET_MDWE)";
        collect.note(self.source.place(pos), what);
        // PROT_WRITE, PROT_EXEC, SHM_EXEC.
        let (write, exec, shm_exec) = (2, 4, 0o100_000);
        let mut rules = Vec::new();
        let only = |mut rule: Rule, on: &[Arch]| {
            rule.arches = on.to_vec();
            rule
        };
        let of =
            |all: &[Arch]| -> Vec<Arch> { self.arches.iter().copied().filter(|a| all.contains(a)).collect() };
        let mmap = of(&[
            Arch::X86_64,
            Arch::X32,
            Arch::Aarch64,
            Arch::Loongarch64,
            Arch::Riscv64,
            Arch::Ppc,
            Arch::Ppc64,
            Arch::Ppc64le,
            Arch::S390x,
        ]);
        let mmap2 = of(&[Arch::X86, Arch::S390, Arch::Arm]);
        let old_mmap = of(&[Arch::X86, Arch::S390]);
        let shmat =
            of(&[Arch::X86_64, Arch::X32, Arch::Aarch64, Arch::Loongarch64, Arch::Riscv64, Arch::Arm]);
        if !mmap.is_empty() {
            rules.push(only(self.one("mmap", has(2, write | exec), EPERM, pos), &mmap));
        }
        if !mmap2.is_empty() {
            rules.push(only(self.one("mmap2", has(2, write | exec), EPERM, pos), &mmap2));
        }
        if !old_mmap.is_empty() {
            rules.push(only(self.one("mmap", Cond::True, EPERM, pos), &old_mmap));
        }
        rules.push(self.one("mprotect", has(2, exec), EPERM, pos));
        rules.push(self.one("pkey_mprotect", has(2, exec), EPERM, pos));
        if !shmat.is_empty() {
            rules.push(only(self.one("shmat", has(2, shm_exec), EPERM, pos), &shmat));
        }
        let arches = self.arches.iter().copied().filter(|a| mmap.contains(a) || mmap2.contains(a)).collect();
        self.push("MemoryDenyWriteExecute", arches, rules, Action::ALLOW);
    }

    fn realtime(&mut self, pos: Spot) {
        // SCHED_OTHER (0), SCHED_BATCH (3) and SCHED_IDLE (5) stay.
        let denied =
            Cond::Any([1, 2, 4].map(|p| arg(1, Op::Eq(p))).into_iter().chain([arg(1, Op::Gt(5))]).collect());
        let rule = self.one("sched_setscheduler", denied, EPERM, pos);
        self.push("RestrictRealtime", self.arches.clone(), vec![rule], Action::ALLOW);
    }

    fn suid(&mut self, pos: Spot, host: Arch) {
        // S_ISUID, S_ISGID.
        let either = |index| Cond::Any(vec![has(index, 0o4000), has(index, 0o2000)]);
        let creat = constant::value("O_CREAT", host).unwrap_or(0o100);
        let mut rules = Vec::new();
        let mode_args =
            [("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2), ("mkdir", 1), ("mkdirat", 2)];
        for (name, index) in mode_args.into_iter().chain([("mknod", 1), ("mknodat", 2), ("creat", 1)]) {
            rules.push(self.one(name, either(index), EPERM, pos));
        }
        for (name, flags) in [("open", 1), ("openat", 2)] {
            rules.push(self.one(name, Cond::All(vec![has(flags, creat), either(flags + 1)]), EPERM, pos));
        }
        // Its flags are behind a pointer; programs fall back to openat.
        rules.push(self.one("openat2", Cond::True, ENOSYS, pos));
        self.push("RestrictSUIDSGID", self.arches.clone(), rules, Action::ALLOW);
    }

    fn namespaces(&mut self, settings: &Settings) {
        let Some((kept, pos)) = settings.namespaces else { return };
        if kept & ALL_NAMESPACES == ALL_NAMESPACES {
            return;
        }
        let denied: Vec<u64> = NAMESPACES.iter().map(|n| n.1).filter(|f| kept & f == 0).collect();
        let any = |index| Cond::Any(denied.iter().map(|f| has(index, *f)).collect());
        // Its flags are behind a pointer; programs fall back to clone.
        let mut rules = vec![self.one("clone3", Cond::True, ENOSYS, pos)];
        let setns = match kept & ALL_NAMESPACES {
            0 => Cond::True,
            // Flags of 0 stand for any namespace.
            _ => Cond::Any(vec![arg(1, Op::Eq(0)), any(1)]),
        };
        rules.push(self.one("setns", setns, EPERM, pos));
        rules.push(self.one("unshare", any(0), EPERM, pos));
        let (swapped, plain): (Vec<Arch>, Vec<Arch>) =
            self.arches.iter().partition(|a| matches!(a, Arch::S390 | Arch::S390x));
        for (index, arches) in [(0, plain), (1, swapped)] {
            if !arches.is_empty() {
                let mut rule = self.one("clone", any(index), EPERM, pos);
                rule.arches = if arches.len() == self.arches.len() { Vec::new() } else { arches };
                rules.push(rule);
            }
        }
        self.push("RestrictNamespaces", self.arches.clone(), rules, Action::ALLOW);
    }

    fn architectures(&mut self, settings: &Settings, host: Arch) {
        let Some((listed, pos)) = &settings.archs else { return };
        if listed.is_empty() {
            return;
        }
        let keep = |a: &Arch| {
            *a == host
                || listed.contains(a)
                || (host == Arch::X32 && *a == Arch::X86_64 && listed.contains(&host))
        };
        let before = self.arches.len();
        self.arches.retain(keep);
        if self.arches.len() == before {
            return;
        }
        let arches = self.arches.clone();
        let rules =
            no_call(&arches, Action::ALLOW).map(|rule| Rule { origin: self.source.origin(*pos), ..rule });
        let rules = rules.into_iter().collect();
        let policy = Policy {
            arches,
            rules,
            default: Action::ALLOW,
            bad_arch: Action::KILL_THREAD,
            x32: None,
            unknown: None,
            foreign: Vec::new(),
        };
        self.out.push(Named { name: Some("SystemCallArchitectures".into()), policy });
    }

    fn personality(&mut self, pos: Spot, kept: u64) {
        let rule = self.one("personality", arg(0, Op::Ne(kept)), EPERM, pos);
        self.push("LockPersonality", self.arches.clone(), vec![rule], Action::ALLOW);
    }

    fn log(&mut self, settings: &Settings) {
        let Some(list) = &settings.log else { return };
        if list.calls.is_empty() && list.allow {
            return;
        }
        let (hit, default) = match list.allow {
            true => (Action::LOG, Action::ALLOW),
            false => (Action::ALLOW, Action::LOG),
        };
        let rule = self.rule(list.calls.keys().copied(), Cond::True, hit, list.pos);
        self.push("SystemCallLog", self.arches.clone(), vec![rule], default);
    }

    fn filter(&mut self, settings: &Settings, collect: &mut Collect) {
        let Some(list) = &settings.filter else { return };
        if list.calls.is_empty() && !list.allow {
            return;
        }
        let denial = action(settings.denial.unwrap_or(Denial::Kill));
        let mut rules = Vec::new();
        let mut hit = |denial: Option<Denial>, otherwise: Action| {
            let calls: Vec<Syscall> =
                list.calls.iter().filter(|(_, d)| **d == denial).map(|(c, _)| *c).collect();
            if !calls.is_empty() {
                rules.push(self.rule(calls, Cond::True, denial.map_or(otherwise, action), list.pos));
            }
        };
        hit(None, if list.allow { Action::ALLOW } else { denial });
        for own in own_denials(list) {
            hit(Some(own), denial);
        }
        let mut default = Action::ALLOW;
        if list.allow {
            // Calls systemd has never heard of do not exist as far as the program can tell.
            default = ENOSYS;
            if let Some(known) = Group::from_name("known").filter(|_| denial != ENOSYS) {
                let rest: Vec<Syscall> = known.members().filter(|c| !list.calls.contains_key(c)).collect();
                rules.push(self.rule(rest, Cond::True, denial, list.pos));
            }
            if Syscall::from_name("write").is_some_and(|w| !list.calls.contains_key(&w)) {
                let what = "systemd 256 and later permits write all the same: it reports the start of the program with it";
                collect.loss(self.source.place(list.pos), what, Effect::Stricter);
            }
        }
        self.push("SystemCallFilter", self.arches.clone(), rules, default);
    }
}

/// libseccomp lets -1, which tracers use for "no call", through its x32 test: it gets the default.
fn no_call(arches: &[Arch], default: Action) -> Option<Rule> {
    let applies = arches.contains(&Arch::X86_64) && !arches.contains(&Arch::X32);
    applies.then(|| Rule {
        calls: vec![Call::Numbers(u32::MAX..=u32::MAX)],
        arches: vec![Arch::X86_64],
        when: Cond::True,
        action: default,
        origin: Origin::default(),
    })
}

/// The denials that calls have of their own, in order of first appearance.
fn own_denials(list: &CallList) -> Vec<Denial> {
    let mut out = Vec::new();
    for denial in list.calls.values().flatten() {
        if !out.contains(denial) {
            out.push(*denial);
        }
    }
    out
}

fn action(denial: Denial) -> Action {
    match denial {
        Denial::Kill => Action::KILL_PROCESS,
        Denial::Errno(errno) => Action::Errno(errno),
    }
}

/// Whether sockets are made by calls of their own, not by socketcall().
fn has_socket_calls(arch: Arch) -> bool {
    matches!(
        arch,
        Arch::X86_64
            | Arch::X32
            | Arch::Arm
            | Arch::Aarch64
            | Arch::Loongarch64
            | Arch::Mipsel64n32
            | Arch::Mips64n32
            | Arch::Mipsel64
            | Arch::Mips64
            | Arch::Riscv64
    )
}
