# finds CG0106 error
.arch x86_64
 A = arch
 if arch != x86_64 goto ok
 A = nr
 if nr >= 0x40000000 goto deny
 if nr == getppid goto deny
ok: return allow
deny: return errno(EPERM)
