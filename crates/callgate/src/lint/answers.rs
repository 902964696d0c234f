//! `on` lines and `notify` rules that do not meet.

use super::codes::*;
use super::finding::{Draft, Place};
use super::subject::Loaded;
use crate::answer::{notified_by, uncovered};
use callgate_abi::{Arch, Syscall};

pub(super) fn check(layers: &[Loaded<'_>], out: &mut Vec<Draft>) {
    for (layer, loaded) in layers.iter().enumerate() {
        let (Some(policy), Some(parsed)) = (loaded.policy, loaded.parsed) else { continue };
        let lines = &parsed.on_lines;
        for (index, line) in lines.iter().enumerate() {
            // One written line may stand for several, of which some may be about other architectures.
            let same = |other: &&crate::answer::OnLine| {
                other.rule.origin.line == line.rule.origin.line
                    && other.rule.origin.file == line.rule.origin.file
            };
            let first = lines.iter().position(|l| same(&l)) == Some(index);
            let meets = |l: &crate::answer::OnLine| !matches!(notified_by(policy, l), Ok(None));
            if !first || lines.iter().filter(same).any(meets) {
                continue;
            }
            out.push(
                Draft::new(ON_UNREACHED, "no rule hands over what this line answers")
                    .at(Place::On(layer, index))
                    .help("write a `notify` rule for it, above those that decide such calls now"),
            );
        }
        if lines.is_empty() {
            continue;
        }
        let Ok(Some(call)) = uncovered(policy, lines) else { continue };
        let arch = Arch::of_call(call.arch, call.nr);
        let known = arch.and_then(|a| Syscall::from_number(a, call.nr));
        let name = known.map_or_else(|| format!("call {:#x}", call.nr), |c| c.name().to_owned());
        out.push(
            Draft::new(ON_UNCOVERED, format!("{name} is handed over, and no `on` line answers it"))
                .witness(call)
                .note("such a call fails with EPERM")
                .help("say so with a last line `on any errno(EPERM)`, or answer it"),
        );
    }
}
