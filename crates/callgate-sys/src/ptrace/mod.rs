//! Tracing: stop a thread, look at it, read its filters, watch filters being loaded.
//!
//! [`filters`] reads what a thread is filtered by; [`trace_loads`] runs a command and reports every filter
//! it and its children load, [`trace_kills`] every call they are killed for, [`trace_own_kills`] those of the command
//! alone, [`trace_calls`] every call, [`trace_calls_fast`] at less cost;
//! [`trace_answers`] asks what becomes of the calls a filter asks about; [`Tracee`] is what all are made of.

mod answer;
mod calls;
mod event;
pub(crate) mod fast;
mod filters;
mod follow;
mod kills;
mod loads;
mod point;
mod tracee;

pub use answer::{Answer, Answers, Asked, trace_answers};
pub use calls::{trace_calls, trace_calls_fast};
pub use event::{Event, Stop, wait_any, wait_for};
pub use filters::{Attached, filters};
pub use follow::Followed;
pub use kills::{Kill, trace_kills, trace_own_kills, trace_own_kills_if_wanted};
pub use loads::{LetGo, Load, LoadResult, Loaded, trace_loads};
pub use point::{Point, point, point_in_call};
pub use tracee::{Options, SyscallInfo, Tracee};
