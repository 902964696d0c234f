//! What a compiled program is to be fast on: options of the verbs that compile.

use crate::failure::Failure;
use crate::input::text_of;
use callgate::abi::Endian;
use callgate::emit::{Options, Profile, Target};
use callgate::{EmitError, Filter, Program};

/// What the program is to be fast on.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Tuning {
    /// What the program is to be fast on: `bitmap`, kernels that answer plain permissions from a cache (Linux
    /// 5.11 and later, x86_64); `raw`, kernels that run the program for every call
    #[arg(long, value_name = "TARGET", value_parser = target, help_heading = "Tuning", hide_short_help = true)]
    pub(crate) target: Option<Target>,
    /// How often each call is made: a recording (`learn --record`), or lines of `NAME: COUNT`; otherwise as in
    /// workloads of many kinds
    #[arg(long, value_name = "FILE", help_heading = "Tuning", hide_short_help = true)]
    pub(crate) profile: Option<String>,
}

fn target(name: &str) -> Result<Target, String> {
    match name {
        "bitmap" => Ok(Target::Bitmap),
        "raw" => Ok(Target::Raw),
        _ => Err("no such target; there are bitmap, raw".to_owned()),
    }
}

/// The options with the files they name read.
pub(crate) struct Tuned {
    target: Target,
    profile: Option<Profile>,
}

impl Tuning {
    /// Whether anything but the usual is asked for.
    pub(crate) fn is_given(&self) -> bool {
        self.target.is_some() || self.profile.is_some()
    }

    /// Reads the profile.
    pub(crate) fn read(&self) -> Result<Tuned, Failure> {
        let profile = self.profile.as_deref().map(profile).transpose()?;
        Ok(Tuned { target: self.target.unwrap_or_default(), profile })
    }
}

/// The profile in a file: one as text, or a recording (`learn --record`).
fn profile(name: &str) -> Result<Profile, Failure> {
    let (name, text) = text_of(name)?;
    let profile = if text.starts_with('{') {
        let recording = callgate_trace::learn::Recording::from_lines(&text);
        let (recording, cut) = recording.map_err(|e| Failure::input(format!("{name}: {e}")))?;
        if cut {
            return Err(Failure::input(format!(
                "{name}: the recording was cut off; `learn --merge FILE --record NEW` keeps what there is"
            )));
        }
        recording.profile()
    } else {
        Profile::parse(&text).map_err(|e| Failure::input(format!("{name}:{e}")))?
    };
    if profile.is_empty() {
        return Err(Failure::input(format!("{name}: the profile counts no call; a line is `NAME: COUNT`")));
    }
    Ok(profile)
}

impl Tuned {
    /// What the compiler is told.
    pub(crate) fn options(&self) -> Options<'_> {
        let profile = self.profile.as_ref().unwrap_or_else(|| Profile::shipped());
        Options { target: self.target, profile, ..Options::default() }
    }

    /// Compiles the filter for a machine of this byte order, and proves it.
    pub(crate) fn emit(&self, filter: &Filter, endian: Endian) -> Result<Program, EmitError> {
        filter.emit_with(&Options { endian, ..self.options() })
    }
}
