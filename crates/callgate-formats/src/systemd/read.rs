//! Reading units.

use super::{filters, settings, unit};
use crate::detect::Format;
use crate::import::{Collect, Import};
use crate::options::Options;
use crate::place::Error;
use crate::scan::{Pos, Source};

/// Reads a unit as a stack of policies, one a setting.
pub(crate) fn read(text: &str, options: &Options) -> Result<Import, Error> {
    let source = Source::main(text, options);
    let mut collect = Collect::new(options);
    let assignments = unit::assignments(&source, &mut collect)?;
    let settings = settings::settings(&assignments, &source, options.host, &mut collect);
    collect.check()?;
    let policies = filters::filters(&settings, &source, options, &mut collect);
    if policies.is_empty() {
        return Err(source.error(Pos::default(), "no setting of this unit adds a system-call filter"));
    }
    let mut import = Import::several(Format::Systemd, policies, collect);
    import.stack = true;
    Ok(import)
}
