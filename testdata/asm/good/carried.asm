# What the accumulator holds is known through masks, shifts, scratch memory and X.
.arch x86_64
A = nr
M[3] = A
A = args[2].lo
X = A
A &= 0xff0
A >>= 4
if A == 0x10 goto allow
if A & 3 goto allow
A = X
if A == 7 goto allow
A = M[3]
if A == write goto allow
A = args[0].lo
if A == X goto allow
if A > 0xfff goto allow
A += 1
if A == 1 goto allow
return errno(EPERM)
allow: return allow
