/* Versions and levels of the interface. */
#include <seccomp.h>
#include <stdio.h>

int main(void)
{
	const struct scmp_version *version = seccomp_version();
	printf("%d", version && version->major == SCMP_VER_MAJOR && version->minor == SCMP_VER_MINOR);
	printf(" %u", seccomp_api_get());
	for (unsigned int level = 0; level < 9; level++)
		printf(" %d:%u", seccomp_api_set(level), seccomp_api_get());
	putchar('\n');
	return 0;
}
