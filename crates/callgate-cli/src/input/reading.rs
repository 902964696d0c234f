//! How inputs are to be read: the options every verb that reads one has.

use crate::args::Arches;
use callgate::program::container::Container;
use callgate_formats::{Capabilities, Format, Kernel, Runtime};

/// How inputs are to be read.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Reading {
    #[command(flatten)]
    pub(crate) arches: Arches,
    /// What the input is, if it should not be guessed
    #[arg(long, value_name = "FORMAT", value_parser = from, help_heading = "Reading", hide_short_help = true)]
    pub(crate) from: Option<From>,
    /// The capabilities of the process the policy is for, separated by commas
    #[arg(long, value_name = "CAPS", value_parser = capabilities, help_heading = "Reading", hide_short_help = true)]
    pub(crate) caps: Option<Capabilities>,
    /// The kernel the policy is for
    #[arg(long, value_name = "X.Y", value_parser = kernel, help_heading = "Reading", hide_short_help = true)]
    pub(crate) kernel: Option<Kernel>,
    /// Whose reading is meant where implementations of a format differ
    #[arg(long, value_name = "RUNTIME", value_parser = runtime, help_heading = "Reading", hide_short_help = true)]
    pub(crate) as_runtime: Option<Runtime>,
    /// A file with the profile that `baseProfileName` names, before those beside the input
    #[arg(long, value_name = "FILE", help_heading = "Reading", hide_short_help = true)]
    pub(crate) base: Vec<String>,
    /// Leave out names nobody knows instead of refusing the file
    #[arg(long, help_heading = "Reading", hide_short_help = true)]
    pub(crate) ignore_unknown: bool,
    /// Say what the input was taken for and why, and what there is to note about it
    #[arg(long, short, help_heading = "Reading", hide_short_help = true)]
    pub(crate) verbose: bool,
    /// Whether a file may hold several alternatives of which none is picked.
    #[arg(skip)]
    pub(crate) every: bool,
}

/// What an input was said to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum From {
    /// A program, in this wrapping.
    Container(Container),
    /// A policy, or a program in whatever wrapping.
    Format(Format),
}

impl From {
    /// The name, as the command line takes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            From::Container(container) => container.name(),
            From::Format(format) => format.name(),
        }
    }
}

pub(crate) fn from(name: &str) -> Result<From, String> {
    // A name both know is a wrapping's: that says more.
    if let Some(container) = Container::from_name(name) {
        return Ok(From::Container(container));
    }
    Format::from_name(name).map(From::Format).ok_or_else(|| {
        let formats = Format::ALL.iter().map(|f| f.name());
        let containers = Container::ALL.iter().map(|c| c.name());
        let mut names: Vec<_> = formats.chain(containers).collect();
        names.sort_unstable();
        names.dedup();
        let near = callgate::nearest(name, names.iter().copied());
        match near {
            Some(near) => format!("no such format, did you mean {near}? There are {}", names.join(", ")),
            None => format!("no such format; there are {}", names.join(", ")),
        }
    })
}

fn capabilities(text: &str) -> Result<Capabilities, String> {
    Capabilities::parse(text)
}

fn kernel(text: &str) -> Result<Kernel, String> {
    Kernel::from_release(text).ok_or_else(|| "a kernel version is two numbers, as 6.1".into())
}

fn runtime(text: &str) -> Result<Runtime, String> {
    Runtime::from_name(text).ok_or_else(|| {
        let names: Vec<_> = Runtime::ALL.iter().map(|r| r.name()).collect();
        format!("no such runtime; there are {}", names.join(", "))
    })
}
