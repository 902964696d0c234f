//! A C header, for C99 and C++.

use super::{Part, Source};
use crate::place::Error;
use callgate::program::container::{Container, c_condition};
use std::fmt::Write as _;

/// The header: a `static const` array and its length, a branch for each kernel's architectures.
pub(super) fn text(source: &Source<'_>) -> Result<String, Error> {
    let name = source.name;
    let mut out = String::new();
    for (i, line) in source.heading().iter().enumerate() {
        let begin = if i == 0 { "/* " } else { " * " };
        put(&mut out, format_args!("{}\n", format!("{begin}{line}").trim_end()));
    }
    put(
        &mut out,
        format_args!(
            " *\n * To load it in a thread that has no_new_privs (<linux/seccomp.h>, <sys/prctl.h>):\n \
             *   struct sock_fprog program = {{ {name}_len, (struct sock_filter *){name} }};\n \
             *   prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);\n */\n"
        ),
    );
    let guard = format!("{}_H", name.to_uppercase());
    put(&mut out, format_args!("#ifndef {guard}\n#define {guard}\n\n#include <linux/filter.h>\n\n"));
    for (i, part) in source.parts.iter().enumerate() {
        let word = if i == 0 { "if" } else { "elif" };
        put(&mut out, format_args!("#{word} {}\n", condition(part)));
        put(&mut out, format_args!("static const struct sock_filter {name}[] = {{\n"));
        out.push_str(&part.rows(Container::C)?);
        put(&mut out, format_args!("}};\nenum {{ {name}_len = {} }};\n", part.program.len()));
    }
    let names: Vec<String> = source.parts.iter().map(Part::names).filter(|n| !n.is_empty()).collect();
    let only =
        if names.is_empty() { "this byte order".into() } else { format!("any of {}", names.join(", ")) };
    put(
        &mut out,
        format_args!(
            "#else\n#error \"{name}: this compiler does not compile for {}\"\n#endif\n\n#endif\n",
            only
        ),
    );
    Ok(out)
}

/// When a part is compiled: for its architectures, or for its byte order where they are not known.
fn condition(part: &Part) -> String {
    match &part.arches[..] {
        [] => {
            let order = if part.is_big() { "BIG" } else { "LITTLE" };
            format!("__BYTE_ORDER__ == __ORDER_{order}_ENDIAN__")
        }
        [one] => c_condition(*one).into(),
        several => {
            let all: Vec<String> = several.iter().map(|a| format!("({})", c_condition(*a))).collect();
            all.join(" || ")
        }
    }
}

/// Writing to a string does not fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
