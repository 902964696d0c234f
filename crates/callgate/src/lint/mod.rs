//! What is wrong with a filter although the kernel would take it: holes, mistakes, dead weight.
//!
//! Rules look at what a filter means, not at how it is written: they ask the decision diagram of the
//! whole stack, so that an architecture let through by one filter and killed by another is no finding,
//! and neither is a test that no call can pass. Every finding has a code with a page under
//! `docs/codes`, and a call that shows it wherever there is one; the call has been replayed through the
//! programs and policies themselves.
//!
//! ```
//! use callgate::lint::{Layer, Options, Subject, lint};
//! use callgate::{Action, Policy};
//!
//! let policy = Policy::parse("arch x86_64\ndefault allow\nx32 allow\nkill ptrace\n")?;
//! let findings = lint(&Subject::new(Layer::Policy(&policy)), &Options::default());
//! let hole = findings.iter().find(|f| f.code().to_string() == "CG0103").unwrap();
//! let witness = hole.witness.unwrap();
//! assert_eq!(witness.call.nr, 0x4000_0209);
//! assert_eq!(witness.action, Action::ALLOW);
//! # Ok::<(), callgate::syntax::ParseError>(())
//! ```

mod abi;
mod action;
mod allow;
mod answers;
mod codes;
mod coverage;
mod finding;
mod finish;
mod fix;
mod flow;
mod guards;
mod need;
mod pages;
mod place;
mod pointer;
mod ranges;
mod rule;
mod structure;
mod subject;
mod tidy;
mod view;
mod width;

pub use codes::{CODES, Info, info};
pub use finding::{Finding, Witness};
pub use fix::apply;
pub use pages::{codes, explain};
pub use subject::{Layer, Options, Subject};
pub use tidy::{Tidied, Untidied, tidy};

use crate::diagram::{Filter, TooLarge};
use callgate_abi::Arch;
use finding::Draft;
use subject::Loaded;
use view::View;

/// The code of what a reader of another notation had to leave out: such findings come from the reader.
pub const DROPPED: crate::diagnostic::Code = codes::DROPPED;

/// What a rule is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// Conventions: architectures, x32, call numbers, registers.
    Abi,
    /// What of an argument is compared: widths, signs, masks.
    Width,
    /// What no filter can look at: memory, descriptors, the caller's address.
    Pointer,
    /// What is covered: other roads to what is denied, and calls that are needed.
    Coverage,
    /// What is answered.
    Action,
    /// Rules and instructions that do nothing, or something unusual.
    Structure,
    /// Comments addressed to the linter.
    Comment,
}

/// Everything that is wrong with the subject, the worst first. Where a program is too involved to be
/// understood within the budget, that is a finding, and nothing else is claimed about its meaning.
pub fn lint(subject: &Subject<'_>, options: &Options) -> Vec<Finding> {
    let layers: Vec<Loaded<'_>> = subject.layers.iter().map(|l| Loaded::new(*l)).collect();
    let mut drafts: Vec<Draft> = Vec::new();
    structure::unclear(&layers, &mut drafts);
    let mut view = None;
    match combine(&layers) {
        Some(Ok(combined)) => match View::new(&combined, options, &home(&layers)) {
            Ok(made) => view = Some(made),
            Err(e) => drafts.push(too_large(e)),
        },
        Some(Err(e)) => drafts.push(too_large(e)),
        None => {}
    }
    if let Some(view) = &view {
        abi::check(view, &layers, &mut drafts);
        width::check(view, &layers, &mut drafts);
        pointer::check(view, &mut drafts);
        coverage::check(view, &mut drafts);
        need::check(view, &mut drafts);
        action::check(view, &layers, &mut drafts);
    }
    rule::check(&layers, &mut drafts);
    answers::check(&layers, &mut drafts);
    structure::check(view.as_ref(), &layers, &mut drafts);
    finish::finish(drafts, view.as_ref(), &layers, options)
}

/// All layers as the kernel combines them; `None` if there is none or one is not understood.
fn combine(layers: &[Loaded<'_>]) -> Option<Result<Filter, TooLarge>> {
    let mut all: Option<Filter> = None;
    for layer in layers {
        let filter = layer.filter.as_ref().ok()?;
        all = Some(match all {
            None => filter.clone(),
            Some(older) => match older.stack(filter) {
                Ok(both) => both,
                Err(e) => return Some(Err(e)),
            },
        });
    }
    all.map(Ok)
}

/// The conventions the subject's policies are written for.
fn home(layers: &[Loaded<'_>]) -> Vec<Arch> {
    let mut home: Vec<Arch> = Vec::new();
    for arch in layers.iter().filter_map(|l| l.policy).flat_map(|p| &p.arches) {
        if !home.contains(arch) {
            home.push(*arch);
        }
    }
    home
}

fn too_large(e: TooLarge) -> Draft {
    Draft::new(codes::UNKNOWN_MEANING, format!("what the filter means could not be determined: {e}"))
        .note("nothing is known about it, and nothing is claimed")
}
