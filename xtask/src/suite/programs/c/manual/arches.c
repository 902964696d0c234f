/* Architectures come and go; rules are for those that are there. */
#include <seccomp.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	const char *names[] = {"x86", "x86_64", "x32", "arm", "aarch64", "loongarch64", "m68k", "mips", "mipsel64n32", "parisc64",
			       "ppc64le", "s390x", "riscv64", "sheb", "amd64", ""};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	printf("%x\n", seccomp_arch_native());
	for (unsigned int i = 0; i < sizeof names / sizeof *names; i++) {
		uint32_t token = seccomp_arch_resolve_name(names[i]);
		printf("%s %x %d", names[i], token, seccomp_arch_exist(ctx, token));
		printf(" %d", seccomp_arch_add(ctx, token));
		printf(" %d\n", seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(getpid), 0));
		if (i % 3 == 0)
			printf("%d\n", seccomp_arch_remove(ctx, token));
	}
	printf("%d\n", seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE));
	fflush(stdout);
	printf("%d\n", seccomp_export_pfc(ctx, STDOUT_FILENO));
	seccomp_release(ctx);
	return 0;
}
