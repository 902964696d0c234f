//! `seccomp_load`.
//!
//! # Safety
//!
//! See [`crate::api`].
#![expect(unsafe_code, reason = "exported to C")]

use super::guard::guard_allocating;
use super::handle;
use crate::compile::Uncompiled;
use crate::kernel::{Kernel, Load};
use libc::{ECANCELED, EINVAL, c_int, c_void};

/// Puts the context's program on the calling thread, or on all.
///
/// # Safety
/// `ctx` is null or a context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_load(ctx: *const c_void) -> c_int {
    guard_allocating(|| {
        // SAFETY: the caller's contract.
        let collection = unsafe { handle::get(ctx.cast_mut()) }?;
        let raw_errors = collection.attributes.raw_errors;
        let program = collection.program().map_err(|why| match why {
            // As the kernel says of it.
            Uncompiled::TooLong if raw_errors => EINVAL,
            Uncompiled::TooLong => ECANCELED,
            Uncompiled::Failed => why.code(),
        })?;
        let attributes = &collection.attributes;
        let how = Load {
            no_new_privs: attributes.no_new_privs,
            tsync: attributes.tsync,
            log: attributes.log,
            spec_allow: attributes.spec_allow,
            wait_killable: attributes.wait_killable,
            notifies: collection.notifies,
            raw_errors,
        };
        handle::loaded();
        Kernel::load(program.insns(), &how).map(|()| 0)
    })
}
