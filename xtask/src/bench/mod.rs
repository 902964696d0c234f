//! How good the compiler is: counts that do not depend on the machine, and times as ratios within one run.

mod cases;
mod chart;
mod corpus;
mod counts;
mod goals;
mod judge;
mod kernel;
mod measure;
mod mix;
mod notify;
mod rivals;
mod rules;
mod subject;
mod time;

use crate::files::Result;

const USAGE: &str =
    "usage: cargo xtask bench [--counts | --check | --rivals | --corpus | --goals | --kernel | --notify]";

/// Runs the chore with its arguments.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    match args {
        [] => time::print(),
        ["--counts"] => counts::write(),
        ["--check"] => counts::check(),
        ["--kernel"] => kernel::print(),
        ["--notify"] => notify::print(),
        ["--rivals"] => rivals::print(),
        ["--goals"] => goals::print(),
        ["--corpus"] => corpus::print(),
        _ => Err(USAGE.to_string()),
    }
}
