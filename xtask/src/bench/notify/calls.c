/* How long a notified call takes, supervised by an installed libseccomp, and a plain one. Opened at run time.
 * Written like libseccomp's manual page shows it: receive, check the id, respond.
 *
 * usage: helper LIBRARY
 * first line out:  ready | none
 * requests, one answer line each:
 *   plain CALLS       -> NANOSECONDS        (a call)
 *   notified CALLS    -> NANOSECONDS        (a call; caller and supervisor are threads of one process)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* `seccomp.h` */
#define ACT_ALLOW 0x7fff0000u
#define ACT_NOTIFY 0x7fc00000u
struct notif { uint64_t id; uint32_t pid, flags; int nr; uint32_t arch; uint64_t ip, args[6]; };
struct resp { uint64_t id; int64_t val; int32_t error; uint32_t flags; };

static void *(*init)(uint32_t);
static int (*rule_add)(void *, uint32_t, int, unsigned, ...);
static int (*load)(void *);
static int (*notify_fd)(void *);
static int (*alloc)(struct notif **, struct resp **);
static int (*receive)(int, struct notif *);
static int (*respond)(int, struct resp *);
static int (*id_valid)(int, uint64_t);

static long calls;
static volatile int listener = -1;
static double took;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static double loop(void)
{
    double start = now();
    for (long i = 0; i < calls; i++) syscall(SYS_getppid);
    return (now() - start) / calls;
}

static void *caller(void *unused)
{
    (void)unused;
    void *ctx = init(ACT_ALLOW);
    if (!ctx || rule_add(ctx, ACT_NOTIFY, SYS_getppid, 0) || load(ctx)) exit(1);
    listener = notify_fd(ctx);
    syscall(SYS_getppid);
    took = loop();
    return NULL;
}

static int notified(void)
{
    pthread_t thread;
    struct notif *req = NULL;
    struct resp *resp = NULL;
    if (alloc(&req, &resp) || pthread_create(&thread, NULL, caller, NULL)) return 1;
    while (listener < 0) usleep(100);
    for (long i = 0; i <= calls; i++) {
        /* The kernel insists on zeroes. */
        memset(req, 0, sizeof *req);
        if (receive(listener, req) || id_valid(listener, req->id)) return 1;
        resp->id = req->id;
        resp->val = 7;
        resp->error = 0;
        resp->flags = 0;
        if (respond(listener, resp)) return 1;
    }
    pthread_join(thread, NULL);
    printf("%.0f\n", took);
    return 0;
}

int main(int argc, char **argv)
{
    void *lib = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
#define FIND(name, symbol) (*(void **)&name = lib ? dlsym(lib, "seccomp_" symbol) : NULL)
    int all = FIND(init, "init") && FIND(rule_add, "rule_add") && FIND(load, "load")
        && FIND(notify_fd, "notify_fd") && FIND(alloc, "notify_alloc") && FIND(receive, "notify_receive")
        && FIND(respond, "notify_respond") && FIND(id_valid, "notify_id_valid");
    puts(all ? "ready" : "none");
    fflush(stdout);
    char kind[16];
    while (scanf("%15s %ld", kind, &calls) == 2) {
        if (kind[0] == 'p') {
            printf("%.0f\n", loop());
        } else {
            /* A filter stays: each run has a process of its own. */
            fflush(stdout);
            pid_t child = fork();
            int status = 1;
            if (!child) {
                int failed = notified();
                fflush(stdout);
                _exit(failed);
            }
            if (child < 0 || waitpid(child, &status, 0) < 0 || status) puts("failed");
        }
        fflush(stdout);
    }
    return 0;
}
