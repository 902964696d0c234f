//! A program or library: its frames and its functions.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use addr2line::Context;
use gimli::{EndianArcSlice, RunTimeEndian};
use object::{Object, ObjectSection, ObjectSegment, SectionFlags, SectionKind, elf};

use super::blocks::{Bytes, opened};
use super::functions::Functions;
use super::guard::guarded;

/// Sections beyond this are not read: it would take longer than what is learned from them is worth, and who made the file
/// may have made it to be in the way.
const MOST: u64 = 32 << 20;
/// A byte of a line table may become a row of 32 in memory.
const MOST_LINES: u64 = 8 << 20;

type Reader = EndianArcSlice<RunTimeEndian>;

/// What was read of one.
pub(super) struct File {
    path: PathBuf,
    /// The address its first segment asks for.
    pub(super) base: u64,
    pub(super) text: Option<Range<u64>>,
    sections: Vec<Section>,
    functions: Functions,
    /// Read when it is first asked for.
    lines: OnceLock<Option<Mutex<Context<Reader>>>>,
    /// Bytes of its sections that are kept or will be.
    pub(super) size: u64,
}

/// A section that unwinding needs.
pub(super) struct Section {
    name: &'static str,
    pub(super) range: Range<u64>,
    pub(super) data: Bytes,
}

const UNWINDING: [&str; 3] = [".eh_frame", ".eh_frame_hdr", ".debug_frame"];

impl File {
    /// Reads the file at `path`, if it takes no more than `room` bytes, and without its debug information if only that takes
    /// more; `None` for what is none.
    pub(super) fn open(path: &Path, room: u64) -> Option<File> {
        guarded(|| File::read(path, room)).flatten()
    }

    fn read(path: &Path, room: u64) -> Option<File> {
        let (cache, source) = opened(path)?;
        let object = object::File::parse(&cache).ok()?;
        let (mut size, mut debug) = (0u64, 0u64);
        for section in object.sections() {
            let Ok(name) = section.name() else { continue };
            let sum = match name {
                ".symtab" | ".strtab" | ".dynsym" | ".dynstr" => &mut size,
                _ if UNWINDING.contains(&name) => &mut size,
                _ if name.starts_with(".debug_") => &mut debug,
                _ => continue,
            };
            *sum = sum.saturating_add(section.size());
        }
        if size > room {
            return None;
        }
        let lines = OnceLock::new();
        match size.saturating_add(debug) {
            both if both <= room && object.section_by_name(".debug_info").is_some() => size = both,
            _ => lines.set(None).ok()?,
        }
        let section = |name: &'static str| {
            let section = object.section_by_name(name).filter(is_read)?;
            let range = section.address()..section.address().checked_add(section.size())?;
            Some(Section { name, range, data: source.section(&section)? })
        };
        let text = object.sections().find(|s| s.kind() == SectionKind::Text && s.name() == Ok(".text"));
        Some(File {
            path: path.to_path_buf(),
            base: object.segments().next().map_or(0, |s| s.address() & !0xfff),
            text: text.and_then(|text| Some(text.address()..text.address().checked_add(text.size())?)),
            sections: UNWINDING.iter().filter_map(|name| section(name)).collect(),
            functions: Functions::of(&object, &source),
            lines,
            size,
        })
    }

    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|s| s.name == name)
    }

    /// What stands at an offset from where the file begins, the innermost first; `library` is the file's name.
    pub(super) fn names(&self, offset: u64, library: &str) -> Vec<String> {
        let address = self.base.wrapping_add(offset);
        let lines =
            self.lines.get_or_init(|| guarded(|| self.read_lines()).flatten().map(Mutex::new)).as_ref();
        let lines = lines.and_then(|lines| lines.lock().ok());
        let by_lines = lines.and_then(|lines| guarded(|| by_lines(&lines, address, library)));
        let mut names = by_lines.unwrap_or_default();
        if names.is_empty() {
            names.extend(self.functions.at(address).map(|name| format!("{} ({library})", readable(&name))));
        }
        names
    }

    fn read_lines(&self) -> Option<Context<Reader>> {
        let (cache, _) = opened(&self.path)?;
        let object = object::File::parse(&cache).ok()?;
        object.section_by_name(".debug_info").filter(is_read)?;
        let endian = if object.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
        let load = |id: gimli::SectionId| -> Result<Reader, gimli::Error> {
            let section = object.section_by_name(id.name()).filter(is_read);
            let data = section.and_then(|s| s.data().ok()).unwrap_or_default();
            Ok(EndianArcSlice::new(Arc::from(data), endian))
        };
        Context::from_dwarf(gimli::Dwarf::load(load).ok()?).ok()
    }
}

/// The functions that an address is in by debug information, the innermost first.
fn by_lines(lines: &Context<Reader>, address: u64, library: &str) -> Vec<String> {
    let mut names = Vec::new();
    let Ok(mut frames) = lines.find_frames(address).skip_all_loads() else { return names };
    while let Ok(Some(frame)) = frames.next() {
        let Some(function) = frame.function else { break };
        let Ok(name) = function.raw_name() else { break };
        let place = frame.location.and_then(|l| {
            let file = l.file?.rsplit('/').next().unwrap_or_default();
            Some(format!("{file}:{}", l.line?))
        });
        let place = place.unwrap_or_else(|| library.to_owned());
        names.push(format!("{} ({})", readable(&name), place.escape_debug()));
    }
    names
}

/// Whether a section is of a size and a form to be read.
fn is_read<'d>(section: &impl ObjectSection<'d>) -> bool {
    let compressed = u64::from(elf::SHF_COMPRESSED);
    let is_compressed =
        matches!(section.flags(), SectionFlags::Elf { sh_flags } if sh_flags & compressed != 0);
    let most = if section.name() == Ok(".debug_line") { MOST_LINES } else { MOST };
    !is_compressed && section.size() <= most
}

/// A function's name as its source has it, where it is Rust's.
fn readable(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name)).escape_debug().to_string()
}
