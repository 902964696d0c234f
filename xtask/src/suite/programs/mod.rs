//! Real programs of this machine with this project's library in the stock one's place.

use super::{Library, folder, must};
use crate::files::{Result, write};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A program, what it is asked to do, what it reads, and words that its output has when it has done it.
struct Real {
    name: &'static str,
    args: &'static [&'static str],
    reads: &'static str,
    says: &'static str,
}

const REAL: [Real; 6] = [
    Real { name: "file", args: &["-b", "/bin/sh"], reads: "", says: "ELF" },
    Real { name: "man", args: &["-P", "cat", "man"], reads: "", says: "MAN" },
    Real {
        name: "tor",
        args: &["--verify-config", "--ignore-missing-torrc", "-f", "/nonexistent", "--Sandbox", "1"],
        reads: "",
        says: "valid",
    },
    Real {
        name: "chronyd",
        args: &["-Q", "-t", "2", "-F", "1", "server 127.0.0.1 iburst"],
        reads: "",
        says: "",
    },
    Real {
        name: "qemu-system-x86_64",
        args: &["-sandbox", "on", "-machine", "none", "-display", "none", "-monitor", "stdio"],
        reads: "info version\nquit\n",
        says: "QEMU",
    },
    Real { name: "systemd-analyze", args: &["syscall-filter", "@clock"], reads: "", says: "@clock" },
];

/// How long a program may take, in seconds.
const LIMIT: &str = "30";

/// Runs every program that is installed and prints how it went.
pub(super) fn run(ours: &Library, place: &Path) -> Result<()> {
    tutorials(ours, place)?;
    let mut failed = Vec::new();
    for real in REAL {
        let outcome = match program(&real, ours) {
            Ok(outcome) => outcome,
            Err(reason) => {
                failed.push(real.name);
                reason
            }
        };
        println!("{:<20} {outcome}", real.name);
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("programs that failed: {}", failed.join(", "))) }
}

fn program(real: &Real, ours: &Library) -> Result<String> {
    let Ok(found) = Command::new("sh").args(["-c", &format!("command -v {}", real.name)]).output() else {
        return Ok("not installed".into());
    };
    if !found.status.success() {
        return Ok("not installed".into());
    }
    // The loader's own words may be what the program's filter forbids, hence a run of their own.
    let run = |library: Option<&Path>, debug: bool| {
        let mut command = Command::new("timeout");
        command.args([LIMIT, real.name]).args(real.args).env("LANG", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(folder) = library {
            command.env("LD_LIBRARY_PATH", folder);
        }
        if debug {
            command.env("LD_DEBUG", "libs");
        }
        let error = |e: std::io::Error| format!("{}: {e}", real.name);
        let mut child = command.spawn().map_err(error)?;
        if let Some(mut pipe) = child.stdin.take() {
            // A program that has ended reads nothing more.
            let _ = pipe.write_all(real.reads.as_bytes());
        }
        child.wait_with_output().map_err(error)
    };
    let (stock, own) = (run(None, false)?, run(Some(&ours.folder), false)?);
    let used = text(&run(Some(&ours.folder), true)?.stderr)
        .contains(&format!("calling init: {}", ours.folder.display()));
    let says = |o: &Output| text(&o.stdout).contains(real.says);
    match () {
        () if own.status != stock.status => {
            Err(format!("{}, with the stock library {}", own.status, stock.status))
        }
        () if !says(&own) && says(&stock) => Err(format!("did not say {:?}", real.says)),
        () if !used => Ok(format!("{}, but never loaded the library", own.status)),
        () => Ok(format!("{}, as with the stock library; loaded ours", own.status)),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Small C programs, as tutorials have them, built with `cc -lseccomp`.
fn tutorials(ours: &Library, place: &Path) -> Result<()> {
    let base = place.join("tutorials");
    folder(&base)?;
    let include = crate::files::root().join("crates/callgate-capi/include");
    let cases = [
        ("stdout-only", include_str!("programs/stdout-only.c"), "stdout\n", None),
        ("trap", include_str!("programs/trap.c"), "SIGSYS call 83 arguments 1 1ff\n", None),
        ("read-100", include_str!("programs/read-100.c"), "read 99\n", Some(31)),
        ("variadic", include_str!("programs/variadic.c"), "0 0 0 0 -22\n", None),
    ];
    for (name, source, says, signal) in cases {
        for level in ["-O0", "-O2"] {
            let (file, program) = (base.join(format!("{name}.c")), base.join(name));
            write(&file, source)?;
            must(
                Command::new("cc")
                    .args([level, "-Wall", "-Wextra", "-Werror", "-o"])
                    .arg(&program)
                    .arg(&file)
                    .arg("-I")
                    .arg(&include)
                    .arg("-L")
                    .arg(&ours.folder)
                    .arg("-lseccomp"),
            )?;
            let output = Command::new(&program)
                .env("LD_LIBRARY_PATH", &ours.folder)
                .output()
                .map_err(|e| format!("{name}: {e}"))?;
            let ended = std::os::unix::process::ExitStatusExt::signal(&output.status);
            if text(&output.stdout) != says || ended != signal {
                return Err(format!("{name} {level}: {}, said {:?}", output.status, text(&output.stdout)));
            }
        }
        println!("{name:<20} built with -O0 and -O2, behaves");
    }
    Ok(())
}
