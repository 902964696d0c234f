//! Reading minijail's policy files: which dialect a file is in.

use super::{build_time, run_time};
use crate::detect::Format;
use crate::import::{Collect, Import};
use crate::options::Options;
use crate::place::Error;
use crate::scan::{Pos, Source};
use callgate::{Action, Policy};

/// Reads a policy in the dialect of the run-time parser ([`Format::Minijail`]) or of the build-time
/// compiler ([`Format::MinijailPython`]). A file said to be in the first that only the second can
/// read is read so, and the import says so.
pub(crate) fn read(text: &str, format: Format, options: &Options) -> Result<Import, Error> {
    let source = Source::main(text, options);
    let arch = match options.arches.as_deref() {
        None => options.host,
        Some([one]) => *one,
        Some(_) => {
            let what = "a minijail policy is for one architecture at a time";
            return Err(source.error(Pos::default(), what));
        }
    };
    let mut collect = Collect::new(options);
    let mut format = format;
    if format == Format::Minijail
        && let Some((pos, why)) = only_build_time(text)
    {
        collect
            .note(source.place(pos), format!("read in the dialect of minijail's build-time compiler: {why}"));
        format = Format::MinijailPython;
    }
    let policy = match format {
        Format::MinijailPython => {
            build_time::read(&source, arch, Action::KILL_THREAD, options, &mut collect)?
        }
        _ => {
            let fail = options.default.unwrap_or(Action::KILL_THREAD);
            let before = collect.clone();
            let read = run_time::read(&source, arch, fail, options, &mut collect);
            let mut other = before;
            if collect.has_problems() && read.only_repeats && !read.says_miss {
                other.note(
                    source.place(Pos::default()),
                    "read in the dialect of minijail's build-time compiler: a call has several lines",
                );
                let policy = build_time::read(&source, arch, Action::KILL_THREAD, options, &mut other)?;
                if !other.has_problems() {
                    return Ok(Import::one(Format::MinijailPython, policy, other));
                }
            }
            // Bit 30 is not looked at: an x32 number is one without a line.
            let bad_arch = Action::KILL_THREAD;
            let policy = Policy { arches: vec![arch], rules: read.rules, bad_arch, ..Policy::new(fail) };
            Policy { x32: Some(fail), ..policy }
        }
    };
    collect.check()?;
    Ok(Import::one(format, policy, collect))
}

/// The first thing in a file that only the build-time compiler takes, if there is one.
pub(crate) fn only_build_time(text: &str) -> Option<(Pos, &'static str)> {
    const ACTIONS: &[&str] =
        &["allow", "kill", "kill-process", "kill-thread", "trap", "trace", "log", "user-notify"];
    for (number, line) in (1u32..).zip(text.split('\n')) {
        let pos = Pos { line: number, col: 1 };
        let code = line.trim();
        if code.starts_with("@default") {
            return Some((pos, "@default"));
        }
        if code.starts_with("@denylist") {
            return Some((pos, "@denylist"));
        }
        if code.is_empty() || code.starts_with(['#', '@']) {
            continue;
        }
        let without_comment = code.split('#').next().unwrap_or_default();
        if without_comment.len() < code.len() {
            return Some((pos, "a comment behind the text"));
        }
        if line.ends_with('\r') {
            return Some((pos, "a carriage return"));
        }
        if code.contains(['{', '[']) {
            return Some((pos, "braces or brackets"));
        }
        let filter = code.split_once(':').map_or(code, |(_, filter)| filter);
        let last = filter.rsplit(';').next().unwrap_or_default().trim();
        if ACTIONS.contains(&last) {
            return Some((pos, "an action by name"));
        }
    }
    None
}
