//! kafel's policy language (nsjail and other jails).

mod ast;
mod lex;
mod lower;
mod names;
mod parse;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use read::{read, read_source};
pub(crate) use write::write;
