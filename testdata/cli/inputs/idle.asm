# a test that always holds, and instructions behind it that no call reaches
.arch x86_64
A = arch
if arch != x86_64 goto kill
A = nr
if nr >= 0 goto busy else goto idle
idle: A = args[0].lo
if args[0].lo == 7 goto kill
return errno(EPERM)
busy: if nr == ptrace goto kill
return allow
kill: return kill-process
