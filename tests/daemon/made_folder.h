/* tests/daemon/made_folder.h - a folder of its own for a test program, removed at its end: group set-up and tear-down for cmocka.
 * TESD_KEEP in the environment keeps it. */
#ifndef TESD_TESTS_DAEMON_MADE_FOLDER_H
#define TESD_TESTS_DAEMON_MADE_FOLDER_H

#include <stdio.h>
#include <stdlib.h>

struct made_folder { char path[64]; };

static inline struct made_folder *made_folder(void) {
    static struct made_folder folder;
    return &folder;
}

static inline int made_folder_new(void **state) {
    (void)state;
    snprintf(made_folder()->path, sizeof made_folder()->path, "/tmp/tesd_test_XXXXXX");
    return mkdtemp(made_folder()->path) ? 0 : -1;
}

static inline int made_folder_remove(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", made_folder()->path);
    return getenv("TESD_KEEP") ? 0 : system(command);
}

/* Good until the fourth call after this one. */
static inline const char *in_folder(const char *name) {
    static char paths[4][160];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", made_folder()->path, name);
    return path;
}

#endif
