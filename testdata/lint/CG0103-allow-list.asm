# finds CG0148 warning
.arch x86_64
 A = arch
 if arch != x86_64 goto kill
 A = nr
 if nr == read goto ok
 if nr == write goto ok
 if nr == exit_group goto ok
kill: return kill
ok: return allow
