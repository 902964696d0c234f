Label  CODE  JT   JF      K
---------------------------------
0001: $A = $arch
0002: if ($A != x86_64) goto 0014
0003: $A = $syscall_nr
0004: if !($A & 0x40000000) goto 6, else goto 14
0005: return KILL_PROCESS
0006: $A = $low_args[1]
0007: $X = $A
0008: $A = $high_args[1]
0009: $A *= 0777
0010: $mem[0xf] = $A
0011: $A = $high_pc
0012: $A = $scmp_data_len
0013: if ($A <= $X) goto 15
0014: return KILL
0015: return TRACE(5)
---------------------------------
