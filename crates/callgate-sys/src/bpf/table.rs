//! What the programs and we both see: one value of the kernel's, mapped, in several parts.

use std::sync::atomic::Ordering;

use super::kernel::Map;
use super::mapping::{Access, Mapping};
use crate::error::Error;

/// The value.
pub(super) struct Table {
    map: Map,
    mapping: Mapping,
}

impl Table {
    /// One of so many bytes, whole pages, all 0.
    pub(super) fn new(len: usize) -> Result<Table, Error> {
        let map = Map::mapped_array(len)?;
        let mapping = Mapping::new(map.fd(), len, Access::Write, 0)?;
        Ok(Table { map, mapping })
    }

    pub(super) fn fd(&self) -> i32 {
        self.map.fd()
    }

    /// The number at a place, as it is now; 0 where there is none.
    pub(super) fn double(&self, at: usize) -> u64 {
        self.mapping.double(at).map_or(0, |number| number.load(Ordering::Acquire))
    }

    /// Writes a number.
    pub(super) fn set_word(&self, at: usize, value: u32) {
        if let Some(place) = self.mapping.word(at) {
            place.store(value, Ordering::Release);
        }
    }
}
