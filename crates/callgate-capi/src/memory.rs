//! Memory, and what happens where there is none: `ENOMEM`, where Rust would end the process.
//!
//! What the system refuses is served from a reserve, so that a call that has begun can be brought to its end; no
//! call begins when the system has nothing or the reserve is going down. The reserve is untouched memory, which
//! costs nothing until it is used.
//!
//! # Safety
//!
//! The reserve hands out stretches that do not overlap, from its beginning on, and begins again only when all of
//! them have been given back. Everything else is the system's.
#![expect(unsafe_code, reason = "an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::hint::black_box;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Bytes of the reserve: compiling the profile that container engines bring for three ABIs takes less.
const SIZE: usize = 2 << 20;

#[global_allocator]
static MEMORY: Memory = Memory;

static RESERVE: Reserve = Reserve { bytes: UnsafeCell::new([0; SIZE]), state: AtomicU64::new(0) };

struct Memory;

#[repr(align(64))]
struct Reserve {
    bytes: UnsafeCell<[u8; SIZE]>,
    /// How many stretches are out, and, in the low half, where the next one begins.
    state: AtomicU64,
}

// SAFETY: the bytes are only handed out, each to one owner.
unsafe impl Sync for Reserve {}

/// Whether a call may begin that needs memory.
pub(crate) fn is_there() -> bool {
    const SOME: Layout = Layout::new::<[u64; 64]>();
    // SAFETY: a layout that is not empty; what comes is given back at once.
    let has_some = unsafe {
        // What is not used could be left out.
        let probe = black_box(System.alloc(SOME));
        if !probe.is_null() {
            System.dealloc(probe, SOME);
        }
        !probe.is_null()
    };
    has_some && RESERVE.used() <= SIZE / 4
}

// SAFETY: what is returned is the system's or the reserve's, and each goes back to where it came from.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        let made = unsafe { System.alloc(layout) };
        if made.is_null() { RESERVE.take(layout) } else { made }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        let made = unsafe { System.alloc_zeroed(layout) };
        if !made.is_null() {
            return made;
        }
        let made = RESERVE.take(layout);
        if !made.is_null() {
            // SAFETY: as long as was asked for, and nobody else's.
            unsafe { made.write_bytes(0, layout.size()) };
        }
        made
    }

    unsafe fn dealloc(&self, given: *mut u8, layout: Layout) {
        if RESERVE.has(given) {
            RESERVE.give_back();
        } else {
            // SAFETY: what is not the reserve's is the system's.
            unsafe { System.dealloc(given, layout) };
        }
    }

    unsafe fn realloc(&self, given: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !RESERVE.has(given) {
            // SAFETY: the caller's contract; what is not the reserve's is the system's.
            let made = unsafe { System.realloc(given, layout, size) };
            if !made.is_null() {
                return made;
            }
        }
        // SAFETY: the alignment is a layout's, and the caller promises that the size fits it.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the size is not zero, by the caller's contract.
        let made = unsafe { self.alloc(wanted) };
        if !made.is_null() {
            // SAFETY: both are as long as the shorter of the two, and do not overlap; the first is given back.
            unsafe {
                made.copy_from_nonoverlapping(given, layout.size().min(size));
                self.dealloc(given, layout);
            }
        }
        made
    }
}

impl Reserve {
    fn start(&self) -> *mut u8 {
        self.bytes.get().cast()
    }

    fn used(&self) -> usize {
        self.state.load(SeqCst) as u32 as usize
    }

    fn has(&self, given: *mut u8) -> bool {
        given.addr().wrapping_sub(self.start().addr()) < SIZE
    }

    /// A stretch of the reserve; null if there is none so long.
    fn take(&self, layout: Layout) -> *mut u8 {
        let mut state = self.state.load(SeqCst);
        loop {
            let (out, next) = (state >> 32, state as u32 as usize);
            let unaligned = self.start().addr() + next;
            let Some(begin) = unaligned.checked_next_multiple_of(layout.align()) else { return null_mut() };
            let begin = begin - self.start().addr();
            let Some(end) = begin.checked_add(layout.size()).filter(|end| *end <= SIZE) else {
                return null_mut();
            };
            match self.state.compare_exchange_weak(state, (out + 1) << 32 | end as u64, SeqCst, SeqCst) {
                // SAFETY: within the reserve.
                Ok(_) => return unsafe { self.start().add(begin) },
                Err(other) => state = other,
            }
        }
    }

    fn give_back(&self) {
        let mut state = self.state.load(SeqCst);
        loop {
            let out = (state >> 32).saturating_sub(1);
            let next = if out == 0 { 0 } else { out << 32 | state & 0xffff_ffff };
            match self.state.compare_exchange_weak(state, next, SeqCst, SeqCst) {
                Ok(_) => return,
                Err(other) => state = other,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another reserve than the one of this process: tests run side by side.
    fn reserve() -> Box<Reserve> {
        // SAFETY: all of it may be zero.
        unsafe { Box::new_zeroed().assume_init() }
    }

    #[test]
    fn the_reserve_begins_again_when_all_is_back() {
        let reserve = reserve();
        let layout = |size, align| Layout::from_size_align(size, align).unwrap();
        let first = reserve.take(layout(3, 1));
        let second = reserve.take(layout(100, 64));
        assert!(second.addr() >= first.addr() + 3 && second.addr().is_multiple_of(64));
        assert!(
            reserve.has(first) && reserve.has(second) && !reserve.has((&raw const reserve).cast_mut().cast())
        );
        assert!(reserve.take(layout(SIZE, 1)).is_null());
        reserve.give_back();
        assert!(reserve.used() >= 103);
        reserve.give_back();
        assert_eq!(reserve.used(), 0);
        assert_eq!(reserve.take(layout(SIZE, 1)), first);
    }
}
