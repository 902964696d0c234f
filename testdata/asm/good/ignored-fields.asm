# Fields the kernel does not look at still have to come back.
.insn 0x06 0 1 0x50001
.insn 0x16 0 0 0xdead
.insn 0x05 1 2 0
.insn 0x07 0 0 1
.insn 0x0c 0 0 0xa539
.insn 0x1d 1 0 5
.insn 0x20 3 4 0
return allow
