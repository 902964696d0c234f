/* Makes the calls it is told on standard input, one a line, and says what each returned. Each sequence has a
 * process and a few seconds of the processor's time. argv[1] is the library. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

struct cmp {
	unsigned int arg;
	unsigned int op;
	uint64_t a, b;
};

static void *lib;
static void *ctx[4];

#define F(ret, name, ...) ((ret(*)(__VA_ARGS__))dlsym(lib, name))

static void one(const char *line)
{
	char word[32];
	int n = 0, i = 0, j = 0, nr = 0, exact = 0;
	unsigned int v = 0, w = 0, count = 0;
	if (sscanf(line, "%31s%n", word, &n) != 1)
		return;
	const char *rest = line + n;
	long rc = -9999;
	if (!strcmp(word, "init") && sscanf(rest, "%d %x", &i, &v) == 2) {
		ctx[i] = F(void *, "seccomp_init", uint32_t)(v);
		rc = ctx[i] ? 0 : -1;
	} else if (!strcmp(word, "reset") && sscanf(rest, "%d %x", &i, &v) == 2)
		rc = F(int, "seccomp_reset", void *, uint32_t)(ctx[i], v);
	else if (!strcmp(word, "archadd") && sscanf(rest, "%d %x", &i, &v) == 2)
		rc = F(int, "seccomp_arch_add", void *, uint32_t)(ctx[i], v);
	else if (!strcmp(word, "archremove") && sscanf(rest, "%d %x", &i, &v) == 2)
		rc = F(int, "seccomp_arch_remove", void *, uint32_t)(ctx[i], v);
	else if (!strcmp(word, "attr") && sscanf(rest, "%d %u %x", &i, &w, &v) == 3)
		rc = F(int, "seccomp_attr_set", void *, unsigned, uint32_t)(ctx[i], w, v);
	else if (!strcmp(word, "get") && sscanf(rest, "%d %u", &i, &w) == 2) {
		rc = F(int, "seccomp_attr_get", void *, unsigned, uint32_t *)(ctx[i], w, &v);
		printf("%x ", v);
	} else if (!strcmp(word, "merge") && sscanf(rest, "%d %d", &i, &j) == 2) {
		rc = F(int, "seccomp_merge", void *, void *)(ctx[i], ctx[j]);
		if (rc == 0)
			ctx[j] = NULL;
	} else if (!strcmp(word, "start") && sscanf(rest, "%d", &i) == 1)
		rc = F(int, "seccomp_transaction_start", void *)(ctx[i]);
	else if (!strcmp(word, "commit") && sscanf(rest, "%d", &i) == 1)
		rc = F(int, "seccomp_transaction_commit", void *)(ctx[i]);
	else if (!strcmp(word, "reject") && sscanf(rest, "%d", &i) == 1) {
		F(void, "seccomp_transaction_reject", void *)(ctx[i]);
		rc = 0;
	} else if (!strcmp(word, "priority") && sscanf(rest, "%d %d %u", &i, &nr, &w) == 3)
		rc = F(int, "seccomp_syscall_priority", void *, int, uint8_t)(ctx[i], nr, w);
	else if (!strcmp(word, "add") && sscanf(rest, "%d %d %x %d %u%n", &i, &exact, &v, &nr, &count, &n) == 5) {
		struct cmp cmp[6];
		for (unsigned int c = 0; c < count && c < 6; c++) {
			int m = 0;
			rest += n;
			if (sscanf(rest, "%u %u %lx %lx%n", &cmp[c].arg, &cmp[c].op, &cmp[c].a, &cmp[c].b, &m) != 4)
				exit(9);
			n = m;
		}
		const char *name = exact ? "seccomp_rule_add_exact_array" : "seccomp_rule_add_array";
		rc = F(int, name, void *, uint32_t, int, unsigned, const struct cmp *)(ctx[i], v, nr, count, cmp);
	} else if ((!strcmp(word, "bpf") || !strcmp(word, "pfc")) && sscanf(rest, "%d", &i) == 1) {
		FILE *file = tmpfile();
		const char *name = *word == 'b' ? "seccomp_export_bpf" : "seccomp_export_pfc";
		rc = F(int, name, void *, int)(ctx[i], fileno(file));
		rewind(file);
		for (int c; (c = getc(file)) != EOF;)
			printf("%02x", c);
		printf(" ");
		fclose(file);
	} else if (!strcmp(word, "level") && sscanf(rest, "%u", &w) == 1)
		rc = F(int, "seccomp_api_set", unsigned)(w);
	printf("%ld\n", rc);
}

int main(int argc, char **argv)
{
	static char line[4096];
	lib = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
	if (!lib) {
		fprintf(stderr, "%s\n", dlerror());
		return 3;
	}
	/* A sequence is read whole before its process starts: the two share the place in the input. */
	static char lines[512][4096];
	int count = 0;
	setvbuf(stdout, NULL, _IOFBF, 1 << 20);
	while (fgets(line, sizeof line, stdin)) {
		if (*line != '.') {
			if (count < 512)
				strcpy(lines[count++], line);
			continue;
		}
		fflush(stdout);
		pid_t child = fork();
		if (child == 0) {
			/* What it takes itself counts, not what others take; and nothing may stay for ever. */
			struct itimerval limit = {.it_value = {.tv_sec = 3}};
			setitimer(ITIMER_PROF, &limit, NULL);
			alarm(120);
			for (int l = 0; l < count; l++)
				one(lines[l]);
			for (int c = 0; c < 4; c++)
				F(void, "seccomp_release", void *)(ctx[c]);
			fflush(stdout);
			_exit(0);
		}
		int status = 0;
		waitpid(child, &status, 0);
		printf(".%d\n", status);
		fflush(stdout);
		count = 0;
	}
	return 0;
}
