//! Names for arguments and values. A name chosen here may be wrong for another call or architecture of
//! the rule: the printer reads its text back and takes numbers if so.

use crate::policy::{ArgCmp, ArgIndex, Op};
use crate::syntax::resolve::{PAD, looked_at, positional};
use callgate_abi::constant::Set;
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
        Width::Slot => ":slot",
    };
    if cmp.arg == ArgIndex::IP {
        return if cmp.width == Width::W64 { "ip".to_string() } else { format!("ip{width}") };
    }
    // A name like a position's would be taken for one.
    let param = naming.and_then(|n| n.param(cmp)).filter(|p| positional(p.name).is_none() && p.name != PAD);
    match param {
        Some(param) if looked_at(param) == cmp.width => param.name.to_string(),
        Some(param) => format!("{}{width}", param.name),
        None => format!("arg{}{width}", cmp.arg.get()),
    }
}

/// A number that means the same everywhere.
pub(super) fn number(value: u64) -> String {
    if value < 0x1_0000 { value.to_string() } else { format!("{value:#x}") }
}

/// Arguments that the comparisons around fix: which constants another argument takes may depend on them.
pub(super) type Known = Vec<(u8, u64)>;

impl<'a> Naming<'a> {
    fn param(&self, cmp: &ArgCmp) -> Option<&'a Param> {
        self.params.get(usize::from(cmp.arg.get()))
    }

    /// A value of the argument.
    pub(super) fn value(&self, cmp: &ArgCmp, value: u64, known: &Known) -> String {
        let Some(param) = self.param(cmp) else { return number(value) };
        let named = match cmp.op {
            // No bit of several: that has a name only where they hold one of several values.
            Op::MaskedEq { mask, .. } if value == 0 => self.is_field(param, mask, known),
            _ => true,
        };
        let name = if named { self.constant(param, cmp.width, value, known) } else { None };
        // A mode is read in octal, a bit of it by name.
        let octal = |name: &String| name.contains('|') || !matches!(cmp.op, Op::MaskedEq { .. });
        let name = name.filter(|name| param.role != Role::Mode || !octal(name));
        if let Some(name) = name {
            return name;
        }
        let negative = match cmp.width {
            Width::W32 => (0xffff_f000..=0xffff_ffff).contains(&value),
            Width::W64 | Width::Slot => value >= u64::MAX - 0xfff,
        };
        let signed = param.signed || matches!(param.role, Role::Fd | Role::Pid | Role::Id);
        match param.role {
            Role::Mode if value > 7 => format!("0o{value:o}"),
            Role::Flags if value > 9 => format!("{value:#x}"),
            _ if signed && negative => match cmp.width {
                Width::W32 => format!("-{}", (value as u32).wrapping_neg()),
                Width::W64 | Width::Slot => format!("-{}", value.wrapping_neg()),
            },
            _ => number(value),
        }
    }

    /// Whether the bits of a mask hold one of several values.
    fn is_field(&self, param: &Param, mask: u64, known: &Known) -> bool {
        let set = self.set(param, known);
        set.is_some_and(|s| !s.is_flags() || s.fields(self.arch).any(|f| u64::from(f.0) == mask))
    }

    /// A mask on the argument, in parentheses where it needs them.
    pub(super) fn mask(&self, cmp: &ArgCmp, mask: u64, known: &Known) -> String {
        let all = match cmp.width {
            Width::W32 => u64::from(u32::MAX),
            Width::W64 | Width::Slot => u64::MAX,
        };
        let constant =
            |value| self.param(cmp).and_then(|param| self.constant(param, cmp.width, value, known));
        let parenthesized = |names: String| if names.contains('|') { format!("({names})") } else { names };
        let several = |names: &str| names.contains('|');
        let is_mode = self.param(cmp).is_some_and(|p| p.role == Role::Mode);
        match constant(mask) {
            Some(names) if is_mode && several(&names) => return format!("0o{mask:o}"),
            Some(names) => return parenthesized(names),
            None => {}
        }
        // Nearly all bits: the others are what was meant.
        match constant(!mask & all).filter(|_| mask <= all && mask.count_ones() * 2 > all.count_ones()) {
            Some(names) => format!("~{}", parenthesized(names)),
            None => format!("{mask:#x}"),
        }
    }

    /// Whether a test for equality has this mask by itself: the argument has no more bits.
    pub(super) fn is_whole(&self, cmp: &ArgCmp, mask: u64) -> bool {
        self.param(cmp).is_some_and(|p| p.bits < 32 && mask == (1 << p.bits) - 1)
    }

    /// The constants that the argument takes, if they are to be written and no unknown argument chooses.
    fn set(&self, param: &Param, known: &Known) -> Option<Set> {
        let set = param.set.filter(|_| self.constants)?;
        match param.selector {
            Some(selector) => {
                let (_, chosen) = known.iter().find(|k| k.0 == selector)?;
                param.set_for(*chosen, self.arch)
            }
            None => Some(set),
        }
    }

    fn constant(&self, param: &Param, width: Width, value: u64, known: &Known) -> Option<String> {
        let set = self.set(param, known)?;
        if width == Width::W32 && value > u64::from(u32::MAX) {
            return None;
        }
        if let Some(name) = set.name_of(value, self.arch) {
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
