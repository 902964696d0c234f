/* Every attribute of 2.6, read, set and read again, and some that no release has. */
#include <seccomp.h>
#include <stdio.h>

int main(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(1));
	const uint32_t values[] = {0, 1, 2, 3, SCMP_ACT_ALLOW, SCMP_ACT_TRAP, 0x12345678};
	for (int which = -1; which < 15; which++) {
		/* Of the interface after 2.6. */
		if (which == 11 || which == 12)
			continue;
		uint32_t value = 77;
		int rc = seccomp_attr_get(ctx, which, &value);
		printf("%d: %d %x", which, rc, value);
		for (unsigned int i = 0; i < sizeof values / sizeof *values; i++) {
			rc = seccomp_attr_set(ctx, which, values[i]);
			value = 77;
			printf(" %d/%d/%x", rc, seccomp_attr_get(ctx, which, &value), value);
		}
		putchar('\n');
	}
	printf("%d", seccomp_reset(ctx, SCMP_ACT_ALLOW));
	for (int which = 1; which < 11; which++) {
		uint32_t value = 77;
		seccomp_attr_get(ctx, which, &value);
		printf(" %x", value);
	}
	putchar('\n');
	seccomp_release(ctx);
	return 0;
}
