//! A Rust constant, for `include!` or as a module of its own.

use super::{Part, Source, whole};
use crate::place::Error;
use callgate::program::container::{Container, rust_condition};
use std::fmt::Write as _;

/// The file: the instruction's type and a `static` array, one for each kernel's architectures. It needs no crate.
pub(super) fn text(source: &Source<'_>) -> Result<String, Error> {
    let name = source.name;
    let mut out = String::new();
    for line in source.heading() {
        put(&mut out, format_args!("{}\n", format!("// {line}").trim_end()));
    }
    out.push_str(
        "\n/// An instruction, laid out as `struct sock_filter` of `<linux/filter.h>` and `libc::sock_filter`.\n\
         #[allow(dead_code, non_camel_case_types)]\n\
         #[derive(Clone, Copy, PartialEq, Eq, Debug)]\n\
         #[repr(C)]\n\
         pub struct sock_filter {\n    pub code: u16,\n    pub jt: u8,\n    pub jf: u8,\n    pub k: u32,\n}\n",
    );
    let mut conditions = Vec::new();
    let mut left_out = Vec::new();
    for part in &source.parts {
        let Some(condition) = condition(part) else {
            left_out.push(part.names());
            continue;
        };
        let len = part.program.len();
        let about = if part.arches.is_empty() { "the program".into() } else { part.names() };
        put(
            &mut out,
            format_args!("\n/// The filter for {about}: {len} instructions.\n#[cfg({condition})]\n"),
        );
        put(&mut out, format_args!("pub static {name}: [sock_filter; {len}] = [\n"));
        out.push_str(&part.rows(Container::Rust)?.replace("libc::sock_filter {", "sock_filter {"));
        out.push_str("];\n");
        conditions.push(condition);
    }
    if conditions.is_empty() {
        return Err(whole(format!("Rust compiles for none of the architectures: {}", left_out.join(", "))));
    }
    if !left_out.is_empty() {
        put(&mut out, format_args!("\n// Rust does not compile for {}.\n", left_out.join(", ")));
    }
    put(
        &mut out,
        format_args!(
            "\n#[cfg(not(any({})))]\ncompile_error!(\"{name}: there is no filter for this architecture\");\n",
            conditions.join(", ")
        ),
    );
    Ok(out)
}

/// When a part is compiled; `None` if Rust has none of its architectures.
fn condition(part: &Part) -> Option<String> {
    if part.arches.is_empty() {
        let order = if part.is_big() { "big" } else { "little" };
        return Some(format!("target_endian = \"{order}\""));
    }
    let known: Vec<&str> = part.arches.iter().filter_map(|a| rust_condition(*a)).collect();
    match &known[..] {
        [] => None,
        [one] => Some((*one).into()),
        several => Some(format!("any({})", several.join(", "))),
    }
}

/// Writing to a string does not fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
