/* Prints the nanoseconds that a word takes from one processor to another and back: about 100 where both share a cache,
   several hundred where they do not. A virtual machine may be moved from one to the other within a run. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum { TRIPS = 100000 };
static _Alignas(128) atomic_int word;

static void stay_on(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void *answer(void *unused) {
    stay_on(1);
    for (int trip = 0; trip < TRIPS; trip++) {
        while (atomic_load(&word) != 2 * trip + 1) {}
        atomic_store(&word, 2 * trip + 2);
    }
    return unused;
}

int main(void) {
    pthread_t other;
    struct timespec start, end;
    stay_on(0);
    if (pthread_create(&other, NULL, answer, NULL) != 0) return perror("apart"), 1;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int trip = 0; trip < TRIPS; trip++) {
        atomic_store(&word, 2 * trip + 1);
        while (atomic_load(&word) != 2 * trip + 2) {}
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.0f\n", ((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / TRIPS);
    return 0;
}
