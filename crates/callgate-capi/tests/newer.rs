//! What the interface after 2.6 adds.
#![expect(unsafe_code, reason = "the interface is C's")]

use callgate::{Action, Arch, Errno, Program, SeccompData};
use libc::{EACCES, ECANCELED, EINVAL, c_char, c_int, c_void};
use seccomp::api::*;
use std::ffi::{CStr, CString};
use std::io::{Read, Seek};
use std::os::fd::FromRawFd;
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
    // SAFETY: a live context.
    let listener = unsafe { seccomp_notify_fd(ctx) };
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

const KILL: u32 = 0;
const X86: u32 = 0x4000_0003;
const X86_64: u32 = 0xc000_003e;
const ACT_ENOSYS: u32 = 11;
const CTL_KVERMAX: u32 = 12;
const KV_6_5: u32 = 68;

fn errno(number: u16) -> u32 {
    0x0005_0000 | u32::from(number)
}

/// A context for x86_64 and x86 that allows `read`, and `ioctl` with one request.
fn of_two_architectures() -> *mut c_void {
    let ctx = seccomp_init(KILL);
    let request = scmp_arg_cmp { arg: 1, op: 4, datum_a: 0x5401, datum_b: 0 };
    // SAFETY: a live context, and as many comparisons as told.
    unsafe {
        for token in [X86_64, X86] {
            if seccomp_arch_exist(ctx, token) != 0 {
                assert_eq!(seccomp_arch_add(ctx, token), 0);
            }
        }
        for token in [X86_64, X86] {
            assert_eq!(seccomp_arch_exist(ctx, token), 0);
        }
        if seccomp_arch_native() != X86_64 && seccomp_arch_native() != X86 {
            assert_eq!(seccomp_arch_remove(ctx, 0), 0);
        }
        let read = seccomp_syscall_resolve_name(c"read".as_ptr());
        let ioctl = seccomp_syscall_resolve_name(c"ioctl".as_ptr());
        assert_eq!(seccomp_rule_add_array(ctx, ALLOW, read, 0, null_mut()), 0);
        assert_eq!(seccomp_rule_add_array(ctx, ALLOW, ioctl, 1, &raw const request), 0);
    }
    ctx
}

fn attribute(ctx: *mut c_void, which: u32) -> u32 {
    let mut value = 0;
    // SAFETY: a live context, and a place for the value.
    assert_eq!(unsafe { seccomp_attr_get(ctx, which, &raw mut value) }, 0);
    value
}

/// What the context's program does with a call.
fn verdict(ctx: *mut c_void, arch: Arch, nr: u32, request: u64) -> Action {
    let mut bytes = [0u8; 65536];
    let mut len = bytes.len();
    // SAFETY: a live context, and a buffer of the length told.
    assert_eq!(unsafe { seccomp_export_bpf_mem(ctx, bytes.as_mut_ptr().cast(), &raw mut len) }, 0);
    let program = Program::from_bytes(&bytes[..len], arch.endian()).unwrap();
    program.run(&SeccompData { nr, arch: arch.token(), ip: 0, args: [0, request, 0, 0, 0, 0] }).action()
}

/// Calls of the kernel that is named get what they got before; all others the action for them.
#[test]
fn calls_newer_than_a_kernel_are_told_apart() {
    let ctx = of_two_architectures();
    assert_eq!(attribute(ctx, ACT_ENOSYS), errno(38));
    assert_eq!(attribute(ctx, CTL_KVERMAX), 1);
    // SAFETY: a live context.
    unsafe {
        for none in [0, 1, seccomp::KERNELS.end() + 1, u32::MAX] {
            assert_eq!(seccomp_attr_set(ctx, CTL_KVERMAX, none), -EINVAL, "{none}");
        }
        assert_eq!(seccomp_attr_set(ctx, ACT_ENOSYS, 0x1234_5678), -EINVAL);
        assert_eq!(seccomp_attr_set(ctx, ACT_ENOSYS, errno(3)), 0);
        let killed = verdict(ctx, Arch::X86_64, 452, 0);
        assert_eq!(killed, Action::KILL_THREAD, "no kernel has been named");
        assert_eq!(seccomp_attr_set(ctx, CTL_KVERMAX, KV_6_5), 0);
        assert_eq!((attribute(ctx, ACT_ENOSYS), attribute(ctx, CTL_KVERMAX)), (errno(3), KV_6_5));
        // The action comes before the kernel, and so do all rules.
        assert_eq!(seccomp_attr_set(ctx, ACT_ENOSYS, errno(9)), -EINVAL);
        assert_eq!(seccomp_rule_add_array(ctx, ALLOW, 1, 0, null_mut()), -EINVAL);
    }
    let unknown = Action::Errno(Errno(3));
    let (allow, kill) = (Action::ALLOW, Action::KILL_THREAD);
    for (arch, nr, request, expected) in [
        (Arch::X86_64, 0, 0, allow),
        (Arch::X86_64, 16, 0x5401, allow),
        // A call of that kernel gets the default where its rule does not match.
        (Arch::X86_64, 16, 0x5402, kill),
        (Arch::X86_64, 2, 0, kill),
        // uselib, which later kernels have dropped, and afs_syscall, which none ever had.
        (Arch::X86_64, 134, 0, kill),
        (Arch::X86_64, 183, 0, kill),
        // uretprobe is of 6.11, whatever its number; 400 is no call; cachestat is of 6.5, fchmodat2 of 6.6.
        (Arch::X86_64, 335, 0, unknown),
        (Arch::X86_64, 400, 0, unknown),
        (Arch::X86_64, 451, 0, kill),
        (Arch::X86_64, 452, 0, unknown),
        (Arch::X86_64, u32::MAX, 0, unknown),
        // No number of an architecture that is not there.
        (Arch::X86_64, 0x4000_0000, 0, kill),
        (Arch::X86, 3, 0, allow),
        (Arch::X86, 54, 0x5402, kill),
        (Arch::X86, 451, 0, kill),
        (Arch::X86, 452, 0, unknown),
        (Arch::Aarch64, 452, 0, kill),
    ] {
        assert_eq!(verdict(ctx, arch, nr, request), expected, "{} {nr} {request:#x}", arch.name());
    }
    // SAFETY: the context is used no more.
    unsafe { seccomp_release(ctx) };
}

/// The text lists the calls of the kernel that have no rule with the default action, and ends with that of the others.
#[test]
fn the_text_lists_the_calls_of_the_kernel() {
    let ctx = of_two_architectures();
    // SAFETY: a live context; the descriptor is new and nobody else's.
    let text = unsafe {
        assert_eq!(seccomp_attr_set(ctx, CTL_KVERMAX, KV_6_5), 0);
        let fd = libc::memfd_create(c"text".as_ptr(), 0);
        let mut file = std::fs::File::from_raw_fd(fd);
        assert_eq!(seccomp_export_pfc(ctx, fd), 0);
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        seccomp_release(ctx);
        text
    };
    let known = "  # filter for syscall \"cachestat\" (451) [priority: 65535]\n  if ($syscall == 451)\n    action KILL;\n";
    assert_eq!(text.matches(known).count(), 2, "{text}");
    assert_eq!(text.matches("\"read\"").count(), 2);
    assert_eq!(text.matches("\"fchmodat2\"").count(), 0);
    assert_eq!(text.matches("  # default action\n  action ERRNO(38);\n").count(), 2);
}

/// Contexts that tell calls apart by different kernels are not one filter.
#[test]
fn contexts_of_different_kernels_are_not_merged() {
    let (into, from) = (of_two_architectures(), seccomp_init(KILL));
    // SAFETY: live contexts, of which the second is given up by being merged.
    unsafe {
        assert_eq!(seccomp_arch_add(from, 0xc000_00b7).min(0), 0);
        assert_eq!(seccomp_arch_remove(from, X86_64).min(0), 0);
        assert_eq!(seccomp_attr_set(into, CTL_KVERMAX, KV_6_5), 0);
        assert_eq!(seccomp_merge(into, from), -EINVAL);
        assert_eq!(seccomp_attr_set(from, CTL_KVERMAX, KV_6_5 - 1), 0);
        assert_eq!(seccomp_merge(into, from), -EINVAL);
        assert_eq!(seccomp_attr_set(from, CTL_KVERMAX, KV_6_5), 0);
        assert_eq!(seccomp_merge(into, from), 0);
        assert_eq!(verdict(into, Arch::Aarch64, 452, 0), Action::Errno(Errno(38)));
        assert_eq!(verdict(into, Arch::Aarch64, 451, 0), Action::KILL_THREAD);
        seccomp_reset(into, KILL);
        assert_eq!(attribute(into, CTL_KVERMAX), 1);
        seccomp_release(into);
    }
}

/// The header's kernels are those of the library.
#[test]
fn the_header_names_every_kernel() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/include/seccomp.h");
    let header = std::fs::read_to_string(path).unwrap();
    let named: Vec<(String, u32)> = header
        .lines()
        .filter_map(|l| l.trim().strip_prefix("SCMP_KV_")?.strip_suffix(','))
        .filter_map(|l| l.split_once(" = "))
        .map(|(name, number)| (name.replace('_', "."), number.parse().unwrap()))
        .filter(|named| named.0 != "UNDEF")
        .collect();
    let expected: Vec<(String, u32)> =
        seccomp::KERNELS.map(|n| (seccomp::kernel(n).unwrap().to_string(), n)).collect();
    assert_eq!(named, expected);
}
