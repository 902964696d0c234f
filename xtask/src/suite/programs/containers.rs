//! Container runtimes that filter what they start.

use super::loads::{self, Work};
use crate::files::{Result, root, write};
use crate::suite::{Library, folder, must};
use callgate::Program;
use std::path::Path;
use std::process::Command;

pub(super) const RUNTIMES: [&str; 4] = ["crun", "runc", "lxc-execute", "systemd-nspawn"];

/// The profile that container engines bring, where Debian's package of it is installed.
const ENGINES: &str = "/usr/share/containers/seccomp.json";

/// The profile of Debian's LXC.
const LXC: &str = "/usr/share/lxc/config/common.seccomp";

/// What is private to a runtime's mount namespace: crun takes no machine that has control groups of both versions,
/// and what runtimes keep is gone with it.
const BEFORE: &str = "if [ -d /sys/fs/cgroup/unified ]; then mount -t tmpfs none /sys/fs/cgroup/unified; fi; \
                      mount -t tmpfs none /run";

/// Starts a container with each library and compares what it could do and what was loaded.
pub(super) fn run(runtime: &str, ours: &Library, place: &Path) -> Result<String> {
    if !super::installed(runtime) {
        return Ok("not installed".into());
    }
    let bundle = bundle(place)?;
    let [rootfs, config, lxc] = ["rootfs", "config.json", "lxc.conf"].map(|name| format!("{bundle}/{name}"));
    let (command, profile): (Vec<&str>, Vec<&str>) = match runtime {
        "lxc-execute" => (vec!["-P", &bundle, "-n", "contained", "-f", &lxc, "--", "/contained"], vec![LXC]),
        "systemd-nspawn" => {
            (vec!["--quiet", "--directory", &rootfs, "--register=no", "--keep-unit", "/contained"], vec![])
        }
        _ => (vec!["run", "--bundle", &bundle, "callgate-conform"], vec![&config, "--as-runtime", runtime]),
    };
    let command = [vec![runtime], command].concat();
    let work = Work { command, reads: "", before: BEFORE };
    let stock = loads::run(&work, None, place)?;
    if !stock.output.contains("Seccomp:\t2") {
        return Ok(format!("starts no container here with the stock library either: {}", stock.errors));
    }
    let own = loads::run(&work, Some(ours), place)?;
    if own.output != stock.output || own.outcome != stock.outcome {
        return Err(format!(
            "said {:?} {}, with the stock library {:?}",
            own.output, own.errors, stock.output
        ));
    }
    if !own.ours {
        return Err("the filter was not loaded by the library".into());
    }
    let beside = loads::compare(&stock, &own);
    if profile.is_empty() {
        return Ok(format!("a container; {}", beside?));
    }
    // The profile itself decides, as this project's reader has it.
    let [(_, program)] = &own.filters[..] else {
        return Err(format!("{} filters", own.filters.len()));
    };
    let file = place.join(format!("{runtime}.bpf"));
    let program = Program::new(program.clone()).map_err(|e| e.to_string())?;
    std::fs::write(&file, program.to_bytes()).map_err(|e| format!("{}: {e}", file.display()))?;
    let file = file.display().to_string();
    callgate(&[&["prove", &file, "equal"], &profile[..]].concat())?;
    let beside = beside.unwrap_or_else(|e| format!("with the stock library {e}"));
    Ok(format!("a container; its filter PROVED equal to the profile; {beside}"))
}

/// What this project's command line says.
fn callgate(args: &[&str]) -> Result<String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).args(["run", "--quiet", "--package", "callgate-cli", "--"]).args(args);
    must(&mut cargo).map(|said| super::text(&said))
}

/// The folder of a container with one program, which tries what its profile denies.
fn bundle(place: &Path) -> Result<String> {
    let base = place.join("bundle");
    for inside in ["proc", "dev", "sys", "tmp", "etc", "usr/bin", "sbin"].map(|f| format!("rootfs/{f}")) {
        folder(&base.join(inside))?;
    }
    let source = base.join("contained.c");
    write(&source, include_str!("c/contained.c"))?;
    must(
        Command::new("cc")
            .args(["-static", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(base.join("rootfs/contained"))
            .arg(&source),
    )?;
    write(base.join("config.json"), &format!("{CONFIG}{}}}}}\n", profile()?))?;
    write(base.join("rootfs/etc/os-release"), "")?;
    let settings = format!(
        "lxc.rootfs.path = dir:{}\nlxc.seccomp.profile = {LXC}\nlxc.net.0.type = none\nlxc.mount.auto = proc:rw\n",
        base.join("rootfs").display()
    );
    write(base.join("lxc.conf"), &settings)?;
    base.to_str().map(String::from).ok_or("a folder whose name is no text".into())
}

/// What an OCI configuration says under `seccomp`.
fn profile() -> Result<String> {
    let policy = if Path::new(ENGINES).exists() { ENGINES } else { "container-like" };
    callgate(&["convert", policy, "-t", "oci", "--lossy"])
}

/// An OCI configuration up to the value of `linux.seccomp`.
const CONFIG: &str = r#"{
    "ociVersion": "1.0.2",
    "process": {
        "terminal": false,
        "user": {"uid": 0, "gid": 0},
        "args": ["/contained"],
        "env": ["PATH=/"],
        "cwd": "/",
        "noNewPrivileges": true,
        "capabilities": {"bounding": [], "effective": [], "permitted": []}
    },
    "root": {"path": "rootfs", "readonly": true},
    "hostname": "contained",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=1777"]}
    ],
    "linux": {
        "namespaces": [{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}],
        "seccomp": "#;
