# under CG0106-foreign.asm
# finds nothing
.arch x86
 A = arch
 if arch != x86 goto ok
 A = nr
 if nr == x86:getppid goto deny
ok: return allow
deny: return errno(EPERM)
