//! Watching a command for the calls it makes.
//!
//! Two ways, with one report: [`trace_calls`](crate::ptrace::trace_calls) stops every call for a tracer,
//! [`notify_calls`] for a supervisor, where tracing is not possible or the command traces others itself. Neither
//! changes what a call does.

mod caller;
mod guard;
mod notify;

pub(crate) use caller::name;
pub use caller::{Caller, Calls};
pub use notify::notify_calls;
