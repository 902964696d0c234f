# finds CG0132 warning
.arch x86_64
 A = arch
 if arch != x86_64 goto kill
 A = nr
 if nr >= 0x40000000 goto kill
 if nr != getppid goto ok
 A = ip.lo
 A &= 0xfff
 if A == 0x123 goto ok
 return errno(EPERM)
ok: return allow
kill: return kill
