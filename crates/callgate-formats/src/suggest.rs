//! "Did you mean": the nearest known word.

pub(crate) use callgate::nearest;

/// The names of constants that are worth suggesting.
pub(crate) fn constants() -> impl Iterator<Item = &'static str> {
    callgate::abi::constant::names().chain((0..4096).filter_map(|n| callgate::Errno(n).name()))
}
