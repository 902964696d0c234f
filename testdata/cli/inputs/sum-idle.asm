A = args[0].lo
A &= 0x7ff
X = A
A = args[0].hi
A &= 0x7ff
if A > 0x7ff goto deny
A += X
if A == 1911 goto test
deny: return errno(EPERM)
test: if A >= 1911 goto yes
return kill
yes: return allow
