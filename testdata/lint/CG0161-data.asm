# finds CG0161 warning
.arch x86_64
 A = arch
 if arch != x86_64 goto kill
 A = nr
 if nr >= 0x40000000 goto kill
 if nr == getppid goto kill
 return allow(0x1234)
kill: return kill
