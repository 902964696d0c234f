//! Getting a listener across to the process that answers.

use super::Listener;
use callgate_sys::{Error, scm};
use std::os::fd::{AsFd, BorrowedFd};

/// A connected Unix domain socket to hand listeners over.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    socket: BorrowedFd<'a>,
}

impl<'a> Sender<'a> {
    /// Over this socket: `SOCK_STREAM`, `SOCK_SEQPACKET` or `SOCK_DGRAM`.
    pub fn new(socket: &'a impl AsFd) -> Sender<'a> {
        Sender { socket: socket.as_fd() }
    }

    /// Sends a listener (`SCM_RIGHTS`) with these bytes, of which there must be one at least; on a stream the
    /// rest follows where the first part did not take all.
    ///
    /// The filter in force must not notify `sendmsg`, nor whatever else the sender calls from loading it
    /// on: nobody could answer yet. Where it must be able to, leave the number in shared memory and let the
    /// supervisor fetch it ([`Listener::fetch`]), as [`super::spawn`] does by itself.
    ///
    /// # Errors
    ///
    /// As `sendmsg(2)`; `EPIPE` (without the signal) when the other side is gone.
    pub fn send(&self, listener: &Listener, bytes: &[u8]) -> Result<(), Error> {
        let mut sent = scm::send(self.socket, bytes, &[listener.as_fd()])?;
        while sent < bytes.len() {
            sent += scm::send(self.socket, &bytes[sent..], &[])?;
        }
        Ok(())
    }
}
