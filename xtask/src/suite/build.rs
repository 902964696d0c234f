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
pub(super) fn stock(place: &Path, source: &Source) -> Result<Library> {
    let version = version(&source.folder)?;
    let lib = place.join("lib").join(format!("stock-{}", source.label(&version)));
    let library = Library {
        name: format!("stock-{version}"),
        version,
        folder: lib.clone(),
        header: source.folder.join("include"),
    };
    let source = match source {
        Source { is_ours: true, .. } if lib.join("libseccomp.so.2").exists() => return Ok(library),
        source => &source.folder,
    };
    if !source.join("configure").exists() {
        // A tree as its authors keep it.
        must(Command::new("./autogen.sh").current_dir(source))?;
    }
    if !source.join("Makefile").exists() {
        must(Command::new("./configure").arg("--quiet").current_dir(source))?;
    }
    must(Command::new("make").args(["-s", "-C", "src", "libseccomp.la"]).current_dir(source))?;
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

/// The sources of the tests.
pub(super) struct Source {
    pub(super) folder: PathBuf,
    /// Whether they have been downloaded here, and nobody changes them.
    pub(super) is_ours: bool,
}

impl Source {
    /// What folders made from it are called: one version may come in several trees.
    fn label(&self, version: &str) -> String {
        if self.is_ours {
            return version.to_string();
        }
        let path = self.folder.canonicalize().unwrap_or_else(|_| self.folder.clone());
        // FNV-1a: the same in every run.
        let hash =
            path.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
        format!("{version}-{hash:016x}")
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

/// Builds every test program against a library and its header, in a folder of its own. A test that does not compile
/// against this header is left out, and its cases become errors.
pub(super) fn suite(place: &Path, source: &Source, library: &Library) -> Result<Suite> {
    let version = version(&source.folder)?;
    let base = place.join(format!("run-{}", source.label(&version))).join(&library.name);
    let source = &source.folder;
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
    forget(&suite.tests, &tests)?;
    for entry in std::fs::read_dir(&tests).map_err(|e| format!("{}: {e}", tests.display()))? {
        let path = entry.map_err(|e| format!("{}: {e}", tests.display()))?.path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else { continue };
        match name.strip_suffix(".c") {
            Some("util") => {}
            Some("miniseq") => cc(suite.tests.join("miniseq"), std::slice::from_ref(&path), false)?,
            Some(stem) => {
                let made = suite.tests.join(stem);
                if let Err(reason) = cc(made.clone(), &[path.clone(), tests.join("util.c")], true) {
                    eprintln!("{}: {stem} does not compile: {reason}", library.name);
                    // One from before must not be run in its place.
                    let _ = std::fs::remove_file(made);
                }
            }
            // What tests read, and the script; not what has been built among them.
            None if path.is_file() && (name.contains('.') || name == "regression") && !is_built(name) => {
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

/// Takes out the lists of tests that the sources do not have any more.
fn forget(made: &Path, tests: &Path) -> Result<()> {
    for entry in std::fs::read_dir(made).map_err(|e| format!("{}: {e}", made.display()))? {
        let path = entry.map_err(|e| format!("{}: {e}", made.display()))?.path();
        let is_list = path.extension().is_some_and(|e| e == "tests");
        if is_list && path.file_name().is_some_and(|name| !tests.join(name).exists()) {
            std::fs::remove_file(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        }
    }
    Ok(())
}

/// Whether a file among the tests has been made there, or is of no use outside its folder.
fn is_built(name: &str) -> bool {
    name.starts_with('.')
        || name.starts_with("Makefile")
        || [".h", ".o", ".lo", ".la", ".trs", ".log"].iter().any(|end| name.ends_with(end))
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
pub(super) fn python(suite: &Suite, source: &Source, library: &Library) -> Result<bool> {
    let from = source.folder.join("src/python");
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
