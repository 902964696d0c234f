# ioctl denied by the low half of a command only, and by the whole of it
.arch x86_64
A = arch
if arch != x86_64 goto kill
A = nr
if nr == ioctl goto tiocsti
if nr == fcntl goto whole
return allow
tiocsti: A = args[1].lo
if args[1].lo == 0x5412 goto deny
return allow
whole: A = args[1].hi
if args[1].hi != 0 goto ok
A = args[1].lo
if args[1].lo == 1024 goto deny
ok: return allow
deny: return errno(EPERM)
kill: return kill-process
