# finds CG0177 note
.arch x86_64
 A = arch
 if arch != x86_64 goto kill
 A = nr
 if nr >= 0x40000000 goto kill
 if nr != getpriority goto ok
 A = args[0].lo
 X = 33
 A <<= X
 if A == 2 goto kill
ok: return allow
kill: return kill
