//! Units: a setting more behind those of its kind.

use super::place::lines;
use super::{Candidate, Permit};
use callgate::abi::constant::Set;
use callgate::{Arch, ArgCmp, Op};

/// `SystemCallFilter=NAME`, which permits a call whatever its arguments, and `RestrictAddressFamilies=FAMILY` for the
/// domain of a socket.
pub(super) fn unit(text: &str, permit: &Permit, compared: &[ArgCmp]) -> Vec<Candidate> {
    let family = family(permit, compared).map(|name| format!("RestrictAddressFamilies={name}"));
    let call = compared.is_empty().then(|| format!("SystemCallFilter={}", permit.call.name()));
    let both = call.iter().chain(&family).cloned().collect();
    let ways: [Vec<String>; 3] = [call.into_iter().collect(), family.into_iter().collect(), both];
    ways.into_iter().filter_map(|settings| add(text, &settings)).collect()
}

/// The name of a socket's domain, where that is all that is compared.
fn family(permit: &Permit, compared: &[ArgCmp]) -> Option<&'static str> {
    let arch = Arch::of_call(permit.data.arch, permit.data.nr)?;
    let domain = match compared {
        [one] if one.arg.get() == 0 => match one.op {
            Op::Eq(value) => value,
            _ => return None,
        },
        [] => permit.data.args[0],
        _ => return None,
    };
    matches!(permit.call.name(), "socket").then_some(())?;
    Set::from_name("address_family")?.name_of(domain, arch)
}

/// The text with settings, each behind the last of its kind.
fn add(text: &str, settings: &[String]) -> Option<Candidate> {
    let mut made: Option<Candidate> = None;
    for setting in settings {
        let before = made.as_ref().map_or(text, |c| &c.text);
        let key = setting.split_once('=').map(|(key, _)| format!("{key}="))?;
        let (mut behind, mut continued, mut own) = (None, false, false);
        for (start, line) in lines(before) {
            own = if continued { own } else { line.trim_start().starts_with(&key) };
            continued = line.ends_with('\\');
            if own && !continued {
                behind = Some(start + line.len());
            }
        }
        let next = Candidate::insert(before, behind?, "\n", setting, "");
        made = Some(match made {
            Some(first) => first.then(next),
            None => next,
        });
    }
    made
}
