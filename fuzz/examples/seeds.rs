//! Writes the seeds to `corpus/TARGET/`, where `cargo fuzz` looks for them.

#[allow(dead_code, reason = "the targets use the rest")]
#[path = "../src/trace.rs"]
mod trace;

use callgate_fuzz::seeds::seeds;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (i, (entry, bytes)) in seeds(&here.join("..")).into_iter().chain(trace::seeds()).enumerate() {
        let folder = here.join("corpus").join(entry);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("seed-{i:03}")), bytes)?;
    }
    Ok(())
}
