/* tests/daemon/made_child.h - a child of a test that ends with it, whatever way it ends. */
#ifndef TESD_TESTS_DAEMON_MADE_CHILD_H
#define TESD_TESTS_DAEMON_MADE_CHILD_H

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

/* fork, for a thread that lives as long as the child shall. */
static inline pid_t made_child(void) {
    const pid_t child = fork();
    if (child == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        _exit(99);
    return child;
}

#endif
