# What the kernel would refuse, with the instruction at fault.
# FAIL(2): callgate asm $FILE
# FAIL(2): callgate asm $FILE --force -t hex | callgate explain -
# RUN: callgate asm $FILE --force -t hex | callgate disasm -
A = data[2]
return allow
