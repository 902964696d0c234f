/* Calls in the order of their priority. */
#include <limits.h>
#include <seccomp.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL);
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(read), 3, SCMP_A0(SCMP_CMP_EQ, STDIN_FILENO),
				  SCMP_A1(SCMP_CMP_NE, 0), SCMP_A2(SCMP_CMP_LT, SSIZE_MAX));
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, STDOUT_FILENO));
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO));
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(rt_sigreturn), 0);
	printf("%d", rc);
	printf(" %d", seccomp_syscall_priority(ctx, SCMP_SYS(write), 200));
	printf(" %d", seccomp_syscall_priority(ctx, SCMP_SYS(close), 100));
	printf(" %d", seccomp_syscall_priority(ctx, -50, 100));
	printf(" %d\n", seccomp_rule_add_exact(ctx, SCMP_ACT_ALLOW, SCMP_SYS(close), 0));
	for (uint32_t level = 1; level < 3; level++) {
		fflush(stdout);
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, level);
		printf("%d %d\n", rc, seccomp_export_pfc(ctx, STDOUT_FILENO));
	}
	seccomp_release(ctx);
	return 0;
}
