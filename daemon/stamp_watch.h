/* daemon/stamp_watch.h - does the acquisition's clock keep step with its frame counter? A clock that is set while data flow shows as a stamp that differs from what the
 * frames since the record before say.   rows --_row--> steps of each pixel; the last one's size
 * Stamps decide point and live time (doc/methods.md, Records) and are not corrected: a step is counted and told. Stamps of single records jitter by milliseconds, so
 * less than STAMP_STEP_NS is none. One owner thread; nothing allocates after _new. */
#ifndef TESD_DAEMON_STAMP_WATCH_H
#define TESD_DAEMON_STAMP_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STAMP_STEP_NS INT64_C(100000000)

struct stamp_watch;   /* opaque */

bool stamp_watch_new(size_t n_pixels, struct stamp_watch **out);   /* false: no memory */
void stamp_watch_free(struct stamp_watch *w);

/* The pixel's next record, in any order: one that is not newer than the newest is left alone. new_epoch: the frame counter began anew. */
void stamp_watch_row(struct stamp_watch *w, uint32_t pixel, int64_t time_ns, int64_t frame, double period_s, bool new_epoch);

struct stamp_steps {
    uint64_t records;       /* whose stamps differ from the frames, of all pixels, so far */
    int64_t last_ns;        /* by how much the last one: positive, the clock was set forward */
    int64_t at_ns;          /* its stamp */
};
struct stamp_steps stamp_watch_steps(const struct stamp_watch *w);

#endif
