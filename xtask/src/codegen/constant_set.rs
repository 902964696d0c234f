//! `data/constant-sets.txt`: which constants belong together, and where they come from. The file's head
//! explains its rows.

use crate::data::{self, Row};
use crate::files::Result;

/// Where [`read`] reads.
pub(crate) const PATH: &str = "data/constant-sets.txt";

/// How the members of a set relate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// One of them.
    Values,
    /// Or-ed together, perhaps around fields that hold one of several.
    Flags,
    /// Those of its parts.
    Union,
    /// Those of the set another argument chooses.
    Choice,
}

impl Kind {
    /// The word in the file.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Values => "values",
            Kind::Flags => "flags",
            Kind::Union => "union",
            Kind::Choice => "choice",
        }
    }

    /// The kind with this word.
    pub(crate) fn parse(row: &Row, word: &str) -> Result<Kind> {
        let all = [Kind::Values, Kind::Flags, Kind::Union, Kind::Choice];
        all.into_iter()
            .find(|k| k.word() == word)
            .ok_or(row.error(format_args!("'{word}' is no kind of set")))
    }
}

/// One set.
pub(crate) struct SetSpec {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// `data/constants/FILE.txt`.
    pub(crate) file: String,
    pub(crate) includes: Vec<String>,
    pub(crate) lines: Vec<String>,
    pub(crate) picks: Vec<Pick>,
    pub(crate) range: Option<(u64, u64)>,
    pub(crate) defines: Vec<Define>,
    /// Mask expressions, and the set of the alternatives where it is another one.
    pub(crate) fields: Vec<(String, Option<String>)>,
    pub(crate) parts: Vec<String>,
    /// The constant, and the set it chooses.
    pub(crate) cases: Vec<(String, String)>,
}

/// A step in choosing names.
pub(crate) enum Pick {
    /// Add what matches, unless it is there.
    Take(String),
    /// Remove what matches.
    Drop(String),
    /// Add the enumerators of an enumeration.
    Enum(String),
}

/// A constant with its expression, and other expressions for some architectures.
pub(crate) struct Define {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) others: Vec<(Vec<String>, String)>,
}

/// A folder whose headers define ioctl commands.
pub(crate) struct IoctlFolder {
    pub(crate) folder: String,
    pub(crate) file: String,
    pub(crate) except: Vec<String>,
}

/// A value that this machine's compiler gets wrong.
pub(crate) struct Correction {
    pub(crate) arch: String,
    pub(crate) name: String,
    pub(crate) value: u64,
}

/// Everything the file says.
pub(crate) struct Specs {
    pub(crate) corrections: Vec<Correction>,
    pub(crate) sets: Vec<SetSpec>,
    pub(crate) ioctls: Vec<IoctlFolder>,
}

/// Reads the file.
pub(crate) fn read() -> Result<Specs> {
    let mut specs = Specs { corrections: Vec::new(), sets: Vec::new(), ioctls: Vec::new() };
    let mut file = String::new();
    for row in data::rows(PATH)? {
        let cells = row.cells();
        match cells[..] {
            ["file", name] => name.clone_into(&mut file),
            ["set", name, kind] => {
                if specs.sets.iter().any(|s| s.name == name) {
                    return Err(row.error(format_args!("{name} is there twice")));
                }
                specs.sets.push(SetSpec::new(name, Kind::parse(&row, kind)?, &file));
            }
            ["correct", arch, ref values @ ..] => {
                for cell in values {
                    let (name, value) = cell.split_once('=').ok_or(row.error("expected NAME=VALUE"))?;
                    let (arch, name) = (arch.to_owned(), name.to_owned());
                    specs.corrections.push(Correction { arch, name, value: row.number(value)? });
                }
            }
            ["ioctls", folder, ref rest @ ..] => {
                let except = rest.iter().skip(1).map(|s| (*s).to_owned()).collect();
                specs.ioctls.push(IoctlFolder { folder: folder.to_owned(), file: file.clone(), except });
            }
            _ => {
                let set = specs.sets.last_mut().ok_or(row.error("no set yet"))?;
                set.row(&row, &cells)?;
            }
        }
    }
    Ok(specs)
}

impl SetSpec {
    /// An empty set.
    pub(crate) fn new(name: &str, kind: Kind, file: &str) -> SetSpec {
        SetSpec {
            name: name.to_owned(),
            kind,
            file: file.to_owned(),
            includes: Vec::new(),
            lines: Vec::new(),
            picks: Vec::new(),
            range: None,
            defines: Vec::new(),
            fields: Vec::new(),
            parts: Vec::new(),
            cases: Vec::new(),
        }
    }

    fn row(&mut self, row: &Row, cells: &[&str]) -> Result<()> {
        let words = |rest: &[&str]| rest.iter().map(|s| (*s).to_owned()).collect::<Vec<String>>();
        match *cells {
            ["include", ref rest @ ..] => self.includes.extend(words(rest)),
            ["lines", ref rest @ ..] => self.lines.extend(words(rest)),
            ["take", ref rest @ ..] => self.picks.extend(words(rest).into_iter().map(Pick::Take)),
            ["drop", ref rest @ ..] => self.picks.extend(words(rest).into_iter().map(Pick::Drop)),
            ["enum", tag] => self.picks.push(Pick::Enum(tag.to_owned())),
            ["range", first, last] => self.range = Some((row.number(first)?, row.number(last)?)),
            ["field", mask] => self.fields.push((mask.to_owned(), None)),
            ["field", mask, set] => self.fields.push((mask.to_owned(), Some(set.to_owned()))),
            ["part", ref rest @ ..] => self.parts.extend(words(rest)),
            ["case", constant, set] => self.cases.push((constant.to_owned(), set.to_owned())),
            ["define", ref rest @ ..] => {
                for cell in rest {
                    self.define(row, cell)?;
                }
            }
            _ => return Err(row.error(format_args!("cannot read '{}'", row.text))),
        }
        Ok(())
    }

    /// `NAME=VALUE`, or `ARCH,ARCH=VALUE` about the name before.
    fn define(&mut self, row: &Row, cell: &str) -> Result<()> {
        let (name, value) = cell.split_once('=').ok_or(row.error("expected NAME=VALUE"))?;
        if name.starts_with(|c: char| c.is_ascii_uppercase()) {
            self.defines.push(Define { name: name.to_owned(), value: value.to_owned(), others: Vec::new() });
            return Ok(());
        }
        let define = self.defines.last_mut().ok_or(row.error("no constant yet"))?;
        define.others.push((name.split(',').map(str::to_owned).collect(), value.to_owned()));
        Ok(())
    }
}

/// Whether a name matches a pattern in which `*` stands for anything.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name) in [("A*", "A"), ("A*", "AB"), ("*_X", "A_X"), ("F_*_P", "F_A_P"), ("AB", "AB")] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("A*", "BA"), ("*_X", "A_XY"), ("F_*_P", "F_P"), ("AB", "ABC"), ("AB", "A")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
