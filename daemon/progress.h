/* daemon/progress.h - how far a long command is: a bar on a terminal, one plain line every few seconds otherwise; silent for the
 * first 2 s. Any thread may add. */
#ifndef TESD_DAEMON_PROGRESS_H
#define TESD_DAEMON_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct progress {
    const char *what;            /* "learning"; borrowed */
    size_t total;
    bool terminal;
    long long begun_ms;
    atomic_size_t done;
    atomic_llong shown_ms;       /* when the last line was shown; 0: none yet */
};

void progress_begin(struct progress *p, const char *what, size_t total);
void progress_add(struct progress *p, size_t n);
void progress_end(struct progress *p);   /* clears the bar */

#endif
