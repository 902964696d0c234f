/* Calls that fail with a number of one's own, by argument. */
#define _GNU_SOURCE
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static void try(long a, long b)
{
	errno = 0;
	long rc = syscall(SYS_ioctl, -1, a, b);
	printf("%lx %lx: %ld %d\n", a, b, rc, errno);
}

int main(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(100), SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, 3));
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(101), SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_GT, 0x100000000));
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(102), SCMP_SYS(ioctl), 2, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf0, 0x30),
			       SCMP_A2(SCMP_CMP_NE, 5));
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(103), SCMP_SYS(getppid), 0);
	if (rc || seccomp_load(ctx))
		return 1;
	seccomp_release(ctx);
	try(3, 0);
	try(4, 0);
	try(0x100000000, 0);
	try(0x100000001, 0);
	try(0x30, 5);
	try(0x3f, 6);
	errno = 0;
	printf("%ld", syscall(SYS_getppid));
	printf(" %d\n", errno);
	return 0;
}
