//! Reading profiles.

use super::filters;
use super::profile::Profile;
use crate::detect::Format;
use crate::import::{Collect, Import};
use crate::options::Options;
use crate::place::Error;
use crate::scan::{Pos, Source};
use callgate::Arch;

/// Reads a profile as a stack of policies.
pub(crate) fn read(text: &str, options: &Options) -> Result<Import, Error> {
    let source = Source::main(text, options);
    let arch = match options.arches.as_deref() {
        None => options.host,
        Some([one]) => *one,
        Some(_) => {
            return Err(source.error(Pos::default(), "a firejail profile is for one machine at a time"));
        }
    };
    if arch == Arch::X32 {
        return Err(source.error(Pos::default(), "firejail does not run on x32"));
    }
    let mut collect = Collect::new(options);
    let profile = Profile::read(&source, options, &mut collect);
    let policies = filters::filters(&profile, arch, &mut collect);
    collect.check()?;
    if policies.is_empty() {
        let what = "no line of this profile adds a system-call filter";
        return Err(Error { no_filter: true, ..source.error(Pos::default(), what) });
    }
    let mut import = Import::several(Format::Firejail, policies, collect);
    import.stack = true;
    Ok(import)
}
