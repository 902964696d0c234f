# finds CG0171 note
.arch x86_64
 A = arch
 if arch != x86_64 goto kill
 A = nr
 if nr >= 0x40000000 goto kill
 if nr == getppid goto kill
 A = args[0].hi
 A &= 0
 if A == 0 goto ok
 return errno(EPERM)
ok: return allow
kill: return kill
