//! Watching a command for the calls it makes.
//!
//! [`trace_calls`](crate::ptrace::trace_calls) stops every call for a tracer; [`notify_calls`] for a supervisor,
//! where tracing is not possible or the command traces others itself; [`count_calls`] stops none and has the
//! kernel count, which needs privileges. None changes what a call does.

mod caller;
mod count;
mod guard;
mod notify;

pub use caller::{Caller, Calls};
pub use count::{Firsts, Tally, Totals, count_calls, count_running};
pub use notify::notify_calls;
