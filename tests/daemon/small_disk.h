/* tests/daemon/small_disk.h - a file system of a few MiB that can be filled to its last byte, freed again and made read-only, without being
 * root: a tmpfs in a user namespace of a child process. Where that is refused the test says so and is skipped. */
#ifndef TESD_TESTS_DAEMON_SMALL_DISK_H
#define TESD_TESTS_DAEMON_SMALL_DISK_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/daemon/made_child.h"

enum { SMALL_DISK_SKIPPED = 77 };

/* cmocka's assertions would go on with the next test in the child. */
#define SMALL_DISK_CHECK(x) do { if (!(x)) { printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #x); fflush(NULL); _exit(1); } } while (0)

static inline bool small_disk_write(const char *path, const char *text) {
    const int fd = open(path, O_WRONLY);
    const bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return good;
}

static inline bool small_disk_mount(const char *folder, unsigned mebibytes) {
    char users[64], groups[64], size[32];
    snprintf(users, sizeof users, "0 %u 1", geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return false;
    small_disk_write("/proc/self/setgroups", "deny");
    snprintf(size, sizeof size, "size=%um", mebibytes);
    return small_disk_write("/proc/self/uid_map", users) && small_disk_write("/proc/self/gid_map", groups) && (mkdir(folder, 0777) == 0 || errno == EEXIST) && mount("tesd", folder, "tmpfs", 0, size) == 0;
}

/* To the last byte. */
static inline void small_disk_fill(const char *folder) {
    char path[300];
    static char zeros[65536];
    snprintf(path, sizeof path, "%s/filler", folder);
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    for (size_t n = sizeof zeros; fd >= 0 && n > 0;)
        if (write(fd, zeros, n) <= 0)
            n /= 2;
    if (fd >= 0)
        close(fd);
}

static inline void small_disk_free(const char *folder) {
    char path[300];
    snprintf(path, sizeof path, "%s/filler", folder);
    unlink(path);
}

/* Runs `body` in a child on such a disk; its return value 0 is good. The child must not have threads yet. */
static inline int small_disk_run(const char *folder, unsigned mebibytes, int (*body)(const char *folder)) {
    int status = 0;
    fflush(NULL);
    const pid_t child = made_child();
    if (child == 0) {
        if (!small_disk_mount(folder, mebibytes)) {
            printf("skipped: no file system can be mounted in a user namespace here (%s)\n", strerror(errno));
            fflush(NULL);
            _exit(SMALL_DISK_SKIPPED);
        }
        const int result = body(folder);
        fflush(NULL);
        _exit(result);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#endif
