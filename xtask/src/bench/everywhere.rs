//! Every policy at hand by libseccomp, too: is there one for which its program executes less?

use super::corpus::text;
use super::mix::Mix;
use super::rules::programs;
use super::subject::{self, Subject};
use crate::files::Result;
use crate::libseccomp::Library;
use callgate::{Arch, Program};
use callgate_formats::{Options, detect, read};
use std::path::Path;

/// Ours beside the better of libseccomp's two programs, over the calls ours is not in the cache for.
pub(super) struct Outcome {
    pub(super) policy: String,
    pub(super) ours: f64,
    pub(super) theirs: f64,
}

/// Compares the policies that ship, and those of the corpus that libseccomp has words for.
pub(super) fn compare(corpus: Option<&Path>, library: &mut Library) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for subject in subject::shipped()? {
        outcomes.extend(one(&subject, library)?);
    }
    let Some(corpus) = corpus else { return Ok(outcomes) };
    let folder = corpus.join("policies");
    let mix = Mix::shipped();
    for line in text(&folder.join("MANIFEST.tsv"))?.lines().skip(1) {
        let path = line.split('\t').next().unwrap_or_default();
        let Ok(text) = std::fs::read_to_string(folder.join(path)) else { continue };
        let Some(found) = detect(Some(Path::new(path)), text.as_bytes()) else { continue };
        let options = Options { ignore_unknown: true, ..Options::new(Arch::X86_64) };
        // What refers to other files or is wrong is another test's concern.
        let Ok(import) = read(&text, found.format, &options) else { continue };
        for named in import.policies {
            // The library's tree for many ABIs takes its time, and programs are compared for x86_64 alone.
            let mut policy = named.policy;
            if !policy.arches.contains(&Arch::X86_64) {
                continue;
            }
            policy.arches = vec![Arch::X86_64];
            policy.rules.retain(|rule| rule.arches.is_empty() || rule.arches.contains(&Arch::X86_64));
            policy.rules.iter_mut().for_each(|rule| rule.arches.clear());
            let name = named.name.map_or(path.to_string(), |name| format!("{path}#{name}"));
            let Ok(subject) = Subject::new(name, policy, &mix) else { continue };
            outcomes.extend(one(&subject, library)?);
        }
    }
    Ok(outcomes)
}

/// `None` if libseccomp has no words for the policy, or no call needs a program.
fn one(subject: &Subject, library: &mut Library) -> Result<Option<Outcome>> {
    let [Some(ours), linear, tree, _] = programs(subject, Some(library))? else { return Ok(None) };
    let executed = |program: &Program| {
        let (mut sum, mut weight) = (0.0, 0.0);
        for event in &subject.events {
            let run = program.run(&event.data);
            // Calls too new for the library, which answers them otherwise, say nothing.
            let alike = || run.ret == ours.run(&event.data).ret;
            if !ours.always_allows(event.data.arch, event.data.nr) && alike() {
                sum += f64::from(run.steps) * event.weight;
                weight += event.weight;
            }
        }
        sum / weight
    };
    let theirs = [linear, tree].iter().flatten().map(executed).min_by(f64::total_cmp);
    let ours = executed(&ours);
    Ok(theirs.filter(|theirs| ours.is_finite() && theirs.is_finite()).map(|theirs| Outcome {
        policy: subject.name.clone(),
        ours,
        theirs,
    }))
}
