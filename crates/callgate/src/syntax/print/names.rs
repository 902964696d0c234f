//! Names for arguments and values. A name chosen here may be wrong for another call or architecture of
//! the rule: the printer reads its text back and takes numbers if so.

use crate::policy::{ArgCmp, ArgIndex};
use crate::syntax::resolve::positional;
use callgate_abi::{Arch, Param, Role, Width};

/// The call whose names are used.
#[derive(Clone, Copy)]
pub(super) struct Naming<'a> {
    pub(super) params: &'a [Param],
    pub(super) arch: Arch,
    /// Whether values are written as constants.
    pub(super) constants: bool,
}

/// An argument: its name, or its position and width.
pub(super) fn argument(cmp: &ArgCmp, naming: Option<Naming<'_>>) -> String {
    let width = match cmp.width {
        Width::W32 => ":32",
        Width::W64 => ":64",
    };
    if cmp.arg == ArgIndex::IP {
        return if cmp.width == Width::W64 { "ip".to_string() } else { format!("ip{width}") };
    }
    // A name like a position's would be taken for one.
    let param = naming.and_then(|n| n.param(cmp)).filter(|p| positional(p.name).is_none());
    match param {
        Some(param) if param.width == cmp.width => param.name.to_string(),
        Some(param) => format!("{}{width}", param.name),
        None => format!("arg{}{width}", cmp.arg.get()),
    }
}

/// A number that means the same everywhere.
pub(super) fn number(value: u64) -> String {
    if value < 0x1_0000 { value.to_string() } else { format!("{value:#x}") }
}

impl<'a> Naming<'a> {
    fn param(&self, cmp: &ArgCmp) -> Option<&'a Param> {
        self.params.get(usize::from(cmp.arg.get()))
    }

    /// A value of the argument.
    pub(super) fn value(&self, cmp: &ArgCmp, value: u64) -> String {
        let Some(param) = self.param(cmp) else { return number(value) };
        if let Some(name) = self.constant(param, cmp.width, value) {
            return name;
        }
        let small = (1..=4096).contains(&value.wrapping_neg());
        let negative = match cmp.width {
            Width::W32 => (0xffff_f000..=0xffff_ffff).contains(&value),
            Width::W64 => small,
        };
        match param.role {
            Role::Mode if value > 7 => format!("{value:#o}"),
            Role::Flags if value > 9 => format!("{value:#x}"),
            _ if param.signed && negative => match cmp.width {
                Width::W32 => format!("-{}", (value as u32).wrapping_neg()),
                Width::W64 => format!("-{}", value.wrapping_neg()),
            },
            _ => number(value),
        }
    }

    /// A mask on the argument.
    pub(super) fn mask(&self, cmp: &ArgCmp, mask: u64) -> String {
        let constant = self.param(cmp).and_then(|param| self.constant(param, cmp.width, mask));
        constant.unwrap_or_else(|| format!("{mask:#x}"))
    }

    fn constant(&self, param: &Param, width: Width, value: u64) -> Option<String> {
        let set = param.set.filter(|_| self.constants)?;
        let extended = match width {
            Width::W32 if value <= u64::from(u32::MAX) => value as u32 as i32 as i64 as u64,
            Width::W32 | Width::W64 => value,
        };
        if let Some(name) = set.name_of(value, self.arch).or_else(|| set.name_of(extended, self.arch)) {
            return Some(name.to_string());
        }
        if !set.is_flags() || value == 0 {
            return None;
        }
        // The members with most bits first, so that a name for several stands for all of them.
        let mut members: Vec<_> = set.members(self.arch).filter(|m| m.1 != 0 && m.1 & !value == 0).collect();
        members.sort_by_key(|m| std::cmp::Reverse(m.1.count_ones()));
        let mut left = value;
        let mut names: Vec<(u64, &str)> = Vec::new();
        for (name, bits) in members {
            if bits & left == bits {
                left &= !bits;
                names.push((bits, name));
            }
        }
        names.sort_unstable();
        let names: Vec<_> = names.into_iter().map(|n| n.1).collect();
        (left == 0).then(|| names.join("|"))
    }
}
