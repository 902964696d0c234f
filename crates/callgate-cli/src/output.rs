//! Where results go: a file, or stdout.

use crate::failure::Failure;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

/// `-o FILE`; `-` and nothing are stdout.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Output {
    /// Write the result to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

impl Output {
    /// Writes text.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        self.write(text.as_bytes())
    }

    /// Writes bytes that are text.
    pub(crate) fn bytes(&self, text: &[u8]) -> Result<(), Failure> {
        self.write(text)
    }

    /// Writes bytes that are no text; not to a terminal.
    pub(crate) fn binary(&self, bytes: &[u8]) -> Result<(), Failure> {
        if self.is_stdout() && std::io::stdout().is_terminal() {
            return Err(Failure::input(
                "the result is binary and standard output is a terminal: name a file with -o",
            ));
        }
        self.write(bytes)
    }

    fn is_stdout(&self) -> bool {
        self.output.as_deref().is_none_or(|p| p == Path::new("-"))
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        match &self.output {
            Some(path) if path != Path::new("-") => {
                std::fs::write(path, bytes).map_err(|e| Failure::input(format!("{}: {e}", path.display())))
            }
            _ => print_bytes(bytes),
        }
    }
}

/// Writes to stdout.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    printed(out.write_all(bytes).and_then(|()| out.flush()))
}

/// What a write to stdout came to. A closed pipe is no failure: whoever read had enough.
pub(crate) fn printed(written: std::io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(e) => Err(Failure::input(format!("standard output: {e}"))),
        Ok(()) => Ok(()),
    }
}

/// Writes text to stdout.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}
