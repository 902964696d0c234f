//! Policies written in Rust, a rule at a time.

use crate::policy::{ArgCmp, ArgIndex, Call, Cond, Op, Origin, Policy, Rule};
use callgate_abi::{Action, Errno, Syscall, Width};
use std::fmt;
use std::ops::{BitAnd, BitOr, Not};

/// No system call has this name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownCall {
    /// The name.
    pub name: String,
    /// The nearest name there is.
    pub nearest: Option<&'static str>,
}

impl fmt::Display for UnknownCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no system call is named `{}`", self.name)?;
        match self.nearest {
            Some(near) => write!(f, "; did you mean `{near}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UnknownCall {}

impl Policy {
    /// Appends a rule: these calls, under this condition, get this action. Rules are asked in the order
    /// in which they are added; the first that matches decides.
    ///
    /// ```
    /// use callgate::{Action, Policy, arg32};
    ///
    /// const AF_UNIX: u64 = 1;
    /// let policy = Policy::new(Action::KILL_PROCESS)
    ///     .allow(["read", "write", "exit_group"])?
    ///     .rule(Action::ALLOW, ["socket"], arg32(0).eq(AF_UNIX))?;
    /// assert_eq!(policy.rules.len(), 2);
    ///
    /// let error = Policy::new(Action::ALLOW).allow(["raed"]).unwrap_err();
    /// assert_eq!(error.to_string(), "no system call is named `raed`; did you mean `read`?");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A name that no system call has, on any architecture.
    pub fn rule<'a>(
        mut self,
        action: Action,
        calls: impl IntoIterator<Item = &'a str>,
        when: Cond,
    ) -> Result<Policy, UnknownCall> {
        let calls = calls.into_iter().map(|name| {
            Syscall::from_name(name).map(Call::Named).ok_or_else(|| UnknownCall {
                name: name.to_owned(),
                nearest: crate::nearest(name, Syscall::all().map(Syscall::name)),
            })
        });
        let calls = calls.collect::<Result<_, _>>()?;
        self.rules.push(Rule { calls, arches: Vec::new(), when, action, origin: Origin::default() });
        Ok(self)
    }

    /// Allows these calls, whatever their arguments.
    ///
    /// # Errors
    /// A name that no system call has.
    pub fn allow<'a>(self, calls: impl IntoIterator<Item = &'a str>) -> Result<Policy, UnknownCall> {
        self.rule(Action::ALLOW, calls, Cond::True)
    }

    /// Kills the process for these calls.
    ///
    /// # Errors
    /// A name that no system call has.
    pub fn kill<'a>(self, calls: impl IntoIterator<Item = &'a str>) -> Result<Policy, UnknownCall> {
        self.rule(Action::KILL_PROCESS, calls, Cond::True)
    }

    /// Makes these calls fail with an error.
    ///
    /// # Errors
    /// A name that no system call has.
    pub fn errno<'a>(
        self,
        errno: Errno,
        calls: impl IntoIterator<Item = &'a str>,
    ) -> Result<Policy, UnknownCall> {
        self.rule(Action::Errno(errno), calls, Cond::True)
    }
}

/// The low 32 bits of argument `index` (0–5): what the kernel reads of an `int`, a flag word, a
/// descriptor.
///
/// # Panics
/// If `index` is above 5.
pub fn arg32(index: u8) -> Operand {
    Operand { arg: ArgIndex::new(index).expect("a call has arguments 0 to 5"), width: Width::W32 }
}

/// All 64 bits of argument `index` (0–5): a size, an offset, a pointer, an `unsigned long`.
///
/// # Panics
/// If `index` is above 5.
pub fn arg64(index: u8) -> Operand {
    Operand { arg: ArgIndex::new(index).expect("a call has arguments 0 to 5"), width: Width::W64 }
}

/// An argument, ready to be compared. Comparisons are unsigned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operand {
    arg: ArgIndex,
    width: Width,
}

impl Operand {
    fn compare(self, op: Op) -> Cond {
        Cond::Arg(ArgCmp { arg: self.arg, width: self.width, op })
    }

    /// Equal to `value`.
    pub fn eq(self, value: u64) -> Cond {
        self.compare(Op::Eq(value))
    }

    /// Other than `value`.
    pub fn ne(self, value: u64) -> Cond {
        self.compare(Op::Ne(value))
    }

    /// Below `value`.
    pub fn lt(self, value: u64) -> Cond {
        self.compare(Op::Lt(value))
    }

    /// At most `value`.
    pub fn le(self, value: u64) -> Cond {
        self.compare(Op::Le(value))
    }

    /// Above `value`.
    pub fn gt(self, value: u64) -> Cond {
        self.compare(Op::Gt(value))
    }

    /// At least `value`.
    pub fn ge(self, value: u64) -> Cond {
        self.compare(Op::Ge(value))
    }

    /// One of these values.
    pub fn is_in(self, values: impl IntoIterator<Item = u64>) -> Cond {
        Cond::Any(values.into_iter().map(|v| self.eq(v)).collect())
    }

    /// The bits of `mask` are those of `value`.
    pub fn masked_eq(self, mask: u64, value: u64) -> Cond {
        self.compare(Op::MaskedEq { mask, value })
    }
}

impl BitAnd for Cond {
    type Output = Cond;

    /// Both conditions.
    fn bitand(self, other: Cond) -> Cond {
        Cond::All(vec![self, other])
    }
}

impl BitOr for Cond {
    type Output = Cond;

    /// Either condition.
    fn bitor(self, other: Cond) -> Cond {
        Cond::Any(vec![self, other])
    }
}

impl Not for Cond {
    type Output = Cond;

    /// The opposite.
    fn not(self) -> Cond {
        Cond::Not(Box::new(self))
    }
}
