//! What the library says against the rows of `data/syscalls`, read here by other code than the generator's.

use callgate_abi::{Arch, Kernel, Syscall};
use std::collections::BTreeMap;
use std::path::Path;

struct Row {
    number: u32,
    name: String,
    since: Option<Kernel>,
    removed: Option<Kernel>,
}

/// `None` outside the workspace, where there is no `data/`.
fn rows(arch: Arch) -> Option<Vec<Row>> {
    let table = match arch {
        Arch::Mipsel => "mips",
        Arch::Mipsel64 => "mips64",
        Arch::Mipsel64n32 => "mips64n32",
        Arch::Ppc64le => "ppc64",
        Arch::Sheb => "sh",
        _ => arch.name(),
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../data/syscalls/{table}.txt"));
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: no {}", path.display());
        return None;
    };
    let rows = text.lines().filter(|l| !l.starts_with('#')).map(|line| {
        let cells: Vec<&str> = line.split(' ').collect();
        let version = |at: usize| cells.get(at).and_then(|c| c.parse::<Kernel>().ok());
        Row {
            number: cells[0].parse().unwrap(),
            name: cells[1].into(),
            since: version(4),
            removed: version(5),
        }
    });
    Some(rows.collect())
}

#[test]
fn every_row_is_in_the_library() {
    for arch in Arch::ALL.iter().copied() {
        let Some(rows) = rows(arch) else { return };
        assert!(rows.len() > 300, "{arch:?}");
        for row in &rows {
            let call = Syscall::from_name(&row.name).unwrap();
            assert_eq!(call.name(), row.name);
            assert_eq!(call.number(arch), Some(row.number), "{} on {arch:?}", row.name);
            assert_eq!(Syscall::from_number(arch, row.number), Some(call), "{} on {arch:?}", row.number);
            assert_eq!(call.since(arch), row.since.map(|k| k.max(arch.since())), "{} on {arch:?}", row.name);
            let removed = row.removed.filter(|r| call.since(arch).is_some_and(|since| since < *r));
            assert_eq!(call.removed(arch), removed, "{} on {arch:?}", row.name);
        }
        let listed: Vec<(u32, &str)> = Syscall::of_arch(arch).map(|(nr, call)| (nr, call.name())).collect();
        let expected: Vec<(u32, &str)> = rows.iter().map(|r| (r.number, r.name.as_str())).collect();
        assert_eq!(listed, expected, "{arch:?}");
        let regular = |r: &&Row| arch != Arch::Arm || r.number < 0x0f_0000;
        let last = rows.iter().rev().find(regular).map(|r| r.number);
        assert_eq!(Syscall::last_number(arch), last, "{arch:?}");
    }
}

#[test]
fn no_other_number_or_name_is_in_the_library() {
    for arch in Arch::ALL.iter().copied() {
        let Some(rows) = rows(arch) else { return };
        let by_number: BTreeMap<u32, &str> = rows.iter().map(|r| (r.number, r.name.as_str())).collect();
        let around = |base: u32| base.saturating_sub(70)..=base.saturating_add(7000);
        let edges = [0, 0x0f_0000, Arch::X32_BIT, 0xf000, 0x7fff_ffff, u32::MAX - 7000];
        for nr in edges.into_iter().flat_map(around) {
            let found = Syscall::from_number(arch, nr).map(Syscall::name);
            assert_eq!(found, by_number.get(&nr).copied(), "{nr:#x} on {arch:?}");
        }
        let with_number = Syscall::all().filter(|c| c.number(arch).is_some()).count();
        let aliases = usize::from(arch == Arch::Arm);
        assert_eq!(with_number, rows.len() + aliases, "{arch:?}");
    }
}

#[test]
fn well_known_numbers() {
    let number = |name: &str, arch| Syscall::from_name(name).unwrap().number(arch);
    assert_eq!(number("read", Arch::X86_64), Some(0));
    assert_eq!(number("read", Arch::X32), Some(0x4000_0000));
    assert_eq!(number("execve", Arch::X32), Some(0x4000_0000 + 520));
    assert_eq!(number("socketcall", Arch::X86), Some(102));
    assert_eq!(number("set_tls", Arch::Arm), Some(0x0f_0005));
    assert_eq!(number("sync_file_range2", Arch::Arm), number("arm_sync_file_range", Arch::Arm));
    assert_eq!(number("open", Arch::Aarch64), None);
    assert_eq!(number("openat", Arch::Mips64n32), Some(6251));
    assert_eq!(number("openat", Arch::Mipsel), Some(4288));
    assert_eq!(Syscall::last_number(Arch::Arm), Some(471));
    assert_eq!(Syscall::last_number(Arch::X32), Some(0x4000_0000 + 547));
    assert_eq!(Syscall::from_name("opentat"), None);
    assert_eq!(Syscall::from_name(""), None);
}

#[test]
fn ages() {
    let call = |name: &str| Syscall::from_name(name).unwrap();
    let (old, new) = (Kernel::new(4, 2), Kernel::new(6, 12));
    assert_eq!(call("openat2").since(Arch::X86_64), Some(Kernel::new(5, 6)));
    assert_eq!(call("socket").since(Arch::X86), Some(Kernel::new(4, 3)));
    assert_eq!(call("socket").since(Arch::X86_64), Some(Kernel::new(2, 6)));
    assert_eq!(call("read").since(Arch::Loongarch64), Some(Kernel::new(5, 19)));
    assert_eq!(call("read").since(Arch::Ppc64le), Some(Kernel::new(3, 13)));
    assert_eq!(call("afs_syscall").since(Arch::X86_64), None);
    assert_eq!(call("open").since(Arch::Aarch64), None);
    assert_eq!(call("uselib").removed(Arch::X86_64), Some(Kernel::new(6, 16)));
    assert_eq!(call("read").removed(Arch::X86_64), None);
    assert!(!call("socket").exists(Arch::X86, old) && call("socket").exists(Arch::X86, new));
    assert!(call("bdflush").exists(Arch::X86, old) && !call("bdflush").exists(Arch::X86, new));
    assert!(!call("afs_syscall").exists(Arch::X86_64, new));
}

#[test]
fn names_are_sorted_and_every_one_is_used() {
    let names: Vec<&str> = Syscall::all().map(Syscall::name).collect();
    assert!(names.windows(2).all(|w| w[0] < w[1]));
    for call in Syscall::all() {
        assert!(Arch::ALL.iter().any(|a| call.number(*a).is_some()), "{}", call.name());
    }
}
