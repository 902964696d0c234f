# On a big-endian machine the upper half of an argument comes first.
.arch s390x
A = arch
if arch != s390x goto kill
A = nr
if nr != exit_group goto kill
A = args[0].lo
if args[0].lo & 0xff goto kill
A = args[0].hi
if args[0].hi == 0 goto allow
kill: return kill-process
allow: return allow
