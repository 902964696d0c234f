# finds CG0178 note
.arch x86_64
 A = arch
 if arch != x86_64 goto kill
 A = nr
 if nr >= 0x40000000 goto kill
 if nr != getpriority goto ok
 A = args[0].lo
 A &= 1
 A |= 0x50000
 A |= 2
 return A
ok: return allow
kill: return kill
