//! A unit and its drop-ins, read as one.

use crate::place::{Error, Place, Problem};
use crate::scan::{Pos, Source};
use callgate::Origin;

/// The texts of a unit, in the order they are read: the unit, then its drop-ins.
#[derive(Clone, Debug)]
pub(super) struct Files(pub(super) Vec<Source>);

/// A place in one of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Spot {
    pub(super) file: usize,
    pub(super) pos: Pos,
}

impl Files {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The text a place is in.
    pub(super) fn of(&self, spot: Spot) -> &Source {
        &self.0[spot.file]
    }

    pub(super) fn lines(&self, file: usize) -> impl Iterator<Item = (u32, &str)> {
        self.0[file].lines()
    }

    pub(super) fn place(&self, spot: Spot) -> Place {
        self.of(spot).place(spot.pos)
    }

    pub(super) fn problem(&self, spot: Spot, what: impl Into<String>) -> Problem {
        self.of(spot).problem(spot.pos, what)
    }

    pub(super) fn error(&self, spot: Spot, what: impl Into<String>) -> Error {
        self.of(spot).error(spot.pos, what)
    }

    pub(super) fn origin(&self, spot: Spot) -> Origin {
        self.of(spot).origin(spot.pos)
    }
}
