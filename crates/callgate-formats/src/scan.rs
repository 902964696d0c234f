//! A text with its name, and walking through it with line and column at hand.

use crate::options::Options;
use crate::place::{Error, Place, Problem};
use callgate::Origin;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place in a text: line and column in characters, both from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Pos {
    pub(crate) line: u32,
    pub(crate) col: u32,
}

/// A text and the name messages give it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The file, if it has a name.
    pub(crate) name: Option<Arc<str>>,
    /// Whether another file included this one.
    pub(crate) included: bool,
    pub(crate) text: Arc<str>,
}

impl Source {
    /// The file a reader was called with.
    pub(crate) fn main(text: &str, options: &Options) -> Source {
        Source { name: options.file.clone(), included: false, text: text.into() }
    }

    /// A file this one includes, by a path as written there; relative ones are relative to `base`
    /// (a directory).
    ///
    /// # Errors
    /// At `pos` of this file, when nothing can open it.
    pub(crate) fn include(
        &self,
        base: &Path,
        path: &str,
        pos: Pos,
        options: &Options,
    ) -> Result<Source, Error> {
        let Some(open) = &options.open else {
            return Err(self.error(pos, format!("{path} is included, but files cannot be opened here")));
        };
        let full = base.join(path);
        let text = open(&full).map_err(|e| {
            self.error(pos, format!("the included file {} cannot be read: {e}", full.display()))
        })?;
        Ok(Source { name: Some(full.display().to_string().into()), included: true, text: text.into() })
    }

    /// The directory this file lies in, empty if it has none.
    pub(crate) fn directory(&self) -> PathBuf {
        let path = self.name.as_deref().map(Path::new);
        path.and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default()
    }

    /// The place of a problem, loss or note; those of included files name the file.
    pub(crate) fn place(&self, pos: Pos) -> Place {
        match &self.name {
            Some(name) if self.included => {
                Place { path: Some(format!("{name}:{}:{}", pos.line, pos.col).into()), ..Place::default() }
            }
            _ => Place::at(pos.line, pos.col),
        }
    }

    /// A problem at a place of this text.
    pub(crate) fn problem(&self, pos: Pos, what: impl Into<String>) -> Problem {
        let mut problem = Problem::new(Place::at(pos.line, pos.col), what);
        problem.file = self.name.clone();
        problem
    }

    /// An error at a place of this text.
    pub(crate) fn error(&self, pos: Pos, what: impl Into<String>) -> Error {
        self.problem(pos, what).into()
    }

    /// The origin of a rule written at a place of this text.
    pub(crate) fn origin(&self, pos: Pos) -> Origin {
        Origin { file: self.name.clone(), line: pos.line, path: None }
    }

    /// The lines with their numbers, without their ends.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (u32, &str)> {
        (1u32..).zip(self.text.split('\n'))
    }
}

/// A cursor over a text.
pub(crate) struct Scanner<'a> {
    rest: &'a str,
    pos: Pos,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(source: &'a Source) -> Scanner<'a> {
        Scanner { rest: &source.text, pos: Pos { line: 1, col: 1 } }
    }

    pub(crate) fn pos(&self) -> Pos {
        self.pos
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes one character.
    pub(crate) fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            self.pos = Pos { line: self.pos.line.saturating_add(1), col: 1 };
        } else {
            self.pos.col = self.pos.col.saturating_add(1);
        }
        Some(c)
    }

    /// Takes `word` if the text goes on with it.
    pub(crate) fn eat(&mut self, word: &str) -> bool {
        let found = self.rest.starts_with(word);
        if found {
            word.chars().for_each(|_| {
                self.bump();
            });
        }
        found
    }

    /// Takes the characters for which `keep` holds.
    pub(crate) fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let start = self.rest;
        while self.peek().is_some_and(&keep) {
            self.bump();
        }
        &start[..start.len() - self.rest.len()]
    }
}

/// The words of a line that blanks separate, with the column (from 1) each begins at.
pub(crate) fn words(line: &str) -> impl Iterator<Item = (u32, &str)> {
    let mut col = 1u32;
    let mut rest = line;
    std::iter::from_fn(move || {
        let blanks = rest.chars().take_while(|c| c.is_whitespace());
        let (mut n, mut bytes) = (0u32, 0usize);
        for c in blanks {
            n = n.saturating_add(1);
            bytes += c.len_utf8();
        }
        rest = &rest[bytes..];
        col = col.saturating_add(n);
        if rest.is_empty() {
            return None;
        }
        let word = rest.split(char::is_whitespace).next().unwrap_or_default();
        let at = col;
        rest = &rest[word.len()..];
        col = col.saturating_add(u32::try_from(word.chars().count()).unwrap_or(u32::MAX));
        Some((at, word))
    })
}
