//! A program that says which call its own filter traps, before it dies of it.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    callgate::report_sigsys()?;
    let policy = callgate::Policy::parse("default allow\nunknown errno(ENOSYS)\ntrap(7) mkdir?, mkdirat\n")?;
    // A thread of its own, to show that the report works there.
    std::thread::spawn(move || {
        policy.install().map_err(|e| e.to_string())?;
        std::fs::create_dir("never").map_err(|e| e.to_string())
    })
    .join()
    .map_err(|_| "the thread panicked")??;
    Ok(())
}
