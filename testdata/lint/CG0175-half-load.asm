# finds CG0175 error
 .insn 0x28 0 0 0
 return allow
