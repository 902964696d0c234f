//! Conditions for people: the policy language's own words, put so that they read well.

mod simplify;
mod wrap;

pub(crate) use wrap::wrap;

use callgate::syntax::condition_text;
use callgate::{Arch, Cond, Syscall};

/// Nobody reads a condition of more comparisons than this.
pub(crate) const READABLE: usize = 300;

/// The condition in the policy language, simplified; what simplification cannot change is what it means.
pub(crate) fn text(condition: &Cond, call: Option<(Syscall, Arch)>) -> String {
    let text = condition_text(&simplify::simplify(condition, call), call);
    // Not every register holds what a C program could have put there.
    let text = text.replace(" in {0x100000000..0xffffffff7fffffff}", " is no int");
    text.replace(" not in {0x100000000..0xffffffff7fffffff}", " is an int")
}
