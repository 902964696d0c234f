//! Error numbers, from the kernel's `errno.h` files to `data/errno`.

use super::define;
use crate::files::{self, Result};
use std::fmt::Write as _;
use std::path::Path;

/// Our file, the kernel's headers. A header after the first wins where two define a name.
const SOURCES: &[(&str, &[&str])] = &[
    ("generic", &["include/uapi/asm-generic/errno-base.h", "include/uapi/asm-generic/errno.h"]),
    ("mips", &["include/uapi/asm-generic/errno-base.h", "arch/mips/include/uapi/asm/errno.h"]),
    ("parisc", &["include/uapi/asm-generic/errno-base.h", "arch/parisc/include/uapi/asm/errno.h"]),
    (
        "ppc",
        &[
            "include/uapi/asm-generic/errno-base.h",
            "include/uapi/asm-generic/errno.h",
            "arch/powerpc/include/uapi/asm/errno.h",
        ],
    ),
];

/// C libraries define it; the kernel does not.
const LIBC_ALIAS: (&str, &str) = ("ENOTSUP", "EOPNOTSUPP");

/// Writes `data/errno/*.txt`: preferred names first where several share a number.
pub(crate) fn import(tree: &Path, version: &str) -> Result<()> {
    for (file, headers) in SOURCES {
        // (number, whether an alias, name)
        let mut rows: Vec<(u16, bool, String)> = Vec::new();
        let mut aliases: Vec<(String, String)> = vec![(LIBC_ALIAS.0.into(), LIBC_ALIAS.1.into())];
        for header in *headers {
            for (name, value) in define::all(&files::read(tree.join(header))?) {
                match value.parse() {
                    Ok(number) => {
                        rows.retain(|r| r.2 != name);
                        aliases.retain(|a| a.0 != name);
                        rows.push((number, false, name));
                    }
                    Err(_) if value.starts_with('E') => aliases.push((name, value)),
                    Err(_) => {}
                }
            }
        }
        for (alias, name) in aliases {
            let number = rows.iter().find(|r| r.2 == name).map(|r| r.0);
            let number =
                number.ok_or(format!("{}: {alias} means {name}, which is not there", headers.join(", ")))?;
            rows.push((number, true, alias));
        }
        rows.sort();
        let mut out =
            format!("# Error numbers: NAME NUMBER. Source: {}, Linux {version};\n", headers.join(", "));
        let _ =
            writeln!(out, "# {} as C libraries define it. Aliases follow the preferred name.", LIBC_ALIAS.0);
        for (number, _, name) in rows {
            let _ = writeln!(out, "{name} {number}");
        }
        files::write(format!("data/errno/{file}.txt"), &out)?;
    }
    Ok(())
}
