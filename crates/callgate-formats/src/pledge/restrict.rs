//! The conditions promises put on arguments. The port looks at the low word of arguments only.

use callgate::{ArgCmp, ArgIndex, Cond, Op, Width};

const O_ACCMODE: u64 = 3;
const O_CREAT: u64 = 0o100;
const O_TRUNC: u64 = 0o1000;
/// `O_TMPFILE` without `O_DIRECTORY`.
const TMPFILE: u64 = 0o20_000_000;
/// `S_ISUID`, `S_ISGID`, `S_ISVTX`.
const SPECIAL_MODE: u64 = 0o7000;

/// The condition of a call under a restriction; `None` where it depends on the running process.
pub(super) fn condition(call: &str, restriction: &str) -> Option<Cond> {
    let flags = if call == "openat" { 2 } else { 1 };
    Some(match (call, restriction) {
        ("kill" | "tgkill", "self") => return None,
        // MAP_LOCKED 0x2000, MAP_NONBLOCK 0x10000, MAP_HUGETLB 0x40000; PROT_EXEC 4.
        ("mmap", "plain") => all([clear(2, 4), clear(3, 0x42000)]),
        ("mmap", _) => clear(3, 0x52000),
        ("mprotect", _) => clear(2, 4),
        ("open" | "openat", "read") => all([
            test(flags, Op::MaskedEq { mask: O_ACCMODE, value: 0 }),
            clear(flags, O_CREAT | O_TRUNC | TMPFILE),
        ]),
        ("open" | "openat", "write") => {
            let access = [1, 2].map(|v| test(flags, Op::MaskedEq { mask: O_ACCMODE, value: v }));
            all([any(access), clear(flags, O_CREAT | TMPFILE)])
        }
        ("open" | "openat", _) => any([clear(flags, O_CREAT | TMPFILE), clear(flags + 1, SPECIAL_MODE)]),
        ("creat" | "chmod" | "fchmod", _) => clear(1, SPECIAL_MODE),
        ("fchmodat", _) => clear(2, SPECIAL_MODE),
        ("fcntl", "stdio") => one_of(1, &[0, 1, 2, 3, 4, 1030]),
        ("fcntl", _) => one_of(1, &[5, 6, 7, 0x24, 0x25, 0x26]),
        // FIONREAD, FIONBIO, FIOCLEX, FIONCLEX.
        ("ioctl", "stdio") => one_of(1, &[0x541b, 0x5421, 0x5451, 0x5450]),
        // SIOCATMARK.
        ("ioctl", "inet") => one_of(1, &[0x8905]),
        ("ioctl", _) => one_of(
            1,
            &[0x5401, 0x5402, 0x5403, 0x5404, 0x5409, 0x540a, 0x540b, 0x540f, 0x5410, 0x5413, 0x5414, 0x5427],
        ),
        ("prctl", _) => one_of(0, &[15, 16, 21, 22, 23, 24, 38]),
        ("prlimit64", _) => test(2, Op::Eq(0)),
        ("sendto", _) => test(4, Op::Eq(0)),
        // CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND and CLONE_THREAD are needed; CLONE_NEWNS,
        // CLONE_PTRACE and CLONE_UNTRACED refused.
        ("clone", "thread") => {
            let needed = 0x0001_0f00;
            all([test(0, Op::MaskedEq { mask: needed, value: needed }), clear(0, 0x0082_2000)])
        }
        ("clone", _) => clear(0, 0x0082_2000),
        ("socket", family) => {
            let (families, types, protocols): (&[u64], &[u64], &[u64]) = match family {
                "inet" => (&[2, 10], &[1, 2], &[0, 1, 6, 17]),
                "unix" => (&[1], &[1, 2], &[0]),
                _ => (&[16], &[2, 3], &[0]),
            };
            // SOCK_CLOEXEC and SOCK_NONBLOCK may be added.
            let mask = 0xffff_ffff & !0x80800;
            let kinds = types.iter().map(|t| test(1, Op::MaskedEq { mask, value: *t })).collect();
            all([one_of(0, families), Cond::Any(kinds), one_of(2, protocols)])
        }
        ("getsockopt", _) => {
            all([one_of(1, &[1, 6]), one_of(2, &[0x02, 0x03, 0x04, 0x09, 0x0f, 0x14, 0x15])])
        }
        ("setsockopt", _) => all([
            one_of(1, &[0, 1, 6, 41]),
            one_of(
                2,
                &[
                    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x09, 0x0b, 0x0c, 0x0f, 0x13, 0x14, 0x15, 0x17, 0x1a,
                    0x1e,
                ],
            ),
        ]),
        _ => Cond::Any(Vec::new()),
    })
}

fn test(index: u8, op: Op) -> Cond {
    match ArgIndex::new(index) {
        Some(arg) => Cond::Arg(ArgCmp { arg, width: Width::W32, op }),
        None => Cond::Any(Vec::new()),
    }
}

fn clear(index: u8, mask: u64) -> Cond {
    test(index, Op::MaskedEq { mask, value: 0 })
}

fn one_of(index: u8, values: &[u64]) -> Cond {
    Cond::Any(values.iter().map(|v| test(index, Op::Eq(*v))).collect())
}

fn all<const N: usize>(list: [Cond; N]) -> Cond {
    Cond::All(list.into())
}

fn any<const N: usize>(list: [Cond; N]) -> Cond {
    Cond::Any(list.into())
}
