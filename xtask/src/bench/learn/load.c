// Programs to watch: `g` calls getppid in a loop, `s` does so in four threads, `t` has four threads that read a
// file and share a lock, anything else sends bytes to and fro between two processes on one processor: on two, what is
// measured is how one wakes the other.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *self;
static long sum;

static void calls(long n) { while (n-- > 0) syscall(SYS_getppid); }

static void *storm(void *unused) {
    calls(75000);
    return unused;
}

static void *work(void *unused) {
    char *buffer = malloc(4096);
    for (int round = 0; round < 6000; round++) {
        int file = open(self, O_RDONLY);
        ssize_t length;
        while ((length = read(file, buffer, 4096)) > 0) {
            pthread_mutex_lock(&lock);
            for (ssize_t i = 0; i < length; i++) sum += buffer[i];
            pthread_mutex_unlock(&lock);
        }
        close(file);
    }
    free(buffer);
    return unused;
}

static void threads(void *(*does)(void *)) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, does, 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
}

int main(int argc, char **argv) {
    int there[2], back[2];
    cpu_set_t one;
    char byte = 0;
    self = argv[0];
    switch (argv[1][0]) {
    case 'g': calls(300000); break;
    case 's': threads(storm); break;
    case 't': threads(work); break;
    default:  CPU_ZERO(&one);
              CPU_SET(sched_getcpu(), &one);
              if (sched_setaffinity(0, sizeof one, &one) || pipe(there) || pipe(back)) return 1;
              if (fork() == 0) for (;;) {
                  if (read(there[0], &byte, 1) != 1 || byte == 1) _exit(0);
                  if (write(back[1], &byte, 1) != 1) _exit(1);
              }
              for (int i = 0; i < 40000; i++)
                  if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) return 1;
              byte = 1;
              if (write(there[1], &byte, 1) != 1) return 1;
              wait(0);
    }
    return 0;
}
