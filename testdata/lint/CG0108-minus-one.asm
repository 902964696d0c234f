# finds CG0108 note
.arch x86_64
 A = arch
 if arch != x86_64 goto kill
 A = nr
 if nr < 0x40000000 goto native
 if nr != 0xffffffff goto kill
native:
 if nr == getppid goto kill
 return allow
kill: return kill
