/* Asks an installed libseccomp what it makes of rules, and how long that takes it. Opened at run time:
 * nothing is linked, nothing is loaded into the kernel.
 *
 * usage: helper LIBRARY
 * first line out:  version MAJOR.MINOR.MICRO
 * requests, one answer line each:
 *   name TOKEN NAME                        -> NUMBER (negative: none)
 *   call NAME                              -> NAME, as the number that rules give it reads back
 *   policy ROUNDS OPTIMIZE DEFAULT BADARCH ARCHES RULES
 *     then ARCHES lines    TOKEN
 *     and  RULES lines     NAME ACTION COMPARISONS [ARG OP A B]...
 *       ROUNDS 0                            -> bpf HEX
 *       otherwise                           -> time NANOSECONDS   (the fastest of ROUNDS builds)
 *       or                                  -> refused WHERE CODE | signal NUMBER
 * All numbers but ROUNDS, counts and answers are hexadecimal.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A build that takes longer than this never ends. */
#define SECONDS 2
#define NO_LIBRARY 3

struct comparison { unsigned arg; int op; uint64_t a, b; };
struct rule { int number; uint32_t action; unsigned count; struct comparison compare[6]; };
struct policy {
    unsigned rounds, optimize, arch_count, rule_count;
    uint32_t fallback, bad_arch, *arches;
    struct rule *rules;
};

static struct {
    const unsigned *(*version)(void);
    int (*api_set)(unsigned);
    void *(*init)(uint32_t);
    void (*release)(void *);
    uint32_t (*native)(void);
    int (*arch_add)(void *, uint32_t);
    int (*arch_remove)(void *, uint32_t);
    int (*attr_set)(void *, int, uint32_t);
    int (*resolve)(const char *);
    char *(*name_of)(uint32_t, int);
    int (*resolve_on)(uint32_t, const char *);
    int (*rule_add)(void *, uint32_t, int, unsigned, const struct comparison *);
    int (*export)(void *, int);
} lib;

static int open_library(const char *path) {
    void *library = dlopen(path, RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 0;
    }
#define FIND(field, symbol) \
    if (!(*(void **)&lib.field = dlsym(library, symbol))) { \
        fprintf(stderr, "%s has no %s\n", path, symbol); \
        return 0; \
    }
    FIND(version, "seccomp_version")
    FIND(api_set, "seccomp_api_set")
    FIND(init, "seccomp_init")
    FIND(release, "seccomp_release")
    FIND(native, "seccomp_arch_native")
    FIND(arch_add, "seccomp_arch_add")
    FIND(arch_remove, "seccomp_arch_remove")
    FIND(attr_set, "seccomp_attr_set")
    FIND(resolve, "seccomp_syscall_resolve_name")
    FIND(name_of, "seccomp_syscall_resolve_num_arch")
    FIND(resolve_on, "seccomp_syscall_resolve_name_arch")
    FIND(rule_add, "seccomp_rule_add_array")
    FIND(export, "seccomp_export_bpf")
    return 1;
}

static void refuse(const char *where, long index, int code) {
    printf("refused %s-%ld %d\n", where, index, code);
    fflush(stdout);
    _exit(0);
}

/* From an empty context to a program in `fd`. */
static void build(const struct policy *p, int fd) {
    enum { BADARCH = 2, OPTIMIZE = 8 };
    int rc, native_listed = 0;
    void *ctx = lib.init(p->fallback);
    if (!ctx) refuse("init", 0, 0);
    if ((rc = lib.attr_set(ctx, BADARCH, p->bad_arch))) refuse("badarch", 0, rc);
    if (p->optimize != 1 && (rc = lib.attr_set(ctx, OPTIMIZE, p->optimize))) refuse("optimize", 0, rc);
    for (unsigned i = 0; i < p->arch_count; i++)
        if (p->arches[i] == lib.native()) native_listed = 1;
    /* Removed first: two byte orders may not meet in one context. */
    if (!native_listed && (rc = lib.arch_remove(ctx, lib.native()))) refuse("native", 0, rc);
    for (unsigned i = 0; i < p->arch_count; i++) {
        if (p->arches[i] == lib.native()) continue;
        if ((rc = lib.arch_add(ctx, p->arches[i]))) refuse("arch", i, rc);
    }
    for (unsigned i = 0; i < p->rule_count; i++) {
        const struct rule *r = &p->rules[i];
        rc = lib.rule_add(ctx, r->action, r->number, r->count, r->compare);
        if (rc) refuse("rule", i, rc);
    }
    if ((rc = lib.export(ctx, fd))) refuse("export", 0, rc);
    lib.release(ctx);
}

static void answer(const struct policy *p) {
    int fd = memfd_create("program", 0);
    if (fd < 0) refuse("memfd", 0, fd);
    if (!p->rounds) {
        build(p, fd);
        off_t size = lseek(fd, 0, SEEK_END);
        unsigned char *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED) refuse("mmap", 0, 0);
        printf("bpf ");
        for (off_t i = 0; i < size; i++) printf("%02x", bytes[i]);
        printf("\n");
        return;
    }
    int64_t best = INT64_MAX;
    for (unsigned i = 0; i < p->rounds; i++) {
        struct timespec from, to;
        if (ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET)) refuse("memfd", 0, 0);
        clock_gettime(CLOCK_MONOTONIC, &from);
        build(p, fd);
        clock_gettime(CLOCK_MONOTONIC, &to);
        int64_t took = (to.tv_sec - from.tv_sec) * INT64_C(1000000000) + to.tv_nsec - from.tv_nsec;
        if (took < best) best = took;
    }
    printf("time %" PRId64 "\n", best);
}

static void malformed(void) {
    fprintf(stderr, "malformed request\n");
    exit(1);
}

static void read_policy(struct policy *p) {
    if (scanf("%u %x %x %x %u %u", &p->rounds, &p->optimize, &p->fallback, &p->bad_arch, &p->arch_count,
              &p->rule_count) != 6)
        malformed();
    p->arches = calloc(p->arch_count + 1, sizeof *p->arches);
    p->rules = calloc(p->rule_count + 1, sizeof *p->rules);
    if (!p->arches || !p->rules) malformed();
    for (unsigned i = 0; i < p->arch_count; i++)
        if (scanf("%x", &p->arches[i]) != 1) malformed();
    for (unsigned i = 0; i < p->rule_count; i++) {
        struct rule *r = &p->rules[i];
        char name[64];
        if (scanf("%63s %x %u", name, &r->action, &r->count) != 3 || r->count > 6) malformed();
        r->number = lib.resolve(name);
        for (unsigned c = 0; c < r->count; c++) {
            struct comparison *cmp = &r->compare[c];
            if (scanf("%x %x %" SCNx64 " %" SCNx64, &cmp->arg, (unsigned *)&cmp->op, &cmp->a, &cmp->b) != 4)
                malformed();
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 2 || !open_library(argv[1])) return NO_LIBRARY;
    /* Every action, whatever this kernel knows: nothing is loaded. */
    if (lib.api_set(7)) lib.api_set(6);
    const unsigned *v = lib.version();
    printf("version %u.%u.%u\n", v[0], v[1], v[2]);
    fflush(stdout);
    char word[64];
    while (scanf("%63s", word) == 1) {
        if (!strcmp(word, "name")) {
            uint32_t token;
            if (scanf("%x %63s", &token, word) != 2) malformed();
            printf("%d\n", lib.resolve_on(token, word));
        } else if (!strcmp(word, "call")) {
            if (scanf("%63s", word) != 1) malformed();
            char *name = lib.name_of(lib.native(), lib.resolve(word));
            printf("%s\n", name ? name : "-");
            free(name);
        } else if (!strcmp(word, "policy")) {
            struct policy p;
            read_policy(&p);
            fflush(stdout);
            /* The library may crash or never return: only a child of ours does. */
            pid_t child = fork();
            if (child < 0) malformed();
            if (!child) {
                alarm(SECONDS + p.rounds / 20);
                answer(&p);
                fflush(stdout);
                _exit(0);
            }
            int status = 0;
            waitpid(child, &status, 0);
            if (WIFSIGNALED(status)) printf("signal %d\n", WTERMSIG(status));
            free(p.arches);
            free(p.rules);
        } else {
            malformed();
        }
        fflush(stdout);
    }
    return 0;
}
