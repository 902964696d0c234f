.arch x86_64
A = nr
if nr == opnat goto next
if nr == openat gto next
retrun allow
return alow
return errno(EPREM)
if arc == 5 goto next
A = argz[1]
A = args[6]
A = 0x100000000
A = 0777
A %= 4
A = A + 1
if A = 5 goto next
if A & 3 == 2 goto next
if A == 1 && X == 2 goto next
if A == 1 goto nowhere
.inns 1 2 3 4
.insn 0x10000 0 0 0
.arch x86
return errno
return trap(0x10000)
return allow @
