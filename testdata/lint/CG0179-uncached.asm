# finds CG0179 note
.arch x86_64
 A = arch
 if arch != x86_64 goto kill
 A = nr
 if nr >= 0x40000000 goto kill
 A = args[0].lo
 if A == 5 goto next
 A = nr
 if nr == getppid goto kill
 return allow
kill: return kill
