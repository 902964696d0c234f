/* A filter for all threads reaches those that run already. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_barrier_t loaded;

static void *other(void *result)
{
	pthread_barrier_wait(&loaded);
	pthread_barrier_wait(&loaded);
	errno = 0;
	syscall(SYS_sethostname, "", -1);
	*(int *)result = errno;
	return NULL;
}

int main(void)
{
	pthread_t thread;
	int result = 0;
	pthread_barrier_init(&loaded, NULL, 2);
	pthread_create(&thread, NULL, other, &result);
	pthread_barrier_wait(&loaded);
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	printf("%d", seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1));
	printf(" %d", seccomp_rule_add(ctx, SCMP_ACT_ERRNO(99), SCMP_SYS(sethostname), 0));
	printf(" %d", seccomp_load(ctx));
	pthread_barrier_wait(&loaded);
	pthread_join(thread, NULL);
	printf(" %d\n", result);
	seccomp_release(ctx);
	return 0;
}
