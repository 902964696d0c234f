# finds CG0148 warning
.arch x86_64
 return errno(ENOSYS)
