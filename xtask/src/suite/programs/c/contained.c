/* Says what a container may not do. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>

int main(void)
{
	char line[256];
	FILE *status = fopen("/proc/self/status", "r");

	while (status && fgets(line, sizeof(line), status))
		if (!strncmp(line, "Seccomp", 7))
			fputs(line, stdout);
	errno = 0;
	printf("unshare %d\n", unshare(CLONE_NEWUSER) ? errno : 0);
	printf("mount %d\n", mount("none", "/tmp", "tmpfs", 0, "") ? errno : 0);
	printf("socket %d\n", socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0);
	return 0;
}
