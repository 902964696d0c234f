//! Every verb that takes a policy or a filter takes it in every format: each denies ptrace and permits read, written
//! by hand in a few lines.

mod common;

use callgate_formats::Format;
use common::{Folder, callgate, stderr, stdout};
use std::os::unix::process::ExitStatusExt;
use std::process::Output;

/// A file of a format.
struct Sample {
    format: &'static str,
    file: &'static str,
    text: &'static str,
    /// What it takes to read it.
    how: &'static [&'static str],
    /// How `true` ends under it: only what permits everything else lets it run.
    run: i32,
}

const RUNS: i32 = 0;
const KILLED: i32 = 128 + 31;
/// Not otherwise than badly: which call fails first is the C library's affair.
const FAILS: i32 = -1;

const fn sample(format: &'static str, file: &'static str, text: &'static str) -> Sample {
    Sample { format, file, text, how: &[], run: RUNS }
}

const SAMPLES: &[Sample] = &[
    sample("callgate", "a.cg", "arch x86_64\ndefault allow\nerrno(EPERM) ptrace\n"),
    sample(
        "oci",
        "oci.json",
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [{"names": ["ptrace"], "action": "SCMP_ACT_ERRNO"}]}"#,
    ),
    sample(
        "oci",
        "config.json",
        r#"{"ociVersion": "1.2.0", "linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["ptrace"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}}}"#,
    ),
    sample(
        "docker",
        "docker.json",
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []}],
            "syscalls": [{"names": ["ptrace"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_SYS_PTRACE"]}}]}"#,
    ),
    sample(
        "containers",
        "containers.json",
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["ptrace"], "action": "SCMP_ACT_ERRNO", "errno": "EPERM"}]}"#,
    ),
    sample(
        "spo",
        "profile.yaml",
        "apiVersion: security-profiles-operator.x-k8s.io/v1beta1\nkind: SeccompProfile\nmetadata:\n  name: a\nspec:\n  \
         defaultAction: SCMP_ACT_ALLOW\n  syscalls:\n  - action: SCMP_ACT_ERRNO\n    names: [ptrace]\n",
    ),
    sample(
        "seccompiler",
        "vmm.json",
        r#"{"main": {"mismatch_action": "allow", "match_action": {"errno": 1}, "filter": [{"syscall": "ptrace"}]}}"#,
    ),
    sample(
        "seccompiler",
        "old.json",
        r#"{"main": {"default_action": "allow", "filter_action": {"errno": 1}, "filter": [{"syscall": "ptrace"}]}}"#,
    ),
    sample(
        "go-seccomp-bpf",
        "beat.yml",
        "seccomp:\n  default_action: allow\n  syscalls:\n  - action: errno\n    names: [ptrace]\n",
    ),
    Sample {
        run: KILLED,
        ..sample("minijail", "run.policy", "read: 1\nwrite: arg0 == 1\nptrace: return EPERM\n")
    },
    Sample {
        run: KILLED,
        ..sample("minijail-python", "build.policy", "@default trap\nread: allow\nptrace: return EPERM\n")
    },
    sample("systemd", "a.service", "[Service]\nSystemCallFilter=~ptrace\nSystemCallErrorNumber=EPERM\n"),
    sample("kafel", "a.kafel", "ERRNO(1) { ptrace }\nDEFAULT ALLOW\n"),
    sample("nsjail", "a.cfg", "name: \"a\"\nseccomp_string: \"ERRNO(1) { ptrace } DEFAULT ALLOW\"\n"),
    sample("firejail", "a.profile", "seccomp.drop ptrace\n"),
    sample("lxc", "a.lxc", "2\ndenylist\n[all]\nptrace errno 1\n"),
    Sample { run: FAILS, ..sample("snapd", "a.src", "# a snap\nread\nwrite - -\nsocket AF_UNIX\n") },
    Sample {
        how: &["#app"],
        run: KILLED,
        ..sample(
            "android",
            "SYSCALLS.TXT",
            "read(int, void*, size_t) all\nexecve(const char*, char* const*, char* const*) all\n",
        )
    },
    Sample { run: KILLED, ..sample("pledge", "promises", "stdio rpath\n") },
    sample("easyseccomp", "a.easy", "$syscall == @ptrace => ERRNO(EPERM);\n=> ALLOW();\n"),
    sample("asm", "a.asm", "A = sys_number\nif (A == 101) goto no\nreturn ALLOW\nno:\nreturn ERRNO(1)\n"),
    sample(
        "seccomp-tools",
        "a.dis",
        " 0000: 0x20 0x00 0x00 0x00000000  A = sys_number\n 0001: 0x15 0x01 0x00 0x00000065  if (A == ptrace) goto 0003\n \
         0002: 0x06 0x00 0x00 0x7fff0000  return ALLOW\n 0003: 0x06 0x00 0x00 0x00050001  return ERRNO(1)\n",
    ),
    sample("hex", "a.hex", "20000000000000001500000165000000060000000100050006000000 0000ff7f\n"),
    sample("ddd", "a.ddd", "4\n32 0 0 0\n21 0 1 101\n6 0 0 327681\n6 0 0 2147418112\n"),
    // In hexadecimal digits.
    sample("raw", "a.bpf", "20000000000000001500000165000000060000000100050006000000 0000ff7f"),
    sample(
        "c",
        "a.h",
        "static const struct sock_filter f[] = { { 0x20, 0, 0, 0 }, { 0x15, 0, 1, 101 }, { 6, 0, 0, 0x50001 }, { 6, 0, 0, 0x7fff0000 } };\n",
    ),
    sample(
        "rust",
        "a.rs",
        "pub static F: [sock_filter; 4] = [sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 }, sock_filter { code: 0x15, jt: 0, jf: 1, k: 101 },\n\
         sock_filter { code: 6, jt: 0, jf: 0, k: 0x50001 }, sock_filter { code: 6, jt: 0, jf: 0, k: 0x7fff0000 }];\n",
    ),
];

/// A sample as a file, named on the command line.
struct File {
    sample: &'static Sample,
    path: String,
    folder: Folder,
}

fn files() -> impl Iterator<Item = File> {
    SAMPLES.iter().map(|sample| {
        let folder = Folder::new();
        let bytes = if sample.format == "raw" { unhex(sample.text) } else { sample.text.as_bytes().to_vec() };
        let path = folder.file(sample.file, &bytes);
        File { sample, path, folder }
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

impl File {
    /// What is written on a command line: with the part of it that is meant.
    fn named(&self) -> String {
        let part = self.sample.how.iter().find(|how| how.starts_with('#')).unwrap_or(&"");
        format!("{}{part}", self.path)
    }

    #[track_caller]
    fn run(&self, args: &[&str], status: i32) -> Output {
        let output = callgate(args).output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(status),
            "{}: {args:?}\n{}{}",
            self.sample.file,
            stdout(&output),
            stderr(&output)
        );
        output
    }
}

const X86: [&str; 2] = ["-a", "x86_64"];

#[test]
fn every_format_has_a_sample() {
    for format in Format::ALL.iter().filter(|f| f.is_read()) {
        let names = [format.name(), if *format == Format::Bpf { "raw" } else { "seccomp-tools" }];
        assert!(SAMPLES.iter().any(|s| names.contains(&s.format)), "{}", format.name());
    }
}

#[test]
fn files_are_taken_for_what_they_are() {
    for file in files() {
        let said = stderr(&file.run(&["explain", "-v", &file.named(), X86[0], X86[1]], 0));
        let expected = format!("callgate: {}: taken for {}: ", file.path, file.sample.format);
        let line = said.lines().find(|l| l.starts_with(&expected));
        assert!(line.is_some_and(|l| l.len() > expected.len() + 10), "{}: {said}", file.sample.file);
        // Said what it is, it is read as that.
        let said = stderr(
            &file.run(&["explain", "-v", "--from", file.sample.format, &file.named(), X86[0], X86[1]], 0),
        );
        assert!(said.contains("--from says so"), "{said}");
    }
}

#[test]
fn verbs_that_ask() {
    for file in files() {
        let name = &file.named();
        let ask = |call: &str| stdout(&file.run(&["emu", "-q", name, call, X86[0], X86[1]], 0));
        assert_eq!(ask("read"), "allow\n", "{}", file.sample.file);
        let denied = ask("ptrace");
        assert!(!denied.starts_with("allow"), "{}: {denied}", file.sample.file);
        assert!(
            stdout(&file.run(&["explain", name, X86[0], X86[1]], 0)).starts_with("x86_64"),
            "{}",
            file.sample.file
        );
        file.run(&["explain", name, "ptrace", "--json", X86[0], X86[1]], 0);
        assert_eq!(stdout(&file.run(&["diff", name, name], 0)), "no difference\n");
        assert_eq!(stdout(&file.run(&["prove", name, "equal", name], 0)), "PROVED\n");
        assert_eq!(
            stdout(&file.run(&["prove", name, "never", "allow", "ptrace", X86[0], X86[1]], 0)),
            "PROVED\n"
        );
        file.run(&["why", name, "ptrace()", X86[0], X86[1]], 1);
    }
}

#[test]
fn check_reports_the_format() {
    for file in files() {
        let output = callgate(&["check", "--json", &file.named()]).output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}: {}", file.sample.file, stderr(&output));
        let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
        for input in report["inputs"].as_array().unwrap() {
            assert_eq!(input["format"], file.sample.format, "{}", file.sample.file);
        }
    }
}

/// All the programs a policy becomes are equal to it, and so is the policy that a filter becomes.
#[test]
fn verbs_that_make_something() {
    for file in files() {
        let name = &file.named();
        let out = file.folder.path().join("out");
        let out = out.to_str().unwrap();
        for verb in [
            &["compile", name, "-o", out][..],
            &["optimize", name, "-o", out],
            &["merge", name, name, "-o", out],
            &["disasm", name, "-t", "c", "-o", out],
            // Android's lists are not all there is to its filters.
            &["convert", name, "-t", "raw", "-o", out, "--allow-weaker"],
            &["convert", name, "-t", "cg", "-o", out, "--allow-weaker"],
            &["convert", name, "-t", "hex", "-o", out, "--allow-weaker"],
            &["explain", name, "--as", "cg", "-o", out],
        ] {
            file.run(verb, 0);
            let equal = file.run(&["prove", out, "equal", name], 0);
            assert_eq!(stdout(&equal), "PROVED\n", "{}: {verb:?}", file.sample.file);
            std::fs::remove_file(out).unwrap();
        }
        let listing = stdout(&file.run(&["disasm", name], 0));
        assert!(listing.contains("ret"), "{listing}");
    }
}

#[test]
fn verbs_for_texts_alone_say_so() {
    for file in files().filter(|f| f.sample.format != "callgate") {
        let said = stderr(&file.run(&["test", &file.named()], 2));
        assert!(said.contains("only callgate's own language does"), "{}: {said}", file.sample.file);
    }
}

#[test]
fn commands_run_under_every_format() {
    if !cfg!(target_arch = "x86_64") {
        eprintln!("skipped: the samples are for x86_64");
        return;
    }
    for file in files() {
        let output = callgate(&["run", &file.named(), "--", "true"]).output().unwrap();
        let status = output.status.code().or(output.status.signal().map(|signal| 128 + signal));
        let wanted =
            if file.sample.run == FAILS { status.filter(|s| *s != RUNS) } else { Some(file.sample.run) };
        assert!(
            status == wanted && wanted.is_some(),
            "{}: {status:?}\n{}",
            file.sample.file,
            stderr(&output)
        );
    }
}

/// Whatever it is said to be, a file of another format is refused, with what it looks like.
#[test]
fn a_wrong_format_is_an_error_that_helps() {
    let folder = Folder::new();
    for (file, text, from, looks) in [
        ("d.json", SAMPLES[3].text, "kafel", "it looks like docker: it has archMap"),
        ("a.kafel", "ERRNO(1) { ptrace }\nDEFAULT ALLOW\n", "oci", "it looks like kafel: "),
        ("a.cg", "arch x86_64\ndefault allow\n", "minijail", "it looks like callgate: the name ends in .cg"),
        ("a.service", "[Service]\nSystemCallFilter=~ptrace\n", "seccompiler", "it looks like systemd: "),
        (
            "b.json",
            "{\"main\": {\"mismatch_action\": \"allow\", \"match_action\": \"trap\", \"filter\": []}}",
            "spo",
            "it looks like seccompiler: ",
        ),
    ] {
        let path = folder.file(file, text.as_bytes());
        let output = callgate(&["explain", "--from", from, &path]).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{file}: {said}");
        assert!(said.contains(&format!("{path}: read as {from} because --from says so; {looks}")), "{said}");
        assert!(said.starts_with(&format!("callgate: {path}")), "{said}");
    }
    let path = folder.file("notes", b"buy milk\n");
    let said = stderr(&callgate(&["explain", &path]).output().unwrap());
    assert!(
        said.contains("read as a policy in callgate's language, since no other format fits; --from"),
        "{said}"
    );
    let said = stderr(&callgate(&["explain", "--from", "dockr", &path]).output().unwrap());
    assert!(said.contains("no such format, did you mean docker? There are "), "{said}");
}

#[test]
fn a_tree_is_counted() {
    let folder = Folder::new();
    let root = folder.path().to_str().unwrap().to_owned();
    std::fs::create_dir(folder.path().join("profiles")).unwrap();
    folder.file("web.cg", b"arch x86_64, x86, x32\ndefault kill\nallow read, exit_group\n");
    folder.file("profiles/one.json", SAMPLES[1].text.as_bytes());
    folder.file("profiles/two.json", SAMPLES[3].text.as_bytes());
    folder.file("README", b"Nothing here is a policy.\n");
    folder.file(
        "profiles/threads.json",
        br#"{"a": {"mismatch_action": "trap", "match_action": "allow", "filter": []},
        "b": {"mismatch_action": "trap", "match_action": "allow", "filter": []}}"#,
    );
    let output = callgate(&["check", &root]).output().unwrap();
    let said = stderr(&output);
    assert!(
        said.contains("callgate: 4 files: 1 callgate, 1 docker, 1 oci, 1 seccompiler; another is no policy"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(1), "{said}");
    let bad = folder.file("profiles/bad.json", br#"{"defaultAction": "SCMP_ACT_ALOW", "syscalls": []}"#);
    let output = callgate(&["check", &root]).output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("5 files: 1 callgate, 1 docker, 1 oci, 1 seccompiler, 1 cannot be read"), "{said}");
    assert!(said.contains(&format!("{bad}:1:19: defaultAction: unknown action SCMP_ACT_ALOW")), "{said}");
    let good = callgate(&["check", "--syntax-only", &folder.file("web.cg", b"arch x86_64\ndefault kill\n")])
        .output()
        .unwrap();
    assert_eq!(good.status.code(), Some(0), "{}", stderr(&good));
}

/// What a reader had to leave out is not written as if it were nothing.
#[test]
fn a_weaker_reading_is_not_converted() {
    let file = files().find(|f| f.sample.format == "android").unwrap();
    for to in ["cg", "raw", "oci"] {
        let refused = file.run(&["convert", &file.named(), "-t", to, "--lossy"], 1);
        assert_eq!(stdout(&refused), "");
        assert!(stderr(&refused).contains("(weaker)") && stderr(&refused).contains("--allow-weaker accepts"));
    }
}

/// Profiles that packages bring: what is there is read, and what is not is looked for in places that are named.
#[test]
fn packaged_profiles() {
    for (name, path) in [
        ("podman:default", "/usr/share/containers/seccomp.json"),
        ("docker:default", "/etc/docker/seccomp.json"),
    ] {
        let output = callgate(&["emu", "-q", name, "read", "-a", "x86_64"]).output().unwrap();
        if output.status.success() {
            assert_eq!(stdout(&output), "allow\n", "{name}");
        } else {
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(2));
            assert!(said.contains("not installed here") && said.contains(path), "{said}");
        }
    }
}

/// Units and profiles that say nothing of system calls are nothing to complain of in a tree of files.
#[test]
fn a_tree_has_files_about_other_things() {
    let folder = Folder::new();
    folder.file("plain.service", b"[Service]\nExecStart=/bin/true\n");
    folder.file("plain.profile", b"noroot\n");
    folder.file("filtered.service", b"[Service]\nExecStart=/bin/true\nSystemCallFilter=@system-service\n");
    let output = callgate(&["check", folder.path().to_str().unwrap()]).output().unwrap();
    let said = stderr(&output);
    assert!(said.contains("1 file: 1 systemd; 2 others are no policies"), "{said}");
    assert_ne!(output.status.code(), Some(2), "{said}");
    // Named by itself, such a file is a mistake; so is one that means to say something.
    let plain = folder.path().join("plain.service");
    let output = callgate(&["check", plain.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    folder.file("typo.service", b"[Service]\nSystemCalFilter=@system-service\n");
    let output = callgate(&["check", folder.path().to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}
