//! Writing: what every writer returns, and the way to each of them.

use crate::detect::Format;
use crate::import::{Effect, Loss, read};
use crate::options::Options;
use crate::place::{Error, Place, Problem};
use crate::{code, container, firejail, kafel, lxc, minijail, pfc, prove, systemd, threads};
use callgate::{Arch, Filter, Policy, Program};

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
    let problems: Vec<Problem> = refused
        .into_iter()
        .map(|l| {
            let problem =
                Problem::new(l.place.clone(), format!("{}: {} ({})", format.name(), l.what, l.effect));
            Problem { file: l.file.clone().or(options.file.clone()), ..problem }
        })
        .collect();
    Err(Error::from(problems))
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
    let text = match format {
        // It is for people: there is nothing that would read it back.
        Format::Pfc => return Ok(Export::text_of(pfc::write(policy)?, Vec::new())),
        // Programs say all that policies can; each was proved when it was made.
        Format::Bpf => return Ok(Export { bytes: code::raw(policy)?, losses: Vec::new() }),
        Format::C | Format::Rust => {
            let text = code::write(policy, format, options.pick.as_deref(), options.file.as_deref())?;
            return Ok(Export::text_of(text, Vec::new()));
        }
        Format::Callgate => callgate::syntax::print(policy),
        Format::Oci | Format::Docker | Format::Spo => container::write(policy, format, options)?,
        Format::Seccompiler => threads::write(policy, host, options)?,
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
        _ => {
            let names: Vec<&str> = Format::ALL.iter().filter(|f| f.is_written()).map(|f| f.name()).collect();
            let what = format!("{} cannot be written; there are {}", format.name(), names.join(", "));
            return Err(Error::new(Place::default(), what));
        }
    };
    let machines = machines(policy);
    let losses = if machines.len() > 1 && is_for_every_machine(format) {
        let mut found = prove::Found::default();
        for family in &machines {
            let reach: Vec<u32> =
                family.iter().flat_map(|a| a.siblings()).chain(family).map(|a| a.token()).collect();
            again.host = widest(family);
            let here = Policy { arches: family.clone(), ..policy.clone() };
            found.compare(&here, &read_back(&text, format, &again)?, Some(&reach))?;
        }
        found.losses(policy)
    } else {
        compare(policy, &text, format, &again)?
    };
    Ok(Export { bytes: text.into_bytes(), losses })
}

/// Whether a file is read on different machines, by each for its own architectures. minijail's files are not: a name
/// that a machine does not have is an error there.
fn is_for_every_machine(format: Format) -> bool {
    matches!(format, Format::Docker | Format::Systemd | Format::Firejail | Format::Lxc)
}

/// The architectures of a policy, those together that one kernel serves; none of the lists is empty.
pub(crate) fn machines(policy: &Policy) -> Vec<Vec<Arch>> {
    let mut machines: Vec<Vec<Arch>> = Vec::new();
    for arch in &policy.arches {
        match machines.iter_mut().find(|m| m[0] == *arch || m[0].siblings().contains(arch)) {
            Some(machine) => machine.push(*arch),
            None => machines.push(vec![*arch]),
        }
    }
    machines
}

/// Writes a program as source code, instruction by instruction; as a policy's writer does, but for the byte order
/// of the program instead of for architectures.
///
/// # Errors
/// When the format is neither C nor Rust, or `name` is no name there.
pub fn write_program(
    program: Program,
    format: Format,
    name: Option<&str>,
    from: Option<&str>,
) -> Result<Export, Error> {
    match format {
        Format::C | Format::Rust => {
            Ok(Export::text_of(code::write_program(program, format, name, from)?, Vec::new()))
        }
        _ => {
            let what = format!("a program as it is cannot be written as {}", format.name());
            Err(Error::new(Place::default(), what))
        }
    }
}

/// The architecture to write a policy for in notations whose files are for one: that by which the first machine of
/// the policy is called, x86_64 where x86 and x32 are served as well. A policy read back from a program lists
/// them by their tokens, and x86's is the smallest.
///
/// ```
/// use callgate::{Arch, Policy};
/// let policy = Policy::parse("arch x86, x86_64, aarch64\ndefault allow").unwrap();
/// assert_eq!(callgate_formats::main_arch(&policy), Some(Arch::X86_64));
/// ```
pub fn main_arch(policy: &Policy) -> Option<Arch> {
    machines(policy).first().map(|machine| widest(machine))
}

/// The machine the file is for. A file for one architecture is for the policy's first machine.
fn host_of(policy: &Policy, format: Format, options: &Options) -> Arch {
    let single = matches!(format, Format::Seccompiler);
    let machines = machines(policy);
    let host = match machines.first() {
        Some(first)
            if !first.contains(&options.host) && (single || !policy.arches.contains(&options.host)) =>
        {
            widest(first)
        }
        _ => options.host,
    };
    if !is_for_every_machine(format) {
        return host;
    }
    machines.iter().find(|m| m.contains(&host)).map_or(host, |m| widest(m))
}

/// The architecture a machine is called by: x86_64, where x86 and x32 are served as well.
pub(crate) fn widest(machine: &[Arch]) -> Arch {
    let first = machine[0];
    machine.iter().copied().max_by_key(|a| (a.pointer_bits(), *a == first)).unwrap_or(first)
}

/// Reads back what was written, as the machine the policy is for would, and lists the differences.
fn compare(policy: &Policy, text: &str, format: Format, again: &Options) -> Result<Vec<Loss>, Error> {
    if format == Format::Callgate {
        let again = Policy::parse(text).map_err(|e| Error::new(Place::default(), e.to_string()))?;
        let written = again.lower().map_err(|e| Error::new(Place::default(), e.to_string()))?;
        return prove::losses(policy, &written);
    }
    prove::losses(policy, &read_back(text, format, again)?)
}

fn read_back(text: &str, format: Format, again: &Options) -> Result<Filter, Error> {
    let unsayable = |e: &dyn std::fmt::Display| {
        Error::new(Place::default(), format!("{} cannot say this policy: {e}", format.name()))
    };
    let import = read(text, format, again).map_err(|e| unsayable(&e))?;
    import.filter().map_err(|e| unsayable(&e))
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
