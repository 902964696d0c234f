/* Rules that are taken back together, and kept together. */
#include <seccomp.h>
#include <stdio.h>
#include <unistd.h>

static int text(scmp_filter_ctx ctx)
{
	fflush(stdout);
	return seccomp_export_pfc(ctx, STDOUT_FILENO);
}

int main(void)
{
	size_t length = 0, small = 8;
	char program[4096];
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	printf("%d", seccomp_rule_add(ctx, SCMP_ACT_KILL, SCMP_SYS(read), 0));
	printf(" %d", seccomp_transaction_start(ctx));
	printf(" %d", seccomp_rule_add(ctx, SCMP_ACT_KILL, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_GE, 7)));
	printf(" %d", seccomp_transaction_start(ctx));
	printf(" %d", seccomp_arch_add(ctx, SCMP_ARCH_AARCH64));
	printf(" %d\n", seccomp_rule_add(ctx, SCMP_ACT_TRAP, SCMP_SYS(open), 0));
	printf("%d\n", text(ctx));
	seccomp_transaction_reject(ctx);
	printf("%d\n", text(ctx));
	printf("%d", seccomp_transaction_commit(ctx));
	printf(" %d\n", text(ctx));
	printf("%d", seccomp_precompute(ctx));
	printf(" %d %d", seccomp_export_bpf_mem(ctx, NULL, &length), length > 0 && length % 8 == 0);
	printf(" %d", seccomp_export_bpf_mem(ctx, program, &small));
	length = sizeof program;
	printf(" %d\n", seccomp_export_bpf_mem(ctx, program, &length));
	seccomp_release(ctx);
	return 0;
}
