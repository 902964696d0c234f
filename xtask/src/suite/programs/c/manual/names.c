/* Names and numbers of calls, there and back. */
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	const char *names[] = {"open",	    "openat2", "socket", "accept", "semop",	"shmat", "arm_fadvise64_64",
			       "s390_sthyi", "tuxcall", "clone3", "nonesuch", "", "breakpoint"};
	const uint32_t tokens[] = {SCMP_ARCH_NATIVE, SCMP_ARCH_X86,   SCMP_ARCH_X86_64, SCMP_ARCH_X32, SCMP_ARCH_ARM,
				   SCMP_ARCH_AARCH64, SCMP_ARCH_MIPS, SCMP_ARCH_PPC64LE, SCMP_ARCH_S390X, 0x1234};
	for (unsigned int t = 0; t < sizeof tokens / sizeof *tokens; t++) {
		printf("%x", tokens[t]);
		for (unsigned int n = 0; n < sizeof names / sizeof *names; n++) {
			int number = seccomp_syscall_resolve_name_arch(tokens[t], names[n]);
			char *back = seccomp_syscall_resolve_num_arch(tokens[t], number);
			printf(" %d/%d/%s", number, seccomp_syscall_resolve_name_rewrite(tokens[t], names[n]), back ? back : "-");
			free(back);
		}
		putchar('\n');
	}
	printf("%d %d\n", seccomp_syscall_resolve_name("mkdir"), seccomp_syscall_resolve_name("socketcall"));
	return 0;
}
