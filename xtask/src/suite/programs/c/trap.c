/* A trapped call arrives as SIGSYS with its number and arguments. */
#define _GNU_SOURCE
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static void on_sigsys(int number, siginfo_t *info, void *context)
{
	char line[100];
	ucontext_t *at = context;
	int length = snprintf(line, sizeof line, "SIGSYS call %d arguments %llx %llx\n", info->si_syscall,
			      (unsigned long long)at->uc_mcontext.gregs[REG_RDI],
			      (unsigned long long)at->uc_mcontext.gregs[REG_RSI]);
	(void)number;
	_exit(write(1, line, length) == length ? 0 : 1);
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (sigaction(SIGSYS, &action, NULL) || !ctx ||
	    seccomp_rule_add(ctx, SCMP_ACT_TRAP, SCMP_SYS(mkdir), 0) || seccomp_load(ctx))
		return 1;
	seccomp_release(ctx);
	syscall(SYS_mkdir, 1, 0777);
	return 2;
}
