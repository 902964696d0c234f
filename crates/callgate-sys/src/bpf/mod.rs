//! Counting calls in the kernel, at its tracepoints, without stopping anybody.
//!
//! The programs are written here, instruction by instruction; there is no compiler and no object file behind
//! them. They count every call by its number, the arguments in question, the thread's name and the program, in
//! the kernel: however many calls there are, none is lost, as nothing has to be read in time.

mod btf;
mod code;
mod counter;
mod kernel;
mod mapping;
mod programs;
mod ring;
mod table;

pub use counter::{Counted, Counter, FirstCall, Target, Wanted};
