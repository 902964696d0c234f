//! `cargo xtask book`: `docs/` as a book for the browser.

use crate::files::{Result, root};
use crate::tool::Tool;
use std::process::Command;

pub(crate) const USAGE: &str = "\
usage: cargo xtask book

  writes target/book/index.html and what belongs to it; builds mdBook once if it is not there
";

const MDBOOK: Tool = Tool { name: "mdbook", version: "0.5.4", features: "search" };

/// Makes the book. A page the book leaves out, or a link that leads nowhere, is what the tests of `docs/` find.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    if let Some(other) = args.first() {
        return Err(format!("unknown argument {other}\n{USAGE}"));
    }
    let docs = root().join("docs");
    let status = Command::new(MDBOOK.program()?)
        .arg("build")
        .arg(&docs)
        .env("RUST_LOG", "warn")
        .status()
        .map_err(|e| format!("mdbook could not be started: {e}"))?;
    if !status.success() {
        return Err(format!("mdbook: {status}"));
    }
    let book = root().join("target/book");
    for page in ["index.html", "policy-language.html", "codes/CG0101.html", "formats/index.html"] {
        if !book.join(page).is_file() {
            return Err(format!("the book has no {page}"));
        }
    }
    println!("{}", book.join("index.html").display());
    Ok(())
}
