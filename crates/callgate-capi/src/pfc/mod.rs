//! A collection as text, the way libseccomp words it.

use crate::collection::Collection;

/// The text.
pub(crate) fn text(_collection: &Collection) -> String {
    String::new()
}
