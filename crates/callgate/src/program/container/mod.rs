//! Programs in the wrappings people keep them in: bytes, arrays, listings of other tools.
//!
//! [`read`] finds out by itself what it is given and says why it thinks so; [`write`] makes one
//! canonical form of each. Every form keeps every field of every instruction.

mod array;
mod bytes;
mod columns;
mod detect;
pub(in crate::program) mod endian;
mod foreign;
mod guards;
mod lex;
mod lists;
mod mnemonic;
mod symbols;
mod write;

pub use detect::{Detected, detect};
pub use guards::{c_condition, rust_condition};
pub use write::write;

use super::Code;
use super::asm::{self, Error};
use callgate_abi::{Arch, Endian};

macro_rules! containers {
    ($($variant:ident $name:literal $doc:literal;)*) => {
        /// A wrapping of a program.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Container { $(#[doc = $doc] $variant,)* }

        impl Container {
            /// Every wrapping.
            pub const ALL: &'static [Container] = &[$(Container::$variant,)*];

            /// Its name, as a command line takes it.
            pub const fn name(self) -> &'static str {
                match self { $(Container::$variant => $name,)* }
            }

            /// What it is, in a few words.
            pub const fn describe(self) -> &'static str {
                match self { $(Container::$variant => $doc,)* }
            }
        }
    };
}

containers! {
    Binary "raw" "`struct sock_filter` records, of either byte order.";
    C "c" "A C array of `struct sock_filter` initialisers; also `tcpdump -dd`, Go, Python and JSON tuples.";
    Macros "c-macros" "A C array of `BPF_STMT` and `BPF_JUMP`.";
    Bytes "c-bytes" "A C array of `unsigned char`.";
    Rust "rust" "A Rust array of `sock_filter`.";
    Escaped "string" "A string of `\\x` escapes.";
    Hex "hex" "Hexadecimal digits; read also from `xxd` and `hexdump -C`.";
    Base64 "base64" "Base64.";
    Tcpdump "ddd" "`tcpdump -ddd`: a count, then `code jt jf k` lines in decimal.";
    XtBpf "xt_bpf" "`iptables -m bpf --bytecode`: `1,6 0 0 2147418112`.";
    Strace "strace" "`strace -v` of the call that loads it.";
    SeccompTools "seccomp-tools" "The listing `seccomp-tools disasm` and `dump` print.";
    SeccompToolsAsm "seccomp-tools-asm" "What `seccomp-tools asm` takes.";
    Ceccomp "ceccomp" "The listing of ceccomp.";
    BpfAsm "bpf_asm" "What the kernel's `bpf_asm` takes; read also from `bpf_dbg` and `tcpdump -d`.";
    Asm "asm" "This crate's listing; read also from the assemblers of seccomp-tools and ceccomp.";
}

impl Container {
    /// The wrapping with this name.
    pub fn from_name(name: &str) -> Option<Container> {
        Container::ALL.iter().copied().find(|c| c.name() == name)
    }
}

/// What a reader is told from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReadOptions {
    /// The wrapping; found out from the content if not given.
    pub container: Option<Container>,
    /// The architecture whose call names and constants a text means where it does not say.
    pub arch: Option<Arch>,
    /// The byte order of the machine the program is meant for; found out if not given.
    pub endian: Option<Endian>,
}

/// A program that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    /// The instructions.
    pub code: Code,
    /// What they were wrapped in.
    pub container: Container,
    /// How that was found out, in words.
    pub why: String,
}

/// Reads a program from any wrapping.
///
/// ```
/// use callgate::program::container::{Container, ReadOptions, read};
///
/// let file = b"2\n32 0 0 0\n6 0 0 2147418112\n";
/// let read = read(file, &ReadOptions::default()).unwrap();
/// assert_eq!(read.container, Container::Tcpdump);
/// assert_eq!(read.code.insns.len(), 2);
///
/// let errors = callgate::program::container::read(b"2\n32 0 0 0\n", &ReadOptions::default()).unwrap_err();
/// assert_eq!(errors[0].to_string(), "1:1: the first line promises 2 instructions, 1 follows");
/// ```
pub fn read(bytes: &[u8], options: &ReadOptions) -> Result<Read, Vec<Error>> {
    let one = |message: &str| vec![Error::at(1, 1, message)];
    if bytes.is_empty() {
        return Err(one("the file is empty"));
    }
    let Detected { container, why } = match options.container {
        Some(container) => Detected { container, why: "it was said so".to_string() },
        None => detect(bytes).ok_or_else(|| one("this looks like no wrapping of a BPF program"))?,
    };
    if container == Container::Binary {
        let code = bytes::binary(bytes, options.endian).map_err(|e| vec![e])?;
        return Ok(Read { code, container, why });
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let good = &bytes[..e.valid_up_to()];
        let line = good.iter().filter(|b| **b == b'\n').count() + 1;
        vec![Error::at(line, 1, format!("this is no text, which {} needs", container.name()))]
    })?;
    let text = &detect::plain(text);
    let in_words = matches!(
        container,
        Container::Bytes | Container::C | Container::Macros | Container::Rust | Container::Strace
    );
    if in_words && text.len() > asm::MAX_TEXT {
        return Err(one(&format!(
            "the text is larger than {} MiB, which no program's is",
            asm::MAX_TEXT >> 20
        )));
    }
    let code = match container {
        Container::Binary => unreachable!("handled above"),
        Container::Escaped => bytes::wrapped(bytes::escaped(text), options.endian),
        Container::Hex => bytes::wrapped(bytes::hex(text), options.endian),
        Container::Base64 => bytes::wrapped(bytes::base64(text), options.endian),
        Container::Bytes => {
            let text = guards::chosen(text, options.arch).map_err(|e| vec![e])?;
            bytes::wrapped(array::bytes(&text, options.arch), options.endian)
        }
        Container::C | Container::Macros | Container::Rust | Container::Strace => {
            let text = guards::chosen(text, options.arch).map_err(|e| vec![e])?;
            endian::settle(array::instructions(&text, options.arch), options.endian)
        }
        Container::Tcpdump => endian::settle(lists::tcpdump(text), options.endian),
        Container::XtBpf => endian::settle(lists::xt_bpf(text), options.endian),
        Container::SeccompTools | Container::Ceccomp => {
            endian::settle(columns::columns(text), options.endian)
        }
        Container::BpfAsm => endian::settle(mnemonic::assemble(text), options.endian),
        Container::Asm | Container::SeccompToolsAsm => {
            asm::assemble(text, &asm::Options { arch: options.arch, endian: options.endian })
        }
    }?;
    if code.insns.is_empty() {
        return Err(one("there are no instructions in this file"));
    }
    Ok(Read { code, container, why })
}
