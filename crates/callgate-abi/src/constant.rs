//! The named constants that arguments take.
//!
//! A constant has a value per architecture, as the kernel's own headers give it to programs there, whatever a C
//! library says (`O_LARGEFILE` is not 0 here). Source: `data/constants`, where each set names its headers.

use crate::arch::Arch;
use crate::tables::constant as table;
use crate::tables::slots;
use core::fmt;

mod describe;

pub use describe::describe;

/// The value of a constant on `arch`, whatever set it belongs to; `None` where no header of that architecture
/// has it.
///
/// A negative one is sign-extended: `AT_FDCWD` is -100, `0xffff_ffff_ffff_ff9c`. Cut it to the width of the
/// argument it is compared with.
///
/// ```
/// use callgate_abi::{Arch, constant::value};
/// assert_eq!(value("O_CREAT", Arch::X86_64), Some(0x40));
/// assert_eq!(value("O_CREAT", Arch::Mips), Some(0x100));
/// assert_eq!(value("AT_FDCWD", Arch::Arm), Some(-100_i64 as u64));
/// assert_eq!(value("ARCH_SET_FS", Arch::Aarch64), None);
/// ```
pub fn value(name: &str, arch: Arch) -> Option<u64> {
    slots::find(table::SLOTS, name, name_at).and_then(|index| value_at(index, arch))
}

/// Every constant's name, sorted.
///
/// ```
/// assert!(callgate_abi::constant::names().any(|n| n == "PTRACE_TRACEME"));
/// ```
pub fn names() -> impl ExactSizeIterator<Item = &'static str> + Clone {
    (0..table::ENDS.len() as u16).map(name_at)
}

/// A family of constants that belong to one kind of argument (`open_flags`, `address_family`, …).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Set(pub(crate) u16);

/// How the members of a set relate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Alternatives.
    Values,
    /// Bits to be or-ed together, perhaps around a field below a mask that holds one of several.
    Flags,
    /// Everything that its parts have: the ioctl commands of all devices.
    Union,
    /// What the set has that another argument [chooses](Set::choose): the socket options of a level.
    Choice,
}

/// A row of the generated table.
pub(crate) struct SetRow {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Start and end in `MEMBERS`.
    pub(crate) members: (u16, u16),
    /// The sets with the members; itself unless it is made of others.
    pub(crate) leaves: &'static [u16],
    /// The choosing constant and the set.
    pub(crate) cases: &'static [(u16, u16)],
    /// Masks by column (or one for all), and the set of what is below them.
    pub(crate) fields: &'static [(&'static [u32], u16)],
}

impl Set {
    /// Every set, by name.
    pub fn all() -> impl ExactSizeIterator<Item = Set> + Clone {
        (0..table::SETS.len() as u16).map(Set)
    }

    /// The set with this name.
    ///
    /// ```
    /// use callgate_abi::{Arch, constant::Set};
    /// let families = Set::from_name("address_family").unwrap();
    /// assert_eq!(families.name_of(10, Arch::X86_64), Some("AF_INET6"));
    /// ```
    pub fn from_name(name: &str) -> Option<Set> {
        table::SETS.binary_search_by(|row| row.name.cmp(name)).ok().map(|index| Set(index as u16))
    }

    /// The set's name.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// How its members relate.
    pub fn kind(self) -> Kind {
        self.row().kind
    }

    /// Whether the members are bits to be or-ed together (or a field below a mask), not alternatives.
    pub fn is_flags(self) -> bool {
        self.kind() == Kind::Flags
    }

    /// The sets a union or a choice is made of; itself for the others.
    pub fn parts(self) -> impl ExactSizeIterator<Item = Set> + Clone {
        self.row().leaves.iter().map(|leaf| Set(*leaf))
    }

    /// The members with their values on `arch`, preferred names first.
    pub fn members(self, arch: Arch) -> impl Iterator<Item = (&'static str, u64)> + Clone {
        let values = move |index: &u16| value_at(*index, arch).map(|value| (name_at(*index), value));
        self.indices().filter_map(values)
    }

    /// Whether a constant of this name is a member on `arch`.
    ///
    /// ```
    /// use callgate_abi::{Arch, constant::Set};
    /// let families = Set::from_name("address_family").unwrap();
    /// assert!(families.has("AF_INET6", Arch::X86_64) && !families.has("SOCK_STREAM", Arch::X86_64));
    /// ```
    pub fn has(self, name: &str, arch: Arch) -> bool {
        slots::find(table::SLOTS, name, name_at).is_some_and(|index| {
            value_at(index, arch).is_some() && self.indices().any(|member| *member == index)
        })
    }

    /// The preferred name of a value on `arch`. A negative constant is found by its low 32 bits too.
    pub fn name_of(self, value: u64, arch: Arch) -> Option<&'static str> {
        let short = i32::try_from(value.cast_signed()).is_err() && value <= u64::from(u32::MAX);
        let extended = if short { i64::from(value as u32 as i32).cast_unsigned() } else { value };
        let (word, extended) = (word_of(value), word_of(extended));
        if word == NONE && extended == NONE {
            return None;
        }
        let column = table::column(arch);
        let named = |index: &&u16| {
            let own = word_at(**index, column);
            own != NONE && (own == word || own == extended)
        };
        self.indices().find(named).map(|index| name_at(*index))
    }

    /// The set that `selector` chooses on `arch`, where this one is a [`Kind::Choice`].
    ///
    /// ```
    /// use callgate_abi::{Arch, constant::Set};
    /// let options = Set::from_name("socket_option").unwrap();
    /// let tcp = options.choose(6, Arch::X86_64).unwrap();
    /// assert_eq!(tcp.name_of(1, Arch::X86_64), Some("TCP_NODELAY"));
    /// ```
    pub fn choose(self, selector: u64, arch: Arch) -> Option<Set> {
        let chosen = |case: &&(u16, u16)| value_at(case.0, arch) == Some(selector);
        self.row().cases.iter().find(chosen).map(|case| Set(case.1))
    }

    /// The masks on `arch` below which there is one of several values, and the set of those.
    pub fn fields(self, arch: Arch) -> impl Iterator<Item = (u32, Set)> + Clone {
        let column = table::column(arch);
        let mask = move |masks: &[u32]| masks.get(if masks.len() == 1 { 0 } else { column }).copied();
        let fields = self.row().fields.iter().filter_map(move |field| Some((mask(field.0)?, Set(field.1))));
        fields.filter(|field| field.0 != 0)
    }

    fn row(self) -> &'static SetRow {
        &table::SETS[usize::from(self.0)]
    }

    fn indices(self) -> impl Iterator<Item = &'static u16> + Clone {
        self.row().leaves.iter().flat_map(|leaf| {
            let (start, end) = table::SETS[usize::from(*leaf)].members;
            &table::MEMBERS[usize::from(start)..usize::from(end)]
        })
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No value on this architecture.
const NONE: u16 = u16::MAX;
/// The bit of an index into `ROWS`.
const DIFFERS: u16 = 0x8000;

fn name_at(index: u16) -> &'static str {
    let index = usize::from(index);
    let start = index.checked_sub(1).map_or(0, |before| table::ENDS[before] as usize);
    &table::NAMES[start..table::ENDS[index] as usize]
}

fn word_at(index: u16, column: usize) -> u16 {
    let place = table::VALUES[usize::from(index)];
    if place & DIFFERS == 0 {
        place
    } else {
        table::ROWS[usize::from(place & !DIFFERS) * table::COLUMNS + column]
    }
}

/// The index of a value.
fn word_of(value: u64) -> u16 {
    let index = match u32::try_from(value) {
        Ok(small) => table::SMALL.binary_search(&small),
        Err(_) => table::LARGE.binary_search(&value).map(|index| table::SMALL.len() + index),
    };
    index.map_or(NONE, |index| index as u16)
}

fn value_at(index: u16, arch: Arch) -> Option<u64> {
    let word = usize::from(word_at(index, table::column(arch)));
    match word.checked_sub(table::SMALL.len()) {
        None => Some(u64::from(table::SMALL[word])),
        Some(large) => table::LARGE.get(large).copied(),
    }
}
