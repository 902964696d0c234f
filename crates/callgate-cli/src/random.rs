//! Numbers nobody can guess.

use crate::failure::{BEFORE_EXEC, Failure};
use std::io::Read;

/// A number nobody can guess: from `getrandom(2)`, which needs no file, or from the device where a filter around this
/// process denies that.
pub(crate) fn random() -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    if rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) == Ok(bytes.len()) {
        return Ok(u64::from_ne_bytes(bytes));
    }
    let read = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|e| Failure::new(BEFORE_EXEC, format!("getrandom is denied, and /dev/urandom: {e}")))?;
    Ok(u64::from_ne_bytes(bytes))
}
