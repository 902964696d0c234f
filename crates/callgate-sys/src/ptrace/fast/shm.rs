//! Memory that can be attached to another process by one call, without a descriptor: System V shared memory.
//!
//! # Safety
//!
//! The memory stays attached here as long as the [`Shm`] lives, and is only ever read and written whole words at a
//! time, or where nobody looks yet.
#![expect(unsafe_code, reason = "shmat")]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;

/// A segment, which is gone with the last process that has it attached.
pub(super) struct Shm {
    id: i32,
    at: NonNull<u8>,
    len: usize,
}

impl Shm {
    pub(super) fn new(len: u64) -> Result<Shm, Error> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        // Executable for its owner (`ipc(5)`), as `SHM_EXEC` is asked for.
        // SAFETY: a new segment, attached where the kernel wants, disturbs nothing.
        unsafe {
            let id = libc::shmget(libc::IPC_PRIVATE, len, libc::IPC_CREAT | 0o700);
            if id < 0 {
                return Err(Error::last("shmget", ""));
            }
            let at = libc::shmat(id, std::ptr::null(), 0);
            // From now on it ends with its last user; until then it can still be attached.
            libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut());
            let failed = at.addr() == usize::MAX;
            let at = NonNull::new(at.cast()).filter(|_| !failed).ok_or_else(|| Error::last("shmat", ""))?;
            Ok(Shm { id, at, len })
        }
    }

    pub(super) fn id(&self) -> i32 {
        self.id
    }

    /// Whether others have it attached.
    pub(super) fn is_shared(&self) -> bool {
        let mut state = std::mem::MaybeUninit::<libc::shmid_ds>::zeroed();
        // SAFETY: a valid place for the answer, read when it was given.
        unsafe {
            libc::shmctl(self.id, libc::IPC_STAT, state.as_mut_ptr()) == 0
                && state.assume_init().shm_nattch > 1
        }
    }

    /// The aligned word at a place.
    pub(super) fn word(&self, at: u64) -> &AtomicU64 {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        assert!(at.is_multiple_of(8) && at < self.len && self.len - at >= 8, "within the memory");
        // SAFETY: inside of what is attached, aligned, and as long-lived as `self`; others access it atomically.
        unsafe { &*self.at.as_ptr().add(at).cast::<AtomicU64>() }
    }

    /// Puts bytes where nobody looks yet.
    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        assert!(at <= self.len && self.len - at >= bytes.len(), "within the memory");
        // SAFETY: inside of what is attached; the two do not overlap.
        unsafe { self.at.as_ptr().add(at).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        // Before any word that leads there.
        std::sync::atomic::fence(Ordering::SeqCst);
    }
}

impl Drop for Shm {
    fn drop(&mut self) {
        // SAFETY: attached by `new`; nobody can borrow from it any more.
        unsafe { libc::shmdt(self.at.as_ptr().cast()) };
    }
}
