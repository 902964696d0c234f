# The kernel takes none of these; they can be read all the same.
.insn 0x28 0 0 0
.insn 0x94 0 0 3
A = data[2]
A = data[64]
A = M[16]
A /= 0
A <<= 32
goto +9
if A == 0 goto +200 else goto +100
.insn 0x1234 1 2 3
X = A
