# finds CG0109 note
.arch x86_64
 A = arch
 if arch == x86_64 goto ok
 if arch == x86 goto ok
 A = nr
 if A == 5 goto kill
ok: return allow
kill: return kill
