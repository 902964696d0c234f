$A = $syscall_nr
if ($A == 59) goto 4
return ALLOW
return NOTIFY
