# finds CG0120 error
.arch x86
 A = arch
 if arch != x86 goto kill
 A = nr
 if nr != ioctl goto ok
 A = args[1].hi
 if A != 0 goto ok
 A = args[1].lo
 if A == TIOCSTI goto deny
ok: return allow
deny: return errno(EPERM)
kill: return kill
