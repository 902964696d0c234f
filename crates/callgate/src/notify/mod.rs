//! Calls that ask first: receive what a filter's `notify` hands over, decide, answer.
//!
//! A filter loaded with a listener stops the caller of every call it answers `notify` to. Whoever holds the
//! [`Listener`] receives the [`Call`], and lets it return a value, an error or a new descriptor.
//!
//! ```
//! use callgate::{Policy, notify};
//!
//! let policy = Policy::parse("default allow\nnotify getppid\n")?;
//! // A filter stays with its thread and what that starts; this one is answered from another.
//! let (sender, listeners) = std::sync::mpsc::channel();
//! let caller = std::thread::spawn(move || {
//!     sender.send(policy.install_supervised(notify::Options::default())).unwrap();
//!     std::os::unix::process::parent_id()
//! });
//! let listener = listeners.recv()??;
//! while let Some(call) = listener.receive()? {
//!     let _ = call.return_value(42)?;
//! }
//! assert_eq!(caller.join().unwrap(), 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is yours to decide on
//!
//! The call's number and registers ([`Call::data`]) cannot change any more. What its pointers point to can,
//! at every moment, by the hand of another thread. So:
//!
//! * memory is read through [`Call::memory`], which hands out a copy, and only after the kernel has said
//!   that the caller was still waiting: otherwise its number may be another process's by now;
//! * a decision about such a copy is carried out *with that copy*: open the file yourself and pass the
//!   descriptor ([`Call::return_fd`]), connect a duplicate of the caller's socket ([`Call::duplicate`]) and
//!   return the result. [`Call::continue_unchecked`] lets the kernel read the memory a second time, which
//!   no decision covers.
//!
//! # What cannot go wrong
//!
//! A [`Call`] that is dropped, because its worker returned early or panicked, fails with `ENOSYS`, as all
//! do when the listener is closed. Signals at either end, callers that die and the end of the last
//! task are all told from each other; see [`Listener::receive`].

mod call;
mod hand_over;
mod install;
mod listener;
mod memory;
mod serve;

pub use call::{Call, CallError, Id};
pub use callgate_sys::{Delivery, Error, Readiness, Slot};
pub use hand_over::Sender;
pub use install::{Child, Options, SpawnError, Spawned, spawn};
pub use listener::{Listener, Received};
pub use memory::Memory;
