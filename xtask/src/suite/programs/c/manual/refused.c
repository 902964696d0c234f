/* Rules that are refused, and why. */
#include <seccomp.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	struct scmp_arg_cmp twice[] = {SCMP_A0(SCMP_CMP_EQ, 1), SCMP_A0(SCMP_CMP_EQ, 2)};
	struct scmp_arg_cmp far = SCMP_CMP(6, SCMP_CMP_EQ, 1), odd = SCMP_CMP(0, 99, 1), one = SCMP_A0(SCMP_CMP_EQ, 1);
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	printf("%d", seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(read), 0));
	printf(" %d", seccomp_rule_add(NULL, SCMP_ACT_KILL, SCMP_SYS(read), 0));
	printf(" %d", seccomp_rule_add(ctx, 0x99, SCMP_SYS(read), 0));
	printf(" %d", seccomp_rule_add(ctx, SCMP_ACT_ERRNO(4095), SCMP_SYS(read), 0));
	printf(" %d", seccomp_rule_add(ctx, SCMP_ACT_KILL, -1, 0));
	printf(" %d", seccomp_rule_add(ctx, SCMP_ACT_KILL, -101, 0));
	printf(" %d", seccomp_rule_add_exact(ctx, SCMP_ACT_KILL, -101, 0));
	printf(" %d", seccomp_rule_add_array(ctx, SCMP_ACT_KILL, SCMP_SYS(read), 2, twice));
	printf(" %d", seccomp_rule_add_array(ctx, SCMP_ACT_KILL, SCMP_SYS(read), 1, &far));
	printf(" %d", seccomp_rule_add_array(ctx, SCMP_ACT_KILL, SCMP_SYS(read), 1, &odd));
	printf(" %d", seccomp_rule_add_array(ctx, SCMP_ACT_KILL, SCMP_SYS(read), 1, NULL));
	printf(" %d", seccomp_rule_add_array(ctx, SCMP_ACT_KILL, SCMP_SYS(read), 1, &one));
	printf(" %d", seccomp_rule_add_array(ctx, SCMP_ACT_TRAP, SCMP_SYS(read), 1, &one));
	printf(" %d", seccomp_rule_add_array(ctx, SCMP_ACT_TRAP, SCMP_SYS(read), 0, NULL));
	printf(" %d\n", seccomp_rule_add_array(ctx, SCMP_ACT_KILL, SCMP_SYS(read), 1, &one));
	printf("%d %d %d\n", seccomp_load(NULL), seccomp_export_pfc(NULL, 1), seccomp_export_bpf(ctx, -1));
	fflush(stdout);
	printf("%d\n", seccomp_export_pfc(ctx, STDOUT_FILENO));
	seccomp_release(ctx);
	return 0;
}
