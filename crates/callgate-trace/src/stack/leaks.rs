//! Programs that look for memory leaks in themselves.
//!
//! LeakSanitizer, which comes with AddressSanitizer, has a helper trace the program at its end, and fails where another
//! traces it: "LeakSanitizer does not work under ptrace".

use std::path::Path;

use object::{Object, ObjectSection};

use super::blocks::opened;
use super::guard::guarded;

/// Strings of programs that are linked with it: the name of the shared library, or of a function that its own copy has
/// to export.
const MARKS: [&[u8]; 4] = [b"liblsan.so", b"libasan.so", b"__lsan_", b"__asan_init"];
/// A table of strings beyond this is not looked at.
const MOST: u64 = 32 << 20;

/// Whether a process has just executed a program that traces itself to find leaks.
pub fn traces_itself(pid: i32) -> bool {
    let preloaded =
        std::env::var_os("LD_PRELOAD").is_some_and(|libraries| holds(libraries.as_encoded_bytes()));
    preloaded || is_marked(Path::new(&format!("/proc/{pid}/exe")))
}

fn is_marked(program: &Path) -> bool {
    guarded(|| {
        let (cache, source) = opened(program)?;
        let object = object::File::parse(&cache).ok()?;
        let strings = object.section_by_name(".dynstr").filter(|section| section.size() <= MOST)?;
        source.section(&strings).map(|strings| holds(&strings))
    })
    .flatten()
    .unwrap_or(false)
}

fn holds(strings: &[u8]) -> bool {
    MARKS.iter().any(|mark| strings.windows(mark.len()).any(|window| window == *mark))
}
