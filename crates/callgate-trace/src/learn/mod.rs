//! Learning a policy: recordings of what programs called, merged, and written as a policy.

mod arguments;
mod draft;
mod recording;

pub use draft::{Draft, DraftError, Style, draft};
pub use recording::{Key, ReadError, Recording};
