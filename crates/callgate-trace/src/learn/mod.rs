//! Learning a policy: recordings of what programs called, merged, and written as a policy.

mod arguments;
mod draft;
mod evidence;
mod groups;
mod journal;
mod lines;
mod recording;

pub use draft::{Draft, DraftError, Style, draft, permits};
pub use journal::Journal;
pub use lines::ReadError;
pub use recording::{Event, Key, Recording, arguments_of};
