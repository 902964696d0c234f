/* Comparisons passed as variable arguments arrive whole: none, one, three, six, and seven refused. */
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The two ways to add a rule must make one program. */
static int same(unsigned int count)
{
	struct scmp_arg_cmp c[6] = {SCMP_A0(SCMP_CMP_EQ, 0x1122334455667788),
				    SCMP_A1(SCMP_CMP_NE, 2),
				    SCMP_A2(SCMP_CMP_GT, 3),
				    SCMP_A3(SCMP_CMP_MASKED_EQ, 0xf0, 0x30),
				    SCMP_A4_32(SCMP_CMP_LE, -1),
				    SCMP_A5(SCMP_CMP_GE, 6)};
	char program[2][65536];
	size_t length[2] = {sizeof program[0], sizeof program[1]};
	scmp_filter_ctx ctx[2] = {seccomp_init(SCMP_ACT_ALLOW), seccomp_init(SCMP_ACT_ALLOW)};
	int rc = seccomp_rule_add_array(ctx[0], SCMP_ACT_KILL, SCMP_SYS(ioctl), count, c);
	if (rc)
		return rc;
	switch (count) {
	case 0:
		rc = seccomp_rule_add(ctx[1], SCMP_ACT_KILL, SCMP_SYS(ioctl), 0);
		break;
	case 1:
		rc = seccomp_rule_add_exact(ctx[1], SCMP_ACT_KILL, SCMP_SYS(ioctl), 1, c[0]);
		break;
	case 3:
		rc = seccomp_rule_add(ctx[1], SCMP_ACT_KILL, SCMP_SYS(ioctl), 3, c[0], c[1], c[2]);
		break;
	default:
		rc = seccomp_rule_add(ctx[1], SCMP_ACT_KILL, SCMP_SYS(ioctl), 6, c[0], c[1], c[2], c[3], c[4], c[5]);
	}
	for (int i = 0; i < 2 && !rc; i++)
		rc = seccomp_export_bpf_mem(ctx[i], program[i], &length[i]);
	if (!rc && (length[0] != length[1] || memcmp(program[0], program[1], length[0])))
		rc = 1;
	seccomp_release(ctx[0]);
	seccomp_release(ctx[1]);
	return rc;
}

int main(void)
{
	struct scmp_arg_cmp c = SCMP_A0(SCMP_CMP_EQ, 0);
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int seven = seccomp_rule_add(ctx, SCMP_ACT_KILL, SCMP_SYS(read), 7, c, c, c, c, c, c, c);
	seccomp_release(ctx);
	printf("%d %d %d %d %d\n", same(0), same(1), same(3), same(6), seven);
	return 0;
}
