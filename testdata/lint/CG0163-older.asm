# finds nothing
.arch x86_64
 A = arch
 if arch != x86_64 goto kill
 A = nr
 if nr >= 0x40000000 goto kill
 if nr == getppid goto deny
 if nr == getpgid goto deny
 return allow
deny: return errno(7)
kill: return kill
