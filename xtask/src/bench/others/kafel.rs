//! The `kafel` crate, a compiler of Kafel's language.

use super::told::{Told, Words, narrow, spelled_op};
use super::{Ask, Driver};
use crate::bench::subject::Subject;
use crate::files::{self, Result};
use crate::suite::must;
use callgate::{Action, ArgCmp, Op, Width};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = include_str!("kafel_main.rs");

const VERSION: &str = "0.2.1";

pub(super) const DRIVER: Driver = Driver { name: "kafel", build, command };

pub(super) const WAYS: [(&str, Ask); 1] = [("kafel", ask)];

fn build(place: &Path) -> Result<String> {
    let manifest = format!(
        "[package]\nname = \"driver\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nkafel = \"={VERSION}\"\nlibc = \"0.2\"\n\n[workspace]\n"
    );
    files::write(place.join("driver/Cargo.toml"), &manifest)?;
    files::write(place.join("driver/src/main.rs"), SOURCE)?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--quiet"]).current_dir(place.join("driver"));
    must(cargo.env("CARGO_TARGET_DIR", place.join("build")))?;
    Ok(VERSION.into())
}

fn program(place: &Path) -> PathBuf {
    place.join("build/release/driver")
}

fn command(place: &Path) -> Result<Command> {
    Ok(Command::new(program(place)))
}

fn ask(subject: &Subject) -> Result<(Told, String)> {
    let words = Words { comparison, ordered: false, bad_arch: Some(Action::KILL_PROCESS) };
    let told = Told::new(&subject.policy, &words)?;
    let mut request = format!("default {}", told.default.to_ret());
    for (nr, rules) in told.calls() {
        let _ = write!(request, " rule {nr} {}", rules[0].action.to_ret());
        let cases = rules.iter().flat_map(|rule| &rule.cases);
        for case in cases.filter(|_| !rules.iter().any(|rule| rule.cases.contains(&Vec::new()))) {
            request.push_str(" case");
            for cmp in case {
                let (op, value, mask) = spelled_op(cmp.op);
                let _ = write!(request, " {op} {} {value} {mask}", cmp.arg.get());
            }
        }
    }
    Ok((told, request))
}

/// It compares 32 bits where a value fits into them, and can mask no others.
fn comparison(cmp: ArgCmp) -> Option<ArgCmp> {
    let op = if cmp.width == Width::W32 { narrow(cmp.op) } else { cmp.op };
    let fits = |value: u64| value <= 0xffff_ffff;
    let width = match op {
        Op::MaskedEq { mask, value } if fits(mask) && fits(value) => Width::W32,
        Op::MaskedEq { .. } => return None,
        Op::Eq(v) | Op::Ne(v) | Op::Lt(v) | Op::Le(v) | Op::Gt(v) | Op::Ge(v) => {
            if fits(v) {
                Width::W32
            } else {
                Width::W64
            }
        }
    };
    Some(ArgCmp { width, op, ..cmp })
}
