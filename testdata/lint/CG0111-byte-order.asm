# finds CG0111 error
.arch s390x
.endian little
 A = arch
 if arch != s390x goto kill
 A = nr
 if nr != ioctl goto ok
 A = args[1].lo
 if A == 0x5412 goto deny
ok: return allow
deny: return errno(EPERM)
kill: return kill
