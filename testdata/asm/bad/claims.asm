.arch x86_64
A = nr
if arch == x86_64 goto next
A &= 0xff
if nr == 5 goto next
if (nr & 0xff) == 5 goto next
A = args[0].hi
if args[0].hi == EPERM goto next
A = args[0].lo
if args[1].lo == 3 goto next
A *= 3
if args[0].lo == 3 goto next
A = fd.lo
if A == x87:read goto next
if A == x86_64:raed goto next
if A == aarch64:open goto next
return allow
