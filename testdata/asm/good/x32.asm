# libseccomp's way to refuse x32: the number stays known behind it.
A = arch
if A != x86_64 goto kill
A = nr
if A < 0x40000000 goto native
if A != 0xffffffff goto kill
native:
if A == read goto allow
if A == x32:read goto allow
if A == openat goto allow
kill: return kill-process
allow: return allow
