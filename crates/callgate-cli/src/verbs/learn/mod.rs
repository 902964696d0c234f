//! `learn`: a policy from what a command calls.

mod confirm;
mod recorder;
mod review;
mod watch;
mod write;

use crate::args::Learn;
use crate::failure::{Failure, Outcome};
use crate::say::Say;
use callgate_trace::learn::Recording;

pub(crate) fn learn(args: &Learn, say: &Say) -> Outcome {
    if let Some(policy) = &args.confirm {
        return confirm::confirm(args, policy, say);
    }
    if args.merge.is_empty() {
        return watch::watch(args, say);
    }
    write::possible(args)?;
    let mut all = Recording::default();
    for path in &args.merge {
        let name = path.display();
        let lines = std::fs::read(path).map_err(|e| Failure::input(format!("{name}: {e}")))?;
        let (recording, cut) =
            Recording::from_lines(&lines).map_err(|e| Failure::input(format!("{name}: {e}")))?;
        if cut {
            say.line(&format!("callgate: {name}: the recording is cut off; it is read up to there"));
        }
        all.merge(&recording);
    }
    if let Some(path) = &args.record {
        std::fs::write(path, all.to_lines())
            .map_err(|e| Failure::input(format!("{}: {e}", path.display())))?;
    }
    if args.record.is_none() || args.output.output.is_some() {
        write::policy(args, &all, say)?;
    }
    Ok(0)
}
