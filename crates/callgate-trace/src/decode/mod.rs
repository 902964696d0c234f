//! A call in words: constants by name, and what its pointers point to.
//!
//! What is read from memory is marked by `~`: the filter never saw it, and the program, or another that
//! shares its memory, may change it at any time. Registers are what the filter decided on.
//!
//! ```
//! use callgate::{Arch, SeccompData};
//! use callgate_trace::decode::{self, Nothing};
//!
//! let call = SeccompData { nr: 41, arch: Arch::X86_64.token(), args: [16, 3, 0, 0, 0, 0], ip: 0 };
//! assert_eq!(decode::call(&call, &Nothing).to_string(), "socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)");
//! ```

mod address;
mod memory;
mod pointed;

pub use memory::{Live, Memory, Nothing};

use callgate::abi::constant::describe;
use callgate::abi::{Param, Role};
use callgate::{Arch, SeccompData, Syscall, Width};
use std::fmt;

/// A call in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decoded {
    /// The call's name; `None` for a number or a convention the tables do not have.
    pub name: Option<&'static str>,
    /// The convention; `None` for a token the tables do not have.
    pub arch: Option<Arch>,
    /// The call itself.
    pub call: SeccompData,
    /// Its arguments: as many as it has parameters, or all six registers if that is not known.
    pub args: Vec<Argument>,
}

/// An argument in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Argument {
    /// The parameter's name; `None` where it is not known.
    pub name: Option<&'static str>,
    /// The register's value, by its constants where it has any.
    pub value: String,
    /// What it points to, read from memory.
    pub pointed: Option<String>,
}

/// A call in words, with what `memory` has of it.
pub fn call(data: &SeccompData, memory: &dyn Memory) -> Decoded {
    let arch = Arch::of_call(data.arch, data.nr);
    let known = arch.and_then(|a| Syscall::from_number(a, data.nr));
    let params = known.zip(arch).and_then(|(call, arch)| call.params(arch));
    let args = match (params, arch) {
        (Some(params), Some(arch)) => (params.iter().take(6).enumerate())
            .map(|(i, param)| Argument {
                name: Some(param.name),
                value: value(param, data.args[i], &data.args, arch),
                pointed: pointed::text(known.map_or("", Syscall::name), params, i, data, arch, memory),
            })
            .collect(),
        _ => (data.args.iter()).map(|a| Argument { name: None, value: number(*a), pointed: None }).collect(),
    };
    Decoded { name: known.map(Syscall::name), arch, call: *data, args }
}

/// A register's value, by its constants where the parameter takes any. `args` are all of the call's.
pub fn value(param: &Param, value: u64, args: &[u64; 6], arch: Arch) -> String {
    let narrow = param.width == Width::W32;
    // The kernel reads the low half only, and a negative int may come with any upper half.
    let value = if narrow { value & 0xffff_ffff } else { value };
    let selector = param.selector.and_then(|i| args.get(usize::from(i))).copied().unwrap_or_default();
    if let Some(set) = param.set_for(selector, arch) {
        let mut name = String::new();
        // Writing to a string cannot fail.
        let _ = describe(set, value, arch, &mut name);
        // Nobody writes a mode of nothing in octal.
        return if name == "0o0" { "0".to_owned() } else { name };
    }
    if value == 0 && matches!(param.role, Role::Pointer | Role::Path) {
        return "NULL".to_owned();
    }
    let wide = if narrow { i64::from(value as u32 as i32) } else { value.cast_signed() };
    if param.signed && (-4096..0).contains(&wide) { wide.to_string() } else { number(value) }
}

/// A number as a person writes it.
fn number(n: u64) -> String {
    if n < 10_000 { n.to_string() } else { format!("{n:#x}") }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pointed {
            Some(pointed) => write!(f, "~{pointed}"),
            None => f.write_str(&self.value),
        }
    }
}

impl fmt::Display for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => f.write_str(name)?,
            None => write!(f, "call {:#x}", self.call.nr)?,
        }
        f.write_str("(")?;
        for (i, arg) in self.args.iter().enumerate() {
            write!(f, "{}{arg}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str(")")
    }
}
