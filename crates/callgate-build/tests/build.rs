//! What build scripts get: instructions as Rust, or an error with file and line.

use callgate::{Arch, Policy, Program};
use callgate_build::{Build, Error};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder of its own for one test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

const WEB: &str = "arch x86_64, aarch64\ndefault errno(EPERM)\nallow read, write, exit_group\n\
    allow fcntl if cmd in {F_GETFD, F_SETFD}\nexpect read() allow\n";

#[test]
fn the_array_is_the_program() {
    let path = written(&folder("array"), "web-server.cg", WEB);
    let generated = Build::new(&path).generate(Some(Arch::X86_64)).unwrap();
    assert_eq!(generated.name, "web-server");
    assert!(generated.code.contains("pub static WEB_SERVER: [::callgate_sys::Insn; "), "{}", generated.code);
    // Read back from the text, it is what the policy says.
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).unwrap(),
        None => text.parse().unwrap(),
    };
    let mut bytes = Vec::new();
    for line in generated.code.lines().filter(|l| l.starts_with("    ")) {
        let inner = line.split('{').nth(1).unwrap().split('}').next().unwrap();
        let fields: Vec<u32> =
            inner.split(',').map(|f| number(f.split(':').nth(1).unwrap().trim())).collect();
        bytes.extend((fields[0] as u16).to_le_bytes());
        bytes.extend([fields[1] as u8, fields[2] as u8]);
        bytes.extend(fields[3].to_le_bytes());
    }
    let program = Program::from_bytes(&bytes, callgate::abi::Endian::Little).unwrap();
    let meant = Policy::parse(WEB).unwrap().lower().unwrap();
    assert_eq!(program.lift().unwrap(), meant);
}

#[test]
fn another_type_and_name() {
    let path = written(&folder("type"), "web.cg", WEB);
    let build = Build::new(&path).element("::libc::sock_filter").name("worker");
    let code = build.generate(None).unwrap().code;
    assert!(code.contains("pub static WORKER: [::libc::sock_filter; "), "{code}");
    let nameless = Build::new(&path).name("1st").generate(None).unwrap_err();
    assert_eq!(nameless, Error::Name("1st".to_owned()));
}

#[test]
fn a_wrong_policy_is_refused_with_its_line() {
    let folder = folder("wrong");
    let refused = |text: &str| {
        let path = written(&folder, "bad.cg", text);
        let error = Build::new(&path).generate(Some(Arch::X86_64)).unwrap_err().to_string();
        error.replace(&format!("{}/", folder.display()), "")
    };
    let unknown = refused("arch x86_64\ndefault kill\nallow opne\n");
    assert!(unknown.starts_with("bad.cg:3:") && unknown.contains("opne"), "{unknown}");
    let expected = refused("arch x86_64\ndefault kill\nallow read\nexpect read() kill\n");
    assert!(expected.starts_with("bad.cg:4: read on x86_64: expected kill, got allow"), "{expected}");
    let elsewhere = refused("arch aarch64\ndefault kill\nallow read\n");
    assert!(elsewhere.starts_with("bad.cg: does not list x86_64"), "{elsewhere}");
    let included = refused("arch x86_64\ndefault kill\ninclude \"missing.cg\"\n");
    assert!(included.starts_with("bad.cg:3:") && included.contains("missing.cg"), "{included}");
}

#[test]
fn what_is_included_and_the_profile_are_watched() {
    let folder = folder("files");
    let rest = written(&folder, "rest.cg", "allow write\n");
    let profile = written(&folder, "web.profile", "read: 3\nfcntl(_, 1): 2\n");
    let path = written(&folder, "main.cg", "arch x86_64\ndefault kill\nallow read\ninclude \"rest.cg\"\n");
    let generated = Build::new(&path).profile(&profile).generate(None).unwrap();
    assert_eq!(generated.files, [path.clone(), rest, profile.clone()]);
    std::fs::write(&profile, "raed: 3\n").unwrap();
    let error = Build::new(&path).profile(&profile).generate(None).unwrap_err().to_string();
    assert!(error.ends_with("web.profile:1: no system call is named `raed`"), "{error}");
}

/// Not a test by itself: what a build script does, for the test below.
#[test]
fn as_a_build_script() {
    if let Some(policy) = std::env::var_os("CALLGATE_TEST_POLICY") {
        callgate_build::compile(PathBuf::from(policy));
    }
}

#[test]
fn a_build_script_fails_with_the_place() {
    let folder = folder("script");
    let run = |text: &str| {
        let path = written(&folder, "web.cg", text);
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "as_a_build_script", "--nocapture"])
            .env("CALLGATE_TEST_POLICY", &path)
            .env("OUT_DIR", &folder)
            .env("CARGO_CFG_TARGET_ARCH", "x86_64")
            .env("CARGO_CFG_TARGET_POINTER_WIDTH", "64")
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap(), path)
    };
    let (built, said, path) = run(WEB);
    assert!(built && said.contains(&format!("cargo::rerun-if-changed={}", path.display())), "{said}");
    assert!(std::fs::read_to_string(folder.join("web.rs")).unwrap().contains("pub static WEB: ["));
    let (built, said, path) = run("arch x86_64\ndefault kill\nallow raed\n");
    assert!(!built && said.contains(&format!("cargo::error={}:3:", path.display())), "{said}");
}
