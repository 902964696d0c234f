/* Loads programs and makes calls under them, in children, and says how long each took.
 *
 * requests, one answer line each; PROGRAM is hexadecimal, `-` stands for none, and several are joined by
 * commas, the oldest first:
 *   load ROUNDS PROGRAM                               -> NANOSECONDS of the fastest seccomp(2)
 *   call BATCHES CALLS NUMBER A0 A1 A2 A3 A4 A5 PROGRAM -> nanoseconds a call, one number a batch
 *   or                                                -> failed WHY
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_BATCHES 1000

/* What a child leaves behind: under its filter it may make no call but the measured one. */
static struct {
    int done, error;
    double ns[MOST_BATCHES];
} *page;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

#define MOST_PROGRAMS 128

struct programs {
    int count;
    struct sock_fprog each[MOST_PROGRAMS];
};

static struct programs parse(char *hex) {
    struct programs all = {0};
    if (!strcmp(hex, "-")) return all;
    for (char *one = strtok(hex, ","); one && all.count < MOST_PROGRAMS; one = strtok(NULL, ",")) {
        size_t length = strlen(one);
        unsigned char *bytes = malloc(length / 2);
        for (size_t i = 0; bytes && i < length / 2; i++) sscanf(one + 2 * i, "%2hhx", &bytes[i]);
        all.each[all.count].len = length / 16;
        all.each[all.count++].filter = (struct sock_filter *)bytes;
    }
    return all;
}

/* Loads; the time it took. */
static double load(const struct programs *programs) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -1;
    double start = now();
    for (int i = 0; i < programs->count; i++)
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &programs->each[i])) return -1;
    return now() - start;
}

static void child_loads(const struct programs *programs) {
    page->ns[0] = load(programs);
    page->error = page->ns[0] < 0 ? errno : 0;
    page->done = 1;
}

static void child_calls(const struct programs *programs, int batches, int calls, long nr, const uint64_t *a) {
    if (programs->count && load(programs) < 0) {
        page->error = errno;
        return;
    }
    for (int batch = 0; batch < batches; batch++) {
        double start = now();
        for (int i = 0; i < calls; i++) syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
        page->ns[batch] = (now() - start) / calls;
    }
    page->done = 1;
}

/* Whether the child did what it was to do; it may not survive its own end under the filter. */
static int finished(pid_t child) {
    int status;
    waitpid(child, &status, 0);
    return page->done && !page->error;
}

int main(void) {
    static char word[16], hex[1 << 17];
    page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return 1;
    while (scanf("%15s", word) == 1) {
        int rounds = 1, calls = 0;
        long nr = 0;
        uint64_t a[6] = {0};
        int measures = !strcmp(word, "call");
        if (scanf("%d", &rounds) != 1 || rounds > MOST_BATCHES) return 1;
        if (measures) {
            if (scanf("%d %ld", &calls, &nr) != 2) return 1;
            for (int i = 0; i < 6; i++)
                if (scanf("%lx", &a[i]) != 1) return 1;
        }
        if (scanf("%131071s", hex) != 1) return 1;
        struct programs programs = parse(hex);
        double best = -1;
        int failed = 0;
        for (int round = 0; round < (measures ? 1 : rounds) && !failed; round++) {
            page->done = page->error = 0;
            fflush(stdout);
            pid_t child = fork();
            if (child < 0) return 1;
            if (!child) {
                if (measures)
                    child_calls(&programs, rounds, calls, nr, a);
                else
                    child_loads(&programs);
                _exit(0);
            }
            failed = !finished(child);
            if (!measures && !failed && (best < 0 || page->ns[0] < best)) best = page->ns[0];
        }
        if (failed) {
            printf("failed %s", page->error ? strerror(page->error) : "the filter ended it");
        } else if (measures) {
            for (int i = 0; i < rounds; i++) printf("%.2f ", page->ns[i]);
        } else {
            printf("%.0f", best);
        }
        printf("\n");
        fflush(stdout);
        for (int i = 0; i < programs.count; i++) free(programs.each[i].filter);
    }
    return 0;
}
