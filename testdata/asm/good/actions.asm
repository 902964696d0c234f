# Every action, with and without data, by the names of three worlds.
A = nr
if A == 0 goto +18
if A == 1 goto +17
return allow
return allow(7)
return log
return errno(EPERM)
return errno(4095)
return errno(0)
return errno(0xffff)
return trap
return trap(0x1234)
return trace(3)
return notify
return kill-thread
return kill-process
return kill
return KILL
return SECCOMP_RET_ERRNO|2
return USER_NOTIF
return 0x7fff0001
return 0x12345678
