# The halves of the caller's address added up: no test of single words says it shortly.
A = ip.lo
X = A
A = ip.hi
A += X
A &= 0xfff
if A == 7 goto yes
return errno(EPERM)
yes: return allow
