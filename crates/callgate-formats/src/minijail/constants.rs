//! minijail's constants files: one architecture's calls and the values of the names its policies use.

use crate::json;
use crate::place::{Error, Place};
use crate::tree::{At, Keys, Value};
use callgate::Arch;
use std::collections::BTreeMap;

/// A constants file (`constants.json`, as minijail's build dumps it): where it names a constant, its
/// value is taken rather than the built-in one, and its groups of calls can be used.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Constants {
    arch: Option<Arch>,
    values: BTreeMap<String, i128>,
    /// Namespace, group, calls.
    groups: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl Constants {
    /// Reads a constants file.
    ///
    /// # Errors
    /// Where the file is no JSON, or not of this shape.
    pub fn read(text: &str) -> Result<Constants, Error> {
        let node = json::parse(text)?;
        let root = At::root(&node, Keys::Exact);
        let mut out = Constants::default();
        if let Some(arch) = root.get("arch_nr") {
            let token = arch.unsigned(u64::from(u32::MAX))?;
            let found = Arch::ALL.iter().copied().find(|a| u64::from(a.token()) == token);
            out.arch =
                Some(found.ok_or_else(|| arch.problem(format!("unknown audit architecture {token:#x}")))?);
        }
        let Some(constants) = root.get("constants") else {
            return Err(Error::new(Place::default(), "no constants: not a constants file"));
        };
        for (name, at) in constants.members()? {
            let value = match at.value() {
                Value::Number(digits) => digits.parse().ok(),
                _ => None,
            };
            let value = value.ok_or_else(|| at.problem("expected a whole number"))?;
            out.values.insert(name.to_owned(), value);
        }
        if let Some(spaces) = root.get("syscall_groups") {
            for (space, groups) in spaces.members()? {
                let list = out.groups.entry(space.to_owned()).or_default();
                for (group, calls) in groups.members()? {
                    let names = calls.strings()?.into_iter().map(|(name, _)| name.to_owned()).collect();
                    list.insert(group.to_owned(), names);
                }
            }
        }
        Ok(out)
    }

    /// The value of a name on an architecture; nothing where the file is for another one.
    pub(super) fn value(&self, name: &str, arch: Arch) -> Option<i128> {
        self.values.get(name).copied().filter(|_| self.arch.is_none_or(|a| a == arch))
    }

    /// The calls of a group written `group@namespace`.
    pub(super) fn group(&self, name: &str) -> Option<&[String]> {
        let (group, space) = name.split_once('@')?;
        self.groups.get(space)?.get(group).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_values_and_groups() {
        let text = r#"{"arch_nr": 3221225534, "constants": {"A": 1, "B": -100},
                       "syscall_groups": {"libc": {"io": ["read", "write"]}}}"#;
        let constants = Constants::read(text).unwrap();
        assert_eq!(constants.value("B", Arch::X86_64), Some(-100));
        assert_eq!(constants.value("B", Arch::Arm), None);
        assert_eq!(constants.group("io@libc").map(<[String]>::len), Some(2));
        assert!(Constants::read("{}").is_err() && Constants::read(r#"{"constants": {"A": "1"}}"#).is_err());
    }
}
