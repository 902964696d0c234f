/* Threads that share a lock: as many calls as asked for, and those that waiting for each other costs.
 *
 * usage: threads THREADS CALLS
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long calls;

static void *work(void *unused)
{
    for (long i = 0; i < calls; i++) {
        pthread_mutex_lock(&lock);
        syscall(SYS_getppid);
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t threads[64];
    int many = argc == 3 ? atoi(argv[1]) : 0;
    if (many < 1 || many > 64) return 2;
    calls = atol(argv[2]);
    for (int i = 0; i < many; i++)
        if (pthread_create(&threads[i], NULL, work, NULL)) return 1;
    for (int i = 0; i < many; i++) pthread_join(threads[i], NULL);
    return 0;
}
