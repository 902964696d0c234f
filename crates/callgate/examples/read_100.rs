//! A read of exactly 100 bytes from standard input is fatal; every other read is not.
//!
//! `read_100 99` reads up to 99 bytes and ends well, `read_100 100` is killed.

use callgate::{Action, Policy, arg32, arg64};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let size: usize = std::env::args().nth(1).unwrap_or_else(|| "100".into()).parse()?;
    Policy::new(Action::ALLOW)
        .rule(Action::KILL_PROCESS, ["read"], arg32(0).eq(0) & arg64(2).eq(100))?
        .install()?;
    let mut bytes = vec![0; size];
    // Straight from the descriptor: the standard library reads in blocks of its own size.
    let n = rustix::io::read(rustix::stdio::stdin(), &mut bytes)?;
    println!("read {n} bytes");
    Ok(())
}
