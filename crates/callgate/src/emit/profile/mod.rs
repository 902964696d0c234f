//! How often each call is made: what the code generator weighs paths with.

use callgate_abi::Syscall;
use std::fmt;
use std::sync::OnceLock;

/// Calls with how often they are made. Only proportions count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// By call, ascending.
    weights: Vec<(Syscall, u64)>,
}

/// Why a text is no profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProfileError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.message)
    }
}

impl std::error::Error for ProfileError {}

impl Profile {
    /// The profile that ships: real workloads, measured for this project (the file says which).
    pub fn shipped() -> &'static Profile {
        static SHIPPED: OnceLock<Profile> = OnceLock::new();
        SHIPPED.get_or_init(|| {
            Profile::parse(include_str!("default.txt")).expect("the shipped profile is well-formed")
        })
    }

    /// Every call counts alike.
    pub fn uniform() -> Profile {
        Profile { weights: Syscall::all().map(|c| (c, 1)).collect() }
    }

    /// Reads lines of `NAME: COUNT`; `#` begins a comment. A name given twice counts the sum.
    ///
    /// ```
    /// use callgate::emit::Profile;
    ///
    /// let profile = Profile::parse("# two calls\nread: 90\nwrite: 10\n").unwrap();
    /// assert_eq!(profile.weight(callgate::Syscall::from_name("read").unwrap()), 90);
    /// assert_eq!(Profile::parse("raed: 1").unwrap_err().to_string(), "1: no system call is named `raed`");
    /// ```
    ///
    /// # Errors
    /// A line of another form, or a name that no system call has.
    pub fn parse(text: &str) -> Result<Profile, ProfileError> {
        let mut weights: Vec<(Syscall, u64)> = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let error = |message: String| ProfileError { line: i + 1, message };
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let (name, count) = line.split_once(':').ok_or_else(|| error("expected `NAME: COUNT`".into()))?;
            let name = name.trim();
            let call =
                Syscall::from_name(name).ok_or_else(|| error(format!("no system call is named `{name}`")))?;
            let count: u64 =
                count.trim().parse().map_err(|_| error(format!("`{}` is no count", count.trim())))?;
            weights.push((call, count));
        }
        weights.sort_unstable();
        weights.dedup_by(|later, first| {
            let same = later.0 == first.0;
            if same {
                first.1 = first.1.saturating_add(later.1);
            }
            same
        });
        Ok(Profile { weights })
    }

    /// How often this call is made.
    pub fn weight(&self, call: Syscall) -> u64 {
        self.weights.binary_search_by_key(&call, |w| w.0).map_or(0, |i| self.weights[i].1)
    }
}
