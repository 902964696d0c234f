# One filter for several architectures: each number has the name of its own.
A = arch
if A == x86_64 goto amd64
if A == i386 goto i386
if A == AUDIT_ARCH_AARCH64 goto arm
if A == AUDIT_ARCH_SPARC64 goto kill
return errno(ENOSYS)
amd64: A = nr
if A == 1 goto allow
if A == write goto allow
if A == 231 goto allow else goto kill
i386: A = nr
if A == 4 goto allow
if A == i386.exit goto allow else goto kill
arm: A = nr
if A == 64 goto allow
if A == aarch64:exit_group goto allow
kill: return kill-process
allow: return allow
