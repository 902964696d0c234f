# Instructions no call gets to, and tests that lead on either way.
.arch x86_64
A = arch
if arch == x86_64 goto next else goto kill
A = nr
if nr == read goto next else goto other
if nr == read goto allow
return errno(EPERM)
other: if nr == read goto kill
if nr >= 0 goto allow
return trap
if A == 1 goto next
kill: return kill-process
allow: return allow
