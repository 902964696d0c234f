//! Small C programs such as a reader of the manual writes, one a topic: what they say with both libraries.

use crate::files::{Result, write};
use crate::suite::{Library, folder, must, source};
use std::path::Path;
use std::process::Command;

const PROGRAMS: [(&str, &str); 12] = [
    ("api", include_str!("c/manual/api.c")),
    ("arches", include_str!("c/manual/arches.c")),
    ("attributes", include_str!("c/manual/attributes.c")),
    ("errno", include_str!("c/manual/errno.c")),
    ("killed", include_str!("c/manual/killed.c")),
    ("merged", include_str!("c/manual/merged.c")),
    ("names", include_str!("c/manual/names.c")),
    ("notified", include_str!("c/manual/notified.c")),
    ("priorities", include_str!("c/manual/priorities.c")),
    ("refused", include_str!("c/manual/refused.c")),
    ("threads", include_str!("c/manual/threads.c")),
    ("transactions", include_str!("c/manual/transactions.c")),
];

const COMPILERS: [&str; 2] = ["gcc", "clang"];

/// Builds every program with every compiler there is, for each library with its own header, and compares what they say
/// and how they end.
pub(super) fn run(ours: &Library, place: &Path) -> Result<String> {
    let stock = source::packaged(place)?;
    let base = place.join("manual");
    folder(&base)?;
    let mut compilers = Vec::new();
    for compiler in COMPILERS.into_iter().filter(|c| super::installed(c)) {
        for level in ["-O0", "-O2"] {
            for (name, text) in PROGRAMS {
                let said = |library: &Library| said(compiler, level, name, text, library, &base);
                let (theirs, own) = (said(&stock)?, said(ours)?);
                if theirs != own {
                    return Err(format!(
                        "{name}, {compiler} {level}: {own:?}, with {} {theirs:?}",
                        stock.name
                    ));
                }
            }
        }
        compilers.push(compiler);
    }
    if compilers.is_empty() {
        return Err("neither gcc nor clang is installed".into());
    }
    let count = PROGRAMS.len();
    Ok(format!(
        "{count}, by {} at -O0 and -O2: what they say is what they say with {}",
        compilers.join(" and "),
        stock.name
    ))
}

/// What a program says, and how it ends.
fn said(
    compiler: &str,
    level: &str,
    name: &str,
    text: &str,
    library: &Library,
    base: &Path,
) -> Result<(String, Option<i32>)> {
    let (file, program) = (base.join(format!("{name}.c")), base.join(format!("{name}-{}", library.name)));
    write(&file, text)?;
    let mut cc = Command::new(compiler);
    cc.args([level, "-Wall", "-o"]).arg(&program).arg(&file).arg("-I").arg(&library.header);
    // A header of one's own has no warnings in it.
    if library.version.is_empty() {
        cc.args(["-Wextra", "-Werror"]);
    }
    must(cc.arg("-L").arg(&library.folder).args(["-lseccomp", "-lpthread"]))?;
    let output = Command::new("timeout")
        .arg("20")
        .arg(&program)
        .env("LD_LIBRARY_PATH", &library.folder)
        .output()
        .map_err(|e| format!("{name}: {e}"))?;
    Ok((super::text(&output.stdout), output.status.code()))
}
