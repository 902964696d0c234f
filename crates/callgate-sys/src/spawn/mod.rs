//! Running a command under filters, and being nothing but a pane of glass in front of it.
//!
//! [`Command::spawn`] forks; the child sets `no_new_privs`, loads the filters and executes the program, so
//! the filters must permit `execve`. Everything that goes wrong in the child reaches the parent through a
//! shared page, by plain stores: no filter can forbid those. [`Command::exec`] does the same in place.

mod child;
mod command;
pub(crate) mod forward;
mod launch;
mod outcome;
mod vfork;

pub use child::Child;
pub(crate) use child::has_executed;
pub use command::Command;
pub use outcome::{Failure, Outcome};
