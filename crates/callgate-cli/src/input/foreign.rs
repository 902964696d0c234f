//! A policy in another notation, which can be read again after a change.

use callgate_formats::{Amended, Error, Format, Import, Options, Permit, Unamended, amend, read};

/// Policies from another notation, with the text they were read from.
#[derive(Clone)]
pub(crate) struct Foreign {
    import: Import,
    text: String,
    options: Options,
}

impl Foreign {
    pub(super) fn read(text: &str, format: Format, options: Options) -> Result<Foreign, Error> {
        let import = read(text, format, &options)?;
        Ok(Foreign { import, text: text.to_owned(), options })
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What allows a call here, in the file's own notation.
    pub(crate) fn amended(&self, permit: &Permit) -> Result<Amended, Unamended> {
        amend(&self.text, self.import.format, &self.options, permit)
    }

    /// The same file with another text.
    pub(crate) fn with_text(&self, text: &str) -> Result<Foreign, Error> {
        Foreign::read(text, self.import.format, self.options.clone())
    }
}

impl std::ops::Deref for Foreign {
    type Target = Import;

    fn deref(&self) -> &Import {
        &self.import
    }
}
