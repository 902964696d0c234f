//! What the linter reports.

use super::codes;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::policy::Origin;
use callgate_abi::{Action, Arch, SeccompData};

/// Something wrong with a filter, with a call that shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What is wrong, where it is written, and what to do about it.
    pub diagnostic: Diagnostic,
    /// The conventions it is about; none where it is about all calls, or about no call.
    pub arches: Vec<Arch>,
    /// A call that shows it. It has been run through every program and policy of the subject.
    pub witness: Option<Witness>,
    /// Where the rule that decides the witness comes from.
    pub origin: Option<Origin>,
    /// The reason of the comment that allows the finding. Such findings count for nothing.
    pub allowed: Option<String>,
}

/// A call and what happens to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Witness {
    /// The call.
    pub call: SeccompData,
    /// What the filter does with it.
    pub action: Action,
}

impl Finding {
    /// The stable code.
    pub fn code(&self) -> Code {
        self.diagnostic.code
    }

    /// How bad it is: [`Severity::Note`] if it is allowed.
    pub fn severity(&self) -> Severity {
        if self.allowed.is_some() { Severity::Note } else { self.diagnostic.severity }
    }
}

/// A finding in the making: rules know calls, not places.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) code: Code,
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) arches: Vec<Arch>,
    /// A call that shows it, whose rule is where the finding is.
    pub(super) witness: Option<SeccompData>,
    /// Where the finding is, if not where the witness is decided.
    pub(super) place: Place,
    /// Further calls, whose rules are shown with a text.
    pub(super) related: Vec<(SeccompData, String)>,
    pub(super) notes: Vec<String>,
    pub(super) help: Option<String>,
    pub(super) remedy: Option<Remedy>,
}

/// Where a finding is, in terms of a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Where the witness is decided.
    Witness,
    /// The rule with this index in this layer.
    Rule(usize, usize),
    /// The `on` line with this index in this layer.
    On(usize, usize),
    /// The line that begins with this word.
    Setting(&'static str),
    /// Nowhere in particular.
    Whole,
}

/// A change to a policy's text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Remedy {
    /// This line in front of the first rule.
    Line(String),
    /// The line that begins with the word becomes this; where there is none it comes behind `default`.
    Setting(&'static str, String),
    /// The rule's statement goes.
    Drop,
    /// Within the finding's place, the first word becomes the second.
    Word(String, String),
}

impl Draft {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Draft {
        Draft {
            code,
            severity: codes::info(code).map_or(Severity::Warning, |i| i.severity),
            message: message.into(),
            arches: Vec::new(),
            witness: None,
            place: Place::Witness,
            related: Vec::new(),
            notes: Vec::new(),
            help: None,
            remedy: None,
        }
    }

    pub(super) fn severity(mut self, severity: Severity) -> Draft {
        self.severity = severity;
        self
    }

    pub(super) fn on(mut self, arch: Arch) -> Draft {
        self.arches.push(arch);
        self
    }

    pub(super) fn witness(mut self, call: SeccompData) -> Draft {
        self.witness = Some(call);
        self
    }

    pub(super) fn at(mut self, place: Place) -> Draft {
        self.place = place;
        self
    }

    pub(super) fn related(mut self, call: SeccompData, text: impl Into<String>) -> Draft {
        self.related.push((call, text.into()));
        self
    }

    pub(super) fn note(mut self, note: impl Into<String>) -> Draft {
        self.notes.push(note.into());
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Draft {
        self.help = Some(help.into());
        self
    }

    pub(super) fn remedy(mut self, remedy: Remedy) -> Draft {
        self.remedy = Some(remedy);
        self
    }
}
