//! Programs as text.
//!
//! ```
//! use callgate::abi::{Endian, Insn, insn::op};
//! use callgate::program::{Code, disasm::{Options, disasm}};
//!
//! let insns = vec![
//!     Insn::stmt(op::LD_ABS, 4),
//!     Insn::jump(op::JEQ_K, 0xc000_003e, 1, 0),
//!     Insn::stmt(op::RET_K, 0x8000_0000),
//!     Insn::stmt(op::LD_ABS, 0),
//!     Insn::jump(op::JEQ_K, 101, 0, 1),
//!     Insn::stmt(op::RET_K, 0x0005_0001),
//!     Insn::stmt(op::RET_K, 0x7fff_0000),
//! ];
//! let listing = disasm(&Code { insns, endian: Endian::Little }, &Options::default());
//! assert_eq!(listing.to_string(), "\
//! ## 7 instructions
//! .arch x86_64
//!    0: A = arch
//!    1: if arch == x86_64 goto 3
//!    2: return kill-process
//!    3: A = nr
//!    4: if nr != ptrace goto 6
//!    5: return errno(EPERM)
//!    6: return allow
//! ");
//! ```

pub(in crate::program) mod flow;
mod line;
mod listing;
pub(in crate::program) mod names;
mod opcode;
pub(in crate::program) mod value;
mod write;

pub(in crate::program) use line::action_text;
pub use listing::{Line, Listing, Mark, Span};
pub(in crate::program) use write::NEVER;
pub use write::{Options, disasm};
