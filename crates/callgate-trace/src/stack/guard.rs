//! Other people's readers, on files that somebody may have made to break them.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// What `read` gives; `None` where it panics, of which nothing is printed: a stack that cannot be told is no news.
/// `read` changes nothing that is used afterwards.
pub(super) fn guarded<T>(read: impl FnOnce() -> T) -> Option<T> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |info| {
            if !INSIDE.get() {
                usual(info);
            }
        }));
    });
    let before = INSIDE.replace(true);
    let done = catch_unwind(AssertUnwindSafe(read));
    INSIDE.set(before);
    done.ok()
}

#[cfg(test)]
mod tests {
    use super::guarded;

    #[test]
    fn panics_end_here() {
        assert_eq!(guarded(|| guarded(|| panic!("inner")).map_or(2, |()| 1)), Some(2));
        assert_eq!(guarded(|| -> u8 { panic!("outer") }), None);
    }
}
