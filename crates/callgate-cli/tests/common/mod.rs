//! Running the binary.
#![allow(dead_code, reason = "not every test file needs everything")]

pub(crate) mod terminal;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that is gone when this is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("callgate-cli-{}-{n}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file with this content; its path.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The binary with these arguments, and nothing on its standard input. Programs that find no `HOME` ask the
/// system's name services for it, which are calls of their own.
pub(crate) fn callgate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callgate"));
    command.args(args).stdin(Stdio::null()).env("LC_ALL", "C").env("NO_COLOR", "1").env("HOME", "/");
    command
}

/// `callgate learn` by one of its ways; `fast` is one, too.
pub(crate) fn learn(way: &str) -> Command {
    let mut learn = callgate(&["learn"]);
    if way == "fast" {
        learn.arg("--fast")
    } else {
        learn.args(["--via", way])
    };
    learn
}

/// The binary as it is run by nobody in particular, who may not read the kernel's log; with its folder. `None` where there
/// is no way to become nobody.
pub(crate) fn as_nobody() -> Option<(Folder, Vec<String>)> {
    if !installed("setpriv") {
        return None;
    }
    let folder = Folder::new();
    let binary = folder.path().join("callgate");
    std::fs::copy(env!("CARGO_BIN_EXE_callgate"), &binary).unwrap();
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"].map(str::to_owned);
    let is_nobody = Command::new(&nobody[0]).args(&nobody[1..]).arg("true").output();
    if !is_nobody.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: nobody can be become");
        return None;
    }
    Some((folder, nobody.into_iter().chain([binary.to_str().unwrap().to_owned()]).collect()))
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether a program of this name is installed; says so if not.
pub(crate) fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|dir| dir.join(program).is_file());
    if !found {
        eprintln!("skipped: no {program} here");
    }
    found
}

/// Python itself. What is found under its name may be a script that chooses one, and whose own calls are then seen
/// as well.
pub(crate) fn python() -> Option<String> {
    if !installed("python3") {
        return None;
    }
    let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    Some(stdout(&output).trim().to_owned())
}

/// Compiles a C program with these options behind it; `None` without a compiler.
pub(crate) fn compiled(folder: &Folder, name: &str, source: &str, options: &[&str]) -> Option<String> {
    if !installed("cc") {
        return None;
    }
    let c = folder.file(&format!("{name}.c"), source.as_bytes());
    let program = folder.path().join(name);
    let cc = Command::new("cc").args(["-O1", "-pthread", "-o"]).arg(&program).arg(&c).args(options).output();
    let cc = cc.unwrap();
    assert!(cc.status.success(), "{}", stderr(&cc));
    Some(program.to_str().unwrap().to_owned())
}
