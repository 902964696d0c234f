//! One policy, both programs.

use super::support::{Rng, call, localized, show};
use crate::files::Result;
use crate::libseccomp::Spec;
use callgate::abi::Endian;
use callgate::abi::insn::op;
use callgate::program::CheckError;
use callgate::{Action, Program};

/// How the two compare.
pub(super) enum Verdict {
    Equal,
    /// They differ, and the plain reading of the rules sides with callgate.
    TheirsWrong(String),
    /// callgate differs from the plain reading of the rules.
    OursWrong(String),
    /// Their program outgrew the budget of the reader.
    Unread(String),
}

/// Compares libseccomp's program with callgate's filter, and callgate's engines with each other on calls
/// the policy has something to say about.
pub(super) fn compare(spec: &Spec, bytes: &[u8], seed: u64) -> Result<Verdict> {
    const CALLS: usize = 30;
    let policy = spec.policy();
    let filter = policy.lower().map_err(|e| e.to_string())?;
    let ours = policy.compile().map_err(|e| e.to_string())?;
    let endian = spec.arches[0].endian();
    let theirs = Program::from_bytes(bytes, endian).and_then(|p| actions_in_order(p, endian));
    let theirs = theirs.map_err(|e| format!("libseccomp's program: {e}"))?;
    let mut rng = Rng::new(seed);
    for _ in 0..CALLS {
        let data = call(&mut rng, &policy);
        let expected = localized(&policy, &data);
        for (engine, action) in
            [("the diagram", *filter.eval(&data)), ("the program", ours.run(&data).action())]
        {
            if action != expected {
                let how = format!("{engine} gives {action:?}, the rules {expected:?}: {}", show(&data));
                return Ok(Verdict::OursWrong(how));
            }
        }
    }
    let read = match theirs.lift() {
        Ok(read) => read,
        Err(e) => return Ok(Verdict::Unread(e.to_string())),
    };
    if read == filter {
        return Ok(Verdict::Equal);
    }
    let found = filter.counterexample(&read, |a, b| a != b).map_err(|e| e.to_string())?;
    let data = found.ok_or("two filters differ, but on no call")?;
    let (expected, ours, theirs) =
        (localized(&policy, &data), filter.eval(&data), theirs.run(&data).action());
    if theirs != *read.eval(&data) {
        let how = format!(
            "libseccomp's program gives {theirs:?}, read back {:?}: {}",
            read.eval(&data),
            show(&data)
        );
        return Ok(Verdict::OursWrong(how));
    }
    let how =
        format!("ours {ours:?}, libseccomp {theirs:?}, the rules {expected:?} for words {}", show(&data));
    Ok(if *ours == expected { Verdict::TheirsWrong(how) } else { Verdict::OursWrong(how) })
}

/// libseccomp 2.5 written on a little-endian machine leaves the actions of a big-endian program in that
/// machine's byte order, everything else in the target's.
fn actions_in_order(program: Program, endian: Endian) -> std::result::Result<Program, CheckError> {
    let turned = |k: u32| match Action::from_ret(k) {
        // No action the rules name has these bits in this place.
        Action::Unknown(_) | Action::KillThread(1..) => k.swap_bytes(),
        _ => k,
    };
    if endian == Endian::Little {
        return Ok(program);
    }
    let mut insns = program.insns().to_vec();
    for insn in insns.iter_mut().filter(|i| i.code == op::RET_K) {
        insn.k = turned(insn.k);
    }
    Program::with_endian(insns, endian)
}
