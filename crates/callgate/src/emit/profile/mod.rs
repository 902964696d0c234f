//! How often each call is made: what the code generator weighs paths with.

mod shipped;

use callgate_abi::Syscall;
use std::borrow::Cow;
use std::fmt;

/// Calls with how often they are made, and with which arguments where that is known. Only proportions count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// By [`Syscall::index`].
    weights: Cow<'static, [u64]>,
    made: Vec<Made>,
}

/// Calls whose arguments are known in part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Made {
    pub(super) call: Syscall,
    pub(super) args: [Option<u64>; 6],
    pub(super) count: u64,
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
        static SHIPPED: Profile = Profile { weights: Cow::Borrowed(&shipped::WEIGHTS), made: Vec::new() };
        &SHIPPED
    }

    /// No calls: every call counts alike until some are added.
    pub fn empty() -> Profile {
        Profile { weights: Cow::Borrowed(&[0; Syscall::COUNT]), made: Vec::new() }
    }

    /// Every call counts alike.
    pub fn uniform() -> Profile {
        Profile { weights: Cow::Borrowed(&[1; Syscall::COUNT]), made: Vec::new() }
    }

    /// Counts calls in, with arguments as far as they are known.
    ///
    /// ```
    /// use callgate::emit::Profile;
    ///
    /// let fcntl = callgate::Syscall::from_name("fcntl").unwrap();
    /// let mut profile = Profile::empty();
    /// profile.add(fcntl, &[None, Some(1)], 70);
    /// profile.add(fcntl, &[], 30);
    /// assert_eq!(profile.weight(fcntl), 100);
    /// ```
    pub fn add(&mut self, call: Syscall, args: &[Option<u64>], count: u64) {
        let weight = &mut self.weights.to_mut()[usize::from(call.index())];
        *weight = weight.saturating_add(count);
        if args.iter().any(Option::is_some) {
            let mut all = [None; 6];
            all.iter_mut().zip(args).for_each(|(known, arg)| *known = *arg);
            self.made.push(Made { call, args: all, count });
        }
    }

    /// Reads lines of `NAME: COUNT` or `NAME(ARGUMENT, …): COUNT`; `#` begins a comment. An argument is a
    /// number, decimal or after `0x`, or `_` where it is not known; those that are left out are not known. A
    /// name given twice counts the sum.
    ///
    /// ```
    /// use callgate::emit::Profile;
    ///
    /// let profile = Profile::parse("# two calls\nread: 90\nioctl(_, 0x5401): 10\n").unwrap();
    /// assert_eq!(profile.weight(callgate::Syscall::from_name("read").unwrap()), 90);
    /// assert_eq!(Profile::parse("raed: 1").unwrap_err().to_string(), "1: no system call is named `raed`");
    /// ```
    ///
    /// # Errors
    /// A line of another form, or a name that no system call has.
    pub fn parse(text: &str) -> Result<Profile, ProfileError> {
        let mut profile = Profile::empty();
        for (i, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                profile.line(line).map_err(|message| ProfileError { line: i + 1, message })?;
            }
        }
        Ok(profile)
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let form = "expected `NAME: COUNT` or `NAME(ARGUMENT, …): COUNT`";
        let (call, count) = line.split_once(':').ok_or(form)?;
        let (name, args) = match call.trim().split_once('(') {
            Some((name, args)) => (name.trim(), Some(args.trim_end().strip_suffix(')').ok_or(form)?)),
            None => (call.trim(), None),
        };
        let call = Syscall::from_name(name).ok_or_else(|| format!("no system call is named `{name}`"))?;
        let args = args.map_or(Ok(Vec::new()), |args| args.split(',').map(argument).collect())?;
        if args.len() > 6 {
            return Err(format!("{name}: a call has at most six arguments"));
        }
        let count = count.trim();
        let count: u64 = count.parse().map_err(|_| format!("`{count}` is no count"))?;
        self.add(call, &args, count);
        Ok(())
    }

    /// Whether it counts no call at all.
    pub fn is_empty(&self) -> bool {
        self.weights.iter().all(|w| *w == 0)
    }

    /// How often this call is made.
    pub fn weight(&self, call: Syscall) -> u64 {
        self.weights[usize::from(call.index())]
    }

    /// The calls whose arguments are known.
    pub(super) fn made(&self) -> &[Made] {
        &self.made
    }
}

fn argument(word: &str) -> Result<Option<u64>, String> {
    let word = word.trim();
    let number = match word.strip_prefix("0x") {
        _ if word == "_" => return Ok(None),
        Some(hex) => u64::from_str_radix(hex, 16),
        None => word.parse(),
    };
    number.map(Some).map_err(|_| format!("`{word}` is neither a number nor `_`"))
}
