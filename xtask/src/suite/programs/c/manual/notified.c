/* A supervisor answers calls in another process's place. */
#define _GNU_SOURCE
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	struct seccomp_notif *asked = NULL;
	struct seccomp_notif_resp *answer = NULL;
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int rc = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(sethostname), 0);
	printf("%d", rc);
	rc = seccomp_load(ctx);
	int fd = seccomp_notify_fd(ctx);
	printf(" %d %d\n", rc, fd >= 0);
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		long first = syscall(SYS_sethostname, 11, 22);
		errno = 0;
		long second = syscall(SYS_sethostname, 33, 44);
		_exit(first == 5 && second == -1 && errno == EXDEV ? 3 : 4);
	}
	if (seccomp_notify_alloc(&asked, &answer))
		return 1;
	for (int i = 0; i < 2; i++) {
		rc = seccomp_notify_receive(fd, asked);
		printf("%d %d %llx %llx %d", rc, asked->data.nr, (unsigned long long)asked->data.args[0],
		       (unsigned long long)asked->data.args[1], seccomp_notify_id_valid(fd, asked->id));
		answer->id = asked->id;
		answer->val = i ? 0 : 5;
		answer->error = i ? -EXDEV : 0;
		answer->flags = 0;
		rc = seccomp_notify_respond(fd, answer);
		printf(" %d %d\n", rc, seccomp_notify_id_valid(fd, asked->id + 100));
		asked->id = 0;
		*asked = (struct seccomp_notif){0};
	}
	int status = 0;
	waitpid(child, &status, 0);
	printf("exit %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	seccomp_notify_free(asked, answer);
	seccomp_release(ctx);
	return 0;
}
