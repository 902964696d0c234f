# finds CG0170 note
.arch x86_64
 A = arch
 if arch != x86_64 goto kill
 A = nr
 if nr >= 0x40000000 goto kill
 if nr == getppid goto kill
 return allow
 return errno(EPERM)
kill: return kill
