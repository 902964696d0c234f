//! The functions of a program or library, by its symbols.
//!
//! Tables are read as a whole, and names only of functions that are asked about: there may be ten thousands. Nor are
//! they put in order, of which a few dozen questions would be worth but a part: they are sorted into groups that are
//! looked through.

use std::borrow::Cow;

use object::elf::{STT_FUNC, STT_GNU_IFUNC};
use object::read::ReadRef;
use object::read::elf::{ElfFile, FileHeader, Sym, SymbolTable};
use object::{Object, ObjectSection};

use super::blocks::{Bytes, Source};

/// How many symbols in front of an address are looked at at least for one that reaches it.
const BEFORE: usize = 16;

/// Tables of names beyond this are not read.
const MOST: u64 = 32 << 20;
/// How many groups there are at most.
const GROUPS: u32 = 1 << 12;

/// A function: start, end, and where the name begins in `names`.
type Function = (u64, u64, u32);

/// Functions by their addresses.
#[derive(Default)]
pub(super) struct Functions {
    /// By groups, in which they are in no order.
    all: Vec<Function>,
    /// Where each group ends in `all`.
    ends: Vec<usize>,
    /// The first address of the first group, and how many bits of what is beyond are the same in a group.
    lowest: u64,
    same: u32,
    names: Bytes,
}

impl Functions {
    /// Those of a file: by all its symbols, or by those for the dynamic linker where there are no others.
    pub(super) fn of<'d, R: ReadRef<'d>>(file: &object::File<'d, R>, source: &Source) -> Functions {
        match file {
            object::File::Elf32(file) => Functions::of_elf(file, source),
            object::File::Elf64(file) => Functions::of_elf(file, source),
            _ => Functions::default(),
        }
    }

    fn of_elf<'d, E: FileHeader, R: ReadRef<'d>>(file: &ElfFile<'d, E, R>, source: &Source) -> Functions {
        let all = Functions::of_table(file, file.elf_symbol_table(), source);
        let all = all.or_else(|| Functions::of_table(file, file.elf_dynamic_symbol_table(), source));
        all.unwrap_or_default()
    }

    fn of_table<'d, E: FileHeader, R: ReadRef<'d>>(
        file: &ElfFile<'d, E, R>,
        table: &SymbolTable<'d, E, R>,
        source: &Source,
    ) -> Option<Functions> {
        let endian = file.endian();
        let mut all: Vec<Function> = Vec::with_capacity(table.len());
        for symbol in table.iter() {
            let (start, size): (u64, u64) = (symbol.st_value(endian).into(), symbol.st_size(endian).into());
            let is = matches!(symbol.st_type(), STT_FUNC | STT_GNU_IFUNC) && symbol.st_shndx(endian) != 0;
            let name = symbol.st_name(endian);
            if is && size > 0 && name > 0 {
                all.push((start, start.saturating_add(size), name));
            }
        }
        if all.is_empty() {
            return None;
        }
        let names = file.section_by_index(table.string_section()).ok()?;
        let names = if names.size() <= MOST { source.section(&names)? } else { return None };
        Some(Functions::grouped(&all, names))
    }

    fn grouped(all: &[Function], names: Bytes) -> Functions {
        let starts = || all.iter().map(|(start, ..)| *start);
        let (lowest, highest) = (starts().min().unwrap_or(0), starts().max().unwrap_or(0));
        let groups = u32::try_from(all.len()).unwrap_or(GROUPS).min(GROUPS).ilog2();
        let same = (u64::BITS - (highest - lowest).leading_zeros()).saturating_sub(groups);
        let mut functions =
            Functions { all: vec![(0, 0, 0); all.len()], ends: Vec::new(), lowest, same, names };
        let mut counts = vec![0_usize; functions.group(highest) + 1];
        starts().for_each(|start| counts[functions.group(start)] += 1);
        // Where the next of each group goes: in the end, behind its last.
        let mut sum = 0;
        for count in &mut counts {
            (*count, sum) = (sum, sum + *count);
        }
        for function in all {
            let place = &mut counts[functions.group(function.0)];
            functions.all[*place] = *function;
            *place += 1;
        }
        functions.ends = counts;
        functions
    }

    /// The group that an address is in, which is not in front of all.
    fn group(&self, address: u64) -> usize {
        let beyond = (address - self.lowest).checked_shr(self.same).unwrap_or(0);
        usize::try_from(beyond).unwrap_or(usize::MAX)
    }

    /// The name of the one at an address.
    pub(super) fn at(&self, address: u64) -> Option<Cow<'_, str>> {
        if address < self.lowest {
            return None;
        }
        let last = self.group(address).min(self.ends.len().checked_sub(1)?);
        let mut seen = 0;
        for group in (0..=last).rev() {
            let start = if group == 0 { 0 } else { self.ends[group - 1] };
            let members = &self.all[start..self.ends[group]];
            let before = || members.iter().filter(|(start, ..)| *start <= address);
            // Some lie within another: the nearest that holds it. Some have several names: the one that sorts last,
            // which is less often an internal one.
            let holds = before().filter(|(_, end, _)| address < *end);
            if let Some(found) = holds.map(|(start, end, _)| (*start, *end)).max() {
                let same = members.iter().filter(|(start, end, _)| (*start, *end) == found);
                return same.filter_map(|(.., name)| self.name(*name)).max();
            }
            seen += before().count();
            if seen >= BEFORE {
                break;
            }
        }
        None
    }

    fn name(&self, at: u32) -> Option<Cow<'_, str>> {
        let name = self.names.get(usize::try_from(at).ok()?..)?;
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        (end > 0).then(|| String::from_utf8_lossy(&name[..end]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(all: &[Function], address: u64) -> Option<String> {
        let names = Bytes::from(b"\0a\0b\0c\0outer\0inner\0".to_vec());
        Functions::grouped(all, names).at(address).map(Cow::into_owned)
    }

    #[test]
    fn the_nearest_that_holds_an_address_is_named() {
        let (a, b, c, outer, inner) = (1, 3, 5, 7, 13);
        let mut all = vec![
            (0x100, 0x200, outer),
            (0x140, 0x160, inner),
            (0x300, 0x310, a),
            (0x300, 0x310, c),
            (0x300, 0x308, b),
        ];
        all.extend((0..500).map(|n| (0x1000 + 16 * n, 0x1008 + 16 * n, b)));
        for (address, name) in [
            (0xff, None),
            (0x100, Some("outer")),
            (0x13f, Some("outer")),
            (0x140, Some("inner")),
            (0x15f, Some("inner")),
            (0x160, Some("outer")),
            (0x1ff, Some("outer")),
            (0x200, None),
            (0x300, Some("c")),
            (0x30f, Some("c")),
            (0x1000 + 16 * 499 + 7, Some("b")),
            (0x1000 + 16 * 499 + 8, None),
            (u64::MAX, None),
        ] {
            assert_eq!(named(&all, address).as_deref(), name, "{address:#x}");
        }
        assert_eq!(named(&[(7, 9, a)], 8).as_deref(), Some("a"));
        assert_eq!(named(&[(0, u64::MAX, a), (u64::MAX - 1, u64::MAX, b)], 5).as_deref(), Some("a"));
        assert_eq!(named(&[(7, 9, 99)], 8), None);
        assert!(Functions::default().at(1).is_none());
    }
}
