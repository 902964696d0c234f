# finds CG0162 warning
 return allow
