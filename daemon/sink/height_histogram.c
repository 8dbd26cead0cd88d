#include "daemon/sink/height_histogram.h"

#include <math.h>
#include <string.h>

static const double widest_height = 16777216;  /* 2^24 */

void height_histogram_init(struct height_histogram *h) {
    *h = (struct height_histogram){ .width = 1.0 / 1024, .per_width = 1024 };
}

static int64_t half_down(int64_t k) { return k >> 1; }

static void double_width(struct height_histogram *h) {
    int64_t first = half_down(h->first);
    size_t n = 0;
    uint64_t wide[HEIGHT_BINS] = { 0 };
    for (size_t k = 0; k < h->n; k++) {
        size_t to = (size_t)(half_down(h->first + (int64_t)k) - first);
        wide[to] += h->counts[k];
        n = to + 1;
    }
    memcpy(h->counts, wide, sizeof wide);
    h->first = first;
    h->n = n;
    h->width *= 2;
    h->per_width /= 2;
}

/* Moves the bins so that they begin at `first`, which lies at or before the present first. */
static void extend_down(struct height_histogram *h, int64_t first) {
    size_t by = (size_t)(h->first - first);
    memmove(h->counts + by, h->counts, h->n * sizeof *h->counts);
    memset(h->counts, 0, by * sizeof *h->counts);
    h->first = first;
    h->n += by;
}

static void add_one(struct height_histogram *h, double height) {
    for (;;) {
        int64_t k = (int64_t)floor(height / h->width);
        if (h->n == 0) {
            h->first = k;
            h->n = 1;
        }
        int64_t low = k < h->first ? k : h->first, last = h->first + (int64_t)h->n - 1, high = k > last ? k : last;
        if (high - low < HEIGHT_BINS) {
            if (low < h->first)
                extend_down(h, low);
            h->n = (size_t)(high - low + 1);
            h->counts[k - low]++;
            return;
        }
        double_width(h);
    }
}

void height_histogram_add(struct height_histogram *h, const float *heights, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double height = (double)heights[i];
        double k = height * h->per_width - (double)h->first;
        if (k >= 0 && k < (double)h->n)
            h->counts[(size_t)k]++;
        else if (fabs(height) < widest_height)
            add_one(h, height);
        else
            h->without++;
    }
}
