//! What a unit's assignments add up to, key by key, as systemd's loader adds them up.

use super::files::{Files, Spot};
use super::filters::local_arches;
use super::unit::{Assignment, boolean};
use crate::import::{Collect, Effect};
use crate::suggest;
use callgate::abi::{constant, group::Group};
use callgate::{Arch, Errno, Syscall};
use std::collections::{BTreeMap, BTreeSet};

/// What happens to a denied call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Denial {
    Kill,
    Errno(Errno),
}

/// A set of calls, each with an error number of its own or none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct CallList {
    /// Whether the calls are the permitted ones.
    pub(super) allow: bool,
    pub(super) calls: BTreeMap<Syscall, Option<Denial>>,
    /// Where the list was last changed.
    pub(super) pos: Spot,
}

/// Everything a unit says that adds a system-call filter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Settings {
    pub(super) filter: Option<CallList>,
    pub(super) log: Option<CallList>,
    pub(super) denial: Option<Denial>,
    pub(super) archs: Option<(BTreeSet<Arch>, Spot)>,
    /// Address families, and whether they are the permitted ones.
    pub(super) families: Option<(BTreeSet<u64>, bool, Spot)>,
    /// `CLONE_NEW*` flags that stay permitted.
    pub(super) namespaces: Option<(u64, Spot)>,
    pub(super) switches: BTreeMap<&'static str, Spot>,
    /// The personality the program starts with, as `personality(2)` numbers it; `None` leaves it to the
    /// service manager's own, 0.
    pub(super) personality: Option<u64>,
}

/// `CLONE_NEW*` by the names `RestrictNamespaces=` takes, in the order systemd goes through them.
pub(super) const NAMESPACES: &[(&str, u64)] = &[
    ("cgroup", 0x0200_0000),
    ("ipc", 0x0800_0000),
    ("net", 0x4000_0000),
    ("mnt", 0x0002_0000),
    ("pid", 0x2000_0000),
    ("user", 0x1000_0000),
    ("uts", 0x0400_0000),
    ("time", 0x0000_0080),
];

/// All of [`NAMESPACES`].
pub(super) const ALL_NAMESPACES: u64 = 0x7e02_0080;

/// The switches that add a filter.
pub(super) const SWITCHES: &[&str] = &[
    "MemoryDenyWriteExecute",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "LockPersonality",
    "ProtectKernelTunables",
    "ProtectKernelModules",
    "ProtectKernelLogs",
    "ProtectClock",
    "ProtectHostname",
    "PrivateDevices",
];

/// The settings that add a filter or change one.
fn ours() -> impl Iterator<Item = &'static str> {
    const LISTS: [&str; 6] = [
        "SystemCallFilter",
        "SystemCallLog",
        "SystemCallErrorNumber",
        "SystemCallArchitectures",
        "RestrictAddressFamilies",
        "RestrictNamespaces",
    ];
    LISTS.into_iter().chain(SWITCHES.iter().copied())
}

/// Whether a setting nobody here knows is a slip of the pen: systemd passes over it, and what it was to
/// filter stays open. Settings of systemd that are alike by chance are none.
fn looks_like_ours(key: &str) -> bool {
    !["ProtectProc", "ProtectHome"].contains(&key) && suggest::nearest(key, ours()).is_some()
}

/// The sections whose settings concern processes.
const SECTIONS: &[&str] = &["Service", "Socket", "Mount", "Swap", "Scope"];

/// Adds up a unit's assignments.
pub(super) fn settings(
    assignments: &[Assignment],
    source: &Files,
    host: Arch,
    collect: &mut Collect,
) -> Settings {
    let mut reader = Reader { source, host, collect, out: Settings::default() };
    for a in assignments {
        let is_ours = a.key.starts_with("SystemCall");
        if !SECTIONS.contains(&&*a.section) {
            if is_ours && a.section == "Exec" {
                let what =
                    "nspawn's SystemCallFilter= changes a list built into nspawn, it is no filter by itself";
                reader.collect.problem(source.problem(a.pos, what));
            } else if is_ours {
                let mut what = format!("{} has no effect in section [{}]", a.key, a.section);
                if let Some(near) = suggest::nearest(&a.section, SECTIONS.iter().copied()) {
                    what += &format!("; did you mean [{near}]?");
                }
                reader.collect.loss(source.place(a.pos), what, Effect::None);
            }
            continue;
        }
        match &*a.key {
            "SystemCallFilter" => reader.call_filter(a),
            "SystemCallLog" => reader.call_log(a),
            "SystemCallErrorNumber" => reader.error_number(a),
            "SystemCallArchitectures" => reader.architectures(a),
            "RestrictAddressFamilies" => reader.families(a),
            "RestrictNamespaces" => reader.namespaces(a),
            "Personality" => reader.personality(a),
            "DynamicUser" => {
                // Implied, whatever RestrictSUIDSGID= itself says.
                if boolean(&a.value) == Some(true) {
                    reader.out.switches.entry("DynamicUser").or_insert(a.pos);
                } else {
                    reader.out.switches.remove("DynamicUser");
                }
            }
            key => {
                if let Some(switch) = SWITCHES.iter().find(|s| **s == key) {
                    reader.switch(switch, a);
                } else if is_ours || looks_like_ours(key) {
                    reader.unknown("setting", key, a.pos, Effect::Weaker, ours());
                }
            }
        }
    }
    reader.out
}

struct Reader<'a> {
    source: &'a Files,
    host: Arch,
    collect: &'a mut Collect,
    out: Settings,
}

/// Strips the `~` that turns a list round.
fn inverted(value: &str) -> (bool, &str) {
    match value.strip_prefix('~') {
        Some(rest) => (true, rest),
        None => (false, value),
    }
}

impl Reader<'_> {
    fn call_filter(&mut self, a: &Assignment) {
        if a.value.is_empty() {
            self.out.filter = None;
            return;
        }
        let (invert, words) = inverted(&a.value);
        let mut list = self.out.filter.take().unwrap_or_else(|| {
            // The first line decides which kind of list it is; a list of permitted calls begins with
            // what every program needs.
            let mut list = CallList { allow: !invert, calls: BTreeMap::new(), pos: a.pos };
            if !invert && let Some(group) = Group::from_name("default") {
                list.calls.extend(group.members().map(|call| (call, None)));
            }
            list
        });
        list.pos = a.pos;
        for word in words.split_ascii_whitespace() {
            let (name, denial) = match word.split_once(':') {
                None => (word, None),
                Some((name, denial)) => match parse_denial(denial) {
                    Some(denial) => (name, Some(denial)),
                    None => {
                        self.unknown("error number", denial, a.pos, Effect::Weaker, errno_names());
                        continue;
                    }
                },
            };
            if denial.is_some() && !invert {
                let what = format!(
                    "{word}: an error number has no meaning on a list of permitted calls; systemd skips the word"
                );
                self.collect.note(self.source.place(a.pos), what);
                continue;
            }
            self.add(&mut list, name, invert, denial, a.pos);
        }
        self.out.filter = Some(list);
    }

    fn call_log(&mut self, a: &Assignment) {
        if a.value.is_empty() {
            self.out.log = None;
            return;
        }
        let (invert, words) = inverted(&a.value);
        let mut list =
            self.out.log.take().unwrap_or(CallList { allow: !invert, calls: BTreeMap::new(), pos: a.pos });
        list.pos = a.pos;
        for word in words.split_ascii_whitespace() {
            self.add(&mut list, word, invert, None, a.pos);
        }
        self.out.log = Some(list);
    }

    /// One word of a list: on a list of the same kind it is put in, else taken out; a call with an
    /// error number of its own stays on a list of permitted calls, with that number.
    fn add(&mut self, list: &mut CallList, name: &str, invert: bool, denial: Option<Denial>, pos: Spot) {
        let calls: Vec<Syscall> = match name.strip_prefix('@') {
            Some(group) => match Group::from_name(group).filter(|g| is_systemd(g)) {
                Some(group) => group.members().collect(),
                None => {
                    let known =
                        Group::all().iter().filter(|g| is_systemd(g) && g.is_current()).map(|g| g.name);
                    let effect = if invert { Effect::Weaker } else { Effect::Stricter };
                    return self.unknown("group of system calls", group, pos, effect, known);
                }
            },
            None => match Syscall::from_name(name) {
                Some(call) => vec![call],
                None => {
                    let effect = if invert { Effect::Weaker } else { Effect::Stricter };
                    return self.unknown("system call", name, pos, effect, Syscall::all().map(Syscall::name));
                }
            },
        };
        for call in calls {
            if invert != list.allow || (invert && list.allow && denial.is_some()) {
                list.calls.insert(call, denial);
            } else {
                list.calls.remove(&call);
            }
        }
    }

    fn error_number(&mut self, a: &Assignment) {
        if a.value.is_empty() {
            self.out.denial = None;
            return;
        }
        match parse_denial(&a.value) {
            Some(Denial::Errno(Errno(0))) => {
                let what = "SystemCallErrorNumber=0 would let denied calls succeed; systemd ignores it";
                self.collect.problem(self.source.problem(a.pos, what));
            }
            Some(denial) => self.out.denial = Some(denial),
            None => self.unknown("error number", &a.value, a.pos, Effect::Different, errno_names()),
        }
    }

    fn architectures(&mut self, a: &Assignment) {
        if a.value.is_empty() {
            self.out.archs = None;
            return;
        }
        let mut set = self.out.archs.take().map(|(set, _)| set).unwrap_or_default();
        for word in a.value.split_ascii_whitespace() {
            match arch(word, self.host) {
                Some(arch) => {
                    set.insert(arch);
                }
                None => {
                    let known = Arch::ALL.iter().filter_map(|a| arch_name(*a)).chain(["native"]);
                    self.unknown("architecture", word, a.pos, Effect::Stricter, known);
                }
            }
        }
        self.out.archs = Some((set, a.pos));
    }

    fn families(&mut self, a: &Assignment) {
        if a.value.is_empty() {
            self.out.families = None;
            return;
        }
        if a.value == "none" {
            self.out.families = Some((BTreeSet::new(), true, a.pos));
            return;
        }
        let (invert, words) = inverted(&a.value);
        let (mut set, allow) = match self.out.families.take() {
            Some((set, allow, _)) => (set, allow),
            None => (BTreeSet::new(), !invert),
        };
        for word in words.split_ascii_whitespace() {
            match constant::value(word, self.host).filter(|_| word.starts_with("AF_")) {
                Some(family) if invert != allow => {
                    set.insert(family);
                }
                Some(family) => {
                    set.remove(&family);
                }
                None => {
                    let effect = if invert { Effect::Weaker } else { Effect::Stricter };
                    let known =
                        ["AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG"];
                    self.unknown("address family", word, a.pos, effect, known);
                }
            }
        }
        self.out.families = Some((set, allow, a.pos));
    }

    fn namespaces(&mut self, a: &Assignment) {
        if a.value.is_empty() {
            self.out.namespaces = None;
            return;
        }
        if let Some(restrict) = boolean(&a.value) {
            self.out.namespaces = Some((if restrict { 0 } else { ALL_NAMESPACES }, a.pos));
            return;
        }
        let (invert, words) = inverted(&a.value);
        let mut flags = 0;
        for word in words.split_ascii_whitespace() {
            match NAMESPACES.iter().find(|n| n.0 == word) {
                Some((_, flag)) => flags |= flag,
                None => {
                    let known = NAMESPACES.iter().map(|n| n.0);
                    self.unknown("namespace", word, a.pos, Effect::Stricter, known);
                }
            }
        }
        let kept = match (self.out.namespaces, invert) {
            (None, true) => ALL_NAMESPACES & !flags,
            (None, false) => flags,
            (Some((kept, _)), true) => kept & !flags,
            (Some((kept, _)), false) => kept | flags,
        };
        self.out.namespaces = Some((kept, a.pos));
    }

    fn personality(&mut self, a: &Assignment) {
        if a.value.is_empty() {
            self.out.personality = None;
            return;
        }
        match arch(&a.value, self.host) {
            Some(arch) if arch == self.host => self.out.personality = Some(0),
            // PER_LINUX32.
            Some(arch) if arch.register_bits() == 32 && local_arches(self.host).contains(&arch) => {
                self.out.personality = Some(8);
            }
            _ => {
                let what =
                    format!("Personality={}: not one of this architecture; systemd ignores it", a.value);
                self.collect.note(self.source.place(a.pos), what);
            }
        }
    }

    fn switch(&mut self, switch: &'static str, a: &Assignment) {
        match boolean(&a.value) {
            Some(true) => {
                self.out.switches.insert(switch, a.pos);
            }
            Some(false) => {
                self.out.switches.remove(switch);
            }
            None if a.value.is_empty() => {
                self.out.switches.remove(switch);
            }
            // A private host name is no filter.
            None if switch == "ProtectHostname" && a.value.split(':').next() == Some("private") => {
                self.out.switches.remove(switch);
            }
            // `yes:name` sets the name first.
            None if switch == "ProtectHostname"
                && a.value.split(':').next().and_then(boolean) == Some(true) =>
            {
                self.out.switches.insert(switch, a.pos);
            }
            None => self.unknown("boolean", &a.value, a.pos, Effect::Weaker, ["yes", "no", "true", "false"]),
        }
    }

    fn unknown<'n>(
        &mut self,
        kind: &str,
        name: &str,
        pos: Spot,
        effect: Effect,
        known: impl IntoIterator<Item = &'n str>,
    ) {
        self.collect.unknown_in(self.source.of(pos), kind, name, pos.pos, effect, known);
    }
}

fn is_systemd(group: &Group) -> bool {
    group.source.starts_with("systemd")
}

fn errno_names() -> impl Iterator<Item = &'static str> {
    (1..=133).filter_map(|n| Errno(n).name()).chain(["kill"])
}

/// `kill`, an error number's name, or the number.
fn parse_denial(text: &str) -> Option<Denial> {
    if text == "kill" {
        return Some(Denial::Kill);
    }
    let number = || text.parse().ok().filter(|n| *n <= 4095).map(Errno);
    Errno::from_name(text).or_else(number).map(Denial::Errno)
}

/// The architecture `SystemCallArchitectures=` calls by this name.
fn arch(name: &str, host: Arch) -> Option<Arch> {
    if name == "native" {
        return Some(host);
    }
    Arch::ALL.iter().copied().find(|a| arch_name(*a) == Some(name))
}

/// What `SystemCallArchitectures=` calls an architecture.
pub(super) fn arch_name(arch: Arch) -> Option<&'static str> {
    Some(match arch {
        Arch::X86 => "x86",
        Arch::X86_64 => "x86-64",
        Arch::X32 => "x32",
        Arch::Arm => "arm",
        Arch::Aarch64 => "arm64",
        Arch::Loongarch64 => "loongarch64",
        Arch::Mips => "mips",
        Arch::Mips64 => "mips64",
        Arch::Mips64n32 => "mips64-n32",
        Arch::Mipsel => "mips-le",
        Arch::Mipsel64 => "mips64-le",
        Arch::Mipsel64n32 => "mips64-le-n32",
        Arch::Parisc => "parisc",
        Arch::Parisc64 => "parisc64",
        Arch::Ppc => "ppc",
        Arch::Ppc64 => "ppc64",
        Arch::Ppc64le => "ppc64-le",
        Arch::Riscv64 => "riscv64",
        Arch::S390 => "s390",
        Arch::S390x => "s390x",
        Arch::M68k | Arch::Sh | Arch::Sheb => return None,
    })
}
