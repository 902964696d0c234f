//! What reads others' bytes never panics, whatever the bytes: the fuzz targets' entries on arbitrary input and
//! on seeds that were damaged.

#[path = "../../../fuzz/src/trace.rs"]
mod entries;

use callgate_abi::{Arch, SeccompData, Syscall};
use callgate_trace::learn::{Event, Journal, Recording};
use proptest::collection::vec;
use proptest::prelude::*;

fn entry(name: &str) -> fn(&[u8]) {
    match name {
        "recording" => entries::recording,
        "audit" => entries::audit,
        "state" => entries::state,
        _ => entries::core,
    }
}

/// One damage: what, where (as a share of the length), and with which byte.
type Damage = (u8, u16, u8);

fn damaged(seed: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for (what, place, byte) in damages {
        let at = bytes.len() * usize::from(*place) / 65536;
        let line = bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
        let end = bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n + 1);
        match what % 7 {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] = *byte,
            2 if at < bytes.len() => bytes[at] ^= 1 << (byte % 8),
            3 if at < bytes.len() => drop(bytes.remove(at)),
            4 => bytes.insert(at, *byte),
            // A line twice, a line not at all.
            5 => drop(bytes.splice(line..line, bytes[line..end].to_vec())),
            _ => drop(bytes.drain(line..end)),
        }
    }
    bytes
}

/// Calls as a tracer sees them: known numbers and others, arguments near the constants and far from them.
fn calls() -> impl Strategy<Value = Vec<(SeccompData, usize, String)>> {
    let arch = prop::sample::select(vec![Arch::X86_64, Arch::X86, Arch::Aarch64, Arch::Arm]);
    let number = prop_oneof![4 => 0_u32..470, 1 => any::<u32>()];
    let name = prop::sample::select(vec!["socket", "ioctl", "mmap", "clone", "prctl", "fcntl", "mprotect"]);
    let value = prop_oneof![3 => 0_u64..40, 1 => any::<u64>(), 1 => (0_u32..64).prop_map(|n| 1 << n)];
    let call = (arch, number, proptest::option::of(name), proptest::array::uniform6(value));
    let call = call.prop_map(|(arch, nr, name, args)| {
        let named = name.and_then(Syscall::from_name).and_then(|call| call.number(arch));
        SeccompData { nr: named.unwrap_or(nr), arch: arch.token(), ip: 0, args }
    });
    vec((call, 0_usize..3, any::<String>()), 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text(text in any::<String>(), bytes in vec(any::<u8>(), 0..300)) {
        for name in ["recording", "audit", "state", "core"] {
            entry(name)(text.as_bytes());
            entry(name)(&bytes);
        }
    }

    #[test]
    fn damaged_seeds(damages in vec(any::<Damage>(), 1..6)) {
        for (name, seed) in entries::seeds() {
            entry(name)(&damaged(&seed, &damages));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_recorded_is_read_again(seen in calls(), at in any::<u16>(), damage in vec(any::<Damage>(), 0..3)) {
        let runs = ["a", "b", "c"];
        let mut recordings = runs.map(Recording::new);
        for (call, run, name) in &seen {
            recordings[*run].count(runs[*run], name, "thread", call);
        }
        // Any order and any grouping of merges is one result.
        let merged = |order: [usize; 3]| {
            let mut all = recordings[order[0]].clone();
            let mut rest = recordings[order[1]].clone();
            rest.merge(&recordings[order[2]]);
            all.merge(&rest);
            all
        };
        let all = merged([0, 1, 2]);
        prop_assert_eq!(&all, &merged([2, 0, 1]));
        prop_assert_eq!(&all, &merged([1, 2, 0]));
        let lines = all.to_lines();
        prop_assert_eq!(Recording::from_lines(&lines), Ok((all, false)));
        entries::recording(lines.as_bytes());
        entries::recording(&damaged(lines.as_bytes(), &damage));

        // Written as it goes, cut anywhere behind its first line: what was written before is read.
        let mut written = Vec::new();
        let mut journal = Journal::new("run", Some(&mut written)).unwrap();
        let mut known = Recording::new("run");
        for (index, (call, _, name)) in seen.iter().enumerate() {
            let event = Event { program: name, thread: "t", call, denied: false, times: 1, stack: &[] };
            prop_assert_eq!(journal.count(&event).unwrap(), known.count("run", name, "t", call));
            if index % 7 == 6 {
                journal.checkpoint().unwrap();
            }
        }
        journal.finish().unwrap();
        prop_assert_eq!(journal.recording(), &known);
        prop_assert_eq!(Recording::from_lines(&written), Ok((known.clone(), false)));
        let first = written.iter().position(|b| *b == b'\n').unwrap() + 1;
        let cut = first + (written.len() - first) * usize::from(at) / 65536;
        let (read, is_cut) = Recording::from_lines(&written[..cut]).unwrap();
        // The end without its line break is an end.
        prop_assert!(is_cut || cut + 1 >= written.len());
        let lines = written[first..cut].iter().filter(|b| **b == b'\n').count();
        prop_assert!(read.calls().count() <= known.calls().count() && (lines == 0) == (read.calls().count() == 0));
        for (key, counts) in read.calls() {
            let whole = known.calls().find(|(k, _)| *k == key).map(|(_, counts)| counts["run"]);
            prop_assert!(whole.is_some_and(|n| n >= counts["run"]));
        }
    }
}
