//! Call names and numbers as the interface counts them: where an architecture lacks a call, or reaches it
//! through another one, its name stands for a negative number.

use callgate::abi::multiplex::{self, Multiplexer};
use callgate::abi::pseudo::PSEUDO;
use callgate::{Arch, Syscall};

/// `__NR_SCMP_ERROR`: no such call.
pub(crate) const ERROR: i32 = -1;

/// Calls without a number that the interface has fixed get one below this, by their place in the tables.
const UNASSIGNED: i32 = -20000;

/// The number of the call with this name: real, negative, or [`ERROR`].
pub(crate) fn number(arch: Arch, name: &str) -> i32 {
    match Syscall::from_name(name) {
        Some(call) => number_of(arch, call),
        None => PSEUDO.iter().find(|p| p.0 == name).map_or(ERROR, |p| p.1),
    }
}

/// The number of a call: real, or negative where it is multiplexed or missing.
pub(crate) fn number_of(arch: Arch, call: Syscall) -> i32 {
    if multiplex::of_call_on(call, arch).is_some()
        && let Some(number) = multiplex::pseudo_number(call)
    {
        return number;
    }
    match call.number(arch) {
        Some(number) => number.cast_signed(),
        None => pseudo_number(call),
    }
}

/// The name of a number on this architecture, negative ones included.
pub(crate) fn of_number(arch: Arch, number: i32) -> Option<&'static str> {
    call_of_number(arch, number).map(Syscall::name)
}

/// The call behind a number on this architecture, negative ones included.
pub(crate) fn call_of_number(arch: Arch, number: i32) -> Option<Syscall> {
    if let Ok(number) = u32::try_from(number) {
        return Syscall::from_number(arch, number);
    }
    let call = from_pseudo_number(number)?;
    (number_of(arch, call) == number).then_some(call)
}

/// What a negative number becomes where it stands for a multiplexed call: the multiplexer's number.
pub(crate) fn rewrite(arch: Arch, number: i32) -> i32 {
    multiplexed(arch, number).and_then(|(m, _)| m.call().number(arch)).map_or(number, u32::cast_signed)
}

/// The multiplexer and sub-number that a negative number stands for on this architecture.
pub(crate) fn multiplexed(arch: Arch, number: i32) -> Option<(Multiplexer, u32)> {
    multiplex::of_call_on(multiplex::from_pseudo_number(number)?, arch)
}

fn pseudo_number(call: Syscall) -> i32 {
    if let Some(number) = multiplex::pseudo_number(call) {
        return number;
    }
    if let Some(known) = PSEUDO.iter().find(|p| p.0 == call.name()) {
        return known.1;
    }
    let place = Syscall::all().position(|c| c == call).unwrap_or_default();
    UNASSIGNED - i32::try_from(place).unwrap_or_default()
}

fn from_pseudo_number(number: i32) -> Option<Syscall> {
    if let Some(call) = multiplex::from_pseudo_number(number) {
        return Some(call);
    }
    if let Some(known) = PSEUDO.iter().find(|p| p.1 == number) {
        return Syscall::from_name(known.0);
    }
    let place = UNASSIGNED.checked_sub(number)?;
    Syscall::all().nth(usize::try_from(place).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_one_number_everywhere() {
        for arch in Arch::ALL {
            for call in Syscall::all() {
                let n = number(*arch, call.name());
                assert_ne!(n, ERROR);
                // Two names may share a real number.
                let back = of_number(*arch, n).unwrap();
                assert_eq!(number(*arch, back), n, "{} {}", arch.name(), call.name());
            }
        }
    }

    #[test]
    fn multiplexed_names_are_negative_where_they_are_multiplexed() {
        assert_eq!(number(Arch::X86, "socket"), -101);
        assert_eq!(number(Arch::X86_64, "socket"), 41);
        assert_eq!(rewrite(Arch::X86, -101), 102);
        assert_eq!(rewrite(Arch::X86_64, -101), -101);
        assert_eq!(number(Arch::X86_64, "chown32"), -10004);
        assert_eq!(of_number(Arch::X86, -10004), None);
        assert_eq!(number(Arch::X86_64, "nosuchcall"), ERROR);
    }
}
