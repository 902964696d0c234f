//! Loading filters, for real: each case in a forked child, as a filter cannot be taken off.
#![expect(unsafe_code, reason = "changing the user, raw calls")]

mod common;

use std::sync::mpsc;
use std::thread;

use callgate_abi::{Action, Errno, Insn};
use callgate_sys::{Error, Flags, install, install_strict, no_new_privs, set_no_new_privs};
use common::{allow_all, check, deny, errno_of, filter, in_child, status_field};

fn is_root() -> bool {
    // SAFETY: takes no pointers.
    unsafe { libc::geteuid() == 0 }
}

#[test]
fn a_filter_takes_effect_and_no_new_privs_with_it() {
    check(|| {
        assert!(!no_new_privs().unwrap() || status_field("self", "NoNewPrivs") == "1");
        assert!(install(&deny(libc::SYS_getppid, libc::ENOTBLK), Flags::NEW).unwrap().is_none());
        assert_eq!(errno_of(libc::SYS_getppid, [0; 3]), libc::ENOTBLK);
        assert_eq!(errno_of(libc::SYS_getpid, [0; 3]), 0);
        assert!(no_new_privs().unwrap());
        assert_eq!(status_field("self", "Seccomp"), "2");
    });
}

#[test]
fn without_no_new_privs_root_may_load_and_others_are_told_what_is_missing() {
    if !is_root() {
        println!("skipped: needs root to become somebody else");
        return;
    }
    let flags = Flags { no_new_privs: false, ..Flags::NEW };
    check(|| {
        install(&allow_all(), flags).unwrap();
        assert!(!no_new_privs().unwrap());
    });
    check(|| {
        // SAFETY: takes no pointers; this process has one thread.
        assert_eq!(unsafe { libc::setresuid(65534, 65534, 65534) }, 0);
        let e = install(&allow_all(), flags).unwrap_err();
        assert_eq!(e.errno(), Some(libc::EACCES));
        let text = e.to_string();
        assert!(
            text.starts_with("seccomp(SECCOMP_SET_MODE_FILTER)") && text.contains("no_new_privs"),
            "{text}"
        );
        set_no_new_privs().unwrap();
        install(&allow_all(), flags).unwrap();
    });
}

#[test]
fn programs_no_kernel_takes_are_refused_by_name() {
    let refused = |program: &[Insn]| install(program, Flags::NEW).unwrap_err().to_string();
    assert!(refused(&[]).contains("empty"));
    assert!(refused(&vec![Insn::stmt(0x06, 0x7fff_0000); 4097]).contains("4096"));
    assert!(refused(&vec![Insn::stmt(0x06, 0x7fff_0000); 65537]).contains("4096"));
    check(|| {
        install(&vec![Insn::stmt(0x06, Action::ALLOW.to_ret()); 4096], Flags::NEW).unwrap();
        let e = install(&[Insn::stmt(0x20, 64)], Flags::NEW).unwrap_err();
        assert_eq!(e.errno(), Some(libc::EINVAL));
    });
}

#[test]
fn flags_that_need_each_other_are_explained() {
    let off = Flags::NEW;
    for (flags, word) in [
        (Flags { tsync: true, new_listener: true, ..off }, "TSYNC_ESRCH"),
        (Flags { wait_killable_recv: true, ..off }, "NEW_LISTENER"),
    ] {
        check(|| {
            let e = install(&allow_all(), flags).unwrap_err();
            assert_eq!(e.errno(), Some(libc::EINVAL));
            assert!(e.to_string().contains(word), "{e}");
        });
    }
}

#[test]
fn tsync_reaches_every_thread() {
    check(|| {
        let (go, wait) = mpsc::channel::<()>();
        let other = thread::spawn(move || {
            wait.recv().unwrap();
            errno_of(libc::SYS_getppid, [0; 3])
        });
        let flags = Flags { tsync: true, ..Flags::NEW };
        install(&deny(libc::SYS_getppid, libc::ENOTBLK), flags).unwrap();
        go.send(()).unwrap();
        assert_eq!(other.join().unwrap(), libc::ENOTBLK);
    });
}

#[test]
fn a_thread_that_cannot_follow_is_named_and_nobody_is_filtered() {
    for esrch in [false, true] {
        check(|| {
            let (ready, loaded) = mpsc::channel();
            let (done, wait) = mpsc::channel::<()>();
            let other = thread::spawn(move || {
                install(&allow_all(), Flags::NEW).unwrap();
                // SAFETY: takes no pointers.
                ready.send(unsafe { libc::gettid() }).unwrap();
                wait.recv().unwrap();
            });
            let tid = loaded.recv().unwrap();
            let flags = Flags { tsync: true, tsync_esrch: esrch, ..Flags::NEW };
            let e = install(&deny(libc::SYS_getppid, libc::ENOTBLK), flags).unwrap_err();
            if esrch {
                assert_eq!(e.errno(), Some(libc::ESRCH));
            } else {
                assert_eq!(e, Error::ThreadNotSynced { tid });
            }
            assert_eq!(errno_of(libc::SYS_getppid, [0; 3]), 0);
            done.send(()).unwrap();
            other.join().unwrap();
        });
    }
}

#[test]
fn prctl_is_used_where_seccomp_does_not_exist() {
    check(|| {
        install(&deny(libc::SYS_seccomp, libc::ENOSYS), Flags::NEW).unwrap();
        install(&deny(libc::SYS_getppid, libc::ENOTBLK), Flags::NEW).unwrap();
        assert_eq!(errno_of(libc::SYS_getppid, [0; 3]), libc::ENOTBLK);
        assert_eq!(status_field("self", "Seccomp_filters"), "2");
        let e = install(&allow_all(), Flags { log: true, ..Flags::NEW }).unwrap_err();
        assert!(e.errno() == Some(libc::ENOSYS) && e.to_string().contains("flags need seccomp(2)"), "{e}");
    });
}

#[test]
fn strict_mode_kills_all_but_four_calls() {
    let status = in_child(|| {
        install_strict().unwrap();
        // SAFETY: ends this thread, which is the last.
        unsafe { libc::syscall(libc::SYS_exit, 9) };
    });
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 9, "{status:#x}");
    let status = in_child(|| {
        install_strict().unwrap();
        errno_of(libc::SYS_getpid, [0; 3]);
    });
    assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL, "{status:#x}");
    check(|| {
        install(&allow_all(), Flags::NEW).unwrap();
        let e = install_strict().unwrap_err();
        assert!(e.errno() == Some(libc::EINVAL) && e.to_string().contains("already has a filter"), "{e}");
    });
    check(|| {
        // Without seccomp(2), by prctl.
        install(&deny(libc::SYS_seccomp, libc::ENOSYS), Flags::NEW).unwrap();
        assert!(install_strict().unwrap_err().to_string().starts_with("prctl(PR_SET_SECCOMP"));
    });
}

#[test]
fn a_stack_that_grows_too_high_is_explained() {
    check(|| {
        let big = vec![Insn::stmt(0x06, Action::ALLOW.to_ret()); 4096];
        let e = (0..9).find_map(|_| install(&big, Flags::NEW).err()).unwrap();
        assert_eq!(e.errno(), Some(libc::ENOMEM));
        assert!(e.to_string().contains("32768"), "{e}");
    });
}

#[test]
fn a_second_listener_is_busy() {
    check(|| {
        let flags = Flags { new_listener: true, ..Flags::NEW };
        let notify = filter(&[(libc::SYS_getppid, Action::Notify(0))], Action::Allow(0));
        let first = install(&notify, flags).unwrap();
        assert!(first.is_some());
        let e = install(&notify, flags).unwrap_err();
        assert!(e.errno() == Some(libc::EBUSY) && e.to_string().contains("only one"), "{e}");
        // An outer filter may also lie about it.
        install(&filter(&[(libc::SYS_seccomp, Action::Errno(Errno(1)))], Action::ALLOW), Flags::NEW).unwrap();
        assert_eq!(install(&notify, flags).unwrap_err().errno(), Some(libc::EPERM));
    });
}

#[test]
fn flags_are_their_bits() {
    for bits in 0..64 {
        let (flags, rest) = Flags::from_bits(bits);
        assert_eq!((flags.bits(), rest), (bits, 0));
    }
    assert_eq!(Flags::from_bits(0xffff_ffff).1, 0xffff_ffc0);
}
