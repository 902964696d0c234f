/* The ends that filters bring to processes. */
#define _GNU_SOURCE
#include <seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void end_by(uint32_t action)
{
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		struct rlimit none = {0, 0};
		scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
		if (setrlimit(RLIMIT_CORE, &none) || seccomp_rule_add(ctx, action, SCMP_SYS(sethostname), 0) ||
		    seccomp_load(ctx))
			_exit(9);
		seccomp_release(ctx);
		syscall(SYS_sethostname, "", -1);
		_exit(prctl(PR_GET_SECCOMP));
	}
	int status = 0;
	waitpid(child, &status, 0);
	printf("%x: exit %d signal %d\n", action, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
	       WIFSIGNALED(status) ? WTERMSIG(status) : -1);
}

int main(void)
{
	end_by(SCMP_ACT_KILL);
	end_by(SCMP_ACT_KILL_THREAD);
	end_by(SCMP_ACT_KILL_PROCESS);
	end_by(SCMP_ACT_TRAP);
	end_by(SCMP_ACT_ERRNO(7));
	end_by(SCMP_ACT_LOG);
	end_by(SCMP_ACT_TRACE(3));
	return 0;
}
