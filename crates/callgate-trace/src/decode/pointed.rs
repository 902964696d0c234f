//! What an argument points to.

use super::address;
use super::memory::Memory;
use callgate::abi::{Param, Role, constant};
use callgate::{Arch, SeccompData};

/// The longest text that is shown, in bytes.
const LONGEST: usize = 256;
/// How many strings of a vector are shown.
const MOST: usize = 8;
/// How many bytes of a buffer are shown.
const BYTES: usize = 32;

/// What argument `index` points to, in words; `None` where it is no pointer, is null, leads nowhere or to
/// something the call writes to, or to what has no words here.
pub(super) fn text(
    call: &str,
    params: &[Param],
    index: usize,
    data: &SeccompData,
    arch: Arch,
    memory: &dyn Memory,
) -> Option<String> {
    let param = params[index];
    let address = data.args[index];
    if address == 0 || !matches!(param.role, Role::Path | Role::Pointer) {
        return None;
    }
    // How much there is, where the next argument says so.
    let size = || {
        let next = params.get(index + 1)?;
        (next.role == Role::Size || next.name.ends_with("len")).then(|| data.args[index + 1] & 0xffff_ffff)
    };
    let ctype = param.ctype;
    if ctype.contains("sockaddr") {
        return match call {
            "connect" | "bind" | "sendto" => address::text(&bytes(memory, address, size()?.min(128))?, arch),
            _ => None,
        };
    }
    match (call, param.name) {
        ("execve" | "execveat", "argv") => return vector(memory, address, arch),
        // Nobody needs the whole environment.
        ("execve" | "execveat", _) if param.role != Role::Path => return None,
        ("clone3", _) if index == 0 => return clone3(memory, address, arch),
        ("openat2", "how") => return open_how(memory, address, arch),
        ("write" | "pwrite64" | "sendto", _) => {
            let size = size()?;
            let shown = bytes(memory, address, size.min(BYTES as u64))?;
            return Some(quote(&shown, size > shown.len() as u64));
        }
        // The result goes there.
        ("getcwd" | "readlink" | "readlinkat", "buf") => return None,
        _ => {}
    }
    let readable = param.role == Role::Path || ctype.replace("__user", "").replace(' ', "") == "constchar*";
    if readable { string(memory, address) } else { None }
}

/// Some of the bytes at an address; `None` if there are none.
fn bytes(memory: &dyn Memory, address: u64, len: u64) -> Option<Vec<u8>> {
    let mut buffer = vec![0; usize::try_from(len).ok()?];
    let n = memory.read(address, &mut buffer);
    buffer.truncate(n);
    (n > 0).then_some(buffer)
}

/// A null-terminated string.
fn string(memory: &dyn Memory, address: u64) -> Option<String> {
    let all = bytes(memory, address, LONGEST as u64 + 1)?;
    match all.iter().position(|b| *b == 0) {
        Some(end) => Some(quote(&all[..end], false)),
        None => Some(quote(&all[..all.len().min(LONGEST)], true)),
    }
}

/// A null-terminated vector of strings.
fn vector(memory: &dyn Memory, address: u64, arch: Arch) -> Option<String> {
    let width = if arch.register_bits() == 32 || arch == Arch::X32 { 4 } else { 8 };
    let all = bytes(memory, address, (width * (MOST + 1)) as u64)?;
    let mut words = Vec::new();
    for pointer in all.chunks_exact(width) {
        let pointer = integer(pointer, arch)?;
        if pointer == 0 {
            return Some(format!("[{}]", words.join(", ")));
        }
        if words.len() == MOST {
            break;
        }
        words.push(string(memory, pointer).unwrap_or_else(|| format!("{pointer:#x}")));
    }
    words.push("...".to_owned());
    Some(format!("[{}]", words.join(", ")))
}

/// `struct clone_args`, `include/uapi/linux/sched.h`: the flags stand first.
fn clone3(memory: &dyn Memory, address: u64, arch: Arch) -> Option<String> {
    let flags = integer(&bytes(memory, address, 8)?, arch)?;
    Some(format!("{{flags={}}}", flags_of("clone", "flags", flags, arch)))
}

/// `struct open_how`, `include/uapi/linux/openat2.h`: flags, mode, resolve.
fn open_how(memory: &dyn Memory, address: u64, arch: Arch) -> Option<String> {
    let all = bytes(memory, address, 24)?;
    let field = |i: usize| integer(all.get(8 * i..8 * i + 8)?, arch);
    let (flags, mode, resolve) = (field(0)?, field(1)?, field(2)?);
    Some(format!(
        "{{flags={}, mode={mode:#o}, resolve={resolve:#x}}}",
        flags_of("openat", "flags", flags, arch)
    ))
}

/// Flags as the same ones of another call's parameter are written.
fn flags_of(call: &str, param: &str, value: u64, arch: Arch) -> String {
    let known = callgate::Syscall::from_name(call);
    let params = known.and_then(|c| c.params(arch)).unwrap_or_default();
    let set = params.iter().find(|p| p.answers_to(param)).and_then(|p| p.set_for(0, arch));
    let Some(set) = set else { return format!("{value:#x}") };
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = constant::describe(set, value, arch, &mut text);
    text
}

/// An integer of four or eight bytes in the architecture's order.
pub(super) fn integer(bytes: &[u8], arch: Arch) -> Option<u64> {
    let little = arch.endian() == callgate::abi::Endian::Little;
    let byte = |i: usize| u64::from(bytes[if little { bytes.len() - 1 - i } else { i }]);
    matches!(bytes.len(), 2 | 4 | 8).then(|| (0..bytes.len()).fold(0, |all, i| all << 8 | byte(i)))
}

/// Bytes as a string, unambiguous and harmless to a terminal.
pub(super) fn quote(bytes: &[u8], cut: bool) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                c if c.is_control() || is_direction(c) => out.extend(c.escape_unicode()),
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    if cut {
        out.push_str("...");
    }
    out
}

/// Characters that make a terminal show others in another order.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
