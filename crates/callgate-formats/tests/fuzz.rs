//! The fuzz targets without a fuzzer: on what once broke something, and on seeds mutated a few thousand times,
//! the same on every run.

#[allow(dead_code, unreachable_pub, reason = "the fuzz targets use the rest")]
#[path = "../../../fuzz/src/lib.rs"]
mod entries;

use entries::ENTRIES;
use entries::seeds::{files, seeds};
use std::path::Path;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// `testdata/crashes/ENTRY/NAME`.
#[test]
fn what_broke_once_is_mended() {
    let mut replayed = 0;
    for (name, entry) in ENTRIES {
        for path in files(&root().join("testdata/crashes").join(name)) {
            println!("{}", path.display());
            entry(&std::fs::read(&path).unwrap());
            replayed += 1;
        }
    }
    let kept = files(&root().join("testdata/crashes"));
    let kept = kept.iter().filter(|path| path.extension().is_none_or(|e| e != "md")).count();
    assert_eq!(replayed, kept, "a folder below testdata/crashes has no entry of its name");
}

#[test]
fn mutated_seeds_break_nothing() {
    const ROUNDS: usize = 7000;
    let seeds = seeds(root());
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut below = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % n.max(1)
    };
    for (name, entry) in ENTRIES {
        let mine: Vec<&Vec<u8>> = seeds.iter().filter(|(of, _)| of == name).map(|(_, bytes)| bytes).collect();
        assert!(!mine.is_empty(), "{name} has no seeds");
        for seed in &mine {
            entry(seed);
        }
        for _ in 0..ROUNDS / ENTRIES.len() {
            let mut bytes = mine[below(mine.len())].clone();
            // Long inputs take long, and short ones reach as far.
            let start = below(bytes.len().saturating_sub(600));
            if *name != "format" && bytes.len() > 600 {
                bytes = [&bytes[..bytes.len().min(1)], &bytes[start..start + 600]].concat();
            }
            let other = mine[below(mine.len())];
            for _ in 0..=below(4) {
                let at = below(bytes.len());
                match below(6) {
                    0 if !bytes.is_empty() => bytes[at] = below(256) as u8,
                    1 if !bytes.is_empty() => bytes[at] ^= 1 << below(8),
                    2 if !bytes.is_empty() => drop(bytes.remove(at)),
                    3 => bytes.insert(at, b"(){}[]|&,:=\"\n 0aA-"[below(18)]),
                    4 => bytes.truncate(at),
                    _ => {
                        let from = below(other.len());
                        let piece = &other[from..other.len().min(from + below(40))];
                        bytes.splice(at..at, piece.iter().copied());
                    }
                }
            }
            let shown = String::from_utf8_lossy(&bytes).into_owned();
            let done = std::panic::catch_unwind(|| entry(&bytes));
            assert!(done.is_ok(), "{name} broke on {bytes:?}\n{shown}");
        }
    }
}
