//! Names to numbers and back, and nothing else: for scripts.

use super::arches;
use crate::args::Syscalls;
use crate::failure::{Failure, Outcome};
use crate::output::print;
use callgate::abi::multiplex::{from_pseudo_number, of_call_on, pseudo_number};
use callgate::abi::pseudo::PSEUDO;
use callgate::{Arch, Syscall};

/// What `scmp_sys_resolver` prints: the number of a name, -1 for one nobody knows; the name of a number,
/// `UNKNOWN` for one without. A call that is reached through a multiplexer has a negative number, which
/// --translate turns into the multiplexer's; one that the architecture lacks has a negative number, too.
pub(super) fn resolve(args: &Syscalls) -> Outcome {
    if args.what.is_empty() {
        return Err(Failure::input("--resolve needs a name or a number"));
    }
    let arch = arches(args).first().copied().unwrap_or(Arch::X86_64);
    for word in &args.what {
        let line = match word.parse::<i64>() {
            Ok(nr) => name(arch, nr).unwrap_or("UNKNOWN").to_owned(),
            Err(_) => number(arch, word, args.translate).to_string(),
        };
        print(&format!("{line}\n"))?;
    }
    Ok(0)
}

fn name(arch: Arch, nr: i64) -> Option<&'static str> {
    if let Ok(nr) = u32::try_from(nr) {
        return Syscall::from_number(arch, nr).map(Syscall::name);
    }
    let nr = i32::try_from(nr).ok()?;
    if let Some(call) = from_pseudo_number(nr) {
        return of_call_on(call, arch).map(|_| call.name());
    }
    // A call the architecture has is not called by its substitute.
    let known = PSEUDO.iter().find(|p| p.1 == nr)?;
    Syscall::from_name(known.0).is_none_or(|call| call.number(arch).is_none()).then_some(known.0)
}

fn number(arch: Arch, name: &str, translate: bool) -> i64 {
    let substitute = || PSEUDO.iter().find(|p| p.0 == name).map_or(-1, |p| i64::from(p.1));
    let Some(call) = Syscall::from_name(name) else { return substitute() };
    // Where there is a multiplexer, it is the road taken, even if the call has a number of its own there.
    if let Some((multiplexer, _)) = of_call_on(call, arch) {
        let own = multiplexer.call().number(arch).filter(|_| translate).map(i64::from);
        return own.or_else(|| pseudo_number(call).map(i64::from)).unwrap_or(-1);
    }
    let elsewhere = || pseudo_number(call).map_or_else(substitute, i64::from);
    call.number(arch).map_or_else(elsewhere, i64::from)
}
