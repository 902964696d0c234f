//! Calls found after the fact: in audit records, and in core dumps.

pub mod audit;
pub mod core;
