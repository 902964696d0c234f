//! The functions of a program or library, by its symbols.
//!
//! Tables are read as a whole, and names only of functions that are asked about: there may be ten thousands.

use std::borrow::Cow;
use std::sync::Arc;

use object::elf::{STT_FUNC, STT_GNU_IFUNC};
use object::read::ReadRef;
use object::read::elf::{ElfFile, FileHeader, Sym, SymbolTable};
use object::{Object, ObjectSection};

/// How many symbols in front of an address are looked at for one that reaches it.
const BEFORE: usize = 16;

/// Tables of names beyond this are not read.
const MOST: u64 = 32 << 20;

/// Functions by their addresses.
#[derive(Default)]
pub(super) struct Functions {
    /// Start, end, and where the name begins in `names`.
    all: Vec<(u64, u64, u32)>,
    names: Arc<[u8]>,
}

impl Functions {
    /// Those of a file: by all its symbols, or by those for the dynamic linker where there are no others.
    pub(super) fn of<'d, R: ReadRef<'d>>(file: &object::File<'d, R>) -> Functions {
        match file {
            object::File::Elf32(file) => Functions::of_elf(file),
            object::File::Elf64(file) => Functions::of_elf(file),
            _ => Functions::default(),
        }
    }

    fn of_elf<'d, E: FileHeader, R: ReadRef<'d>>(file: &ElfFile<'d, E, R>) -> Functions {
        let all = Functions::of_table(file, file.elf_symbol_table());
        all.or_else(|| Functions::of_table(file, file.elf_dynamic_symbol_table())).unwrap_or_default()
    }

    fn of_table<'d, E: FileHeader, R: ReadRef<'d>>(
        file: &ElfFile<'d, E, R>,
        table: &SymbolTable<'d, E, R>,
    ) -> Option<Functions> {
        let endian = file.endian();
        let function = |symbol: &E::Sym| {
            let (start, size): (u64, u64) = (symbol.st_value(endian).into(), symbol.st_size(endian).into());
            let is = matches!(symbol.st_type(), STT_FUNC | STT_GNU_IFUNC) && symbol.st_shndx(endian) != 0;
            let name = symbol.st_name(endian);
            (is && size > 0 && name > 0).then(|| (start, start.saturating_add(size), name))
        };
        let mut all: Vec<(u64, u64, u32)> = table.iter().filter_map(function).collect();
        if all.is_empty() {
            return None;
        }
        all.sort_unstable();
        let names = file.section_by_index(table.string_section()).ok()?;
        let names = if names.size() <= MOST { names.data().ok()? } else { return None };
        Some(Functions { all, names: names.into() })
    }

    /// The name of the one at an address.
    pub(super) fn at(&self, address: u64) -> Option<Cow<'_, str>> {
        let behind = self.all.partition_point(|(start, ..)| *start <= address);
        let before = &self.all[..behind];
        // Some lie within another: the nearest that holds it. Some have several names: the one that sorts last, which
        // is less often an internal one.
        let (start, end, _) = before.iter().rev().take(BEFORE).find(|(_, end, _)| address < *end)?;
        let same = before.iter().rev().take(BEFORE).filter(|f| (f.0, f.1) == (*start, *end));
        same.filter_map(|(.., name)| self.name(*name)).max()
    }

    fn name(&self, at: u32) -> Option<Cow<'_, str>> {
        let name = self.names.get(usize::try_from(at).ok()?..)?;
        let name = name.split(|byte| *byte == 0).next().filter(|name| !name.is_empty())?;
        Some(String::from_utf8_lossy(name))
    }
}
