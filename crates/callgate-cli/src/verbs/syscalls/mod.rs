//! `syscalls`: the kernel's calls, looked up by name, number, pattern or group.

mod constants;
mod groups;
mod page;
mod resolve;
mod table;

use crate::args::Syscalls;
use crate::failure::{FINDINGS, Failure, Outcome};
use crate::output::print;
use crate::say::Say;
use callgate::abi::group::Group;
use callgate::{Arch, Syscall};
use serde_json::json;
use std::collections::BTreeSet;

/// Up to this many calls named one by one get a page each.
const PAGES: usize = 4;

pub(crate) fn syscalls(args: &Syscalls, say: &Say) -> Outcome {
    if args.resolve {
        return resolve::resolve(args);
    }
    if let Some(set) = &args.constants {
        return constants::constants(args, set);
    }
    if args.groups {
        return groups::groups(args);
    }
    let arches = arches(args);
    let wanted = wanted(args, &arches)?;
    let (calls, others): (Vec<Syscall>, Vec<Syscall>) =
        wanted.calls.into_iter().partition(|c| exists(*c, args, &arches));
    if wanted.one_by_one {
        for call in others {
            say.line(&absent(call, args, &arches));
        }
    }
    if calls.is_empty() {
        return Err(Failure::new(FINDINGS, "no system call fits"));
    }
    if args.json {
        let calls: Vec<_> = calls.iter().map(|c| page::json(*c)).collect();
        print(&format!("{:#}\n", json!({ "schema": "callgate/syscalls/1", "calls": calls })))?;
        return Ok(0);
    }
    if wanted.one_by_one && calls.len() <= PAGES {
        let pages: Vec<String> =
            calls.iter().map(|c| page::page(*c, &args.arches.arch, say.color_results())).collect();
        print(&pages.join("\n"))?;
    } else {
        print(&table::table(&calls, &arches))?;
    }
    Ok(0)
}

/// The architectures asked for, or this machine's.
fn arches(args: &Syscalls) -> Vec<Arch> {
    if args.arches.arch.is_empty() {
        return Arch::NATIVE.or(Some(Arch::X86_64)).into_iter().collect();
    }
    args.arches.arch.clone()
}

/// Whether a kernel in question has the call on one of the architectures.
fn exists(call: Syscall, args: &Syscalls, arches: &[Arch]) -> bool {
    // Without an architecture a name is looked up wherever it exists.
    let anywhere = args.arches.arch.is_empty() && !args.what.is_empty();
    let among: &[Arch] = if anywhere { Arch::ALL } else { arches };
    among.iter().any(|&arch| {
        call.number(arch).is_some()
            && args.kernel.is_none_or(|kernel| call.exists(arch, kernel))
            && args.after.is_none_or(|after| call.since(arch).is_some_and(|since| since > after))
    })
}

/// Why a call that was asked for by name is not among the results.
fn absent(call: Syscall, args: &Syscalls, arches: &[Arch]) -> String {
    let facts = arches.iter().map(|&arch| {
        let name = arch.name();
        if call.number(arch).is_none() {
            return format!("no number on {name}");
        }
        match (call.since(arch), call.removed(arch)) {
            (_, Some(removed)) if args.kernel.is_some_and(|k| k >= removed) => {
                format!("removed from {name} in {removed}")
            }
            (Some(since), _) => format!("on {name} since {since}"),
            (None, _) => format!("on {name} from the start"),
        }
    });
    format!("{}: {}", call.name(), facts.collect::<Vec<_>>().join(", "))
}

/// What the words on the command line stand for.
struct Selected {
    calls: BTreeSet<Syscall>,
    /// Whether each was named by itself.
    one_by_one: bool,
}

fn wanted(args: &Syscalls, arches: &[Arch]) -> Result<Selected, Failure> {
    let mut selected = Selected { calls: BTreeSet::new(), one_by_one: true };
    if args.what.is_empty() {
        selected.one_by_one = false;
        selected.calls.extend(Syscall::all());
    }
    for word in &args.what {
        if let Some(group) = word.strip_prefix('@') {
            let group = Group::from_name(group).ok_or_else(|| unknown_group(group))?;
            selected.one_by_one = false;
            selected.calls.extend(group.members());
        } else if let Some(nr) = number(word) {
            let found = arches.iter().filter_map(|arch| Syscall::from_number(*arch, nr));
            let before = selected.calls.len();
            selected.calls.extend(found);
            if selected.calls.len() == before
                && !arches.iter().any(|a| Syscall::from_number(*a, nr).is_some())
            {
                let names: Vec<_> = arches.iter().map(|a| a.name()).collect();
                return Err(Failure::new(
                    FINDINGS,
                    format!("{word}: no call has this number on {}", names.join(", ")),
                ));
            }
        } else if word.contains(['*', '?']) {
            selected.one_by_one = false;
            selected.calls.extend(Syscall::all().filter(|c| fits(word.as_bytes(), c.name().as_bytes())));
        } else {
            let call = Syscall::from_name(word);
            selected.calls.insert(call.ok_or_else(|| Failure::input(super::emu::unknown_call(word)))?);
        }
    }
    Ok(selected)
}

fn unknown_group(name: &str) -> Failure {
    let near = callgate::nearest(name, Group::all().iter().map(|g| g.name));
    Failure::input(match near {
        Some(near) => format!("@{name}: no such group; did you mean @{near}?"),
        None => format!("@{name}: no such group; --groups lists them"),
    })
}

/// A call's number in decimal or hexadecimal.
fn number(word: &str) -> Option<u32> {
    match word.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => word.parse().ok(),
    }
}

/// Whether a pattern with `*` and `?` fits a name. A star that is followed by another never has to be
/// tried again, so the time is at most the product of the lengths.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Behind the last star, and how much of the name it stands for.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match (pattern.get(p), star) {
            (Some(b'*'), _) => {
                p += 1;
                star = Some((p, n));
            }
            (Some(c), _) if *c == b'?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            (_, Some((after, from))) => {
                star = Some((after, from + 1));
                (p, n) = (after, from + 1);
            }
            (_, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns() {
        let fits = |pattern: &str, name: &str| fits(pattern.as_bytes(), name.as_bytes());
        assert!(fits("sched_*", "sched_yield") && fits("*at", "openat") && fits("dup?", "dup2"));
        assert!(fits("*", "") && !fits("?", "") && !fits("open", "openat") && !fits("*x*", "open"));
    }
}
