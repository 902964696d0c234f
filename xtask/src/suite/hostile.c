/* Calls that no well-behaved program makes, each group in a child of its own; a line says what each returned. argv[1] is
 * the library. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct cmp {
	unsigned int arg, op;
	uint64_t a, b;
};

#define KILL 0u
#define ALLOW 0x7fff0000u
#define NOTIFY 0x7fc00000u
#define TRAP 0x00030000u
#define ERRNO(x) (0x00050000u | (x))

#define EACH(F) \
	F(void *, init, uint32_t) \
	F(int, reset, void *, uint32_t) \
	F(void, release, void *) \
	F(int, merge, void *, void *) \
	F(uint32_t, arch_resolve_name, const char *) \
	F(int, arch_exist, void *, uint32_t) \
	F(int, arch_add, void *, uint32_t) \
	F(int, arch_remove, void *, uint32_t) \
	F(int, load, void *) \
	F(int, attr_get, void *, unsigned, uint32_t *) \
	F(int, attr_set, void *, unsigned, uint32_t) \
	F(char *, syscall_resolve_num_arch, uint32_t, int) \
	F(int, syscall_resolve_name_arch, uint32_t, const char *) \
	F(int, syscall_resolve_name_rewrite, uint32_t, const char *) \
	F(int, syscall_resolve_name, const char *) \
	F(int, syscall_priority, void *, int, uint8_t) \
	F(int, rule_add_array, void *, uint32_t, int, unsigned, const struct cmp *) \
	F(int, rule_add_exact_array, void *, uint32_t, int, unsigned, const struct cmp *) \
	F(int, notify_alloc, void **, void **) \
	F(void, notify_free, void *, void *) \
	F(int, notify_receive, int, void *) \
	F(int, notify_respond, int, void *) \
	F(int, notify_id_valid, int, uint64_t) \
	F(int, notify_fd, void *) \
	F(int, export_pfc, void *, int) \
	F(int, export_bpf, void *, int) \
	F(int, export_bpf_mem, void *, void *, size_t *) \
	F(int, transaction_start, void *) \
	F(void, transaction_reject, void *) \
	F(int, transaction_commit, void *) \
	F(int, precompute, void *) \
	F(unsigned, api_get, void) \
	F(int, api_set, unsigned)
#define DECLARE(ret, name, ...) static ret (*name)(__VA_ARGS__);
#define FIND(ret, name, ...) *(void **)&name = dlsym(lib, "seccomp_" #name);
EACH(DECLARE)

#define SAY(call) say(#call, (long)(call))
static void say(const char *call, long rc)
{
	printf("%s = %ld\n", call, rc);
	fflush(stdout);
}

/* What is no context. The words lie where a context's stamp would. */
static void each_with(void *ctx)
{
	uint32_t v = 7;
	size_t len = 0;
	SAY(reset(ctx, 0x1234));
	SAY(merge(ctx, ctx));
	SAY(load(ctx));
	SAY(attr_get(ctx, 1, &v));
	SAY(attr_set(ctx, 3, 1));
	SAY(syscall_priority(ctx, 0, 1));
	SAY(rule_add_array(ctx, KILL, 0, 0, NULL));
	SAY(rule_add_exact_array(ctx, KILL, 0, 0, NULL));
	SAY(export_pfc(ctx, 1));
	SAY(export_bpf(ctx, 1));
	SAY(export_bpf_mem(ctx, NULL, &len));
	SAY(transaction_start(ctx));
	SAY(transaction_commit(ctx));
	transaction_reject(ctx);
	SAY(precompute(ctx));
	SAY(v);
}

static void null(void)
{
	SAY(notify_alloc(NULL, NULL));
	SAY(notify_fd(NULL));
	each_with(NULL);
	SAY(reset(NULL, 0x1234));
	release(NULL);
	SAY(arch_resolve_name(NULL));
	SAY(arch_add(NULL, 0x1234));
	SAY(arch_remove(NULL, 0x1234));
	SAY(arch_exist(NULL, 0x1234));
	SAY(syscall_resolve_name(NULL));
	SAY(syscall_resolve_name_arch(0, NULL));
	SAY(syscall_resolve_name_rewrite(0, NULL));
	notify_free(NULL, NULL);
}

static void null_arch(void)
{
	SAY(arch_exist(NULL, 0));
}

static void zeroes(void)
{
	each_with(calloc(1, 4096));
}

static void text(void)
{
	char *memory = malloc(4096);
	memset(memory, 'x', 4096);
	each_with(memory);
}

static void odd_pointer(void)
{
	each_with((char *)calloc(1, 4096) + 1);
}

static void no_architecture(void)
{
	void *ctx = init(ALLOW), *other = init(ALLOW);
	SAY(arch_remove(ctx, 0));
	SAY(arch_remove(ctx, 0));
	each_with(ctx);
	SAY(merge(other, ctx));
	SAY(merge(ctx, other));
	SAY(arch_exist(ctx, 0));
	SAY(arch_add(ctx, 0x80000016));
	SAY(rule_add_array(ctx, KILL, 0, 0, NULL));
	SAY(arch_add(ctx, 0));
	SAY(reset(ctx, KILL));
	SAY(arch_exist(ctx, 0));
	release(ctx);
	release(other);
}

/* What was a context: read as it was left. */
static void freed(void)
{
	void *ctx = init(ALLOW), *other = init(ALLOW), *last = init(ALLOW);
	SAY(arch_remove(other, 0));
	SAY(arch_add(other, 0x40000003));
	SAY(merge(last, other));
	release(ctx);
	each_with(ctx);
	each_with(other);
	SAY(rule_add_array(last, KILL, 1, 0, NULL));
	release(last);
	each_with(last);
}

static void itself(void)
{
	void *ctx = init(ALLOW);
	SAY(merge(ctx, ctx));
	SAY(merge(ctx, NULL));
	SAY(merge(NULL, ctx));
	SAY(rule_add_array(ctx, KILL, 0, 0, NULL));
	release(ctx);
}

static void actions(void)
{
	static const uint32_t odd[] = { 1, 0xffff, 0x00010000, TRAP | 0x10000, 0x00040000, ERRNO(0), ERRNO(4094),
		ERRNO(4095), ERRNO(4096), ERRNO(0xffff), 0x7ff00000, 0x7ff0ffff, 0x7fc00001, 0x7ffc0001, 0x7fff0001,
		0x80000001, 0x80010000, 0x7ffd0000, 0xffffffff, 0x7fffffff };
	void *ctx = init(ALLOW);
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		printf("%x ", odd[i]);
		void *made = init(odd[i]);
		SAY(made != NULL);
		SAY(reset(made, odd[i]));
		SAY(rule_add_array(ctx, odd[i], i, 0, NULL));
		SAY(attr_set(ctx, 2, odd[i]));
		SAY(reset(ctx, odd[i]));
		release(made);
		release(ctx);
		ctx = init(ALLOW);
	}
}

static void numbers(void)
{
	static const int odd[] = { INT_MIN, INT_MIN + 1, -20001, -20000, -11000, -10255, -10254, -10001, -10000, -9999, -300,
		-225, -224, -201, -121, -120, -101, -100, -99, -50, -2, -1, 500, 0xffff, 0x3fffffff, 0x40000000, 0x40000200,
		INT_MAX };
	for (int two = 0; two < 3; two++) {
		for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
			/* After a refused rule another context: what is left of the first is another question. */
			void *ctx = init(ALLOW);
			if (two) {
				SAY(attr_set(ctx, 5, 1));
				SAY(arch_add(ctx, two > 1 ? 0x4000003e : 0x40000003));
			}
			printf("%d ", odd[i]);
			SAY(syscall_priority(ctx, odd[i], 255));
			SAY(rule_add_array(ctx, KILL, odd[i], 0, NULL));
			release(ctx);
			ctx = init(ALLOW);
			SAY(rule_add_exact_array(ctx, KILL, odd[i], 0, NULL));
			SAY(syscall_resolve_num_arch(0xdead, odd[i]) == NULL);
			SAY(syscall_resolve_num_arch(0x4000003e, odd[i]) == NULL);
			SAY(syscall_resolve_num_arch(0xc000003e, odd[i]) == NULL);
			release(ctx);
		}
	}
}

static void comparisons(void)
{
	void *ctx = init(ALLOW);
	for (unsigned int count = 0; count < 9; count++) {
		struct cmp many[9];
		for (unsigned int i = 0; i < 9; i++)
			many[i] = (struct cmp){ i, 4, i, 0 };
		printf("%u ", count);
		SAY(rule_add_array(ctx, KILL, 1, count, count ? many : NULL));
		SAY(rule_add_exact_array(ctx, KILL, 2, count, NULL));
	}
	SAY(rule_add_array(ctx, KILL, 1, UINT_MAX, NULL));
	static const struct cmp odd[][2] = { { { 6, 4, 1, 0 } }, { { UINT_MAX, 4, 1, 0 } }, { { 256, 4, 1, 0 } },
		{ { 0, 0, 1, 0 } }, { { 0, 8, 1, 0 } }, { { 0, UINT_MAX, 1, 0 } }, { { 0, 0x104, 1, 0 } },
		{ { 0, 4, 1, 0 }, { 0, 4, 1, 0 } }, { { 0, 4, 1, 0 }, { 0, 6, 2, 0 } }, { { 5, 7, 0, 1 } },
		{ { 1, 1, UINT64_MAX, 0 } }, { { 1, 2, 0, 0 } }, { { 1, 6, UINT64_MAX, 0 } }, { { 1, 5, 0, 0 } },
		{ { 1, 7, 0, 0 } } };
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		printf("%zu ", i);
		SAY(rule_add_array(ctx, KILL, 10 + i, odd[i][1].op ? 2 : 1, odd[i]));
		SAY(rule_add_array(ctx, TRAP, 10 + i, odd[i][1].op ? 2 : 1, odd[i]));
	}
	release(ctx);
}

static void attributes(void)
{
	static const unsigned int odd[] = { 0, 13, 14, 1000, INT_MAX, 0x80000000, UINT_MAX };
	void *ctx = init(ALLOW);
	uint32_t v;
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		printf("%u ", odd[i]);
		SAY(attr_get(ctx, odd[i], &v));
		SAY(attr_set(ctx, odd[i], 0));
		SAY(attr_set(ctx, odd[i], UINT_MAX));
	}
	for (unsigned int i = 1; i < 11; i++) {
		printf("%u ", i);
		SAY(attr_set(ctx, i, UINT_MAX));
		SAY(attr_set(ctx, i, 2));
		v = 77;
		SAY(attr_get(ctx, i, &v));
		SAY(v);
	}
	release(ctx);
}

static void levels(void)
{
	SAY(api_set(0));
	SAY(api_set(8));
	SAY(api_set(UINT_MAX));
	for (unsigned int level = 1; level < 8; level++) {
		SAY(api_set(level));
		SAY(api_get());
		void *ctx = init(ALLOW), *process = init(0x80000000), *log = init(0x7ffc0000), *notify = init(NOTIFY);
		SAY(process != NULL);
		SAY(log != NULL);
		SAY(notify != NULL);
		SAY(rule_add_array(ctx, NOTIFY, 1, 0, NULL));
		SAY(attr_set(ctx, 4, 1));
		SAY(rule_add_array(ctx, NOTIFY, 2, 0, NULL));
		SAY(attr_set(ctx, 6, 1));
		SAY(attr_set(ctx, 7, 1));
		SAY(attr_set(ctx, 10, 1));
		void *request = NULL, *response = NULL;
		SAY(notify_alloc(&request, &response));
		SAY(notify_receive(-1, request));
		SAY(notify_respond(-1, response));
		SAY(notify_id_valid(-1, 1));
		SAY(notify_fd(ctx));
		notify_free(request, response);
		release(ctx);
		release(process);
		release(log);
		release(notify);
	}
}

static void architectures(void)
{
	static const uint32_t odd[] = { 1, 0x3e, 0xc000003f, 0x4000003e, 0xffffffff, 0x80000016, 0x16, 0xc00000b7, 0x2a };
	void *ctx = init(ALLOW);
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		printf("%x ", odd[i]);
		SAY(arch_exist(ctx, odd[i]));
		SAY(arch_add(ctx, odd[i]));
		SAY(arch_add(ctx, odd[i]));
		SAY(arch_exist(ctx, odd[i]));
		SAY(syscall_resolve_num_arch(odd[i], 1) != NULL);
		SAY(syscall_resolve_name_arch(odd[i], "read"));
		SAY(syscall_resolve_name_rewrite(odd[i], "socket"));
		SAY(rule_add_array(ctx, KILL, 3, 0, NULL));
		SAY(arch_remove(ctx, odd[i]));
		SAY(arch_remove(ctx, odd[i]));
	}
	static const char *const names[] = { "", "X86", "x86 ", "amd64", "x86_64\n", "\xff\xfe", "sparc" };
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		printf("%zu ", i);
		SAY(arch_resolve_name(names[i]));
		SAY(syscall_resolve_name(names[i]));
	}
	char *name = malloc(1 << 20);
	memset(name, 'r', (1 << 20) - 1);
	name[(1 << 20) - 1] = 0;
	SAY(syscall_resolve_name(name));
	SAY(arch_resolve_name(name));
	release(ctx);
}

static void descriptors(void)
{
	int full = open("/dev/full", O_WRONLY), reading = open("/dev/null", O_RDONLY), path[2];
	if (pipe2(path, O_NONBLOCK) < 0)
		return;
	int closed = dup(1);
	close(closed);
	while (write(path[1], "x", 1) == 1)
		;
	for (int raw = 0; raw < 2; raw++) {
		void *ctx = init(ALLOW);
		SAY(rule_add_array(ctx, KILL, 1, 0, NULL));
		SAY(attr_set(ctx, 9, raw));
		SAY(export_bpf(ctx, -1));
		SAY(export_pfc(ctx, -1));
		SAY(export_bpf(ctx, closed));
		SAY(export_pfc(ctx, closed));
		SAY(export_bpf(ctx, reading));
		SAY(export_pfc(ctx, reading));
		SAY(export_bpf(ctx, full));
		SAY(export_pfc(ctx, full));
		SAY(export_bpf(ctx, path[1]));
		SAY(export_pfc(ctx, path[1]));
		release(ctx);
	}
	void *ctx = init(ALLOW);
	char begin[4] = "";
	FILE *file = tmpfile();
	fputs("abc", file);
	rewind(file);
	SAY(export_pfc(ctx, fileno(file)));
	SAY(fcntl(fileno(file), F_GETFL) & O_APPEND);
	SAY(pread(fileno(file), begin, 3, 0) == 3 && !strcmp(begin, "abc"));
	fclose(file);
	release(ctx);
}

static void broken_pipe(void)
{
	int path[2];
	if (pipe(path) < 0)
		return;
	close(path[0]);
	void *ctx = init(ALLOW);
	signal(SIGPIPE, SIG_IGN);
	SAY(export_bpf(ctx, path[1]));
	SAY(export_pfc(ctx, path[1]));
	signal(SIGPIPE, SIG_DFL);
	SAY(export_bpf(ctx, path[1]));
}

static void buffers(void)
{
	void *ctx = init(ALLOW);
	char buffer[4096];
	size_t len = 0;
	SAY(rule_add_array(ctx, KILL, 1, 0, NULL));
	SAY(export_bpf_mem(ctx, NULL, NULL));
	SAY(export_bpf_mem(ctx, buffer, NULL));
	SAY(export_bpf_mem(ctx, NULL, &len));
	SAY(len > 0);
	size_t short_by_one = len - 1;
	SAY(export_bpf_mem(ctx, buffer, &short_by_one));
	SAY(short_by_one == len);
	len = 0;
	SAY(export_bpf_mem(ctx, buffer, &len));
	len = SIZE_MAX;
	SAY(export_bpf_mem(ctx, buffer, &len));
	release(ctx);
}

/* Rules that no program holds: each call has another argument. */
static void *large(unsigned int rules)
{
	void *ctx = init(ALLOW);
	long rc = 0;
	for (unsigned int i = 0; i < rules; i++) {
		struct cmp cmp = { i % 6, 4, 0x100000000 * i + i, 0 };
		rc |= rule_add_array(ctx, ERRNO(1 + i % 7), i % 400, 1, &cmp);
	}
	say("rules", rc);
	return ctx;
}

static void many_rules(void)
{
	void *ctx = init(ALLOW);
	for (int i = 0; i < 6000; i++)
		if (rule_add_array(ctx, ERRNO(1 + i % 3), 1000 + i, 0, NULL) || rule_add_array(ctx, KILL, 1000 + i, 0, NULL))
			SAY(i);
	SAY(export_pfc(ctx, open("/dev/null", O_WRONLY)));
	SAY(load(ctx));
	SAY(attr_set(ctx, 9, 1));
	SAY(load(ctx));
	SAY(rule_add_array(ctx, KILL, 7000, 0, NULL));
	SAY(reset(ctx, ALLOW));
	SAY(load(ctx));
	release(ctx);
}

static void large_program(void)
{
	void *ctx = large(3000);
	SAY(load(ctx));
	SAY(attr_set(ctx, 9, 1));
	SAY(load(ctx));
	SAY(attr_set(ctx, 8, 2));
	SAY(load(ctx));
	SAY(reset(ctx, ALLOW));
	SAY(load(ctx));
	release(ctx);
}

static void transactions(void)
{
	void *ctx = init(ALLOW);
	transaction_reject(ctx);
	SAY(transaction_commit(ctx));
	for (int i = 0; i < 200; i++) {
		if (transaction_start(ctx) || rule_add_array(ctx, KILL, i, 0, NULL))
			SAY(i);
	}
	for (int i = 0; i < 300; i++)
		transaction_reject(ctx);
	SAY(transaction_start(ctx));
	SAY(reset(ctx, KILL));
	transaction_reject(ctx);
	SAY(rule_add_array(ctx, ALLOW, 1, 0, NULL));
	release(ctx);
}

/* A filter that is built on both sides of a fork. */
static void forked(void)
{
	void *ctx = init(ALLOW);
	SAY(rule_add_array(ctx, KILL, 300, 0, NULL));
	SAY(transaction_start(ctx));
	for (int i = 0; i < 2; i++) {
		pid_t child = fork();
		if (child == 0) {
			SAY(rule_add_array(ctx, KILL, 301, 0, NULL));
			SAY(transaction_commit(ctx));
			SAY(load(ctx));
			SAY(export_pfc(ctx, open("/dev/null", O_WRONLY)));
			release(ctx);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
	transaction_reject(ctx);
	SAY(rule_add_array(ctx, TRAP, 301, 0, NULL));
	SAY(load(ctx));
	release(ctx);
}

static void *thread(void *number)
{
	long rc = 0;
	for (int round = 0; round < 20; round++) {
		void *ctx = init(ALLOW);
		for (int i = 0; i < 60; i++)
			rc |= rule_add_array(ctx, ERRNO(1 + (uintptr_t)number), i, 0, NULL);
		size_t len = 0;
		rc |= export_bpf_mem(ctx, NULL, &len) | (long)(api_get() - 7);
		rc |= syscall_resolve_name("openat") < 0;
		release(ctx);
	}
	return (void *)rc;
}

static void threads(void)
{
	pthread_t all[8];
	for (uintptr_t i = 0; i < 8; i++)
		pthread_create(&all[i], NULL, thread, (void *)i);
	for (int i = 0; i < 8; i++) {
		void *rc;
		pthread_join(all[i], &rc);
		say("thread", (long)rc);
	}
}

/* Takes all memory but this many KiB. */
static void starve(size_t spare)
{
	static void *kept[64];
	size_t have = 0;
	for (; have < spare / 4 && have < 64; have++)
		kept[have] = malloc(4096 - 16);
	struct rlimit limit = { 1, 1 };
	setrlimit(RLIMIT_AS, &limit);
	for (size_t size = 1 << 20; size >= 16; size /= 2)
		while (malloc(size))
			;
	while (have > 0)
		free(kept[--have]);
}

static void starved(size_t spare)
{
	void *ctx = init(ALLOW), *other = init(ALLOW), *empty = init(ALLOW);
	SAY(arch_remove(other, 0));
	SAY(arch_add(other, 0x40000003));
	for (int i = 0; i < 40; i++) {
		struct cmp cmp = { i % 6, 4, i, 0 };
		rule_add_array(ctx, KILL, i, i % 2, &cmp);
		rule_add_array(other, KILL, i, i % 2, &cmp);
	}
	static char buffer[65536];
	setvbuf(stdout, buffer, _IOLBF, sizeof(buffer));
	int fd = open("/dev/null", O_WRONLY);
	size_t len = sizeof(buffer);
	void *request, *response;
	starve(spare);
	SAY(init(ALLOW) != NULL);
	SAY(notify_alloc(&request, &response));
	SAY(syscall_resolve_num_arch(0, 1) != NULL);
	SAY(syscall_resolve_name("read"));
	SAY(attr_set(ctx, 3, 1));
	SAY(transaction_start(ctx));
	SAY(rule_add_array(ctx, KILL, 100, 0, NULL));
	SAY(syscall_priority(ctx, 200, 3));
	SAY(arch_add(ctx, 0x4000003e));
	SAY(merge(ctx, other));
	SAY(precompute(ctx));
	SAY(export_bpf_mem(ctx, NULL, &len));
	SAY(export_bpf(ctx, fd));
	SAY(export_pfc(ctx, fd));
	SAY(load(ctx));
	SAY(reset(empty, ALLOW));
	release(ctx);
}

static void no_memory(void)
{
	starved(0);
}

static void little_memory(void)
{
	starved(64);
}

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
#define G(name) { #name, name }
	G(null), G(null_arch), G(zeroes), G(text), G(odd_pointer), G(no_architecture), G(freed), G(itself), G(actions), G(numbers),
	G(comparisons), G(attributes), G(levels), G(architectures), G(descriptors), G(broken_pipe), G(buffers), G(many_rules),
	G(large_program), G(transactions), G(forked), G(threads), G(no_memory), G(little_memory),
};

int main(int argc, char **argv)
{
	void *lib = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
	if (!lib) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	EACH(FIND)
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		printf("group %s\n", groups[i].name);
		fflush(stdout);
		pid_t child = fork();
		if (child == 0) {
			/* Some calls do not return. */
			struct rlimit seconds = { 10, 11 };
			setrlimit(RLIMIT_CPU, &seconds);
			alarm(300);
			groups[i].run();
			fflush(stdout);
			_exit(0);
		}
		int status;
		waitpid(child, &status, 0);
		printf("end = %d\n", status);
	}
	return 0;
}
