/* Two filters become one, or stay two. */
#include <seccomp.h>
#include <stdio.h>
#include <unistd.h>

static scmp_filter_ctx of(uint32_t action, uint32_t token)
{
	scmp_filter_ctx ctx = seccomp_init(action);
	if (token != seccomp_arch_native() && (seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE) || seccomp_arch_add(ctx, token)))
		return NULL;
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(read), 1, SCMP_A0(SCMP_CMP_EQ, 0));
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 0);
	return rc ? NULL : ctx;
}

int main(void)
{
	scmp_filter_ctx one = of(SCMP_ACT_KILL, SCMP_ARCH_X86_64), two = of(SCMP_ACT_KILL, SCMP_ARCH_X86);
	scmp_filter_ctx other = of(SCMP_ACT_TRAP, SCMP_ARCH_ARM), big = of(SCMP_ACT_KILL, SCMP_ARCH_S390X);
	scmp_filter_ctx same = of(SCMP_ACT_KILL, SCMP_ARCH_X86_64);
	printf("%d", seccomp_merge(one, other));
	printf(" %d", seccomp_merge(one, big));
	printf(" %d", seccomp_merge(one, same));
	printf(" %d", seccomp_merge(one, two));
	printf(" %d\n", seccomp_rule_add(one, SCMP_ACT_ALLOW, SCMP_SYS(write), 0));
	fflush(stdout);
	printf("%d\n", seccomp_export_pfc(one, STDOUT_FILENO));
	seccomp_release(one);
	seccomp_release(other);
	seccomp_release(big);
	seccomp_release(same);
	return 0;
}
