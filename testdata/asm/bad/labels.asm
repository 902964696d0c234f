again: A = nr
twice: if A == 1 goto again
twice: if A == 2 goto agian
next: return allow
  4: return allow
  5: goto 9
  6: [06 00 00 00000000] return allow
  7: [06 00 00] return allow
  8: return kill
