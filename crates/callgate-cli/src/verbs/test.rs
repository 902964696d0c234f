//! `test`: a policy's `expect` lines, on every architecture they speak about.

use crate::args::Test;
use crate::failure::{FINDINGS, Failure, Outcome};
use crate::input::{Input, Kind};
use crate::output::print;
use crate::say::Say;
use callgate::syntax::Expect;
use callgate::{Action, Filter};

pub(crate) fn test(args: &Test, say: &Say) -> Outcome {
    let (mut passed, mut failed) = (0usize, 0usize);
    for name in &args.policies {
        let input = Input::read(name, &args.reading, say)?;
        let Kind::Own(parsed, policy) = &input.kind else {
            return Err(input.failure("has no `expect` lines: only callgate's own language does"));
        };
        // What the kernel would run is judged, not the text.
        let filter = input.program()?.lift().map_err(|e| input.failure(e))?;
        for expect in &parsed.expects {
            if !policy.arches.contains(&expect.arch) && !args.reading.arches.arch.is_empty() {
                continue;
            }
            match contradiction(&filter, expect)? {
                None => passed += 1,
                Some((action, call)) => {
                    failed += 1;
                    say.line(&format!(
                        "{}: {} on {}: expected {}, got {}{call}",
                        expect.origin,
                        expect.text,
                        expect.arch.name(),
                        callgate::syntax::action_text(expect.action),
                        callgate::syntax::action_text(action),
                    ));
                }
            }
        }
    }
    print(&format!("{passed} passed, {failed} failed\n"))?;
    if passed + failed == 0 {
        return Err(Failure::input("no `expect` line to test"));
    }
    Ok(if failed == 0 { 0 } else { FINDINGS })
}

/// A call the line is about that gets another action, if there is one: unspecified arguments stand for
/// every value.
pub(crate) fn contradiction(filter: &Filter, expect: &Expect) -> Result<Option<(Action, String)>, Failure> {
    let mut narrowed = filter
        .restrict(callgate::abi::Word::ARCH, expect.arch.token())
        .restrict(callgate::abi::Word::NR, expect.nr);
    let given = expect.args.iter().copied().chain([expect.ip]).enumerate();
    for (i, value) in given.filter_map(|(i, v)| Some((i as u8, v?))) {
        narrowed = narrowed
            .restrict(callgate::abi::Word::arg_hi(i), (value >> 32) as u32)
            .restrict(callgate::abi::Word::arg_lo(i), value as u32);
    }
    if expect.arch.register_bits() == 32 {
        for i in 0..6 {
            narrowed = narrowed.restrict(callgate::abi::Word::arg_hi(i), 0);
        }
    }
    let wanted = match expect.action {
        Action::Errno(errno) => Action::Errno(callgate::Errno(errno.on(expect.arch))),
        action => action,
    };
    let Some(witness) = narrowed.witness(|a| *a != wanted) else { return Ok(None) };
    let open: Vec<String> = (0..6)
        .filter(|&i| expect.args[i].is_none() && witness.args[i] != 0)
        .map(|i| format!("arg{i} = {:#x}", witness.args[i]))
        .collect();
    let place = if open.is_empty() { String::new() } else { format!(" when {}", open.join(", ")) };
    Ok(Some((*narrowed.eval(&witness), place)))
}
