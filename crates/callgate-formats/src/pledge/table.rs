//! What each promise permits on x86_64: a name, or `name*restriction`.

/// The promises.
pub(super) const PROMISES: &[(&str, &str)] = &[
    (
        "stdio",
        "rt_sigreturn restart_syscall exit_group sched_yield sched_getaffinity sched_setaffinity clock_getres \
         clock_gettime clock_nanosleep close_range close write writev pwrite64 pwritev pwritev2 read readv pread64 \
         preadv preadv2 dup dup2 dup3 fchdir fcntl*stdio fstat fsync sysinfo fdatasync ftruncate getrandom \
         getgroups getpgid getpgrp getpid gettid getuid getgid getsid getppid geteuid getegid getrlimit getresgid \
         getresuid getitimer setitimer timerfd_create timerfd_settime timerfd_gettime copy_file_range gettimeofday \
         sendfile vmsplice splice lseek tee brk msync mmap*plain mremap munmap mincore madvise fadvise64 \
         mprotect*plain arch_prctl migrate_pages sync_file_range set_tid_address membarrier nanosleep pipe pipe2 \
         poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 \
         recvfrom sendto*connected ioctl*stdio alarm pause shutdown eventfd eventfd2 signalfd signalfd4 \
         rt_sigaction rt_sigprocmask rt_sigsuspend rt_sigpending rt_sigtimedwait sigaltstack kill*self tkill \
         tgkill*self socketpair getrusage times umask wait4 uname prctl*stdio clone*thread futex set_robust_list \
         get_robust_list prlimit64*read",
    ),
    (
        "rpath",
        "chdir getcwd open*read openat*read stat lstat fstat newfstatat access faccessat faccessat2 readlink \
         readlinkat statfs fstatfs getdents getdents64",
    ),
    (
        "wpath",
        "getcwd open*write openat*write stat fstat lstat newfstatat access truncate faccessat faccessat2 \
         readlinkat chmod*mode fchmod*mode fchmodat*mode",
    ),
    (
        "cpath",
        "open*create openat*create creat*mode rename renameat renameat2 link linkat symlink symlinkat rmdir unlink \
         unlinkat mkdir mkdirat",
    ),
    ("dpath", "mknod mknodat"),
    ("flock", "flock fcntl*lock"),
    ("fattr", "chmod*mode fchmod*mode fchmodat*mode utime utimes futimesat utimensat"),
    ("chown", "chown fchown lchown fchownat"),
    (
        "inet",
        "socket*inet listen bind sendto connect accept accept4 ioctl*inet getsockopt*common setsockopt*common \
         getpeername getsockname",
    ),
    (
        "unix",
        "socket*unix listen bind sendto connect accept accept4 getsockopt*common setsockopt*common getpeername \
         getsockname",
    ),
    (
        "netlink",
        "socket*netlink listen bind sendto connect accept accept4 getsockopt*common setsockopt*common getpeername \
         getsockname",
    ),
    ("dns", "socket*inet bind sendto connect recvfrom setsockopt*common newfstatat openat*read read close"),
    ("tty", "ioctl*tty"),
    ("recvfd", "recvmsg recvmmsg"),
    ("sendfd", "sendmsg sendmmsg"),
    (
        "proc",
        "fork vfork clone*restricted kill tgkill setsid setpgid prlimit64 setrlimit getpriority setpriority \
         ioprio_get ioprio_set sched_getscheduler sched_setscheduler sched_get_priority_min sched_get_priority_max \
         sched_getparam sched_setparam",
    ),
    (
        "id",
        "setuid setgid setreuid setregid setresuid setresgid setgroups prlimit64 setrlimit getpriority setpriority \
         setfsuid setfsgid",
    ),
    ("exec", "execve execveat"),
    ("prot_exec", "mmap*exec mprotect"),
    ("unveil", "landlock_create_ruleset landlock_add_rule landlock_restrict_self"),
    ("settime", "settimeofday clock_adjtime"),
    ("vminfo", "sched_yield"),
    ("tmppath", "lstat unlink unlinkat"),
];
