//! gVisor's `pkg/seccomp`, from Debian's package of its source and with Debian's Go.

use super::told::{Told, Words, spelled_op, wide};
use super::{Ask, Driver, hot};
use crate::apt::Apt;
use crate::bench::subject::Subject;
use crate::files::{self, Result};
use crate::suite::must;
use callgate::{ArgCmp, Op, Width};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = include_str!("gvisor.go");

/// The releases asked, newest first.
const RELEASES: [&str; 2] = ["sid", "trixie"];

/// The package of the source, and those its filters need.
const PACKAGES: [&str; 3] =
    ["golang-gvisor-gvisor-dev", "golang-golang-x-sys-dev", "golang-golang-x-time-dev"];

pub(super) const DRIVER: Driver = Driver { name: "gvisor", build, command };

/// As it is, and told which calls are hot.
pub(super) const WAYS: [(&str, Ask); 2] =
    [("gvisor", |subject| ask(subject, false)), ("gvisor-hot", |subject| ask(subject, true))];

fn build(place: &Path) -> Result<String> {
    let mut reasons = Vec::new();
    for release in RELEASES {
        match of(place, release) {
            Ok(version) => return Ok(version),
            Err(reason) => reasons.push(format!("{release}: {reason}")),
        }
    }
    Err(reasons.join("; "))
}

fn of(place: &Path, release: &str) -> Result<String> {
    let tree = place.join(format!("tree-{release}"));
    let apt = Apt::configured(&place.join(format!("apt-{release}")), "deb", release)?;
    apt.get(&["-qq", "update"])?;
    let go = apt.stands_for("golang-go")?;
    let library = go.strip_suffix("-go").map(|go| format!("{go}-src")).ok_or("no name of a toolchain")?;
    let mut packages = PACKAGES.to_vec();
    packages.extend([go.as_str(), library.as_str()]);
    let versions = apt.unpack(&packages, &tree)?;
    // golang-1.24-go lies in usr/lib/go-1.24.
    let number =
        go.strip_prefix("golang-").and_then(|go| go.strip_suffix("-go")).ok_or("no version of Go")?;
    let root = tree.join(format!("usr/lib/go-{number}"));
    let main = place.join("driver/main.go");
    files::write(&main, SOURCE)?;
    let mut build = Command::new(root.join("bin/go"));
    build.args(["build", "-o"]).arg(program(place)).arg(&main);
    build.env("GOROOT", &root).env("GOPATH", tree.join("usr/share/gocode"));
    build.env("GOCACHE", place.join("cache")).env("GO111MODULE", "off").env("GOTOOLCHAIN", "local");
    // Nothing of the machine's own settings, and no C compiler.
    build.env("GOFLAGS", "").env("GOENV", "off").env("CGO_ENABLED", "0");
    must(&mut build)?;
    Ok(format!("{} (Go {number})", versions.first().map_or("", String::as_str)))
}

fn program(place: &Path) -> PathBuf {
    place.join("driver/driver")
}

fn command(place: &Path) -> Result<Command> {
    Ok(Command::new(program(place)))
}

fn ask(subject: &Subject, hot_list: bool) -> Result<(Told, String)> {
    let told = Told::new(&subject.policy, &Words { comparison, ordered: true, bad_arch: None })?;
    let hot: Vec<u32> =
        if hot_list { hot(subject).into_iter().map(|(nr, _)| nr).collect() } else { Vec::new() };
    let rule = |rule: &super::told::ToldRule| {
        let case = |case: &Vec<ArgCmp>| case.iter().map(spelled).collect::<Vec<_>>();
        let cases: Vec<_> = rule.cases.iter().map(case).collect();
        json!({ "nr": rule.nr, "action": rule.action.to_ret(), "cases": cases })
    };
    let request = json!({
        "default": told.default.to_ret(),
        "bad_arch": told.bad_arch.to_ret(),
        "hot": hot,
        "rules": told.rules.iter().map(rule).collect::<Vec<_>>(),
    });
    Ok((told, request.to_string()))
}

/// It compares 64 bits; of 32 it can say that they are equal, by a mask.
fn comparison(cmp: ArgCmp) -> Option<ArgCmp> {
    let narrow = cmp.width == Width::W32;
    let wide = wide(cmp);
    Some(match wide.op {
        Op::Eq(value) if narrow => ArgCmp { op: Op::MaskedEq { mask: 0xffff_ffff, value }, ..wide },
        _ => wide,
    })
}

fn spelled(cmp: &ArgCmp) -> Value {
    let (op, value, mask) = spelled_op(cmp.op);
    json!({ "arg": cmp.arg.get(), "op": op, "value": value, "mask": mask })
}
