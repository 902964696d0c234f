//! The fuzz targets without a fuzzer: on what once broke something, and on seeds mutated a few thousand times,
//! the same on every run.

#[allow(dead_code, unreachable_pub, reason = "the fuzz targets use the rest")]
#[path = "../../../fuzz/src/lib.rs"]
mod entries;

use callgate_formats::Format;
use entries::ENTRIES;
use entries::seeds::{files, seeds};
use std::path::Path;
use std::time::{Duration, Instant};

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

/// A part of a seed that still means something: long inputs take long, and short ones reach as far.
fn piece(entry: &str, seed: &[u8], start: usize) -> Vec<u8> {
    const LONG: usize = 700;
    if seed.len() <= LONG || entry == "format" {
        return seed.to_vec();
    }
    match entry {
        // The byte that says how to read the rest, then whole instructions.
        "lift" | "disasm" | "check" => {
            let (first, records) = seed.split_at(1);
            let start = start / 8 * 8;
            let first = if entry == "lift" { first[0] & !2 } else { first[0] };
            [&[first], &records[start..records.len().min(start + LONG / 8 * 8)]].concat()
        }
        _ => {
            let start = seed[..start].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            let end = seed[..seed.len().min(start + LONG)].iter().rposition(|b| *b == b'\n');
            let mut lines = seed[start..end.unwrap_or(start).max(start)].to_vec();
            if entry == "policy" && !lines.windows(8).any(|w| w == b"default ") {
                lines.extend(b"\narch x86_64\ndefault kill\n");
            }
            lines
        }
    }
}

/// Pseudo-random numbers, the same on every run.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n.max(1)
    }
}

/// Any bytes may change.
fn mutate_bytes(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = rng.below(bytes.len());
    match rng.below(6) {
        0 if !bytes.is_empty() => bytes[at] = rng.below(256) as u8,
        1 if !bytes.is_empty() => bytes[at] ^= 1 << rng.below(8),
        2 if !bytes.is_empty() => drop(bytes.remove(at)),
        3 => bytes.insert(at, b"(){}[]|&,:=\"\n 0aA-"[rng.below(18)]),
        4 => bytes.truncate(at),
        _ => {
            let from = rng.below(other.len());
            let piece = &other[from..other.len().min(from + rng.below(40))];
            bytes.splice(at..at, piece.iter().copied());
        }
    }
}

/// Words and lines change places, so that much of it still means something.
fn mutate_words(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let other = String::from_utf8_lossy(other).into_owned();
    let words = |text: &str| -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for (start, _) in text.char_indices() {
            let part = |c: char| c.is_alphanumeric() || c == '_';
            if !text[..start].ends_with(part) && text[start..].starts_with(part) {
                let len = text[start..].find(|c| !part(c)).unwrap_or(text.len() - start);
                found.push((start, start + len));
            }
        }
        found
    };
    let mut lines: Vec<&str> = text.lines().collect();
    let others: Vec<&str> = other.lines().collect();
    match rng.below(6) {
        0 if lines.len() > 1 => drop(lines.remove(rng.below(lines.len()))),
        1 if !others.is_empty() => lines.insert(rng.below(lines.len() + 1), others[rng.below(others.len())]),
        2 if lines.len() > 1 => {
            let (a, b) = (rng.below(lines.len()), rng.below(lines.len()));
            lines.swap(a, b);
        }
        kind => {
            // One word becomes another, of the same text or another, or a number.
            let mine = words(&text);
            let Some(&(start, end)) = mine.get(rng.below(mine.len())) else { return };
            let theirs = words(&other);
            let numbers = ["0", "1", "0xffffffff", "4294967296", "18446744073709551615", "64", "0x40000000"];
            let new = match (kind, theirs.get(rng.below(theirs.len()))) {
                (3, Some(&(from, to))) => &other[from..to],
                (4, _) => numbers[rng.below(numbers.len())],
                _ => {
                    let (from, to) = mine[rng.below(mine.len())];
                    &text[from..to]
                }
            };
            *bytes = [&text[..start], new, &text[end..]].concat().into_bytes();
            return;
        }
    }
    *bytes = lines.join("\n").into_bytes();
    bytes.push(b'\n');
}

#[test]
fn mutated_seeds_break_nothing() {
    // More by CALLGATE_FUZZ_ROUNDS.
    let rounds = std::env::var("CALLGATE_FUZZ_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(7000);
    let seeds = seeds(root());
    let mut rng = Rng(0x9e37_79b9_7f4a_7c15);
    for (name, entry) in ENTRIES {
        let mine: Vec<&Vec<u8>> = seeds.iter().filter(|(of, _)| of == name).map(|(_, bytes)| bytes).collect();
        assert!(!mine.is_empty(), "{name} has no seeds");
        for seed in &mine {
            entry(seed);
        }
        for _ in 0..rounds / ENTRIES.len() {
            let whole = mine[rng.below(mine.len())];
            let mut bytes = piece(name, whole, rng.below(whole.len()));
            let other = mine[rng.below(mine.len())];
            let text = matches!(*name, "policy" | "asm" | "format" | "container") && rng.below(4) > 0;
            for _ in 0..=rng.below(3) {
                if text {
                    mutate_words(&mut rng, &mut bytes, other);
                } else {
                    mutate_bytes(&mut rng, &mut bytes, other);
                }
            }
            let done = std::panic::catch_unwind(|| entry(&bytes));
            let shown = String::from_utf8_lossy(&bytes);
            assert!(done.is_ok(), "{name} broke on {bytes:?}\n{shown}");
        }
    }
}

/// What fuzzers are too patient for: nesting and repetition by the ten thousand. A reader that descends with
/// its input overflows the stack here, and one that looks back at everything does not finish.
#[test]
fn deep_and_long_inputs_break_nothing() {
    const N: usize = 20_000;
    let run = |name: &str, text: String| {
        let entry = ENTRIES.iter().find(|(of, _)| *of == name).unwrap().1;
        let start = Instant::now();
        entry(text.as_bytes());
        let took = start.elapsed();
        let shown: String = text.chars().take(60).collect();
        assert!(took < Duration::from_secs(20), "{name}: {took:?} for {shown}");
    };
    let nested = |open: &str, inside: &str, close: &str| open.repeat(N) + inside + &close.repeat(N);
    let list = |by: &str, one: &dyn Fn(usize) -> String| (0..N).map(one).collect::<Vec<_>>().join(by);

    let policy = |rest: &str| run("policy", format!("arch x86_64\ndefault kill\n{rest}\n"));
    for inside in [
        nested("(", "fd == 1", ")"),
        nested("!", "(fd == 1)", ""),
        nested("any(", "fd == 1", ")"),
        format!("fd == {}", nested("~", "1", "")),
        format!("fd in {}", nested("{", "", "")),
        list(" && ", &|i| format!("fd != {i}")),
        list(" || ", &|i| format!("fd == {i}")),
        list(" && ", &|i| format!("(arg0 & {i} != 0 || arg1 == {i})")),
    ] {
        policy(&format!("allow read if {inside}"));
    }
    policy(
        &(list("\n", &|i| format!("group @g{i} = @g{}", i + 1))
            + &format!("\ngroup @g{N} = read\nallow @g0")),
    );
    policy(
        &((0..40).map(|i| format!("group @g{i} = @g{0}, @g{0}\n", i + 1)).collect::<String>()
            + "group @g40 = read\nallow @g0"),
    );

    for inside in
        [nested("(", "1", ")"), nested("~", "1", ""), nested("-", "1", ""), list("|", &|i| i.to_string())]
    {
        run("asm", format!("A = nr\nif A == {inside} goto next\nreturn {inside}\n"));
    }

    for format in Format::ALL {
        for unit in ["[", "{", "(", "{\"a\":", "- ", "a {", "a", "\0", "read: 1\n", "\"", "#", "\\\n"] {
            run("format", format!("{}\n{}", format.name(), unit.repeat(N)));
        }
    }
    for text in [
        format!("minijail\nread: {}", list(" && ", &|i| format!("arg0 != {i}"))),
        format!("minijail\nread: {}", list(" || ", &|i| format!("arg0 == {i}"))),
        format!("minijail-python\nread: arg0 == {}", nested("(", "1", ")")),
        format!("minijail-python\nread: {}", nested("{ ", "allow", " }")),
        format!(
            "kafel\nPOLICY p {{ ALLOW {{ read(fd) {{ {} }} }} }}\nUSE p DEFAULT KILL",
            nested("(", "fd == 1", ")")
        ),
        format!(
            "kafel\nPOLICY p {{ ALLOW {{ read(fd) {{ {} }} }} }}\nUSE p DEFAULT KILL",
            nested("!", "(fd == 1)", "")
        ),
        "kafel\nPOLICY p0 {}\n".to_string()
            + &(0..2000).map(|i| format!("POLICY p{} {{ USE p{i}, USE p{i} }}\n", i + 1)).collect::<String>()
            + "USE p2000 DEFAULT KILL\n",
        format!(
            "spo\nkind: SeccompProfile\na0: &a0 [x, x]\n{}",
            list("\n", &|i| format!("a{}: &a{} [*a{i}, *a{i}]", i + 1, i + 1))
        ),
        format!("systemd\n[Service]\nSystemCallFilter={}", "@system-service ".repeat(N)),
    ] {
        run("format", text);
    }

    for text in
        ["ff".repeat(N), "{".repeat(N), "A".repeat(N), format!("{{ 6, 0, 0, {} }}", nested("(", "1", ")"))]
    {
        run("container", text);
    }
    run("container", format!("BPF_STMT({}0, 1)", "BPF_RET|".repeat(N)));
}

/// A format that is read is fuzzed.
#[test]
fn every_format_has_a_seed() {
    let seeds = seeds(root());
    let mut formats = 0;
    for format in Format::ALL {
        let options = callgate_formats::Options::new(callgate::Arch::X86_64);
        let unread = format!("{} files cannot be read", format.name());
        if callgate_formats::read("", *format, &options).is_err_and(|e| e.to_string().contains(&unread)) {
            continue;
        }
        formats += 1;
        let first = format!("{}\n", format.name());
        let seeded = seeds.iter().any(|(of, bytes)| *of == "format" && bytes.starts_with(first.as_bytes()));
        assert!(seeded, "fuzz/seeds/formats has no file that begins with `{}`", format.name());
    }
    assert!(formats >= 17, "{formats}");
}
