# finds CG0102 error
.arch x86_64
 A = nr
 if nr >= 0x40000000 goto kill
 if nr == x86_64:getppid goto deny
 return allow
deny: return errno(EPERM)
kill: return kill
