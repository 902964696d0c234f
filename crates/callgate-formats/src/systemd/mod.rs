//! systemd's units and drop-ins: `SystemCallFilter=` and every other setting that adds a filter.

mod companions;
mod drop_in;
mod files;
mod filters;
mod read;
mod settings;
#[cfg(test)]
mod tests;
mod unit;
mod write;

pub(crate) use read::read;
pub(crate) use write::write;
