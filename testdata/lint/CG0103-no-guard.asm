# finds CG0103 error
.arch x86_64
 A = arch
 if arch != x86_64 goto kill
 A = nr
 if nr == getppid goto deny
 return allow
deny: return errno(EPERM)
kill: return kill
