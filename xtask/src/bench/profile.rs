//! A container's profile, from the text a runtime gets to a program proved equal to it.

use super::corpus::folder;
use crate::files::{self, Result};
use callgate::{Arch, Policy};
use callgate_formats::{Capabilities, Format, Options, detect, read};
use std::path::PathBuf;
use std::time::Instant;

/// Nanoseconds that reading, resolving, compiling and proving the profile for its three ABIs may take.
pub(super) const LIMIT: f64 = 25e6;
const ROUNDS: u32 = 20;

/// Docker's default, if there is a copy; the one a package brings otherwise.
fn file() -> Option<PathBuf> {
    let docker = "policies/docker-history/moby+moby/history/148a19b6d6/default.json";
    let copies = folder().into_iter().map(|f| f.join(docker));
    let packaged = ["/etc/docker/seccomp.json", "/usr/share/containers/seccomp.json"].map(PathBuf::from);
    copies.chain(packaged).find(|p| p.is_file())
}

/// Prints the row; the shortest time, in nanoseconds.
pub(super) fn print() -> Result<Option<f64>> {
    let Some(path) = file() else {
        println!("\nno profile of Docker's or Podman's here");
        return Ok(None);
    };
    let text = files::read(&path)?;
    let (mut first, mut best) = (None, u128::MAX);
    let mut about = String::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let policy = policy(&path, &text)?;
        let program = policy.compile().map_err(|e| e.to_string())?;
        let took = start.elapsed().as_nanos();
        first.get_or_insert(took);
        best = best.min(took);
        let arches: Vec<&str> = policy.arches.iter().map(|a| a.name()).collect();
        about = format!("{}, {} instructions", arches.join(" "), program.len());
    }
    let first = first.unwrap_or(best);
    let micros = |ns: u128| ns as f64 / 1000.0;
    println!("\n{}: {about}", path.display());
    println!(
        "read, resolved, compiled, proved: {:.1} microseconds at first, {:.1} the shortest of {ROUNDS} rounds",
        micros(first),
        micros(best)
    );
    Ok(Some(best as f64))
}

fn policy(path: &std::path::Path, text: &str) -> Result<Policy> {
    let found = detect(Some(path), text.as_bytes());
    let format = found.map_or(Format::Docker, |found| found.format);
    let options = Options {
        caps: Some(Capabilities::container()),
        // A package may be newer than the tables here.
        ignore_unknown: true,
        ..Options::new(Arch::X86_64)
    };
    let import = read(text, format, &options).map_err(|e| e.to_string())?;
    import.policies.into_iter().next().map(|named| named.policy).ok_or("no policy".into())
}
