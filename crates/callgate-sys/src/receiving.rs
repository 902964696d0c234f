//! What to ask the kernel next, to receive one call: the receiver's decisions without its system calls, so
//! that they can be tried against every order of events.

/// A receiver between two system calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Receiving {
    looks: bool,
}

/// The next system call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ask {
    /// `ioctl(SECCOMP_IOCTL_NOTIF_RECV)`, which waits.
    Receive,
    /// `poll` without waiting.
    Look,
}

/// What the kernel said.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Said<T> {
    /// To [`Ask::Receive`]: here is a call.
    Call(T),
    /// To [`Ask::Receive`]: a signal came (`EINTR`).
    Interrupted,
    /// To [`Ask::Receive`]: there is none after all (`ENOENT`): its caller died between the wake-up and the
    /// look, another receiver was faster, or nobody is left.
    Missing,
    /// To [`Ask::Look`]: nobody is left (`POLLHUP` without `POLLIN`).
    Ended,
    /// To [`Ask::Look`]: somebody is.
    NotEnded,
}

/// What comes of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Next<T> {
    /// Ask this.
    Ask(Ask),
    /// The call.
    Call(T),
    /// There will never be one.
    Ended,
}

impl Receiving {
    /// What to ask now.
    pub fn ask(self) -> Ask {
        if self.looks { Ask::Look } else { Ask::Receive }
    }

    /// Takes the kernel's word for it.
    pub fn said<T>(&mut self, said: Said<T>) -> Next<T> {
        self.looks = matches!(said, Said::Missing);
        match said {
            Said::Call(call) => Next::Call(call),
            Said::Ended => Next::Ended,
            Said::Interrupted | Said::Missing | Said::NotEnded => Next::Ask(self.ask()),
        }
    }
}
