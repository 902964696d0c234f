//! Reading kafel policies.

use super::{lower, parse};
use crate::detect::Format;
use crate::import::{Collect, Import};
use crate::options::Options;
use crate::place::Error;
use crate::scan::Source;

/// Reads a kafel policy. It is for one architecture at a time unless [`Options::arches`] lists more.
pub(crate) fn read(text: &str, options: &Options) -> Result<Import, Error> {
    read_source(Source::main(text, options), Format::Kafel, options)
}

/// Reads a policy that may stand inside another file.
pub(crate) fn read_source(source: Source, format: Format, options: &Options) -> Result<Import, Error> {
    let program = parse::parse(source, options)?;
    let mut collect = Collect::new(options);
    let host = [options.host];
    let arches = options.arches.as_deref().unwrap_or(&host);
    let policy = lower::lower(&program, arches, &mut collect);
    collect.check()?;
    Ok(Import::one(format, policy, collect))
}
