# finds CG0120 error
.arch x86_64
 A = arch
 if arch != x86_64 goto kill
 A = nr
 if nr >= 0x40000000 goto kill
 if nr != ioctl goto ok
 A = args[1].hi
 if A != 0 goto ok
 A = args[1].lo
 if A == 0x5412 goto deny
ok: return allow
deny: return errno(EPERM)
kill: return kill
