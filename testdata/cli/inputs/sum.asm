# permitted where parts of two words add up to a number
.arch x86_64
A = args[0].lo
A &= 0x7ff
X = A
A = args[0].hi
A &= 0x7ff
A += X
if A == 0x777 goto ok
return errno(EPERM)
A = nr
ok: return allow
