/* daemon/progress.h - a progress bar on stderr, on a terminal only. Any thread may add; each drawing is one write. */
#ifndef TESD_DAEMON_PROGRESS_H
#define TESD_DAEMON_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct progress {
    const char *what;       /* "simulating"; borrowed */
    const char *unit;       /* "pixels" */
    size_t total;
    atomic_size_t done;
    bool shown;
};

void progress_start(struct progress *p, const char *what, const char *unit, size_t total);
void progress_add(struct progress *p, size_t n);
void progress_end(struct progress *p);   /* clears the line */

#endif
