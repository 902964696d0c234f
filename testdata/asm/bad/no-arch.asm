A = nr
if nr == openat goto next
if nr == x86_64:openat goto next
return errno(EPERM)
