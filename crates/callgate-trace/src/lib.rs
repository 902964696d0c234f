//! Watching live processes: which system calls a program makes, and why one was denied.

pub mod learn;
mod observed;

pub use observed::Observed;
