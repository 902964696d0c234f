//! Reading units.

use super::files::{Files, Spot};
use super::{drop_in, filters, settings, unit};
use crate::detect::Format;
use crate::import::{Collect, Import};
use crate::options::Options;
use crate::place::Error;
use crate::scan::Source;

/// Reads a unit, with its drop-ins, as a stack of policies, one a setting.
pub(crate) fn read(text: &str, options: &Options) -> Result<Import, Error> {
    let main = Source::main(text, options);
    let drop_ins = drop_in::drop_ins(&main, options)?;
    let files = Files(std::iter::once(main).chain(drop_ins).collect());
    let mut collect = Collect::new(options);
    let assignments = unit::assignments(&files, &mut collect)?;
    let settings = settings::settings(&assignments, &files, options.host, &mut collect);
    collect.check()?;
    // What systemd passes over may be what the author meant.
    let passed_over =
        collect.losses.iter().map(|l| &l.what).chain(collect.notes.iter().map(|n| &n.what)).next().cloned();
    let policies = filters::filters(&settings, &files, options, &mut collect);
    if policies.is_empty() {
        let problem = files.problem(Spot::default(), "no setting of this unit adds a system-call filter");
        return Err(match passed_over {
            Some(what) => problem.help(what).into(),
            None => Error::no_filter(problem),
        });
    }
    let mut import = Import::several(Format::Systemd, policies, collect);
    import.stack = true;
    import.beside = files.0.iter().skip(1).filter_map(|f| f.name.clone()).collect();
    Ok(import)
}
