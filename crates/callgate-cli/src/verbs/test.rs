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
            match contradiction(&filter, expect) {
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

/// A call the line is about that gets another action, if there is one: the action, and the arguments that the
/// line leaves open.
pub(crate) fn contradiction(filter: &Filter, expect: &Expect) -> Option<(Action, String)> {
    let (action, witness) = expect.contradiction(filter)?;
    let open: Vec<String> = (0..6)
        .filter(|&i| expect.args[i].is_none() && witness.args[i] != 0)
        .map(|i| format!("arg{i} = {:#x}", witness.args[i]))
        .collect();
    let place = if open.is_empty() { String::new() } else { format!(" when {}", open.join(", ")) };
    Some((action, place))
}
