# Every instruction seccomp admits, in this crate's own notation.
.arch x86_64
        A = arch
        A = nr
        A = ip.lo
        A = ip.hi
        A = args[0].lo
        A = args[5].hi
        A = data[36]
        A = len
        X = len
        A = 5
        X = 0xffffffff
        M[0] = A
        M[15] = X
        A = M[0]
        X = M[15]
        X = A
        A = X
        A += 1
        A += X
        A -= 2
        A -= X
        A *= 3
        A *= X
        A /= 4
        A /= X
        A &= ~7
        A &= X
        A |= 1 << 31
        A |= X
        A ^= 0b101
        A ^= X
        A <<= 31
        A <<= X
        A >>= 0o17
        A >>= X
        A = -A
        goto on
        .insn 0x05 0 0 0
on:     if A == 1 goto next else goto end
        if A != X goto next else goto end
        if A > 0x1000 goto end
        if A <= X goto end
        if A >= 4095 goto end
        if A < X goto end
        if A & 0xf0 goto end
        if !(A & X) goto end
        if A == 0 goto next
        return A
end:    return allow
