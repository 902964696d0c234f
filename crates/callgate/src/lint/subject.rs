//! What is linted, and for whom.

use crate::diagram::Filter;
use crate::lift::LiftError;
use crate::lower::LowerError;
use crate::policy::Policy;
use crate::program::{CheckError, Code, Program};
use crate::syntax::Parsed;
use callgate_abi::breakage::Version;
use callgate_abi::{Arch, Endian, Kernel};

/// One filter, or a stack of them as a process may have.
#[derive(Clone, Debug, Default)]
pub struct Subject<'a> {
    /// The filters, the oldest first. The kernel runs all of them, and the strictest action wins.
    pub layers: Vec<Layer<'a>>,
}

/// One filter of a stack, in the form it is known in.
#[derive(Clone, Copy, Debug)]
pub enum Layer<'a> {
    /// A policy without its text.
    Policy(&'a Policy),
    /// A policy with its text: findings have places, comments may allow them.
    Text(&'a Policy, &'a Parsed),
    /// A program, which the kernel may refuse.
    Code(&'a Code),
}

/// What findings depend on beside the subject.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The conventions to look at; empty means those the filter treats apart.
    pub arches: Vec<Arch>,
    /// The kernel the filter is for; `None` means the newest the tables know.
    pub kernel: Option<Kernel>,
    /// Components and their releases whose calls must be permitted: `("glibc", 2.36)`.
    pub releases: Vec<(String, Version)>,
}

impl<'a> Subject<'a> {
    /// A single filter.
    pub fn new(layer: Layer<'a>) -> Subject<'a> {
        Subject { layers: vec![layer] }
    }
}

/// A layer with what could be made of it.
pub(super) struct Loaded<'a> {
    pub(super) policy: Option<&'a Policy>,
    pub(super) parsed: Option<&'a Parsed>,
    pub(super) program: Option<Program>,
    pub(super) filter: Result<Filter, Unclear>,
}

/// Why a layer has no known meaning.
pub(super) enum Unclear {
    Refused(CheckError),
    Lift(LiftError),
    Lower(LowerError),
}

impl<'a> Loaded<'a> {
    pub(super) fn new(layer: Layer<'a>) -> Loaded<'a> {
        let of_policy = |policy: &'a Policy, parsed| Loaded {
            policy: Some(policy),
            parsed,
            program: None,
            filter: policy.lower().map_err(Unclear::Lower),
        };
        match layer {
            Layer::Policy(policy) => of_policy(policy, None),
            Layer::Text(policy, parsed) => of_policy(policy, Some(parsed)),
            Layer::Code(code) => {
                let checked = code.clone().check();
                let filter = match &checked {
                    Ok(program) => program.lift().map_err(Unclear::Lift),
                    Err(e) => Err(Unclear::Refused(e.clone())),
                };
                Loaded { policy: None, parsed: None, program: checked.ok(), filter }
            }
        }
    }

    /// The byte order of the machine a program is for.
    pub(super) fn endian(&self) -> Option<Endian> {
        self.program.as_ref().map(Program::endian)
    }
}
