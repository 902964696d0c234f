//! A policy's text with more calls in it.

use crate::failure::{FINDINGS, Failure};
use crate::input::{self, Foreign, Input, Kind};
use crate::report::denial::permit;
use crate::report::layers::Layers;
use crate::verbs::test;
use callgate::syntax::Parsed;
use callgate::{Policy, SeccompData};
use callgate_formats::{Permit, Unamended};
use callgate_trace::remedy::{self, Known, NoRemedy};

/// A policy that allows more calls.
pub(crate) struct Grown {
    /// The text: as it was where nothing was added.
    pub(crate) text: String,
    /// The lines that were added, with their numbers.
    pub(crate) added: Vec<(usize, String)>,
    /// Those of them that allow their call with other arguments as well.
    pub(crate) allow_more: Vec<String>,
}

/// Whether such an input can grow at all.
///
/// # Errors
/// Where it is no policy, or one in a notation that is not written into.
pub(crate) fn can_grow(input: &Input) -> Result<(), Failure> {
    let can = match &input.kind {
        Kind::Own(..) => true,
        Kind::Foreign(foreign) => callgate_formats::is_amended(foreign.format),
        Kind::Code(_) | Kind::Stack(_) => false,
    };
    if can {
        return Ok(());
    }
    let why = "nothing is added to files in this notation; `callgate convert --to cg` makes a policy that calls are added to";
    Err(Failure::input(format!("{}: {}: {why}", input.name, input.format)))
}

/// Adds a line for every call; what is known of its arguments stands beside it.
pub(crate) fn grow(input: &Input, calls: &[(SeccompData, Known)]) -> Result<Grown, Failure> {
    can_grow(input)?;
    match &input.kind {
        Kind::Own(parsed, policy) => own(&input.name, (**parsed).clone(), (**policy).clone(), calls),
        Kind::Foreign(file) => foreign(&input.name, (**file).clone(), calls),
        Kind::Code(_) | Kind::Stack(_) => Err(input.failure("holds no policy")),
    }
}

fn own(
    name: &str,
    mut parsed: Parsed,
    mut policy: Policy,
    calls: &[(SeccompData, Known)],
) -> Result<Grown, Failure> {
    let mut loader = input::loader;
    let mut added = Vec::new();
    let mut text = parsed.sources.first().map_or_else(String::new, |s| s.text().to_owned());
    for (call, known) in calls {
        let wrong = |e: NoRemedy| Failure::new(FINDINGS, format!("{name}: {e}"));
        let filter = policy.lower().map_err(|e| Failure::input(format!("{name}: {e}")))?;
        let rule = match remedy::rule(&policy, &filter, call, *known) {
            // An earlier call's line allows it.
            Err(NoRemedy::Permitted) => continue,
            other => other.map_err(wrong)?,
        };
        let patch = remedy::patch(&parsed, &policy, &rule, call, &mut loader).map_err(wrong)?;
        text.clone_from(&patch.text);
        let mut read = callgate::syntax::parse(name, &text, &mut loader);
        let Some(next) = read.policy.take() else { return Err(wrong(NoRemedy::NoPlace)) };
        let after = next.lower().map_err(|e| Failure::input(format!("{name}: {e}")))?;
        for expect in &read.expects {
            if test::contradiction(&after, expect).is_some() && test::contradiction(&filter, expect).is_none()
            {
                return Err(Failure::new(
                    FINDINGS,
                    format!(
                        "{}: expects {} to be denied: change that line first",
                        expect.origin, expect.text
                    ),
                ));
            }
        }
        added.push((patch.line, patch.added));
        (parsed, policy) = (read, next);
    }
    Ok(Grown { text, added, allow_more: Vec::new() })
}

fn foreign(name: &str, mut file: Foreign, calls: &[(SeccompData, Known)]) -> Result<Grown, Failure> {
    let mut grown = Grown { text: file.text().to_owned(), added: Vec::new(), allow_more: Vec::new() };
    for (call, known) in calls {
        let wrong = |e: NoRemedy| Failure::new(FINDINGS, format!("{name}: {e}"));
        let policies = file.policies.iter().map(|p| &p.policy).collect();
        let layers = Layers::new(policies).ok_or_else(|| wrong(NoRemedy::NoPlace))?;
        let permit: Permit = match permit(&layers, call, *known) {
            Some(Err(NoRemedy::Permitted)) => continue,
            Some(permit) => permit.map_err(wrong)?,
            None => return Err(wrong(NoRemedy::NoPlace)),
        };
        let amended = file.amended(&permit).map_err(|e| match e {
            Unamended::TooLarge(why) => wrong(NoRemedy::TooLarge(why)),
            _ => wrong(NoRemedy::NoPlace),
        })?;
        let lines = amended.added.iter().map(|(_, line)| line.clone());
        grown.allow_more.extend(lines.filter(|_| amended.any_arguments));
        grown.added.extend(amended.added);
        file = file.with_text(&amended.text).map_err(|e| Failure::input(format!("{name}: {e}")))?;
        grown.text = amended.text;
    }
    Ok(grown)
}
