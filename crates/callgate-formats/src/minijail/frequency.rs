//! Frequency files: how often each call is made, `call: number` a line.

use super::lex::{Kind, statements, value};
use super::words;
use crate::import::{Collect, Effect};
use crate::place::Error;
use crate::scan::Source;
use callgate::Arch;

/// Checks that a frequency file is one.
pub(super) fn check(source: &Source, arch: Arch, collect: &mut Collect) -> Result<(), Error> {
    for tokens in statements(source)? {
        let Some(first) = tokens.first() else { continue };
        let is_colon = |at: usize| tokens.get(at).is_some_and(|t| t.text == ":");
        let is_count = |at: usize| {
            tokens.get(at).is_some_and(|t| t.kind == Kind::Number && value(t.text).is_some_and(|v| v >= 0))
        };
        if !is_colon(1) || !is_count(2) || tokens.len() != 3 {
            return Err(source.error(first.pos, "expected `call: number`"));
        }
        words::syscall(first.text, arch, source, first.pos, Effect::None, collect);
    }
    Ok(())
}
