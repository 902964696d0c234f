//! Programs made to exhaust whoever reads them: every verb ends within its budget of time and memory and says
//! that it does not know.
#![cfg(target_os = "linux")]

mod common;

use callgate::abi::insn::{Insn, MAX_INSNS, op};
use callgate::program::Code;
use callgate::{Action, Program};
use common::{Folder, callgate, stderr, stdout};
use std::process::{Command, Output, Stdio};

/// The most memory any input may take, in KiB.
const MOST: u32 = 512 << 10;
/// The most memory a real input may take, in KiB.
const MOST_REAL: u32 = 64 << 10;

/// Runs the binary in an address space of that many KiB: what is resident is less.
fn within(limit: u32, args: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -v {limit} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_callgate")]);
    command.args(args).stdin(Stdio::null()).env("LC_ALL", "C").env("NO_COLOR", "1");
    command.output().unwrap()
}

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as u32 % n
    }

    fn word(&mut self) -> u32 {
        self.below(1 << 16) << 16 | self.below(1 << 16)
    }

    /// Half of an argument.
    fn half(&mut self) -> Insn {
        Insn::stmt(op::LD_ABS, 16 + 4 * self.below(12))
    }
}

fn ret(action: Action) -> Insn {
    Insn::stmt(op::RET_K, action.to_ret())
}

/// Repeats a part until the program is as long as may be, and ends it with `end`.
fn fill(mut insns: Vec<Insn>, end: Vec<Insn>, mut part: impl FnMut() -> Vec<Insn>) -> Vec<Insn> {
    loop {
        let part = part();
        if insns.len() + part.len() + end.len() > MAX_INSNS {
            insns.extend(end);
            return insns;
        }
        insns.extend(part);
    }
}

fn verdict() -> Vec<Insn> {
    vec![Insn::jump(op::JEQ_K, 77, 0, 1), ret(Action::KILL_PROCESS), ret(Action::ALLOW)]
}

/// Sums, products and differences of all arguments.
fn arithmetic() -> Vec<Insn> {
    let mut rng = Rng(1);
    let codes = [op::ADD_X, op::MUL_X, op::XOR_X, op::OR_X, op::SUB_X];
    fill(vec![Insn::stmt(op::TAX, 0)], verdict(), move || {
        let code = codes[rng.below(5) as usize];
        vec![rng.half(), Insn::stmt(code, 0), Insn::stmt(op::ADD_K, rng.word()), Insn::stmt(op::TAX, 0)]
    })
}

/// A thousand masks on one argument.
fn masks() -> Vec<Insn> {
    let mut rng = Rng(2);
    fill(Vec::new(), vec![ret(Action::ALLOW)], move || {
        let mask = rng.word();
        vec![
            Insn::stmt(op::LD_ABS, 16),
            Insn::stmt(op::AND_K, mask),
            Insn::jump(op::JEQ_K, rng.word() & mask, 0, 1),
            ret(Action::Errno(callgate::Errno(1 + rng.below(200) as u16))),
        ]
    })
}

/// Scratch memory shuffled as arguments decide: more states than could be kept.
fn scratch() -> Vec<Insn> {
    let mut rng = Rng(3);
    let mut start = vec![Insn::stmt(op::LD_IMM, 0)];
    start.extend((0..16).map(|i| Insn::stmt(op::ST, i)));
    let mut end = vec![Insn::stmt(op::LD_MEM, 0)];
    for i in 1..16 {
        end.extend([Insn::stmt(op::LDX_MEM, i), Insn::stmt(op::XOR_X, 0)]);
    }
    end.extend(verdict());
    fill(start, end, move || {
        vec![
            rng.half(),
            Insn::jump(op::JSET_K, 1 << rng.below(32), 0, 3),
            Insn::stmt(op::LD_MEM, rng.below(16)),
            Insn::stmt(op::ADD_K, 1 + rng.below(9)),
            Insn::stmt(op::ST, rng.below(16)),
        ]
    })
}

/// Comparisons of arguments with each other that jump over each other, so that what one finds bears on the next.
fn ladder() -> Vec<Insn> {
    let mut rng = Rng(4);
    let end: Vec<Insn> =
        (0..16).map(|i| ret(if i % 2 == 0 { Action::KILL_PROCESS } else { Action::ALLOW })).collect();
    let mut at = 0;
    fill(Vec::new(), end, move || {
        at += 4;
        let left = (MAX_INSNS - at).min(250) as u32;
        let code = [op::JSET_X, op::JEQ_X, op::JGT_X, op::JGE_X][rng.below(4) as usize];
        let (jt, jf) = (rng.below(left) as u8 & !3, rng.below(left) as u8 & !3);
        vec![rng.half(), Insn::stmt(op::TAX, 0), rng.half(), Insn::jump(code, 0, jt, jf)]
    })
}

/// Every other number has an answer of its own, in a thousand pieces of the line.
fn numbers() -> Vec<Insn> {
    let mut piece = 0;
    let end = vec![ret(Action::KILL_PROCESS)];
    fill(vec![Insn::stmt(op::LD_ABS, 0)], end, move || {
        piece += 1;
        vec![
            Insn::jump(op::JGE_K, piece << 15, 4, 0),
            Insn::jump(op::JSET_K, 1, 0, 1),
            ret(Action::Errno(callgate::Errno(1 + (piece % 4000) as u16))),
            ret(Action::Errno(callgate::Errno(1 + (piece % 3000) as u16))),
            ret(Action::ALLOW),
        ]
    })
}

/// `ret A` of a sum.
fn returned() -> Vec<Insn> {
    let mut insns = arithmetic();
    insns.truncate(MAX_INSNS - 8);
    insns.push(Insn::stmt(op::RET_A, 0));
    insns
}

fn file(folder: &Folder, name: &str, insns: Vec<Insn>) -> String {
    assert!(insns.len() > MAX_INSNS - 20, "{name}: {}", insns.len());
    let program = Program::new(insns).unwrap_or_else(|e| panic!("{name}: {e}"));
    folder.file(&format!("{name}.bpf"), &Code::from(&program).to_bytes())
}

/// The verbs that must say that they do not know, and how each ends.
const VERBS: [(&str, i32); 5] = [("explain", 2), ("diff", 2), ("prove", 1), ("check", 1), ("optimize", 2)];

#[track_caller]
fn unknown(verb: &str, status: i32, file: &str, other: &str) {
    let args = match verb {
        "diff" => vec![verb, other, file],
        "prove" => vec![verb, other, "equal", file],
        "optimize" => vec![verb, file, "-o", "/dev/null"],
        _ => vec![verb, file],
    };
    let output = within(MOST, &args);
    let (out, err) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(status), "{args:?}: {out}{err}");
    match verb {
        "prove" => assert!(out.starts_with("UNKNOWN: ") && err.is_empty(), "{args:?}: {out}{err}"),
        "check" => {
            assert!(out.contains("CG0181") && out.contains("could not be determined"), "{args:?}: {out}{err}")
        }
        _ => assert!(out.is_empty() && err.contains("what it means is unknown: "), "{args:?}: {out}{err}"),
    }
}

#[test]
fn every_verb_ends_with_unknown() {
    let folder = Folder::new();
    let other = folder.file("other.cg", b"arch x86_64\ndefault allow\nerrno(EPERM) ptrace\n");
    let arithmetic = file(&folder, "arithmetic", arithmetic());
    for (verb, status) in VERBS {
        unknown(verb, status, &arithmetic, &other);
    }
    // What it does with one call is no riddle.
    let output = within(MOST, &["emu", "-q", &arithmetic, "read"]);
    assert_eq!((output.status.code(), &*stdout(&output)), (Some(0), "allow\n"), "{}", stderr(&output));
}

#[test]
fn no_state_escapes_the_budget() {
    let folder = Folder::new();
    let scratch = file(&folder, "scratch", scratch());
    for (verb, status) in [VERBS[0], VERBS[3]] {
        unknown(verb, status, &scratch, "");
    }
    unknown("explain", 2, &file(&folder, "numbers", numbers()), "");
}

#[test]
fn no_shape_escapes_the_budget() {
    let folder = Folder::new();
    for (name, insns) in [("masks", masks()), ("ladder", ladder()), ("returned", returned())] {
        unknown("check", 1, &file(&folder, name, insns), "");
    }
}

/// A policy as large as real ones are: all calls of three ABIs, a tenth of them with conditions.
#[test]
fn real_inputs_take_little_memory() {
    let folder = Folder::new();
    let input = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/cli/inputs/large.cg");
    let filter = folder.path().join("large.bpf");
    let filter = filter.to_str().unwrap();
    let output = callgate(&["compile", input, "-o", filter]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let size = std::fs::metadata(filter).unwrap().len() / 8;
    assert!(size > 1000, "only {size} instructions");
    let svg = folder.path().join("large.svg");
    let lines: [&[&str]; 9] = [
        &["explain", filter],
        &["explain", "--as", "cg", filter],
        &["explain", "--json", "--all", filter],
        &["diff", filter, "strict"],
        &["prove", filter, "equal", input],
        &["check", "--pedantic", filter],
        &["optimize", filter, "-o", "/dev/null"],
        &["merge", filter, "container-like", "-o", "/dev/null"],
        &["disasm", "--svg", filter, "-o", svg.to_str().unwrap()],
    ];
    for args in lines {
        let output = within(MOST_REAL, args);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{args:?}: {}", stderr(&output));
    }
}

/// Texts made to take time or memory out of proportion: each ends soon, with a reason.
#[test]
fn texts_without_end_are_refused_soon() {
    let folder = Folder::new();
    let numbered = (0..100_000).map(|i| format!("allow {i}\n")).collect::<String>();
    let texts: [(&str, String, i32, &str); 7] = [
        ("name.cg", format!("default kill\nallow {}\n", "a".repeat(1 << 20)), 2, "unknown call `aaaa"),
        ("lines.cg", "x\n".repeat(1 << 20), 2, "more findings are not shown"),
        ("values.json", format!("{{\"a\":[{}0]}}", "0,".repeat(10 << 20)), 2, "JSON of no format known here"),
        ("long.asm", "A = nr\n".repeat(1 << 20), 2, "larger than 2 MiB"),
        ("long.bpf_asm", "ld [0]\n".repeat(1 << 20), 2, "larger than 2 MiB"),
        // A rule is looked at where it begins and ends, not at each number of another.
        ("numbers.cg", format!("arch x86_64\ndefault kill\n{numbered}"), 0, ""),
        (
            "foreign.cg",
            format!("arch none\ndefault kill\n{}", numbered.replace("allow", "foreign allow")),
            0,
            "",
        ),
    ];
    for (name, text, status, why) in texts {
        let file = folder.file(name, text.as_bytes());
        let started = std::time::Instant::now();
        let output = within(MOST, &["explain", &file]);
        let (out, err) = (stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(status), "{name}: {out:.300}{err:.300}");
        assert!(err.contains(why), "{name}: {err:.300}");
        // Each took minutes, or all memory.
        assert!(started.elapsed().as_secs() < 40, "{name}: {:?}", started.elapsed());
    }
}

/// What a Kubernetes volume looks like: links to files in a hidden folder. A link to a file that is read anyway is no
/// second one; pipes are nobody's policies, and keep nobody waiting.
#[test]
fn links_in_a_folder_are_followed_to_files() {
    let folder = Folder::new();
    let root = folder.path().join("volume");
    std::fs::create_dir_all(root.join("..data")).unwrap();
    std::fs::write(root.join("..data/a.cg"), "default kill\nallow raed\n").unwrap();
    std::fs::write(root.join("b.cg"), "default kill\nallow wirte\n").unwrap();
    std::os::unix::fs::symlink("..data/a.cg", root.join("a.cg")).unwrap();
    std::os::unix::fs::symlink("b.cg", root.join("c.cg")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.join("d.cg")).unwrap();
    std::os::unix::fs::symlink(".", root.join("e")).unwrap();
    let pipe = root.join("f.json");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let root = root.to_str().unwrap();
    let output = callgate(&["check", root]).output().unwrap();
    let text = stdout(&output) + &stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("a.cg:2:7") && text.contains("b.cg:2:7"), "{text}");
    assert!(!text.contains("c.cg") && !text.contains("d.cg"), "{text}");
}

/// A file that another one refers to, or that lies beside it, is a file: a pipe would keep callgate waiting.
#[test]
fn nothing_beside_an_input_is_waited_for() {
    let folder = Folder::new();
    let unit = folder.file("u.service", b"[Service]\nSystemCallFilter=read\n");
    let drop_ins = folder.path().join("u.service.d");
    std::fs::create_dir(&drop_ins).unwrap();
    // As systemd has it, the null device masks a drop-in.
    std::os::unix::fs::symlink("/dev/null", drop_ins.join("a.conf")).unwrap();
    let output = callgate(&["explain", &unit, "read"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let pipe = drop_ins.join("b.conf");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let output = callgate(&["explain", &unit, "read"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("is no file"), "{}", stderr(&output));
    let include = format!("include \"{}\"\ndefault kill\n", pipe.display());
    let output = callgate(&["check", &folder.file("i.cg", include.as_bytes())]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!((stdout(&output) + &stderr(&output)).contains("is no file"));
}
