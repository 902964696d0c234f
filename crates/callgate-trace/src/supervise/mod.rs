//! Answering notified calls by a policy's `on` lines.
//!
//! Where a line opens, connects or binds, the supervisor does the work itself, with a copy of the path or address
//! made once: the copy that was looked at is the one that is used, so the caller's other threads may write what they
//! like. The lines are asked in order; a call that none answers fails with `EPERM`.
//!
//! ```no_run
//! use callgate::{notify, syntax};
//! use callgate_trace::supervise::{Home, Nobody, Table, answer};
//!
//! let text = "default allow\nnotify openat\non openat open read-only below \"/usr\"\n";
//! let parsed = syntax::parse("p.cg", text, &mut |_: &str, _: &str| Err(String::new()));
//! let (table, home) = (Table::new(parsed.on_lines), Home::own()?);
//! let options = notify::Options::default();
//! let spawned = notify::spawn(&parsed.policy.unwrap(), &["cat", "/usr/share/dict/words"], options)?;
//! spawned.listener.serve(16, |call| {
//!     let event = answer(call, &table, Some(&home), &Nobody);
//!     eprintln!("{}: {}", event.call, event.decision);
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod event;
mod file;
mod home;
mod socket;
mod state;
mod table;

pub use event::{Decision, Event};
pub use home::Home;
pub use state::{ProcessState, State, StateError};
pub use table::{Nobody, Person, Question, Table, Verdict};

use crate::decode::{self, Memory};
use callgate::Errno;
use callgate::answer::{Answer, OnLine, Peer, Place, Ports};
use callgate::notify::{Call, CallError, Slot};
use std::os::fd::{AsFd, OwnedFd};

/// Answers a call by the table's lines, and says what was decided. Lines with paths are about callers at `home` only; about
/// nobody, if that is not known.
pub fn answer(call: Call<'_>, table: &Table, home: Option<&Home>, person: &dyn Person) -> Event {
    let mut event = Event::of(&call);
    let mut work = Work { call: &call, home, read: None };
    let outcome = decide(&mut work, table, person, &mut event);
    let decision = match outcome {
        Outcome::Errno(errno) => Decision::Denied(errno),
        Outcome::Failed(errno) => Decision::Failed(errno),
        Outcome::Return(value) => Decision::Returned(value),
        Outcome::Continue => Decision::Continued,
        Outcome::Done(ref what) => Decision::Done(what.clone()),
        Outcome::Opened(_, _, ref path) => Decision::Opened(path.clone()),
    };
    let sent = match outcome {
        Outcome::Errno(errno) | Outcome::Failed(errno) => call.fail(errno).map(|d| d.is_delivered()),
        Outcome::Return(value) => call.return_value(value).map(|d| d.is_delivered()),
        Outcome::Done(_) => call.return_value(0).map(|d| d.is_delivered()),
        Outcome::Continue => call.continue_unchecked().map(|d| d.is_delivered()),
        Outcome::Opened(fd, close_on_exec, _) => {
            let sent = call.return_fd(fd.as_fd(), Slot::Lowest, close_on_exec);
            sent.map(|d| d.is_delivered())
        }
    };
    event.decision = match sent {
        Ok(true) => decision,
        Ok(false) => Decision::Gone,
        // The caller has no room for the descriptor: it was told so.
        Err(e) => Decision::Failed(CallError::Kernel(e).errno().unwrap_or(EPERM)),
    };
    event
}

/// `EPERM`, `ENOSYS` and so on are numbered as on x86 here; the answer has the caller's own.
const EPERM: Errno = Errno(1);

/// What to answer.
enum Outcome {
    /// By a line, or because there is none.
    Errno(Errno),
    /// The work was tried, and failed.
    Failed(Errno),
    Return(i64),
    Continue,
    /// The work is done; the call returns 0.
    Done(String),
    Opened(OwnedFd, bool, String),
}

/// What an answer comes to for one call.
enum Fit {
    /// The line is not about such a path or address.
    No,
    /// The work cannot be done whoever asks.
    Failed(Errno),
    /// It can, and this is the line for this very path or address.
    Yes(Job, Answer),
}

/// Work that is ready to be done.
enum Job {
    Open(file::Found),
    Connect(socket::Address, Option<OwnedFd>),
    Bind(socket::Address, Ports),
    Plain,
}

/// A call being decided, with the one copy of what it points to.
struct Work<'c, 'l> {
    call: &'c Call<'l>,
    home: Option<&'c Home>,
    read: Option<Read>,
}

enum Read {
    Path(Result<file::Asked, Errno>),
    Address(Result<socket::Address, Errno>),
}

fn decide(work: &mut Work<'_, '_>, table: &Table, person: &dyn Person, event: &mut Event) -> Outcome {
    for line in table.about(work.call.data()) {
        event.line = Some(line.rule.origin.clone());
        if line.answer == Answer::Log {
            event.logged = true;
            continue;
        }
        let (job, narrow) = match work.fit(&line.answer) {
            Fit::No => continue,
            Fit::Failed(errno) => return Outcome::Failed(errno),
            Fit::Yes(job, narrow) => (job, narrow),
        };
        if line.asks {
            event.asked = true;
            let narrow = OnLine { rule: line.rule.clone(), asks: false, answer: narrow };
            match table.ask(person, &line, narrow, event) {
                true => {}
                false => return Outcome::Errno(EPERM),
            }
        }
        return work.carry_out(job, &line.answer);
    }
    event.line = None;
    Outcome::Errno(EPERM)
}

impl Work<'_, '_> {
    fn fit(&mut self, answer: &Answer) -> Fit {
        match answer {
            Answer::Open(places) => self.fit_open(places),
            Answer::Connect(peers) => self.fit_connect(peers),
            Answer::Bind(ports) => self.fit_bind(ports),
            other => Fit::Yes(Job::Plain, other.clone()),
        }
    }

    fn fit_open(&mut self, places: &[Place]) -> Fit {
        if !matches!(self.read, Some(Read::Path(_))) {
            self.read = Some(Read::Path(file::Asked::read(self.call)));
        }
        let Some(Read::Path(read)) = &self.read else { return Fit::No };
        let asked = match read {
            Ok(asked) => asked,
            Err(errno) => return Fit::Failed(*errno),
        };
        if !asked.only_reads || !self.home.is_some_and(|home| home.has(self.call)) {
            return Fit::No;
        }
        match asked.find(self.call, places) {
            Ok(Some(found)) => {
                let place = Place { path: found.path.clone(), below: false };
                Fit::Yes(Job::Open(found), Answer::Open(vec![place]))
            }
            Ok(None) => Fit::No,
            Err(errno) => Fit::Failed(errno),
        }
    }

    fn address(&mut self) -> Result<socket::Address, Errno> {
        if !matches!(self.read, Some(Read::Address(_))) {
            self.read = Some(Read::Address(socket::Address::read(self.call)));
        }
        match &self.read {
            Some(Read::Address(read)) => read.clone(),
            _ => Err(EPERM),
        }
    }

    fn fit_connect(&mut self, peers: &[Peer]) -> Fit {
        let address = match self.address() {
            Ok(address) => address,
            Err(errno) => return Fit::Failed(errno),
        };
        match address.is_one_of(self.call, self.home, peers) {
            Ok(Some((peer, found))) => Fit::Yes(Job::Connect(address, found), Answer::Connect(vec![peer])),
            Ok(None) => Fit::No,
            Err(errno) => Fit::Failed(errno),
        }
    }

    fn fit_bind(&mut self, ports: &[Ports]) -> Fit {
        let address = match self.address() {
            Ok(address) => address,
            Err(errno) => return Fit::Failed(errno),
        };
        let Some(port) = address.port() else { return Fit::No };
        match ports.iter().find(|p| p.asked == port) {
            Some(ports) => Fit::Yes(Job::Bind(address, *ports), Answer::Bind(vec![*ports])),
            None => Fit::No,
        }
    }

    fn carry_out(&self, job: Job, answer: &Answer) -> Outcome {
        let done = match job {
            Job::Open(found) => {
                return match found.open() {
                    Ok((fd, close_on_exec)) => Outcome::Opened(fd, close_on_exec, found.path),
                    Err(errno) => Outcome::Failed(errno),
                };
            }
            Job::Connect(address, found) => address.connect(self.call, found.as_ref()),
            Job::Bind(address, ports) => address.bind(self.call, ports.bound),
            Job::Plain => {
                return match answer {
                    Answer::Errno(errno) => Outcome::Errno(*errno),
                    Answer::Return(value) => Outcome::Return(*value),
                    Answer::ContinueUnchecked => Outcome::Continue,
                    Answer::Open(_) | Answer::Connect(_) | Answer::Bind(_) | Answer::Log => {
                        Outcome::Errno(EPERM)
                    }
                };
            }
        };
        match done {
            Ok(what) => Outcome::Done(what),
            Err(errno) => Outcome::Failed(errno),
        }
    }
}

/// The error that a failure of the supervisor's own is to the caller.
fn errno_of(e: &CallError) -> Errno {
    e.errno().unwrap_or(EPERM)
}

/// The memory of a call's caller, for words about it.
struct Caller<'c, 'l>(&'c Call<'l>);

impl Memory for Caller<'_, '_> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> usize {
        let tid = self.0.tid().cast_signed();
        let read = decode::Live(tid).read(address, buffer);
        if matches!(self.0.is_waiting(), Ok(true)) {
            return read;
        }
        buffer.fill(0);
        0
    }
}
