//! Arrays of instructions or bytes in source code, and strace's rendering of them.

use super::lex::{Node, Placed, tree};
use super::symbols::{number, show, value};
use crate::program::asm::Error;
use crate::program::disasm::names::arch_named;
use callgate_abi::{Arch, Insn};

/// What an array holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// Instructions.
    Tuples,
    /// Bytes.
    Bytes,
}

/// What the first array in a text seems to hold, if there is one.
pub(super) fn shape(text: &str) -> Option<Shape> {
    let tree = tree(text).ok()?;
    if !arrays(&tree).is_empty() {
        return Some(Shape::Tuples);
    }
    byte_list(&tree).map(|_| Shape::Bytes)
}

/// Reads the one array of instructions in a text. Every element must be an instruction: none is
/// skipped because it could not be read.
pub(super) fn instructions(text: &str, arch: Option<Arch>) -> Result<Vec<Insn>, Vec<Error>> {
    let tree = tree(text).map_err(|e| vec![e])?;
    let arch = arch.or_else(|| mentioned(&tree)).or(Arch::NATIVE);
    let arrays = arrays(&tree);
    let array = match arrays[..] {
        [] => return Err(vec![Error::at(1, 1, "there is no array of instructions here")]),
        [array] => array,
        [_, second, ..] => {
            let place = second.first().map_or((1, 1), |p| (p.line, p.column));
            let message = "a second array of instructions begins here: give one program at a time";
            return Err(vec![Error::at(place.0, place.1, message)]);
        }
    };
    let (mut insns, mut errors) = (Vec::new(), Vec::new());
    for element in elements(array) {
        match instruction(element, arch) {
            Ok(insn) => insns.push(insn),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(insns) } else { Err(errors) }
}

/// Reads the first list of bytes in a text.
pub(super) fn bytes(text: &str, arch: Option<Arch>) -> Result<Vec<u8>, Vec<Error>> {
    let tree = tree(text).map_err(|e| vec![e])?;
    let Some(list) = byte_list(&tree) else {
        return Err(vec![Error::at(1, 1, "there is no array of bytes here")]);
    };
    let (mut bytes, mut errors) = (Vec::new(), Vec::new());
    for element in elements(list) {
        match value(element, arch).map(u8::try_from) {
            Ok(Ok(byte)) => bytes.push(byte),
            Ok(Err(_)) => errors.push(element[0].error("this is more than a byte holds")),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(bytes) } else { Err(errors) }
}

/// The first architecture a text speaks of: its call numbers are meant.
fn mentioned(tree: &[Placed<'_>]) -> Option<Arch> {
    let mut waiting: Vec<&[Placed<'_>]> = vec![tree];
    while let Some(nodes) = waiting.pop() {
        for (i, placed) in nodes.iter().enumerate() {
            match &placed.node {
                Node::Word(word) if word.starts_with("AUDIT_ARCH_") => {
                    if let Some(arch) = arch_named(word) {
                        return Some(arch);
                    }
                }
                Node::Group(inside) => {
                    // What is inside comes before what is behind.
                    waiting.push(&nodes[i + 1..]);
                    waiting.push(inside);
                    break;
                }
                _ => {}
            }
        }
    }
    None
}

/// The brackets, or the whole text, that have an instruction directly inside.
fn arrays<'n, 'a>(tree: &'n [Placed<'a>]) -> Vec<&'n [Placed<'a>]> {
    let mut found = Vec::new();
    let mut waiting = vec![tree];
    while let Some(nodes) = waiting.pop() {
        if elements(nodes).any(|e| is_instruction(e)) {
            found.push(nodes);
            continue;
        }
        let groups = nodes.iter().rev().filter_map(|p| match &p.node {
            Node::Group(inside) => Some(inside.as_slice()),
            _ => None,
        });
        waiting.extend(groups);
    }
    found
}

/// What stands between commas; an empty last element is none.
fn elements<'n, 'a>(nodes: &'n [Placed<'a>]) -> impl Iterator<Item = &'n [Placed<'a>]> {
    nodes.split(|p| p.node == Node::Sign(",")).filter(|e| !e.is_empty())
}

/// How an element is written.
struct Parts<'n, 'a> {
    /// The word before the bracket: a macro, or a type.
    name: Option<&'a str>,
    inside: &'n [Placed<'a>],
}

fn parts<'n, 'a>(element: &'n [Placed<'a>]) -> Option<Parts<'n, 'a>> {
    let (last, before) = element.split_last()?;
    let Node::Group(inside) = &last.node else { return None };
    let name = before.iter().rev().find_map(|p| match p.node {
        Node::Word(word) => Some(word),
        _ => None,
    });
    Some(Parts { name, inside })
}

/// Whether an element can be nothing but an instruction.
fn is_instruction(element: &[Placed<'_>]) -> bool {
    let Some(Parts { name, inside }) = parts(element) else { return false };
    let count = elements(inside).count();
    match name {
        Some("BPF_STMT" | "BPF_JUMP") => true,
        Some(name) if !is_type(name) => false,
        _ => count == 4 && elements(inside).all(|field| value(unnamed(field).1, Some(Arch::X86_64)).is_ok()),
    }
}

/// Types of instructions in the languages people write filters in.
fn is_type(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["sock_filter", "sockfilter", "bpf_insn", "bpfinstruction", "rawinstruction"]
        .iter()
        .any(|t| name.contains(t))
}

/// A field without `.code =`, `code:` or `"code":`, and that name.
fn unnamed<'n, 'a>(field: &'n [Placed<'a>]) -> (Option<&'a str>, &'n [Placed<'a>]) {
    use Node::{Sign, Text, Word};
    let kinds: Vec<&Node<'_>> = field.iter().take(3).map(|p| &p.node).collect();
    match kinds[..] {
        [Sign("."), Word(name), Sign("=")] => (Some(name), &field[3..]),
        [Word(name) | Text(name), Sign(":" | "="), ..] => (Some(name), &field[2..]),
        _ => (None, field),
    }
}

fn instruction(element: &[Placed<'_>], arch: Option<Arch>) -> Result<Insn, Error> {
    let first = &element[0];
    if first.node == Node::Ellipsis {
        return Err(first.error("the list was cut short here").help("let strace print all of it: -v"));
    }
    let Some(Parts { name, inside }) = parts(element) else {
        return Err(first.error(format!("expected an instruction, found {}", show(&first.node))));
    };
    let fields: Vec<_> = elements(inside).map(unnamed).collect();
    let numbers: Vec<u32> = match name {
        Some("BPF_STMT" | "BPF_JUMP") => {
            fields.iter().map(|f| value(f.1, arch)).collect::<Result<_, Error>>()?
        }
        Some(name) if !is_type(name) => {
            return Err(first
                .error(format!("`{name}` is no macro this reader knows"))
                .help("give the array as the preprocessor leaves it (cc -E)"));
        }
        _ if fields.iter().all(|f| f.0.is_some()) => return named(&fields, first, arch),
        _ => fields.iter().map(|f| value(f.1, arch)).collect::<Result<_, Error>>()?,
    };
    let (code, jt, jf, k) = match (name, &numbers[..]) {
        (Some("BPF_STMT"), [code, k]) => (*code, 0, 0, *k),
        (Some("BPF_JUMP"), [code, k, jt, jf]) => (*code, *jt, *jf, *k),
        (Some(name @ "BPF_STMT"), _) => return Err(first.error(format!("`{name}` takes a code and k"))),
        (Some(name @ "BPF_JUMP"), _) => {
            return Err(first.error(format!("`{name}` takes a code, k, jt and jf")));
        }
        (_, [code, jt, jf, k]) => (*code, *jt, *jf, *k),
        _ => return Err(first.error("an instruction has four fields: code, jt, jf, k")),
    };
    fit(first, code, jt, jf, k)
}

/// Fields by name; those left out are 0, as in C.
fn named(
    fields: &[(Option<&str>, &[Placed<'_>])],
    first: &Placed<'_>,
    arch: Option<Arch>,
) -> Result<Insn, Error> {
    let mut found = [0; 4];
    for (name, nodes) in fields {
        let name = name.unwrap_or_default();
        let slot = match name.to_ascii_lowercase().as_str() {
            "code" | "op" => 0,
            "jt" => 1,
            "jf" => 2,
            "k" => 3,
            _ => return Err(first.error(format!("an instruction has no field `{name}`"))),
        };
        found[slot] = value(nodes, arch)?;
    }
    fit(first, found[0], found[1], found[2], found[3])
}

fn fit(first: &Placed<'_>, code: u32, jt: u32, jf: u32, k: u32) -> Result<Insn, Error> {
    let error = |name: &str, value: u32| first.error(format!("{name} = {value:#x} does not fit its field"));
    Ok(Insn {
        code: u16::try_from(code).map_err(|_| error("code", code))?,
        jt: u8::try_from(jt).map_err(|_| error("jt", jt))?,
        jf: u8::try_from(jf).map_err(|_| error("jf", jf))?,
        k,
    })
}

/// The first bracket that holds eight or more plain numbers and nothing else, or the whole text.
fn byte_list<'n, 'a>(tree: &'n [Placed<'a>]) -> Option<&'n [Placed<'a>]> {
    let mut waiting = vec![tree];
    while let Some(nodes) = waiting.pop() {
        let plain = |element: &[Placed<'_>]| match element {
            [Placed { node: Node::Number(n), .. }] => number(n).is_some(),
            _ => false,
        };
        if elements(nodes).count() >= 8 && elements(nodes).all(plain) {
            return Some(nodes);
        }
        waiting.extend(nodes.iter().rev().filter_map(|p| match &p.node {
            Node::Group(inside) => Some(inside.as_slice()),
            _ => None,
        }));
    }
    None
}
