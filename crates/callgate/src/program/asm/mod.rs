//! Text to instructions: this crate's own listings, and the notations of seccomp-tools and ceccomp.
//!
//! `docs/assembler.md` describes the notation. [`disasm`](super::disasm::disasm) writes it, and
//! what it writes comes back byte for byte.

mod cond;
mod encode;
mod error;
mod expr;
mod lex;
mod parse;
mod resolve;
mod tree;

pub use error::Error;
pub(in crate::program) use expr::action_value;

use super::Code;
use callgate_abi::{Arch, Endian};

/// What the text leaves open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// The architecture whose call names and constants are meant where the program's own tests
    /// have not settled it and the text has no `.arch` line.
    pub arch: Option<Arch>,
    /// The byte order of the machine, if the text has neither `.endian` nor `.arch`; otherwise that of
    /// the architectures the program asks for, otherwise that of `arch`, otherwise little-endian.
    pub endian: Option<Endian>,
}

/// The longest text that is assembled, in bytes: a program of 4,096 instructions has less than a quarter of it, and
/// what is kept of each word is a multiple of its letters.
pub(in crate::program) const MAX_TEXT: usize = 2 << 20;

/// Assembles a text, or reports everything that is wrong with it. Whether the kernel would take the
/// program is for [`Code::check`] to say.
///
/// ```
/// use callgate::program::asm::{Options, assemble};
///
/// let code = assemble("
///         A = arch
///         if arch != x86_64 goto kill
///         A = nr
///         if nr == ptrace goto deny
///         return allow
/// deny:   return errno(EPERM)
/// kill:   return kill-process
/// ", &Options::default()).unwrap();
/// assert_eq!(code.check().unwrap().len(), 7);
///
/// let errors = assemble("A = nr\nif arch == x86_64 goto next", &Options::default()).unwrap_err();
/// assert_eq!(errors[0].to_string(), "2:4: `A` does not hold `arch` here but `nr`");
/// ```
pub fn assemble(text: &str, options: &Options) -> Result<Code, Vec<Error>> {
    if text.len() > MAX_TEXT {
        let what = format!("the text is larger than {} MiB, which no program's is", MAX_TEXT >> 20);
        return Err(vec![Error::at(1, 1, what)]);
    }
    let (lexemes, mut errors) = lex::lex(text);
    let tree = parse::parse(&lexemes, &mut errors);
    let code = encode::encode(&tree, options, &mut errors);
    if errors.is_empty() {
        return Ok(code);
    }
    errors.sort_by_key(|e| (e.line, e.column));
    Err(errors)
}
