#include "daemon/cli/bench_self.h"

#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"

enum { WORDS_MAX = 40, POLL_NS = 2000000 };

static double anonymous_of(pid_t pid) {
    char path[64], line[200];
    double kB = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "RssAnon: %lf kB", &kB) == 1)
            break;
    if (f != NULL)
        fclose(f);
    return 1024 * kB;
}

/* A child that is spawned has this process's memory for a moment more, hundreds of megabytes of it, and its words with it. */
static bool is_itself(pid_t pid, const char *word) {
    char path[64], words[200] = "";
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    FILE *f = fopen(path, "r");
    const size_t n = f != NULL ? fread(words, 1, sizeof words - 1, f) : 0, first = strlen(words) + 1;
    if (f != NULL)
        fclose(f);
    return first < n && strcmp(words + first, word) == 0;
}

/* Not by fork: the child would count this process's memory as its own until it is another program. */
static pid_t spawn(const char *const *words) {
    char *argv[WORDS_MAX + 2] = { (char *)(uintptr_t)"tesd" };
    for (size_t i = 0; i < WORDS_MAX && words[i] != NULL; i++)
        argv[i + 1] = (char *)(uintptr_t)words[i];
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -1;
    if (posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) != 0 ||
        posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ) != 0)
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

bool bench_run_self(const char *const *words, double *anonymous_bytes) {
    pid_t pid = spawn(words);
    int status = -1;
    double most = 0;
    while (pid > 0 && waitpid(pid, &status, anonymous_bytes ? WNOHANG : 0) == 0) {
        if (is_itself(pid, words[0]))
            most = fmax(most, anonymous_of(pid));
        nanosleep(&(struct timespec){ .tv_nsec = POLL_NS }, NULL);
    }
    if (anonymous_bytes != NULL)
        *anonymous_bytes = most;
    bool good = pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!good)
        log_error("tesd %s: the bench's own call of it failed", words[0]);
    return good;
}
