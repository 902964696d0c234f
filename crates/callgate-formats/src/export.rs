//! Writing: what every writer returns, and the way to each of them.

use crate::detect::Format;
use crate::import::{Effect, Loss, read};
use crate::options::Options;
use crate::place::{Error, Place, Problem};
use crate::{container, firejail, kafel, lxc, minijail, pfc, prove, systemd, threads};
use callgate::{Arch, Policy};

/// A policy written in another notation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Export {
    /// The file's contents: UTF-8 text, except for raw programs.
    pub bytes: Vec<u8>,
    /// What the notation could not say, in the policy's order.
    pub losses: Vec<Loss>,
}

/// Which losses a writer may have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Accept {
    /// None that changes the decision of any call.
    Lossless,
    /// Those after which nothing is executed that was refused.
    NotWeaker,
    /// Any.
    Any,
}

/// Writes a policy in a format. What was written is read back and compared with the policy, so the
/// losses are those there are, each with the rule it concerns.
///
/// # Errors
/// When the format cannot be written, or cannot say the policy with no more than the losses that
/// [`Options::accept`] allows: then the error lists them.
pub fn write(policy: &Policy, format: Format, options: &Options) -> Result<Export, Error> {
    let export = write_as(policy, format, options).map_err(|e| e.in_file(options.file.as_ref()))?;
    let refused: Vec<&Loss> = export.losses.iter().filter(|l| !options.accept.accepts(l.effect)).collect();
    if refused.is_empty() {
        return Ok(export);
    }
    let problems = refused
        .into_iter()
        .map(|l| {
            let problem =
                Problem::new(l.place.clone(), format!("{}: {} ({})", format.name(), l.what, l.effect));
            Problem { file: options.file.clone(), ..problem }
        })
        .collect();
    Err(Error { problems })
}

fn write_as(policy: &Policy, format: Format, options: &Options) -> Result<Export, Error> {
    let host = host_of(policy, format, options);
    let mut again = Options {
        file: None,
        host,
        arches: None,
        ignore_unknown: false,
        pick: None,
        open: None,
        constants: None,
        ..options.clone()
    };
    if format == Format::Pfc {
        // It is for people: there is nothing that would read it back.
        return Ok(Export::text_of(pfc::write(policy)?, Vec::new()));
    }
    let text = match format {
        Format::Oci | Format::Docker | Format::Spo => container::write(policy, format, options)?,
        Format::Seccompiler => threads::write(policy, options)?,
        Format::Minijail | Format::MinijailPython => {
            let (text, default) = minijail::write(policy, format, host)?;
            again.default = Some(default);
            text
        }
        Format::Kafel => {
            again.arches = Some(policy.arches.clone());
            kafel::write(policy)?
        }
        Format::Systemd => systemd::write(policy, host)?,
        Format::Firejail => firejail::write(policy, host)?,
        Format::Lxc => lxc::write(policy)?,
        _ => return Err(Error::new(Place::default(), format!("{} cannot be written", format.name()))),
    };
    let losses = compare(policy, &text, format, &again)?;
    Ok(Export { bytes: text.into_bytes(), losses })
}

/// The machine the file is for. A file for one architecture is for the policy's first.
fn host_of(policy: &Policy, format: Format, options: &Options) -> Arch {
    let single = matches!(format, Format::Seccompiler);
    match policy.arches.first() {
        Some(first) if single || !policy.arches.contains(&options.host) => *first,
        _ => options.host,
    }
}

/// Reads back what was written, as the machine the policy is for would, and lists the differences.
fn compare(policy: &Policy, text: &str, format: Format, again: &Options) -> Result<Vec<Loss>, Error> {
    let unsayable = |e: &dyn std::fmt::Display| {
        Error::new(Place::default(), format!("{} cannot say this policy: {e}", format.name()))
    };
    let import = read(text, format, again).map_err(|e| unsayable(&e))?;
    let written = import.filter().map_err(|e| unsayable(&e))?;
    prove::losses(policy, &written)
}

impl Accept {
    /// Whether a loss with this effect is acceptable.
    pub fn accepts(self, effect: Effect) -> bool {
        match self {
            Accept::Lossless => effect == Effect::None,
            Accept::NotWeaker => effect != Effect::Weaker,
            Accept::Any => true,
        }
    }
}

impl Export {
    /// An export of text.
    pub fn text_of(text: String, losses: Vec<Loss>) -> Export {
        Export { bytes: text.into_bytes(), losses }
    }

    /// The contents as text; `None` for a raw program that is not UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }
}
