//! Tracing: stop a thread, look at it, read its filters, watch filters being loaded.
//!
//! [`filters`] reads what a thread is filtered by; [`trace_loads`] runs a command and reports every filter
//! it and its children load; [`Tracee`] is what both are made of.

mod event;
mod filters;
mod loads;
mod tracee;

pub use event::{Event, Stop, wait_any, wait_for};
pub use filters::{Attached, filters};
pub use loads::{Load, LoadResult, Loaded, trace_loads};
pub use tracee::{Options, SyscallInfo, Tracee};
