//! `--listen`: the agent that a container runtime's `listenerPath` leads to.

use super::serve;
use super::tell::{Tell, plain};
use crate::failure::{CANNOT, Failure, Outcome};
use crate::say::Say;
use callgate_sys::scm;
use callgate_trace::supervise::{Home, Person, ProcessState, Table};
use std::fs::Permissions;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

pub(super) fn listen(
    path: &Path,
    seqpacket: bool,
    table: &Table,
    person: &dyn Person,
    tell: &Tell<'_>,
    say: &Say,
) -> Outcome {
    let failed = |e: &dyn std::fmt::Display| Failure::input(format!("{}: {e}", path.display()));
    remove_stale(path)?;
    let socket: OwnedFd = match seqpacket {
        true => scm::seqpacket_listen(path).map_err(|e| failed(&e))?,
        false => UnixListener::bind(path).map_err(|e| failed(&e))?.into(),
    };
    // Who connects is asked for, too; this keeps others from trying.
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(|e| failed(&e))?;
    let me = std::fs::metadata("/proc/self").map(|m| m.uid()).map_err(|e| failed(&e))?;
    say.error(&format!("listening on {}", path.display()));
    std::thread::scope(|scope| {
        loop {
            let connection = match scm::accept(socket.as_fd()) {
                Ok(connection) => connection,
                Err(e) if matches!(e.errno(), Some(libc::EMFILE | libc::ENFILE | libc::ECONNABORTED)) => {
                    say.error(&e.to_string());
                    std::thread::sleep(std::time::Duration::from_millis(100));
                    continue;
                }
                Err(e) => return Err(Failure::new(CANNOT, e)),
            };
            let started = std::thread::Builder::new().spawn_scoped(scope, move || {
                match scm::peer(connection.as_fd()) {
                    Ok((_, uid, _)) if uid == me || uid == 0 => {}
                    Ok((pid, uid, _)) => {
                        return say.error(&format!(
                            "refused process {pid} of user {uid}, who is not mine to serve"
                        ));
                    }
                    Err(e) => return say.error(&e.to_string()),
                }
                let (state, listener) = match ProcessState::receive(&connection) {
                    Ok(received) => received,
                    Err(e) => return say.error(&e.to_string()),
                };
                drop(connection);
                let id = plain(&state.state.id);
                let metadata = match state.metadata.as_str() {
                    "" => String::new(),
                    metadata => format!(", metadata {:?}", plain(metadata)),
                };
                say.error(&format!("{id}: process {} has come{metadata}", state.pid));
                // What it was when it came: later it may have made mounts of its own.
                let home = Home::of(state.pid).map_err(|e| {
                    say.error(&format!("{id}: /proc/{}: {e}: lines with paths answer nothing", state.pid));
                });
                match serve(&listener, table, person, tell, home.ok().as_ref(), Some(&id)) {
                    Ok(()) => say.error(&format!("{id}: all its processes have ended")),
                    Err(e) => say.error(&format!("{id}: {e}")),
                }
            });
            if let Err(e) = started {
                say.error(&format!("a listener was closed, its calls fail: {e}"));
            }
        }
    })
}

/// Removes a socket that nobody listens on any more; leaves everything else for `bind` to complain about.
fn remove_stale(path: &Path) -> Result<(), Failure> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return Ok(()) };
    let refused = |e: std::io::Error| e.kind() == std::io::ErrorKind::ConnectionRefused;
    if metadata.file_type().is_socket() && UnixStream::connect(path).is_err_and(refused) {
        std::fs::remove_file(path).map_err(|e| Failure::input(format!("{}: {e}", path.display())))?;
    }
    Ok(())
}
