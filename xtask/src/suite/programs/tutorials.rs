//! Small C programs, as tutorials have them.

use super::text;
use crate::files::{Result, write};
use crate::suite::{Library, folder, must};
use std::path::Path;
use std::process::Command;

/// Small C programs, as tutorials have them, built with `cc -lseccomp`.
pub(super) fn run(ours: &Library, place: &Path) -> Result<()> {
    let base = place.join("tutorials");
    folder(&base)?;
    let include = crate::files::root().join("crates/callgate-capi/include");
    let cases = [
        ("stdout-only", include_str!("c/stdout-only.c"), "stdout\n", None),
        ("trap", include_str!("c/trap.c"), "SIGSYS call 83 arguments 1 1ff\n", None),
        ("read-100", include_str!("c/read-100.c"), "read 99\n", Some(31)),
        ("variadic", include_str!("c/variadic.c"), "0 0 0 0 -22\n", None),
    ];
    for (name, source, says, signal) in cases {
        for level in ["-O0", "-O2"] {
            let (file, program) = (base.join(format!("{name}.c")), base.join(name));
            write(&file, source)?;
            must(
                Command::new("cc")
                    .args([level, "-Wall", "-Wextra", "-Werror", "-o"])
                    .arg(&program)
                    .arg(&file)
                    .arg("-I")
                    .arg(&include)
                    .arg("-L")
                    .arg(&ours.folder)
                    .arg("-lseccomp"),
            )?;
            let output = Command::new(&program)
                .env("LD_LIBRARY_PATH", &ours.folder)
                .output()
                .map_err(|e| format!("{name}: {e}"))?;
            let ended = std::os::unix::process::ExitStatusExt::signal(&output.status);
            if text(&output.stdout) != says || ended != signal {
                return Err(format!("{name} {level}: {}, said {:?}", output.status, text(&output.stdout)));
            }
        }
        println!("{name:<20} built with -O0 and -O2, behaves");
    }
    Ok(())
}
