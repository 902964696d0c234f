//! The policies that come with callgate, each a `.cg` file that says what it is for.
//!
//! ```
//! use callgate::{Policy, builtin};
//!
//! let policy = Policy::parse(builtin::get("no-network").unwrap()).unwrap();
//! assert!(policy.default.permits());
//! ```

const POLICIES: &[(&str, &str)] = &[
    ("container-like", include_str!("container-like.cg")),
    ("no-fork", include_str!("no-fork.cg")),
    ("no-network", include_str!("no-network.cg")),
    ("no-new-exec", include_str!("no-new-exec.cg")),
    ("pure-computation", include_str!("pure-computation.cg")),
    ("read-only-files", include_str!("read-only-files.cg")),
    ("strict", include_str!("strict.cg")),
];

/// Their names, ascending.
pub fn names() -> impl ExactSizeIterator<Item = &'static str> + Clone {
    POLICIES.iter().map(|p| p.0)
}

/// The text of the policy with this name.
pub fn get(name: &str) -> Option<&'static str> {
    POLICIES.iter().find(|p| p.0 == name).map(|p| p.1)
}

/// What it is for, one line: the text's first, after the name.
pub fn summary(name: &str) -> Option<&'static str> {
    let first = get(name)?.lines().next()?;
    first.strip_prefix("# ")?.strip_prefix(name)?.strip_prefix(": ")
}
