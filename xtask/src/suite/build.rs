//! The two libraries, and the tests linked with one or the other.

use super::{Library, copy, folder, must};
use crate::files::{Result, root};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The tests, built.
pub(super) struct Suite {
    /// The version of the sources.
    pub(super) version: String,
    /// Where the test programs and the script that runs them are.
    pub(super) tests: PathBuf,
    /// Where the tools they use are.
    pub(super) tools: PathBuf,
}

/// Tools that use the library, and those that do not.
const LINKED: [&str; 3] = ["scmp_arch_detect", "scmp_sys_resolver", "scmp_api_level"];
const ALONE: [&str; 1] = ["scmp_bpf_sim"];

/// This project's library, laid out as it is installed.
pub(super) fn ours(place: &Path) -> Result<Library> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    must(Command::new(cargo).current_dir(root()).args(["build", "--quiet", "--package", "callgate-capi"]))?;
    let lib = place.join("lib/ours");
    folder(&lib)?;
    // valgrind stumbles over the compiler's debugging information. Another run may be using the file.
    let (made, own) = (lib.join("libseccomp.so.2"), lib.join(format!("made-{}", std::process::id())));
    must(Command::new("strip").args(["-g", "-o"]).arg(&own).arg(built("libseccomp.so")))?;
    std::fs::rename(&own, &made).map_err(|e| format!("{}: {e}", made.display()))?;
    linked(&lib)?;
    let header = root().join("crates/callgate-capi/include");
    Ok(Library { name: "callgate".into(), version: String::new(), folder: lib, header })
}

/// The file cargo made, beside this very program.
pub(super) fn built(name: &str) -> PathBuf {
    let here = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_path_buf));
    let debug = here.filter(|h| h.ends_with("debug")).unwrap_or_else(|| root().join("target/debug"));
    debug.join(name)
}

/// The stock library, built from the same sources as the tests.
pub(super) fn stock(place: &Path, source: &Path) -> Result<Library> {
    let version = version(source)?;
    let lib = place.join("lib").join(format!("stock-{version}"));
    let library = Library {
        name: format!("stock-{version}"),
        version,
        folder: lib.clone(),
        header: source.join("include"),
    };
    if lib.join("libseccomp.so.2").exists() {
        return Ok(library);
    }
    if !source.join("src/.libs").exists() {
        must(Command::new("./configure").arg("--quiet").current_dir(source))?;
        must(Command::new("make").args(["-s", "-C", "src", "libseccomp.la"]).current_dir(source))?;
    }
    folder(&lib)?;
    let made = source.join("src/.libs/libseccomp.so");
    copy(&made, &lib.join("libseccomp.so.2"))?;
    linked(&lib)?;
    Ok(library)
}

pub(super) fn linked(lib: &Path) -> Result<()> {
    let name = lib.join("libseccomp.so");
    match std::os::unix::fs::symlink("libseccomp.so.2", &name) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(format!("{}: {e}", name.display())),
        _ => Ok(()),
    }
}

/// The version the sources say they are.
fn version(source: &Path) -> Result<String> {
    let path = source.join("configure.ac");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let found = text.lines().find_map(|l| {
        let (_, rest) = l.strip_prefix("AC_INIT(")?.split_once(',')?;
        rest.trim_matches(|c: char| !c.is_ascii_digit()).into()
    });
    found
        .filter(|v: &&str| !v.is_empty())
        .map(String::from)
        .ok_or(format!("{}: no version in it", path.display()))
}

/// Builds every test program against a library and its header, in a folder of its own.
pub(super) fn suite(place: &Path, source: &Path, library: &Library) -> Result<Suite> {
    let version = version(source)?;
    let base = place.join(format!("run-{version}")).join(&library.name);
    let suite = Suite { version, tests: base.join("tests"), tools: base.join("tools") };
    let header = &library.header;
    folder(&suite.tests)?;
    folder(&suite.tools)?;
    let cc = |out: PathBuf, inputs: &[PathBuf], link: bool| {
        let mut cc = Command::new("cc");
        cc.args(["-w", "-O1"]).arg("-I").arg(header).arg("-I").arg(source).arg("-o").arg(&out).args(inputs);
        if link {
            cc.arg("-L").arg(&library.folder).args(["-lseccomp", "-lpthread"]);
        }
        if is_newer(&out, inputs, header) { Ok(()) } else { must(&mut cc).map(drop) }
    };
    let (tests, tools) = (source.join("tests"), source.join("tools"));
    for entry in std::fs::read_dir(&tests).map_err(|e| format!("{}: {e}", tests.display()))? {
        let path = entry.map_err(|e| format!("{}: {e}", tests.display()))?.path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else { continue };
        match name.strip_suffix(".c") {
            Some("util") => {}
            Some("miniseq") => cc(suite.tests.join("miniseq"), std::slice::from_ref(&path), false)?,
            Some(stem) => cc(suite.tests.join(stem), &[path.clone(), tests.join("util.c")], true)?,
            None if name.contains(".tests")
                || name.contains(".pfc")
                || name.ends_with(".py")
                || name.ends_with(".sh")
                || name.ends_with(".supp")
                || name == "regression" =>
            {
                copy(&path, &suite.tests.join(name))?;
            }
            None => {}
        }
    }
    for tool in LINKED {
        cc(suite.tools.join(tool), &[tools.join(format!("{tool}.c"))], true)?;
    }
    for tool in ALONE {
        cc(suite.tools.join(tool), &[tools.join(format!("{tool}.c")), tools.join("util.c")], false)?;
    }
    Ok(suite)
}

/// Whether a file has been made after all it is made from.
fn is_newer(made: &Path, from: &[PathBuf], header: &Path) -> bool {
    let time = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let header = header.join("seccomp.h");
    let Some(made) = time(made) else { return false };
    from.iter().chain([&header]).all(|f| time(f).is_some_and(|t| t <= made))
}

/// Builds the Python module of the sources against a library, where the tests look for it; `false` if there
/// is no Cython or no Python to build it with.
pub(super) fn python(suite: &Suite, source: &Path, library: &Library) -> Result<bool> {
    let from = source.join("src/python");
    let to = suite.tests.with_file_name("src").join("python/build/lib.here");
    folder(&to)?;
    let c_file = to.join("seccomp.c");
    let has =
        |program: &str, arg: &str| Command::new(program).arg(arg).output().is_ok_and(|o| o.status.success());
    let Some(cython) = ["cython3", "cython"].into_iter().find(|c| has(c, "--version")) else {
        return Ok(false);
    };
    if !has("python3-config", "--includes") {
        return Ok(false);
    }
    must(Command::new(cython).arg("-3").arg(from.join("seccomp.pyx")).arg("-o").arg(&c_file))?;
    let includes = must(Command::new("python3-config").arg("--includes"))?;
    let includes = String::from_utf8_lossy(&includes).into_owned();
    let mut cc = Command::new("cc");
    cc.args(["-w", "-O1", "-shared", "-fPIC"])
        .args(includes.split_whitespace())
        .arg("-I")
        .arg(&library.header);
    cc.arg("-o").arg(to.join("seccomp.so")).arg(&c_file).arg("-L").arg(&library.folder).arg("-lseccomp");
    must(&mut cc).map(|_| true)
}
