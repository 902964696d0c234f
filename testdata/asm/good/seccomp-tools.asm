# The notation of seccomp-tools: brackets, else on lines of its own, ?:, relative jumps.
A = arch
if (A == ARCH_X86_64)
  goto next
else
  goto dead
A = sys_number
A >= 0x40000000 ? dead : next
if (
  A # a remark in the middle
    == write
  ) goto ok
if (!(A & 0x1337)) goto 0
else goto 2
A = args[1] >> 32
A = args_h[1]
A = instruction_pointer >> 32
mem[0] = A
X = mem[0]
A = data[4]
if (!(A != X)) jmp ok
dead: return KILL
ok:
return ERRNO(1337)
