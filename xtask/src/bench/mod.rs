//! How good the compiler is: counts that do not depend on the machine, and times as ratios within one run.

mod capi;
mod cases;
mod chart;
mod corpus;
mod counts;
mod engines;
mod everywhere;
mod goals;
mod inspect;
mod judge;
mod kernel;
mod learn;
mod least;
mod measure;
mod mix;
mod notify;
mod others;
mod profile;
mod reference;
mod rivals;
mod rules;
mod sheet;
mod stack;
mod start;
mod subject;
mod time;

use crate::files::Result;

const USAGE: &str = "usage: cargo xtask bench [--capi | --counts | --check | --rivals [--check] | --corpus | --goals | --inspect | --kernel | --learn [LOAD..] | --notify | --start]";

/// Runs the chore with its arguments.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    match args {
        [] => time::print(),
        ["--capi"] => capi::print(),
        ["--counts"] => counts::write(),
        ["--check"] => counts::check(),
        ["--kernel"] => kernel::print(),
        ["--learn", loads @ ..] => learn::print(loads),
        ["--notify"] => notify::print(),
        ["--start"] => start::print(),
        ["--rivals"] => rivals::print(),
        ["--rivals", "--check"] => rivals::check(),
        ["--goals"] => goals::print(),
        ["--inspect"] => inspect::print(),
        ["--corpus"] => corpus::print(),
        _ => Err(USAGE.to_string()),
    }
}
