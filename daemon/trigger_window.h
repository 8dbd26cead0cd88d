/* daemon/trigger_window.h - body of a TRIGGERRATE message --read--> how many records each channel triggered in (hi - duration, hi]. No state. */
#ifndef TESD_DAEMON_TRIGGER_WINDOW_H
#define TESD_DAEMON_TRIGGER_WINDOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trigger_window {
    int64_t hi_ns, duration_ns;   /* since 1970 UTC; 1 ns to an hour */
    size_t n;                     /* channels, by channel index */
    uint32_t *counts;             /* owned; what is no count from 0 to 1e8 is 0 */
};

/* The first `most` channels. False: not such a body, or no memory; then *out is as it was. */
bool trigger_window_read(const json_t *body, size_t most, struct trigger_window *out);
void trigger_window_done(struct trigger_window *w);

#endif
