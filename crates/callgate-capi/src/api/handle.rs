//! `scmp_filter_ctx`: a pointer to a stamped box.
//!
//! # Safety
//!
//! A context is a leaked box of [`Handle`]. It is looked at only if its stamp is right, and given back only
//! once, by [`release`], which spoils the stamp. After a filter has been loaded freeing memory may need a
//! system call the filter forbids, so released contexts are then kept until the next one is made.
#![expect(unsafe_code, reason = "pointers from C")]

use crate::collection::Collection;
use libc::{EINVAL, c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::SeqCst};

const STAMP: u32 = 0xca11_6a7e;
const SPOILED: u32 = !STAMP;

#[repr(C)]
struct Handle {
    stamp: u32,
    collection: Collection,
    /// The next released context.
    next: *mut Handle,
}

static LOADED: AtomicBool = AtomicBool::new(false);
static RELEASED: AtomicPtr<Handle> = AtomicPtr::new(null_mut());

/// A new context.
pub(super) fn new(collection: Collection) -> *mut c_void {
    sweep();
    Box::into_raw(Box::new(Handle { stamp: STAMP, collection, next: null_mut() })).cast()
}

/// The collection behind a context that has an architecture.
///
/// # Safety
/// `ctx` is null or points to readable memory; no other reference to the collection lives.
pub(super) unsafe fn get<'a>(ctx: *mut c_void) -> Result<&'a mut Collection, c_int> {
    // SAFETY: the caller's contract.
    let collection = unsafe { get_any(ctx) }?;
    if collection.filters.is_empty() { Err(EINVAL) } else { Ok(collection) }
}

/// The collection behind a context, be it without any architecture.
///
/// # Safety
/// As [`get`].
pub(super) unsafe fn get_any<'a>(ctx: *mut c_void) -> Result<&'a mut Collection, c_int> {
    let handle = ctx.cast::<Handle>();
    // SAFETY: the memory is readable, by the caller's contract, and an unaligned pointer is none of ours.
    if handle.is_null() || !handle.is_aligned() || unsafe { (&raw const (*handle).stamp).read() } != STAMP {
        return Err(EINVAL);
    }
    // SAFETY: the stamp says that this is a live context.
    Ok(unsafe { &mut (*handle).collection })
}

/// Gives a context up. Anything else is left alone.
///
/// # Safety
/// As [`get`].
pub(super) unsafe fn release(ctx: *mut c_void) {
    // SAFETY: the caller's contract.
    if unsafe { get_any(ctx) }.is_err() {
        return;
    }
    let handle = ctx.cast::<Handle>();
    // SAFETY: the stamp was right: this is a box of ours that nobody has given up yet.
    unsafe { (*handle).stamp = SPOILED };
    if LOADED.load(SeqCst) {
        keep(handle);
    } else {
        // SAFETY: as above.
        drop(unsafe { Box::from_raw(handle) });
    }
}

/// From now on no memory is freed on release.
pub(super) fn loaded() {
    LOADED.store(true, SeqCst);
}

fn keep(handle: *mut Handle) {
    let mut first = RELEASED.load(SeqCst);
    loop {
        // SAFETY: the handle has just been given up, so only this function knows it.
        unsafe { (*handle).next = first };
        match RELEASED.compare_exchange(first, handle, SeqCst, SeqCst) {
            Ok(_) => return,
            Err(other) => first = other,
        }
    }
}

/// Frees what has been kept: making a context needs memory anyway.
fn sweep() {
    let mut at = RELEASED.swap(null_mut(), SeqCst);
    while !at.is_null() {
        // SAFETY: what is on the list was given up, and this took the whole list.
        let handle = unsafe { Box::from_raw(at) };
        at = handle.next;
    }
}
