//! Policies compiled while a program is built.
//!
//! A build script compiles a policy of the project and proves the program; what is left at run time is a
//! `static` array of instructions and the system call that loads it. A policy that is wrong fails the build
//! with its file and line.
//!
//! In `Cargo.toml`:
//!
//! ```toml
//! [dependencies]
//! callgate-sys = "0.1"
//! [build-dependencies]
//! callgate-build = "0.1"
//! ```
//!
//! In `build.rs`:
//!
//! ```no_run
//! callgate_build::compile("web.cg");
//! ```
//!
//! And in the program, where `WEB` is the file's name:
//!
//! ```ignore
//! callgate_sys::include_policy!("web");
//!
//! fn main() -> Result<(), callgate_sys::Error> {
//!     callgate_sys::install(&WEB, callgate_sys::Flags::NEW)?;
//!     Ok(())
//! }
//! ```
//!
//! Architecture invariant: this crate alone reads files and talks to Cargo, so that the library need not.

mod code;
mod error;
mod source;

pub use error::Error;

use callgate::abi::Arch;
use callgate::emit::{Options, Profile, Target};
use std::path::{Path, PathBuf};

/// Compiles a policy for the build script it is called from: writes `NAME.rs` into `OUT_DIR` with a `static`
/// of the file's name in capitals. The path is relative to the package.
///
/// Does not return if the policy is wrong: the build fails, and Cargo shows why.
pub fn compile(policy: impl AsRef<Path>) {
    Build::new(policy).run();
}

/// A policy to compile, and how.
#[derive(Clone, Debug)]
pub struct Build {
    policy: PathBuf,
    profile: Option<PathBuf>,
    target: Target,
    name: Option<String>,
    element: String,
}

/// What a policy has been made into.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Generated {
    /// Rust: one `static`.
    pub code: String,
    /// The name of its file in `OUT_DIR`, without `.rs`.
    pub name: String,
    /// The files it was made from.
    pub files: Vec<PathBuf>,
    /// What is doubtful about the policy, each with its file and line.
    pub warnings: Vec<String>,
}

impl Build {
    /// This policy, in the policy language, compiled as usual.
    pub fn new(policy: impl AsRef<Path>) -> Build {
        Build {
            policy: policy.as_ref().to_owned(),
            profile: None,
            target: Target::default(),
            name: None,
            element: "::callgate_sys::Insn".to_owned(),
        }
    }

    /// Weighs paths by the counts in this file (`docs/profile.md`).
    pub fn profile(mut self, profile: impl AsRef<Path>) -> Build {
        self.profile = Some(profile.as_ref().to_owned());
        self
    }

    /// What the program is to be fast on.
    pub fn target(mut self, target: Target) -> Build {
        self.target = target;
        self
    }

    /// Names the file and, in capitals, the `static`; otherwise they have the policy file's name.
    pub fn name(mut self, name: &str) -> Build {
        self.name = Some(name.to_owned());
        self
    }

    /// The path of the instruction's type: a struct with the fields of the kernel's `struct sock_filter`, as
    /// `::callgate_sys::Insn`, which it is otherwise, and `::libc::sock_filter` are.
    pub fn element(mut self, path: &str) -> Build {
        path.clone_into(&mut self.element);
        self
    }

    /// Compiles and proves for a machine of this architecture (`None`: any that the policy lists).
    ///
    /// # Errors
    /// A file that cannot be read, a policy or profile that is wrong, an `expect` line that does not hold, or a
    /// policy that does not list `arch`: it would refuse whatever the program does.
    pub fn generate(&self, arch: Option<Arch>) -> Result<Generated, Error> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => self.policy.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        };
        let constant = code::constant(&name).ok_or_else(|| Error::Name(name.clone()))?;
        let read = source::read(&self.policy)?;
        let mut files = read.files;
        let profile = match &self.profile {
            None => None,
            Some(path) => {
                files.push(path.clone());
                let text = source::text(path)?;
                Some(Profile::parse(&text).map_err(|e| Error::Wrong(format!("{}:{e}", path.display())))?)
            }
        };
        let at = |what: String| Error::Wrong(format!("{}: {what}", self.policy.display()));
        if let Some(arch) = arch.filter(|arch| !read.policy.arches.contains(arch)) {
            return Err(at(format!("does not list {}, for which the program is built", arch.name())));
        }
        let profile = profile.as_ref().unwrap_or_else(|| Profile::shipped());
        let options = Options { target: self.target, profile, ..Options::default() };
        let program = read.policy.compile_with(&options).map_err(|e| at(e.to_string()))?;
        // What the kernel would run is judged, not the text.
        let meant = program.lift().map_err(|e| at(e.to_string()))?;
        source::expected(&read.expects, &meant)?;
        let code = code::array(&constant, &self.policy, &self.element, &program);
        Ok(Generated { code, name, files, warnings: read.warnings })
    }

    /// As [`compile()`].
    pub fn run(&self) {
        if let Err(e) = self.write() {
            for line in e.to_string().lines() {
                println!("cargo::error={line}");
            }
            std::process::exit(1);
        }
    }

    fn write(&self) -> Result<(), Error> {
        let variable = |name: &str| {
            println!("cargo::rerun-if-env-changed={name}");
            std::env::var(name).map_err(|_| Error::NoCargo(name.to_owned()))
        };
        let folder = PathBuf::from(variable("OUT_DIR")?);
        let (arch, width) = (variable("CARGO_CFG_TARGET_ARCH")?, variable("CARGO_CFG_TARGET_POINTER_WIDTH")?);
        // Before anything can fail, so that mending the policy builds again.
        println!("cargo::rerun-if-changed={}", self.policy.display());
        let generated = self.generate(target_arch(&arch, &width))?;
        for file in &generated.files {
            println!("cargo::rerun-if-changed={}", file.display());
        }
        for warning in &generated.warnings {
            println!("cargo::warning={warning}");
        }
        let path = folder.join(format!("{}.rs", generated.name));
        std::fs::write(&path, &generated.code).map_err(|e| Error::File(path, e.to_string()))
    }
}

/// The architecture that Cargo calls so; `None` for those that have several conventions behind one name.
fn target_arch(arch: &str, width: &str) -> Option<Arch> {
    match (arch, width) {
        ("x86_64", "64") => Some(Arch::X86_64),
        ("x86_64", "32") => Some(Arch::X32),
        ("x86", _) => Some(Arch::X86),
        ("aarch64", "64") => Some(Arch::Aarch64),
        ("arm", _) => Some(Arch::Arm),
        ("riscv64", _) => Some(Arch::Riscv64),
        ("s390x", _) => Some(Arch::S390x),
        ("loongarch64", _) => Some(Arch::Loongarch64),
        _ => None,
    }
}

/// The examples of the front page, run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The examples of the book's tour of the library, run here because this crate's tests have all of it.
#[cfg(doctest)]
#[doc = include_str!("../library.md")]
struct Library;

/// As [`Library`], of the tutorial on handlers.
#[cfg(doctest)]
#[doc = include_str!("../trap-handler.md")]
struct TrapHandler;
