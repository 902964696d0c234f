//! Constant expressions of C and its headers.

use super::lex::{Node, Placed};
use crate::program::asm::{Error, action_value};
use crate::program::disasm::names::{constant_value, token_named};
use callgate_abi::{Arch, Errno, Syscall};

/// The names of `<linux/bpf_common.h>` and `<linux/filter.h>`.
const BPF: &[(&str, u32)] = &[
    ("BPF_LD", 0x00),
    ("BPF_LDX", 0x01),
    ("BPF_ST", 0x02),
    ("BPF_STX", 0x03),
    ("BPF_ALU", 0x04),
    ("BPF_JMP", 0x05),
    ("BPF_RET", 0x06),
    ("BPF_MISC", 0x07),
    ("BPF_W", 0x00),
    ("BPF_H", 0x08),
    ("BPF_B", 0x10),
    ("BPF_IMM", 0x00),
    ("BPF_ABS", 0x20),
    ("BPF_IND", 0x40),
    ("BPF_MEM", 0x60),
    ("BPF_LEN", 0x80),
    ("BPF_MSH", 0xa0),
    ("BPF_ADD", 0x00),
    ("BPF_SUB", 0x10),
    ("BPF_MUL", 0x20),
    ("BPF_DIV", 0x30),
    ("BPF_OR", 0x40),
    ("BPF_AND", 0x50),
    ("BPF_LSH", 0x60),
    ("BPF_RSH", 0x70),
    ("BPF_NEG", 0x80),
    ("BPF_MOD", 0x90),
    ("BPF_XOR", 0xa0),
    ("BPF_JA", 0x00),
    ("BPF_JEQ", 0x10),
    ("BPF_JGT", 0x20),
    ("BPF_JGE", 0x30),
    ("BPF_JSET", 0x40),
    ("BPF_K", 0x00),
    ("BPF_X", 0x08),
    ("BPF_A", 0x10),
    ("BPF_TAX", 0x00),
    ("BPF_TXA", 0x80),
    ("SECCOMP_RET_DATA", 0xffff),
    ("SECCOMP_RET_ACTION", 0x7fff_0000),
    ("SECCOMP_RET_ACTION_FULL", 0xffff_0000),
    ("X32_SYSCALL_BIT", Arch::X32_BIT),
    ("__X32_SYSCALL_BIT", Arch::X32_BIT),
];

/// The value of an expression. `arch` says whose call numbers and constants are meant.
pub(super) fn value(nodes: &[Placed<'_>], arch: Option<Arch>) -> Result<u32, Error> {
    let mut parser = Parser { nodes, at: 0, arch };
    let value = parser.binary(0)?;
    match nodes.get(parser.at) {
        None => Ok(value),
        Some(node) => Err(node.error(format!("{} cannot stand here", show(&node.node)))),
    }
}

/// A node in an error message.
pub(super) fn show(node: &Node<'_>) -> String {
    match node {
        Node::Word(w) | Node::Number(w) | Node::Sign(w) => format!("`{w}`"),
        Node::Text(_) => "a string".to_string(),
        Node::Ellipsis => "`...`".to_string(),
        Node::Group(_) => "a bracket".to_string(),
    }
}

struct Parser<'n, 'a> {
    nodes: &'n [Placed<'a>],
    at: usize,
    arch: Option<Arch>,
}

impl<'a> Parser<'_, 'a> {
    fn peek(&self) -> Option<&Node<'a>> {
        self.nodes.get(self.at).map(|p| &p.node)
    }

    /// Operators by rising strength, as in C.
    fn binary(&mut self, level: usize) -> Result<u32, Error> {
        const LEVELS: &[&[&str]] = &[&["|"], &["^"], &["&"], &["<<", ">>"], &["+", "-"], &["*"]];
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(Node::Sign(sign)) = self.peek()
            && signs.contains(sign)
        {
            let sign = *sign;
            self.at += 1;
            let right = self.binary(level + 1)?;
            left = match sign {
                "|" => left | right,
                "^" => left ^ right,
                "&" => left & right,
                "<<" => left.checked_shl(right).unwrap_or(0),
                ">>" => left.checked_shr(right).unwrap_or(0),
                "+" => left.wrapping_add(right),
                "-" => left.wrapping_sub(right),
                _ => left.wrapping_mul(right),
            };
        }
        Ok(left)
    }

    /// A term with signs and casts before it, and Rust's `as u16` behind it.
    fn unary(&mut self) -> Result<u32, Error> {
        let mut signs = Vec::new();
        loop {
            match self.peek() {
                Some(Node::Sign(sign @ ("~" | "-" | "+"))) => signs.push(*sign),
                Some(Node::Group(inside)) if is_cast(inside) => {}
                _ => break,
            }
            self.at += 1;
        }
        let value = self.primary()?;
        while let (Some(Node::Word("as")), Some(Node::Word(_))) =
            (self.peek(), self.nodes.get(self.at + 1).map(|p| &p.node))
        {
            self.at += 2;
        }
        Ok(signs.iter().rev().fold(value, |v, sign| match *sign {
            "~" => !v,
            "-" => v.wrapping_neg(),
            _ => v,
        }))
    }

    fn primary(&mut self) -> Result<u32, Error> {
        let Some(placed) = self.nodes.get(self.at) else {
            let end = self.nodes.last().map_or((1, 1), |p| (p.line, p.column));
            return Err(Error::at(end.0, end.1, "a number is missing"));
        };
        self.at += 1;
        match &placed.node {
            Node::Number(text) => {
                number(text).ok_or_else(|| placed.error(format!("`{text}` is no 32-bit number")))
            }
            Node::Group(inside) => value(inside, self.arch),
            Node::Word("offsetof") => match self.nodes.get(self.at).map(|p| &p.node) {
                Some(Node::Group(inside)) => {
                    self.at += 1;
                    offset(inside).ok_or_else(|| placed.error("no such member of struct seccomp_data"))
                }
                _ => Err(placed.error("`offsetof` needs a type and a member")),
            },
            Node::Word(word) => {
                let mut name = *word;
                // The last part of `libc::BPF_LD` or `unix.BPF_LD`.
                while let (Some(Node::Sign("::" | ".")), Some(Node::Word(next))) =
                    (self.peek(), self.nodes.get(self.at + 1).map(|p| &p.node))
                {
                    name = next;
                    self.at += 2;
                }
                self.name(name, placed)
            }
            other => Err(placed.error(format!("{} cannot stand here", show(other)))),
        }
    }

    fn name(&self, name: &str, placed: &Placed<'_>) -> Result<u32, Error> {
        if let Some(call) = name.strip_prefix("__NR_").or(name.strip_prefix("SYS_")) {
            let Some(arch) = self.arch else {
                return Err(placed.error(format!("on which architecture is `{name}` meant?")));
            };
            let number = Syscall::from_name(call).and_then(|c| c.number(arch));
            return number.ok_or_else(|| placed.error(format!("`{call}` has no number on {}", arch.name())));
        }
        let symbol = BPF.iter().find(|b| b.0 == name).map(|b| b.1);
        let verdict = || if name.starts_with("SECCOMP_RET_") { action_value(name) } else { None };
        let token = || if name.starts_with("AUDIT_ARCH_") { token_named(name) } else { None };
        let errno = || match self.arch {
            Some(arch) => Errno::from_name(name).map(|e| u32::from(e.on(arch))),
            None => Errno::from_name(name).map(|e| u32::from(e.0)),
        };
        let constant = || self.arch.and_then(|arch| constant_value(name, arch));
        let found = symbol.or_else(verdict).or_else(token).or_else(errno).or_else(constant);
        found.ok_or_else(|| placed.error(format!("unknown name `{name}`")))
    }
}

/// Whether a bracket holds a type.
fn is_cast(nodes: &[Placed<'_>]) -> bool {
    const TYPES: &[&str] = &[
        "int",
        "unsigned",
        "long",
        "short",
        "char",
        "u8",
        "u16",
        "u32",
        "__u8",
        "__u16",
        "__u32",
        "uint8_t",
        "uint16_t",
        "uint32_t",
        "const",
        "struct",
        "sock_filter",
    ];
    !nodes.is_empty() && nodes.iter().all(|p| matches!(p.node, Node::Word(w) if TYPES.contains(&w)))
}

/// `struct seccomp_data, MEMBER`.
fn offset(nodes: &[Placed<'_>]) -> Option<u32> {
    let comma = nodes.iter().position(|p| p.node == Node::Sign(","))?;
    let member = &nodes[comma + 1..];
    match (&member.first()?.node, member.get(1).map(|p| &p.node)) {
        (Node::Word("nr"), None) => Some(0),
        (Node::Word("arch"), None) => Some(4),
        (Node::Word("instruction_pointer"), None) => Some(8),
        (Node::Word("args"), Some(Node::Group(index))) => match &index.first()?.node {
            Node::Number(n) => number(n).filter(|n| *n < 6).map(|n| 16 + 8 * n),
            _ => None,
        },
        _ => None,
    }
}

/// A literal of C, Rust or Go.
pub(super) fn number(text: &str) -> Option<u32> {
    let text = text.replace('_', "").to_ascii_lowercase();
    let (digits, radix) = match text.get(..2) {
        Some("0x") => (&text[2..], 16),
        Some("0b") => (&text[2..], 2),
        Some("0o") => (&text[2..], 8),
        Some(two) if two.starts_with('0') && two.as_bytes()[1].is_ascii_digit() => (&text[1..], 8),
        _ => (text.as_str(), 10),
    };
    let suffix = digits.find(['u', 'l', 'i']).unwrap_or(digits.len());
    let known =
        ["", "u", "l", "ul", "lu", "ull", "ll", "llu", "u8", "u16", "u32", "u64", "usize", "i32", "i64"];
    let (digits, suffix) = digits.split_at(suffix);
    if !known.contains(&suffix) {
        return None;
    }
    u32::from_str_radix(digits, radix).ok()
}
