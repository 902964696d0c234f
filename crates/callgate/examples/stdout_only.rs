//! Only standard output may be written to: one condition on one argument.

use callgate::{Action, Errno, Policy, arg32};
use std::error::Error;
use std::io::Write;

fn main() -> Result<(), Box<dyn Error>> {
    Policy::new(Action::ALLOW)
        .rule(Action::ALLOW, ["write", "writev"], arg32(0).eq(1))?
        .errno(
            Errno::from_name("EACCES").ok_or("EACCES has a number")?,
            ["write", "writev", "pwrite64", "pwritev", "pwritev2"],
        )?
        .install()?;
    println!("standard output works");
    let refused = std::io::stderr().write_all(b"this is never seen\n");
    println!("standard error: {}", refused.err().map_or("works, too".into(), |e| e.to_string()));
    Ok(())
}
