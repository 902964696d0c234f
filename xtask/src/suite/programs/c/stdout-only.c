/* Only stdout may be written: stderr gets EPERM. */
#include <errno.h>
#include <seccomp.h>
#include <unistd.h>

int main(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!ctx || seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(exit_group), 0) ||
	    seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, STDOUT_FILENO)) ||
	    seccomp_load(ctx))
		return 1;
	seccomp_release(ctx);
	if (write(STDERR_FILENO, "stderr\n", 7) != -1 || errno != EPERM)
		return 2;
	return write(STDOUT_FILENO, "stdout\n", 7) == 7 ? 0 : 3;
}
