/* daemon/sink/height_histogram.h - counts of records against height on an axis that need not be known beforehand.
 * Bins are [k x width, (k+1) x width) for whole k; width is a power of two that doubles until all heights fit, so the result
 * depends on the heights alone, not on their order. Owner: one thread. */
#ifndef TESD_DAEMON_SINK_HEIGHT_HISTOGRAM_H
#define TESD_DAEMON_SINK_HEIGHT_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { HEIGHT_BINS = 4096 };

struct height_histogram {
    double width, per_width;       /* a power of two, at least 2^-10; 1 / width */
    int64_t first;                 /* bin k of `counts` covers [(first + k) x width, (first + k + 1) x width) */
    size_t n;                      /* bins in use; 0: no height yet */
    uint64_t counts[HEIGHT_BINS];
    uint64_t without;              /* heights that are NaN, or beyond 2^24: no filter gives such a value */
};

void height_histogram_init(struct height_histogram *h);
void height_histogram_add(struct height_histogram *h, const float *heights, size_t n);

#endif
