//! What the interface after 2.6 adds.
#![expect(unsafe_code, reason = "the interface is C's")]

use libc::{EACCES, ECANCELED, EINVAL, c_char, c_int, c_void};
use seccomp::api::*;
use std::ffi::{CStr, CString};
use std::ptr::{null_mut, with_exposed_provenance_mut};

const ALLOW: u32 = 0x7fff_0000;
const NOTIFY: u32 = 0x7fc0_0000;
const TRAP: u32 = 0x0003_0000;

#[test]
fn architectures_have_the_names_they_are_found_by() {
    let name = |token: u32| {
        let name: *const c_char = seccomp_arch_name(token);
        // SAFETY: null, or a name that lasts as long as the library.
        (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_str().unwrap())
    };
    for known in
        ["x86", "x86_64", "x32", "mipsel64n32", "parisc64", "ppc64le", "s390x", "sheb", "loongarch64"]
    {
        let text = CString::new(known).unwrap();
        // SAFETY: a C string.
        let token = unsafe { seccomp_arch_resolve_name(text.as_ptr()) };
        assert_ne!(token, 0, "{known}");
        assert_eq!(name(token), Some(known));
    }
    let native = CString::new(name(0).unwrap()).unwrap();
    // SAFETY: as above.
    assert_eq!(unsafe { seccomp_arch_resolve_name(native.as_ptr()) }, seccomp_arch_native());
    assert_eq!(name(0xdead_beef), None);
}

/// The number reaches the program and its text.
#[test]
fn traps_carry_a_number() {
    let ctx = seccomp_init(ALLOW);
    let mut program = [0u64; 64];
    let mut len = size_of_val(&program);
    // SAFETY: a live context, and a buffer of the length told.
    unsafe {
        assert_eq!(seccomp_rule_add_array(ctx, TRAP | 1234, 39, 0, null_mut()), 0);
        assert_eq!(seccomp_rule_add_array(ctx, ALLOW | 1234, 40, 0, null_mut()), -EINVAL);
        assert_eq!(seccomp_export_bpf_mem(ctx, program.as_mut_ptr().cast(), &raw mut len), 0);
        seccomp_release(ctx);
    }
    // The constant of an instruction is its high half on every machine this runs on.
    assert!(program[..len / 8].iter().any(|i| i >> 32 == u64::from(TRAP | 1234)));
}

/// A thread that opens a file is handed another one.
#[test]
fn a_caller_is_given_a_descriptor() {
    /// `struct seccomp_notif_addfd`.
    #[repr(C)]
    struct AddFd {
        id: u64,
        flags: u32,
        srcfd: u32,
        newfd: u32,
        newfd_flags: u32,
    }
    // SAFETY: null is refused, and no descriptor is a listener.
    unsafe {
        assert_eq!(seccomp_notify_addfd(-1, null_mut()), -EINVAL);
        let mut add = AddFd { id: 0, flags: 0, srcfd: 0, newfd: 0, newfd_flags: 0 };
        assert_eq!(seccomp_notify_addfd(-1, (&raw mut add).cast()), -ECANCELED);
    }
    let ctx = seccomp_init(ALLOW);
    let call = c_int::try_from(libc::SYS_memfd_create).unwrap();
    // SAFETY: a live context.
    assert_eq!(unsafe { seccomp_rule_add_array(ctx, NOTIFY, call, 0, null_mut()) }, 0);
    let address = ctx.expose_provenance();
    let (loaded, wait) = std::sync::mpsc::channel();
    let caller = std::thread::spawn(move || {
        let ctx: *mut c_void = with_exposed_provenance_mut(address);
        // SAFETY: the context lives until this thread has ended; only this thread is filtered.
        let error = unsafe { seccomp_load(ctx) };
        loaded.send(error).unwrap();
        // SAFETY: a name that is a C string.
        unsafe { libc::syscall(libc::SYS_memfd_create, c"".as_ptr(), 0) }
    });
    let error = wait.recv().unwrap();
    if error == -EACCES {
        eprintln!("skipped: no filter may be loaded here");
        return;
    }
    assert_eq!(error, 0);
    let listener = seccomp_notify_fd(ctx);
    let (mut request, mut response) = (null_mut(), null_mut());
    // SAFETY: the buffers are made by the library for this; the notification begins with its id, the answer with id
    // and value.
    let given = unsafe {
        assert_eq!(seccomp_notify_alloc(&raw mut request, &raw mut response), 0);
        assert_eq!(seccomp_notify_receive(listener, request), 0);
        let id = request.cast::<u64>().read();
        let mut add = AddFd { id, flags: 0, srcfd: 1, newfd: 0, newfd_flags: 0 };
        let given = seccomp_notify_addfd(listener, (&raw mut add).cast());
        assert!(given > 2, "{given}");
        // A place without the flag that asks for it.
        add.newfd = 9;
        assert!(seccomp_notify_addfd(listener, (&raw mut add).cast()) < 0);
        response.cast::<u64>().write(id);
        response.cast::<i64>().add(1).write(given.into());
        assert_eq!(seccomp_notify_respond(listener, response), 0);
        seccomp_notify_free(request, response);
        given
    };
    assert_eq!(caller.join().unwrap(), given.into());
    // SAFETY: the context is used no more.
    unsafe { seccomp_release(ctx) };
}
