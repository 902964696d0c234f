/* A read of exactly 100 bytes kills, one of 99 does not. */
#include <fcntl.h>
#include <seccomp.h>
#include <unistd.h>

int main(void)
{
	char buffer[100];
	int zero = open("/dev/zero", O_RDONLY);
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (zero < 0 || !ctx ||
	    seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, SCMP_SYS(read), 1, SCMP_A2(SCMP_CMP_EQ, 100)) ||
	    seccomp_load(ctx))
		return 1;
	if (read(zero, buffer, 99) != 99 || write(1, "read 99\n", 8) != 8)
		return 2;
	return read(zero, buffer, 100) == 100 ? 3 : 4;
}
