/* Preloaded into a test program: its filter is exported with CTL_OPTIMIZE 2, whatever the program asks for. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

int seccomp_export_bpf(void *ctx, int fd)
{
	int (*set)(void *, int, uint32_t) = (int (*)(void *, int, uint32_t))dlsym(RTLD_NEXT, "seccomp_attr_set");
	int (*export)(void *, int) = (int (*)(void *, int))dlsym(RTLD_NEXT, "seccomp_export_bpf");
	int rc = set(ctx, 8, 2);
	return rc ? rc : export(ctx, fd);
}
