//! minijail's policy files (ChromeOS, Android, crosvm), in both of their dialects.

mod build_time;
mod constants;
mod frequency;
mod lex;
mod read;
mod run_time;
#[cfg(test)]
mod tests;
mod words;
mod write;

pub use constants::Constants;
pub(crate) use read::{only_build_time, read};
pub(crate) use write::write;
