//! The exported functions, as libseccomp(3) documents them: `seccomp.h` declares them.
//!
//! # Safety
//!
//! What a caller must promise is what the interface has always asked: contexts come from `seccomp_init` and
//! have not been released, other pointers are null where that is allowed or point to what their type says,
//! and no two threads use one context at once.

mod arch;
mod attr;
mod context;
mod export;
mod guard;
mod handle;
mod load;
mod notify;
mod resolve;
mod rule;
mod transaction;
mod variadic;
mod version;

pub use arch::*;
pub use attr::*;
pub use context::*;
pub use export::*;
pub use load::*;
pub use notify::*;
pub use resolve::*;
pub use rule::*;
pub use transaction::*;
pub use variadic::*;
pub use version::*;
