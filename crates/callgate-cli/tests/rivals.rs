//! Where other tools that read filters are known to go wrong, the right answer, one test each.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod common;

use common::{Folder, callgate, installed, python, stderr, stdout};
use serde_json::Value;
use std::fmt::Write;
use std::io::Write as _;
use std::process::{Output, Stdio};

const HEAD: &str = "A = arch\nif A != x86_64 goto kill\nA = nr\nif A >= 0x40000000 goto kill\n";
const TAIL: &str = "ok: return allow\ndeny: return errno(EPERM)\nkill: return kill\n";

fn run(args: &[&str]) -> Output {
    callgate(args).output().unwrap()
}

/// What is printed by a command that ends with this status.
#[track_caller]
fn ends(args: &[&str], status: i32) -> String {
    let output = run(args);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

fn asm(folder: &Folder, name: &str, text: &str) -> String {
    folder.file(name, text.as_bytes())
}

/// The findings of `check` with these inputs, as `CODE message`.
fn findings(args: &[&str]) -> Vec<String> {
    let output = callgate(&["check", "--json"]).args(args).output().unwrap();
    let result: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", stderr(&output)));
    let mut out = Vec::new();
    for file in result["inputs"].as_array().unwrap() {
        for finding in file["findings"].as_array().unwrap() {
            out.push(format!(
                "{} {}",
                finding["code"].as_str().unwrap(),
                finding["message"].as_str().unwrap()
            ));
        }
    }
    out
}

#[test]
fn defect_01_a_test_of_the_low_half_is_told_from_one_of_the_whole() {
    let folder = Folder::new();
    let filter = |high: &str| {
        format!("{HEAD}if A != ioctl goto ok\n{high}A = args[1].lo\nif A == 0x5412 goto deny\n{TAIL}")
    };
    let low = asm(&folder, "low.asm", &filter(""));
    let whole = asm(&folder, "whole.asm", &filter("A = args[1].hi\nif A != 0 goto ok\n"));
    let (low_text, whole_text) =
        (ends(&["explain", &low, "ioctl"], 0), ends(&["explain", &whole, "ioctl"], 0));
    assert!(low_text.contains("if cmd != TIOCSTI,"), "{low_text}");
    assert!(whole_text.contains("if cmd:64 != TIOCSTI,"), "{whole_text}");
    // The second is a hole, and a call shows it.
    let found = findings(&[&whole]);
    assert!(found.iter().any(|f| f.starts_with("CG0120")), "{found:?}");
    assert!(findings(&[&low]).iter().all(|f| !f.starts_with("CG0120")));
}

#[test]
fn defect_02_every_call_with_a_rule_of_its_own_is_listed_and_nothing_unread_is_called_clean() {
    let folder = Folder::new();
    let mut text = HEAD.replace("goto kill", "goto next");
    for nr in 0..120 {
        let _ = writeln!(
            text,
            "if A != {nr} goto n{nr}\nA = args[0].lo\nif A == {} goto next else goto +1\nreturn allow\nreturn errno({})\nn{nr}:",
            nr * 7,
            nr + 1
        );
    }
    text.push_str("return errno(999)\n");
    let many = asm(&folder, "many.asm", &text);
    let result: Value = serde_json::from_str(&ends(&["explain", "--json", &many], 0)).unwrap();
    let behaviours = result["architectures"][0]["behaviours"].as_array().unwrap();
    let named: usize = behaviours
        .iter()
        .filter(|b| b["outcomes"].as_array().is_some_and(|o| o.len() > 1))
        .map(|b| b["calls"].as_array().unwrap().len())
        .sum();
    assert_eq!(named, 120, "{behaviours:#?}");
    // A product of two arguments is beyond any budget.
    let mut text = String::from("A = args[0].lo\nX = A\nA = args[1].lo\n");
    for i in 0..40 {
        let _ = writeln!(text, "A *= X\nA += {}\nX = A\nA = args[{}].lo", i * 7919 + 1, i % 6);
    }
    text.push_str("if A == X goto kill\nreturn allow\nkill: return kill\n");
    let unread = asm(&folder, "unread.asm", &text);
    assert_eq!(run(&["check", &unread]).status.code(), Some(1));
    assert!(findings(&[&unread])[0].starts_with("CG0181"), "{:?}", findings(&[&unread]));
    let output = run(&["explain", &unread]);
    assert!(
        stdout(&output).is_empty() && stderr(&output).contains("what it means is unknown"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn defect_03_a_default_that_traps_is_no_deny_list() {
    let folder = Folder::new();
    let text = format!(
        "{HEAD}if A == read goto ok\nif A == write goto ok\nif A == exit_group goto ok\nif A == rt_sigreturn goto ok\nreturn trap\n{TAIL}"
    );
    let file = asm(&folder, "trap.asm", &text);
    assert!(ends(&["explain", &file], 0).contains("everything else: trap"));
    assert!(findings(&[&file]).iter().all(|f| !f.starts_with("CG0140")), "{:?}", findings(&[&file]));
}

#[test]
fn defect_04_what_no_call_can_do_is_no_finding() {
    let folder = Folder::new();
    // A byte is never 0x100.
    let text = format!("{HEAD}A &= 0xff\nif A == 0x100 goto ok\nreturn kill\n{TAIL}");
    let impossible = asm(&folder, "impossible.asm", &text);
    assert!(
        ends(&["explain", &impossible], 0).starts_with("x86_64: kill\n"),
        "{}",
        stdout(&run(&["explain", &impossible]))
    );
    // One number solves it.
    let text = "A = nr\nX = A\nA *= 1000\nM[0] = A\nA = X\nA *= 471\nA = -A\nA += 0x31337\nX = A\nA = M[0]\nif A == X goto ok\nreturn kill\nok: return allow\n";
    let solved = asm(&folder, "solved.asm", text);
    let said = ends(&["explain", &solved], 0);
    assert!(said.contains("x86_64\n  statfs: allow\n  everything else: kill"), "{said}");
    // ENOSYS for clone3 is what makes the C library fall back.
    let text = format!(
        "{HEAD}if A == clone3 goto nosys\nif A == unshare goto deny\nif A != clone goto ok\nA = args[0].lo\nif A & 0x7e020000 goto deny\n{TAIL}nosys: return errno(ENOSYS)\n"
    );
    let fallback = asm(&folder, "fallback.asm", &text);
    assert!(findings(&[&fallback]).iter().all(|f| !f.contains("clone3")), "{:?}", findings(&[&fallback]));
    // Filters for one architecture each, stacked.
    let one = |arch: &str, guard: &str| {
        format!(
            ".arch {arch}\nA = arch\nif A != {arch} goto ok\nA = nr\n{guard}if A == {arch}:getppid goto deny\nok: return allow\ndeny: return errno(EPERM)\n"
        )
    };
    let (wide, narrow) = (
        asm(&folder, "wide.asm", &one("x86_64", "if A >= 0x40000000 goto deny\n")),
        asm(&folder, "narrow.asm", &one("x86", "")),
    );
    let about = |found: &[String]| found.iter().any(|f| f.starts_with("CG0106"));
    assert!(about(&findings(&[&wide])) && about(&findings(&[&narrow])));
    assert!(!about(&findings(&["--stack", &wide, &narrow])));
}

#[test]
fn defect_05_ranges_of_numbers_are_calls_by_name() {
    let folder = Folder::new();
    let text = format!(
        "{HEAD}if A >= 257 goto next else goto low\nif A >= 259 goto deny\ngoto ok\nlow: if A >= 3 goto next else goto deny\nif A >= 4 goto deny\n{TAIL}"
    );
    let file = asm(&folder, "ranges.asm", &text);
    let said = ends(&["explain", &file], 0);
    assert!(said.contains("close, mkdirat, openat: allow"), "{said}");
    let listed = ends(&["disasm", &file], 0);
    assert!(listed.contains("nr < openat") || listed.contains("nr >= openat"), "{listed}");
    // A value given twice, once as a range: nothing that contradicts itself is printed.
    let text = format!(
        "{HEAD}if A != socket goto ok\nA = args[0].hi\nif A > 0 goto ok\nif A != 0 goto deny\nA = args[0].lo\nif A == 38 goto deny\n{TAIL}"
    );
    let said = ends(&["explain", &asm(&folder, "socket.asm", &text), "socket"], 0);
    assert!(said.contains("socket: allow if domain:64 != AF_ALG, otherwise errno(EPERM)"), "{said}");
}

#[test]
fn defect_06_arguments_keep_their_names() {
    let folder = Folder::new();
    let text = "A = arch\nif A != x86_64 goto no\nA = nr\nif A < 0x40000000 goto go\nif A != 0xffffffff goto no\ngo: if A != mmap goto no\nA = args[2].hi\nif A != 0 goto no\nA = args[2].lo\nif A & 4 goto no\nreturn allow\nno: return kill\n";
    let said = ends(&["disasm", &asm(&folder, "prologue.asm", text)], 0);
    assert!(said.contains("A = prot.hi") && said.contains("prot.lo & PROT_EXEC"), "{said}");
    let text = ".arch x86_64\nA = nr\nM[0] = A\nA = args[1].lo\nM[1] = A\nA = M[0]\nif A != ioctl goto no\nX = M[1]\nA = X\nif A == 0x5412 goto no\nreturn allow\nno: return kill\n";
    let said = ends(&["disasm", "-a", "x86_64", &asm(&folder, "memory.asm", text)], 0);
    assert!(said.contains("if cmd.lo == TIOCSTI"), "{said}");
}

#[test]
fn defect_07_shifts_count_modulo_32() {
    let folder = Folder::new();
    for (by, expected) in [(0, 1), (31, 0x8000_0000_u32), (32, 1), (33, 2), (35, 8)] {
        let text = format!(
            "X = {by}\nA = 1\nA <<= X\nif A == {expected} goto yes\nreturn kill\nyes: return errno(7)\n"
        );
        let file = asm(&folder, "shift.asm", &text);
        assert_eq!(ends(&["emu", "-q", &file, "read"], 0), "errno(E2BIG)\n", "{by}");
        assert!(ends(&["explain", &file], 0).contains("x86_64: errno(E2BIG)\n"), "{by}");
    }
}

#[test]
fn defect_08_emulation_shows_its_way_and_takes_any_call() {
    let folder = Folder::new();
    let text = format!("{HEAD}if A != openat goto ok\nA = args[0].lo\nif A == 0xffffff9c goto deny\n{TAIL}");
    let file = asm(&folder, "openat.asm", &text);
    // The way through the program is told from the rest of it.
    let said = ends(&["emu", &file, "openat", "AT_FDCWD", "--trace"], 0);
    assert!(
        said.contains("A = 0x101 (openat)") && said.contains("yes: goes to 8") && !said.contains(" 7: "),
        "{said}"
    );
    // Negative numbers of calls and arguments.
    assert_eq!(ends(&["emu", "-q", &file, "-1"], 0), "kill\n");
    assert_eq!(ends(&["emu", "-q", &file, "openat", "-100"], 0), "errno(EPERM)\n");
    // Mistakes are one line each.
    for (args, word) in [
        (vec!["emu", &file], "required arguments"),
        (vec!["emu", &file, "reed"], "did you mean read?"),
        (vec!["emu", "no/such/file", "read"], "no/such/file: No such file"),
        (vec!["emu", &file, "openat", "AT_FDWCD"], "AT_FDWCD: neither a number nor a known constant"),
    ] {
        let output = run(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(
            stderr(&output).contains(word) && !stderr(&output).contains("panicked"),
            "{}",
            stderr(&output)
        );
    }
    // Many calls at once, and several filters together.
    let older = asm(
        &folder,
        "older.asm",
        ".arch x86_64\nA = nr\nif A == write goto no\nreturn allow\nno: return errno(EIO)\n",
    );
    let merged = folder.path().join("merged.bpf");
    ends(&["merge", &older, &file, "-o", merged.to_str().unwrap()], 0);
    let mut child = callgate(&["emu", "-q", merged.to_str().unwrap(), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"openat AT_FDCWD # denied\n\nwrite 1\nread\n-1\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        stdout(&output),
        "openat AT_FDCWD: errno(EPERM)\nwrite 1: errno(EIO)\nread: allow\n-1: kill\n"
    );
}

#[test]
fn defect_09_a_filter_with_a_listener_is_caught() {
    let Some(python) = python() else { return };
    let folder = Folder::new();
    let raw = folder.path().join("f.bpf");
    let policy = folder.file("f.cg", b"arch x86_64\ndefault allow\nnotify acct\n");
    ends(&["compile", &policy, "-o", raw.to_str().unwrap()], 0);
    let program = "
import ctypes, sys
code = open(sys.argv[1], 'rb').read()
buffer = ctypes.create_string_buffer(code, len(code))
class Fprog(ctypes.Structure):
    _fields_ = [('len', ctypes.c_ushort), ('filter', ctypes.c_void_p)]
fprog = Fprog(len(code) // 8, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
assert libc.syscall(317, 1, 8, ctypes.byref(fprog)) > 2
";
    let out = folder.path().join("out.bpf");
    let args = ["dump", "-o", out.to_str().unwrap(), "--", &python, "-c", program, raw.to_str().unwrap()];
    let output = run(&args);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("NEW_LISTENER, listener on its descriptor"), "{}", stderr(&output));
    assert_eq!(ends(&["prove", out.to_str().unwrap(), "equal", &policy], 0), "PROVED\n");
}

#[test]
fn defect_10_what_the_kernel_refuses_means_nothing() {
    let folder = Folder::new();
    // A load of half a word, and one of a word that begins between two.
    for (bytes, shown, refused) in [
        ([0x28, 0, 0, 0, 0, 0, 0, 0], "opcode 0x0028 is not one seccomp admits", "0x0028"),
        ([0x20, 0, 0, 0, 2, 0, 0, 0], "data[2]", "offset 2"),
    ] {
        let mut program = bytes.to_vec();
        program.extend([6, 0, 0, 0, 0, 0, 0xff, 0x7f]);
        let file = folder.file("bad.bpf", &program);
        let listing = stdout(&run(&["disasm", &file]));
        assert!(listing.contains(shown) && !listing.contains("A = nr"), "{listing}");
        let output = run(&["explain", &file]);
        assert_eq!((output.status.code(), &*stdout(&output)), (Some(2), ""));
        let said = stderr(&output);
        assert!(said.contains("the kernel would refuse this program") && said.contains(refused), "{said}");
        assert_eq!(findings(&[&file]).len(), 1);
        assert!(findings(&[&file])[0].starts_with("CG0175"));
    }
}

#[test]
fn defect_11_names_comparisons_profiles_drawings_and_json() {
    let folder = Folder::new();
    let policy = "arch x86_64\ndefault errno(EPERM)\nallow read, exit_group\nallow socket if domain == AF_INET\nallow clone if flags & CLONE_NEWUSER == 0\nallow ioctl if cmd == TCGETS\n";
    let policy = folder.file("a.cg", policy.as_bytes());
    let filter = folder.path().join("a.bpf");
    let filter = filter.to_str().unwrap();
    ends(&["compile", &policy, "-o", filter], 0);
    // Constants and error numbers by name.
    let said = ends(&["explain", filter], 0);
    for name in ["AF_INET", "CLONE_NEWUSER", "TCGETS", "errno(EPERM)"] {
        assert!(said.contains(name), "{name}: {said}");
    }
    // Two filters compared by meaning: equal ones, and one call that shows what differs.
    let other = folder.path().join("b.bpf");
    let other = other.to_str().unwrap();
    ends(&["compile", &policy, "--target", "raw", "-o", other], 0);
    assert_eq!(ends(&["diff", filter, other], 0), "no difference\n");
    assert_eq!(ends(&["prove", filter, "equal", other], 0), "PROVED\n");
    let looser = folder.file(
        "c.cg",
        std::fs::read_to_string(&policy).unwrap().replace("== AF_INET", "in {AF_INET, AF_ALG}").as_bytes(),
    );
    let said = ends(&["diff", filter, &looser], 1);
    assert!(said.contains("newly allowed") && said.contains("for example socket(AF_ALG"), "{said}");
    assert!(ends(&["prove", &looser, "no-weaker-than", filter], 1).starts_with("NOT PROVED: socket(AF_ALG"));
    // A stack as one.
    let newer = folder.file("d.cg", b"arch x86_64\ndefault allow\nerrno(EACCES) read\n");
    let merged = folder.path().join("merged.bpf");
    ends(&["merge", filter, &newer, "-o", merged.to_str().unwrap()], 0);
    assert_eq!(ends(&["emu", "-q", merged.to_str().unwrap(), "read"], 0), "errno(EACCES)\n");
    // Back into profiles, proved.
    let text = folder.file("back.cg", ends(&["explain", "--as", "cg", filter], 0).as_bytes());
    assert_eq!(ends(&["prove", &text, "equal", filter], 0), "PROVED\n");
    let oci = ends(&["convert", "--to", "oci", "--weaker", &text], 0);
    assert!(oci.contains("\"SCMP_ACT_ALLOW\"") && oci.contains("\"exit_group\""), "{oci}");
    // Drawings and JSON.
    assert!(ends(&["disasm", filter, "--dot"], 0).starts_with("digraph"));
    assert!(ends(&["disasm", filter, "--svg"], 0).starts_with("<svg"));
    let explained: Value = serde_json::from_str(&ends(&["explain", "--json", filter], 0)).unwrap();
    assert_eq!(explained["schema"], "callgate/explain/1");
    let listed: Value = serde_json::from_str(&ends(&["disasm", "--json", filter], 0)).unwrap();
    assert_eq!(
        (&listed["schema"], &listed["programs"][0]["refused"]),
        (&"callgate/disasm/1".into(), &Value::Null)
    );
    let first = &listed["programs"][0]["instructions"][0];
    assert_eq!(
        (&first["text"], first["code"].as_u64(), first["k"].as_u64()),
        (&"A = arch".into(), Some(0x20), Some(4))
    );
}

#[test]
fn defect_12_a_command_that_traces_others_works_while_it_is_watched() {
    // What is missing to read the filters of a process is tested with the reading of them.
    if !installed("strace") {
        return;
    }
    let folder = Folder::new();
    let policy = folder.file("f.cg", b"arch x86_64\ndefault allow\nerrno(EPERM) acct\n");
    let out = folder.path().join("out.bpf");
    let binary = env!("CARGO_BIN_EXE_callgate");
    let script =
        format!("strace -f -o {0}/log true && {binary} run {policy} -- true", folder.path().display());
    let output = run(&["dump", "-o", out.to_str().unwrap(), "--", "sh", "-c", &script]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("is traced by") && said.contains("what it loads is not seen"), "{said}");
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("execve(") && log.contains("exited with 0"), "{log}");
    assert_eq!(ends(&["prove", out.to_str().unwrap(), "equal", &policy], 0), "PROVED\n");
}
