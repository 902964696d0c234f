# under CG0163-older.asm
# finds CG0163 note
.arch x86_64
 A = arch
 if arch != x86_64 goto kill
 A = nr
 if nr >= 0x40000000 goto kill
 if nr == getppid goto deny
 return allow
deny: return errno(9)
kill: return kill
