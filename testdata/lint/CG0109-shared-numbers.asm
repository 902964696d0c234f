# finds CG0109 error
.arch x86_64
 A = arch
 if arch == x86 goto list
 if arch != x86_64 goto kill
list: A = nr
 if A == 64 goto kill
 if A >= 0x40000000 goto kill
 return allow
kill: return kill
