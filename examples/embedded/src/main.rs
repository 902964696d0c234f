//! A program with its filter compiled in: opens what it needs, loads the filter, and reads on.

callgate_sys::include_policy!("sealed");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What is opened before stays open.
    let before = std::fs::read_to_string("/proc/self/status")?;
    println!("before: {} lines of /proc/self/status", before.lines().count());
    callgate_sys::install(&SEALED, callgate_sys::Flags::NEW)?;
    match std::fs::read_to_string("/proc/self/status") {
        Ok(_) => Err("the filter is not in force".into()),
        Err(e) => {
            println!("after {} instructions: {e}", SEALED.len());
            Ok(())
        }
    }
}
