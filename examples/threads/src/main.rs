//! Sums the numbers of each line: one thread reads, one parses, one writes, and each may do its own work only.
//!
//! Every thread of the program has the filter `everywhere`; parser and writer add one of their own. Of several filters
//! the kernel takes the strictest answer.

use callgate_sys::{Flags, install};
use std::error::Error;
use std::io::{BufRead as _, Write as _};
use std::sync::mpsc::channel;
use std::thread;

callgate_sys::include_policy!("everywhere");
callgate_sys::include_policy!("parser");
callgate_sys::include_policy!("writer");

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    // Before there are threads, so that all of them inherit it.
    install(&EVERYWHERE, Flags::NEW)?;
    let (lines, to_parse) = channel::<String>();
    let (sums, to_write) = channel::<Result<i64, String>>();
    let parser = thread::spawn(move || -> Result<(), callgate_sys::Error> {
        install(&PARSER, Flags::NEW)?;
        for line in to_parse {
            let sum = line.split_whitespace().map(str::parse::<i64>).sum::<Result<i64, _>>();
            // The writer is gone only if it failed, and says so itself.
            if sums.send(sum.map_err(|e| format!("{line}: {e}"))).is_err() {
                break;
            }
        }
        Ok(())
    });
    let writer = thread::spawn(move || -> Result<(), Box<dyn Error + Send + Sync>> {
        install(&WRITER, Flags::NEW)?;
        let mut out = std::io::stdout();
        for sum in to_write {
            match sum {
                Ok(sum) => writeln!(out, "{sum}")?,
                Err(e) => writeln!(out, "no numbers: {e}")?,
            }
        }
        Ok(())
    });
    for line in std::io::stdin().lock().lines() {
        lines.send(line?)?;
    }
    drop(lines);
    parser.join().map_err(|_| "the parser panicked")??;
    writer.join().map_err(|_| "the writer panicked")?
}
