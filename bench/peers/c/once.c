/* Runs COMMAND and writes its seconds and the most memory it held, in KiB, into REPORT: once REPORT COMMAND...
   Small because of Linux: a process's peak starts at that of the one it was forked from, so that a driver in Python
   would see its own 17 MB in place of a peer's 10. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc < 3) return fprintf(stderr, "REPORT COMMAND...\n"), 2;
    double start = now();
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    int status;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) < 0) return perror("once"), 1;
    double seconds = now() - start;
    FILE *report = fopen(argv[1], "w");
    if (!report) return perror(argv[1]), 1;
    fprintf(report, "%.6f %ld\n", seconds, usage.ru_maxrss);
    fclose(report);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
