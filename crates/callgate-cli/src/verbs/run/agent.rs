//! `run --agent`: the command's listener goes to an agent, as a container runtime hands it over.

use crate::args::Run;
use crate::failure::{BEFORE_EXEC, Failure};
use callgate::notify::Listener;
use callgate_sys::install::Flags;
use callgate_sys::scm;
use callgate_sys::spawn::{self, Child};
use callgate_trace::supervise::ProcessState;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The same with a listener.
pub(super) fn flags(flags: Flags) -> Flags {
    Flags { new_listener: true, wait_killable_recv: true, ..flags }
}

/// Connects to an agent, whichever kind its socket is.
pub(super) fn connect(path: &Path) -> Result<OwnedFd, Failure> {
    match UnixStream::connect(path) {
        Ok(stream) => Ok(stream.into()),
        Err(e) if e.raw_os_error() == Some(libc::EPROTOTYPE) => scm::seqpacket_connect(path)
            .map_err(|e| Failure::new(BEFORE_EXEC, format!("{}: {e}", path.display()))),
        Err(e) => Err(Failure::new(BEFORE_EXEC, format!("{}: {e}: is the agent running?", path.display()))),
    }
}

/// Sends the listener of the command, which waits as soon as it makes a notified call. Without an agent it is not left
/// to wait for ever.
pub(super) fn hand_over(mut child: Child, agent: &OwnedFd, args: &Run) -> Result<Child, Failure> {
    let failed = |e: spawn::Failure| Failure::new(e.exit_code(), e);
    let listener = match child.listener() {
        Ok(Some(listener)) => listener,
        Ok(None) => return Err(Failure::new(BEFORE_EXEC, "the kernel returned no listener")),
        Err(e) => {
            child.kill();
            return Err(failed(e));
        }
    };
    let id = args.command[0].to_string_lossy();
    let state =
        ProcessState::of_process(child.pid(), &id, args.agent_metadata.as_deref().unwrap_or_default());
    let sent = Listener::new(OwnedFd::from(listener)).and_then(|listener| state.send(agent, &listener));
    match sent {
        Ok(()) => Ok(child),
        Err(e) => {
            child.kill();
            Err(Failure::new(BEFORE_EXEC, format!("the agent could not be given the listener: {e}")))
        }
    }
}
