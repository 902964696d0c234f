//! bionic's lists: SYSCALLS.TXT and the SECCOMP_*.TXT beside it, which together make the filters of
//! Android's processes.
//!
//! Source: bionic, `libc/tools/genseccomp.py`, `libc/Android.bp`.

use crate::detect::Format;
use crate::import::{Collect, Effect, Import, Named};
use crate::options::Options;
use crate::place::Error;
use crate::scan::{Pos, Source};
use crate::suggest;
use callgate::{Action, Arch, Call, Cond, Policy, Rule, Syscall};
use std::collections::BTreeSet;

/// The main list.
const SYSCALLS: &str = "SYSCALLS.TXT";

/// A filter: its name, the lists of calls taken away and of calls added.
type Filter = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Since Android 11.
const NOW: &[Filter] = &[
    (
        "app",
        &["SECCOMP_BLOCKLIST_COMMON.TXT", "SECCOMP_BLOCKLIST_APP.TXT"],
        &["SECCOMP_ALLOWLIST_COMMON.TXT", "SECCOMP_ALLOWLIST_APP.TXT"],
    ),
    ("app_zygote", &["SECCOMP_BLOCKLIST_COMMON.TXT"], &["SECCOMP_ALLOWLIST_COMMON.TXT"]),
    (
        "system",
        &["SECCOMP_BLOCKLIST_COMMON.TXT"],
        &["SECCOMP_ALLOWLIST_COMMON.TXT", "SECCOMP_ALLOWLIST_SYSTEM.TXT"],
    ),
];

/// Android 10: the same under other names.
const TEN: &[Filter] = &[
    (
        "app",
        &["SECCOMP_BLACKLIST_COMMON.TXT", "SECCOMP_BLACKLIST_APP.TXT"],
        &["SECCOMP_WHITELIST_COMMON.TXT", "SECCOMP_WHITELIST_APP.TXT"],
    ),
    ("app_zygote", &["SECCOMP_BLACKLIST_COMMON.TXT"], &["SECCOMP_WHITELIST_COMMON.TXT"]),
    (
        "system",
        &["SECCOMP_BLACKLIST_COMMON.TXT"],
        &["SECCOMP_WHITELIST_COMMON.TXT", "SECCOMP_WHITELIST_SYSTEM.TXT"],
    ),
];

/// Android 9, whose `init` could filter everything.
const NINE: &[Filter] = &[
    TEN[0],
    TEN[2],
    (
        "global",
        &["SECCOMP_BLACKLIST_COMMON.TXT"],
        &[
            "SECCOMP_WHITELIST_COMMON.TXT",
            "SECCOMP_WHITELIST_SYSTEM.TXT",
            "SECCOMP_WHITELIST_APP.TXT",
            "SECCOMP_WHITELIST_GLOBAL.TXT",
        ],
    ),
];

/// Android 8: one filter, for what the zygote starts.
const EIGHT: &[Filter] = &[("zygote", &["SECCOMP_BLACKLIST.TXT"], &["SECCOMP_WHITELIST.TXT"])];

/// One line: the call and the architectures it is for.
#[derive(Clone, Debug)]
struct Entry {
    call: Syscall,
    name: String,
    arches: Vec<Arch>,
    pos: Pos,
    /// Whether the function's type stands in front, as it did until Android 10.
    typed: bool,
}

/// Reads SYSCALLS.TXT with the lists beside it as alternatives, which today are `app`, `app_zygote` and `system`.
/// Given one of the other lists, reads the SYSCALLS.TXT beside it.
pub(crate) fn read(text: &str, options: &Options) -> Result<Import, Error> {
    let mut collect = Collect::new(options);
    let mut source = Source::main(text, options);
    let name = source.name.clone();
    let file = name.as_deref().and_then(|n| n.rsplit('/').next()).unwrap_or(SYSCALLS);
    if file.starts_with("SECCOMP_") {
        let beside = source.include(&source.directory(), SYSCALLS, Pos { line: 1, col: 1 }, options);
        source = beside.map_err(|_| {
            let what = format!("{file} only changes the list {SYSCALLS}, which is not at hand");
            source.error(Pos::default(), what)
        })?;
    }
    let main = entries(&source, &mut collect);
    if main.is_empty() {
        collect.check()?;
        return Err(
            source.error(Pos::default(), "no calls: expected lines like `read(int, void*, size_t) all`")
        );
    }
    let arches = arches(options);
    let mut policies = Vec::new();
    for (filter, blocklists, allowlists) in filters(&source, options, &main) {
        let blocked = lists(blocklists, &source, options, &mut collect, Effect::Weaker);
        let added = lists(allowlists, &source, options, &mut collect, Effect::Stricter);
        let mut rules = Vec::new();
        let is_blocked = |entry: &Entry, arch: Arch| {
            blocked.iter().any(|(_, b)| b.call == entry.call && b.arches.contains(&arch))
        };
        for (list, entry) in &blocked {
            if !main.iter().any(|m| m.call == entry.call && entry.arches.iter().any(|a| m.arches.contains(a)))
            {
                let what = format!("{} is not in {SYSCALLS}, there is nothing to take away", entry.name);
                collect.problem(list.problem(entry.pos, what));
            }
        }
        let all = main.iter().map(|e| (&source, e)).chain(added.iter().map(|(s, e)| (s, e)));
        for (from, entry) in all {
            let is_main = from.name == source.name;
            let on: Vec<Arch> = arches
                .iter()
                .copied()
                .filter(|a| entry.arches.contains(a) && !(is_main && is_blocked(entry, *a)))
                .collect();
            if on.is_empty() {
                continue;
            }
            rules.push(Rule {
                calls: vec![Call::Named(entry.call)],
                arches: if on.len() == arches.len() { Vec::new() } else { on },
                when: Cond::True,
                action: Action::ALLOW,
                origin: from.origin(entry.pos),
            });
        }
        let policy = Policy {
            arches: arches.clone(),
            rules,
            bad_arch: Action::Trap(0),
            ..Policy::new(Action::Trap(0))
        };
        policies.push(Named { name: Some((*filter).into()), policy });
    }
    collect.check()?;
    let what = "user and group ids are limited by a second filter that bionic builds in code";
    collect.loss(source.place(Pos::default()), what, Effect::Weaker);
    // The three filters name the same missing lists.
    let mut seen = BTreeSet::new();
    collect.losses.retain(|l| seen.insert(l.what.clone()));
    Ok(Import::several(Format::Android, policies, collect))
}

/// The filters that the lists beside the main one are for; where there are none, those of the main list's time.
fn filters(main: &Source, options: &Options, entries: &[Entry]) -> &'static [Filter] {
    let at_hand =
        |name: &str| main.include(&main.directory(), name, Pos { line: 1, col: 1 }, options).is_ok();
    if at_hand("SECCOMP_WHITELIST_GLOBAL.TXT") {
        return NINE;
    }
    let has_lists = |filters: &&&[Filter]| {
        filters.iter().any(|(_, blocked, added)| blocked.iter().chain(*added).any(|name| at_hand(name)))
    };
    let otherwise = if entries.iter().any(|e| e.typed) { TEN } else { NOW };
    [NOW, TEN, EIGHT].iter().find(has_lists).copied().unwrap_or(otherwise)
}

/// The lines of lists beside the main one, each with the list it is from.
fn lists(
    names: &[&str],
    main: &Source,
    options: &Options,
    collect: &mut Collect,
    missing: Effect,
) -> Vec<(Source, Entry)> {
    let mut out = Vec::new();
    for name in names {
        match main.include(&main.directory(), name, Pos { line: 1, col: 1 }, options) {
            Ok(list) => {
                let found = entries(&list, collect);
                out.extend(found.into_iter().map(|e| (list.clone(), e)));
            }
            Err(_) => collect.loss(main.place(Pos::default()), format!("{name} is not at hand"), missing),
        }
    }
    out
}

/// The two architectures of a device, or one where there is no 32-bit sibling.
fn arches(options: &Options) -> Vec<Arch> {
    match (&options.arches, options.host) {
        (Some(arches), _) => arches.clone(),
        (None, Arch::X86_64) => vec![Arch::X86_64, Arch::X86],
        (None, Arch::Aarch64) => vec![Arch::Aarch64, Arch::Arm],
        (None, Arch::Mipsel64) => vec![Arch::Mipsel64, Arch::Mipsel],
        (None, host) => vec![host],
    }
}

fn entries(source: &Source, collect: &mut Collect) -> Vec<Entry> {
    let mut out = Vec::new();
    for (line, text) in source.lines() {
        let pos = Pos { line, col: 1 };
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match parse(text) {
            Err(what) => collect.problem(source.problem(pos, what)),
            Ok((name, arches, typed)) => match Syscall::from_name(name) {
                Some(call) => out.push(Entry { call, name: name.to_owned(), arches, pos, typed }),
                None => {
                    let known = Syscall::all().map(Syscall::name);
                    collect.unknown_in(source, "system call", name, pos, Effect::Stricter, known);
                }
            },
        }
    }
    out
}

/// `[type] func[|aliases][:call[:socketcall id]](parameters) architectures`: the call, where it is, and whether the
/// function's type was said.
fn parse(text: &str) -> Result<(&str, Vec<Arch>, bool), String> {
    let (head, rest) = text.split_once('(').ok_or("expected `name(parameters) architectures`")?;
    let (_, list) = rest.rsplit_once(')').ok_or("the parameter list is never closed")?;
    // bionic's own parser takes the last word, whatever stands before it.
    let mut words = head.split_whitespace().rev();
    let stub = words.next().unwrap_or_default().trim_start_matches('*');
    let typed = words.next().is_some();
    let mut parts = stub.split(':');
    let function = parts.next().unwrap_or_default();
    let call = parts.next().unwrap_or_else(|| function.split('|').next().unwrap_or_default());
    let call = call.strip_prefix("__ARM_NR_").unwrap_or(call);
    if call.is_empty() {
        return Err("the call has no name".into());
    }
    let mut arches: Vec<Arch> = Vec::new();
    for word in list.trim().split(',') {
        let more: &[Arch] = match word.trim() {
            // Lists with types are of the time of MIPS, those without are of RISC-V's.
            "all" if typed => {
                &[Arch::X86, Arch::X86_64, Arch::Arm, Arch::Aarch64, Arch::Mipsel, Arch::Mipsel64]
            }
            "all" => &[Arch::X86, Arch::X86_64, Arch::Arm, Arch::Aarch64, Arch::Riscv64],
            "lp32" => &[Arch::X86, Arch::Arm],
            "lp64" => &[Arch::X86_64, Arch::Aarch64, Arch::Riscv64],
            "arm" => &[Arch::Arm],
            "arm64" => &[Arch::Aarch64],
            "riscv64" => &[Arch::Riscv64],
            "mips" => &[Arch::Mipsel],
            "mips64" => &[Arch::Mipsel64],
            "x86" => &[Arch::X86],
            "x86_64" => &[Arch::X86_64],
            number if number == "stub" || number.parse::<i32>().is_ok() => {
                return Err(format!(
                    "`{number}` where architectures are expected: lists with numbers are older than Android's \
                     filters, and none was made of them"
                ));
            }
            other => {
                let near = suggest::nearest(other, ARCHITECTURES.iter().copied());
                let help = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
                return Err(format!("unknown architecture `{other}`{help}"));
            }
        };
        arches.extend(more);
    }
    Ok((call, arches, typed))
}

/// The words a line may end with.
pub(crate) const ARCHITECTURES: &[&str] =
    &["all", "arm", "arm64", "lp32", "lp64", "mips", "mips64", "riscv64", "x86", "x86_64"];

#[cfg(test)]
mod tests {
    use super::*;
    use callgate::SeccompData;
    use std::sync::Arc;

    fn import(lists: &'static [(&'static str, &'static str)]) -> Result<Import, Error> {
        let main = "# c\nread(int, void*, size_t) all\n_exit|_Exit:exit_group(int) all\n__mmap2:mmap2(void*) lp32\n\
                    swapon(const char*, int) all\n__socket:socketcall:1(int, int, int) x86\n";
        let open = move |path: &std::path::Path| {
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            let found = lists.iter().find(|l| l.0 == name);
            found.map(|l| l.1.to_owned()).ok_or(std::io::ErrorKind::NotFound.into())
        };
        let file = Some("libc/SYSCALLS.TXT".into());
        read(main, &Options { file, open: Some(Arc::new(open)), ..Options::new(Arch::X86_64) })
    }

    fn eval(import: &Import, filter: &str, name: &str, arch: Arch) -> Action {
        let nr = Syscall::from_name(name).and_then(|c| c.number(arch)).unwrap();
        let data = SeccompData { nr, arch: arch.token(), ..SeccompData::default() };
        import.pick(filter).unwrap().policy.eval(&data)
    }

    #[test]
    fn lists_combine() {
        let import = import(&[
            ("SECCOMP_BLOCKLIST_COMMON.TXT", "swapon(const char*, int) lp64\n"),
            ("SECCOMP_ALLOWLIST_SYSTEM.TXT", "bpf(int cmd, union bpf_attr *attr, unsigned int size) all\n"),
        ])
        .unwrap();
        assert_eq!(eval(&import, "app", "exit_group", Arch::X86), Action::ALLOW);
        assert_eq!(eval(&import, "app", "mmap2", Arch::X86), Action::ALLOW);
        assert_eq!(eval(&import, "app", "mmap", Arch::X86_64), Action::Trap(0));
        assert_eq!(eval(&import, "app", "swapon", Arch::X86_64), Action::Trap(0));
        assert_eq!(eval(&import, "app", "swapon", Arch::X86), Action::ALLOW);
        assert_eq!(eval(&import, "app", "bpf", Arch::X86), Action::Trap(0));
        assert_eq!(eval(&import, "system", "bpf", Arch::X86), Action::ALLOW);
        assert!(import.losses.iter().any(|l| l.what == "SECCOMP_BLOCKLIST_APP.TXT is not at hand"));
    }

    /// Lists of before Android 11: with types, with MIPS, under other names.
    #[test]
    fn older_lists() {
        let main = "# c\nssize_t     read (int, void*, size_t)        all\n\
                    void *\tmmap(void *, size_t, int, int, int, long)\tx86_64\n\
                    void*  __mmap2|mmap2:mmap2(void*, size_t)  arm,mips,x86\n\
                    int clone:clone(int (*fn)(void *), void *child_stack, ..) all\n\
                    int swapon(const char*, int) all\n";
        let read = |host: Arch, lists: &'static [(&'static str, &'static str)]| {
            let open = move |path: &std::path::Path| {
                let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
                let found = lists.iter().find(|l| l.0 == name);
                found.map(|l| l.1.to_owned()).ok_or(std::io::ErrorKind::NotFound.into())
            };
            let file = Some("libc/SYSCALLS.TXT".into());
            super::read(main, &Options { file, open: Some(Arc::new(open)), ..Options::new(host) }).unwrap()
        };
        let names = |import: &Import| {
            import.policies.iter().filter_map(|p| p.name.as_deref().map(str::to_owned)).collect::<Vec<_>>()
        };
        let eight = read(
            Arch::Mipsel64,
            &[
                ("SECCOMP_BLACKLIST.TXT", "int swapon(const char*, int) all\n"),
                ("SECCOMP_WHITELIST.TXT", "int\trt_tgsigqueueinfo:int rt_tgsigqueueinfo(pid_t tgid)\tall\n"),
            ],
        );
        assert_eq!(names(&eight), ["zygote"]);
        assert_eq!(eight.policies[0].policy.arches, [Arch::Mipsel64, Arch::Mipsel]);
        assert_eq!(eval(&eight, "zygote", "clone", Arch::Mipsel64), Action::ALLOW);
        assert_eq!(eval(&eight, "zygote", "mmap2", Arch::Mipsel), Action::ALLOW);
        assert_eq!(eval(&eight, "zygote", "rt_tgsigqueueinfo", Arch::Mipsel), Action::ALLOW);
        assert_eq!(eval(&eight, "zygote", "swapon", Arch::Mipsel), Action::Trap(0));
        assert!(!eight.losses.iter().any(|l| l.what.contains("not at hand")), "{:?}", eight.losses);
        let nine = read(Arch::X86_64, &[("SECCOMP_WHITELIST_GLOBAL.TXT", "int init_module() all\n")]);
        assert_eq!(names(&nine), ["app", "system", "global"]);
        assert_eq!(eval(&nine, "global", "init_module", Arch::X86), Action::ALLOW);
        assert_eq!(eval(&nine, "app", "init_module", Arch::X86), Action::Trap(0));
        let ten = read(Arch::X86_64, &[]);
        assert_eq!(names(&ten), ["app", "app_zygote", "system"]);
        assert_eq!(eval(&ten, "app", "mmap", Arch::X86_64), Action::ALLOW);
        assert!(ten.losses.iter().any(|l| l.what == "SECCOMP_BLACKLIST_APP.TXT is not at hand"));
        let error =
            super::read("int kill(pid_t, int)  -1,37\n", &Options::default()).unwrap_err().to_string();
        assert!(error.starts_with("1:1: `-1` where architectures are expected"), "{error}");
    }

    #[test]
    fn errors() {
        let error =
            import(&[("SECCOMP_BLOCKLIST_COMMON.TXT", "\nwrite(int) all\n")]).unwrap_err().to_string();
        assert!(
            error.starts_with("libc/SECCOMP_BLOCKLIST_COMMON.TXT:2:1: write is not in SYSCALLS.TXT"),
            "{error}"
        );
        let alone = Options { file: Some("SECCOMP_PRIORITY.TXT".into()), ..Options::new(Arch::X86_64) };
        let error = read("futex\n", &alone).unwrap_err().to_string();
        assert!(error.contains("only changes the list SYSCALLS.TXT"), "{error}");
        let error = read("read(int all\n", &Options::new(Arch::X86_64)).unwrap_err().to_string();
        assert_eq!(error, "1:1: the parameter list is never closed");
        let error = read("raed(int) all,vax\n", &Options::new(Arch::X86_64)).unwrap_err().to_string();
        assert_eq!(error, "1:1: unknown architecture `vax`");
    }
}
