//! firejail's profiles: the lines of a larger language that add system-call filters.

mod filters;
mod groups;
mod profile;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use read::read;
pub(crate) use write::write;
