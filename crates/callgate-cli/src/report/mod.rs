//! How results are put into words and JSON, shared by the verbs.

pub(crate) mod calls;
pub(crate) mod conditions;
pub(crate) mod decided;
pub(crate) mod denial;
pub(crate) mod json;
pub(crate) mod layers;
pub(crate) mod listing;
pub(crate) mod meaning;
pub(crate) mod sarif;
pub(crate) mod words;
