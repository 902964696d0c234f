//! The compiler of snaps' profiles.

use crate::files::{Result, write};
use crate::suite::{Library, folder, must};
use callgate::Program;
use callgate::abi::Endian;
use std::path::Path;
use std::process::Command;

const COMPILER: &str = "/usr/lib/snapd/snap-seccomp";

/// A profile of every form of line that the compiler of Debian 12 knows.
const PROFILE: &str = "\
# calls, with arguments in every form
read
write
openat
close
exit_group
execve
socket AF_UNIX SOCK_STREAM -
socket AF_NETLINK - NETLINK_ROUTE
ioctl - !TIOCSTI
prctl PR_SET_NAME
setpriority PRIO_PROCESS 0 >=0
chown - u:root g:root
mmap - - <=4096
fchmod - |4
quotactl Q_GETQUOTA
";

/// Compiles a profile with each library and compares the programs.
pub(super) fn run(ours: &Library, place: &Path) -> Result<String> {
    if !Path::new(COMPILER).exists() {
        return Ok("not installed".into());
    }
    let base = place.join("snap");
    folder(&base)?;
    let source = base.join("profile.src");
    write(&source, PROFILE)?;
    let compile = |library: Option<&Library>, name: &str| -> Result<Program> {
        let made = base.join(name);
        let mut command = Command::new(COMPILER);
        command.arg("compile").arg(&source).arg(&made);
        if let Some(library) = library {
            command.env("LD_LIBRARY_PATH", &library.folder);
        }
        must(&mut command)?;
        let bytes = std::fs::read(&made).map_err(|e| format!("{}: {e}", made.display()))?;
        Program::from_bytes(&bytes, Endian::Little).map_err(|e| format!("{}: {e}", made.display()))
    };
    let version = Command::new(COMPILER).arg("version-info").env("LD_LIBRARY_PATH", &ours.folder).output();
    let version = super::text(&version.map_err(|e| format!("{COMPILER}: {e}"))?.stdout);
    if !version.contains(" 2.6.1 ") {
        return Err(format!("it is not this project's library that it uses: {version}"));
    }
    let (theirs, own) = (compile(None, "stock.bpf")?, compile(Some(ours), "callgate.bpf")?);
    let lift = |program: &Program| program.lift().map_err(|e| e.to_string());
    if lift(&theirs)? != lift(&own)? {
        return Err("the programs of the two libraries differ".into());
    }
    Ok(format!(
        "its program PROVED equal; {} instructions, with the stock library {}",
        own.len(),
        theirs.len()
    ))
}
