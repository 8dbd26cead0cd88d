#include "daemon/stamp_watch.h"

#include <math.h>
#include <stdlib.h>

/* The nominal period is off by some 1e-5 (2e-5 measured): over longer gaps that comes near a step. */
static const double LONGEST_S = 1000;

struct newest { int64_t time_ns, frame; bool known; };

struct stamp_watch {
    size_t n_pixels;
    struct stamp_steps steps;
    struct newest newest[];
};

bool stamp_watch_new(size_t n_pixels, struct stamp_watch **out) {
    struct stamp_watch *w = calloc(1, sizeof *w + n_pixels * sizeof w->newest[0]);
    if (w == NULL)
        return false;
    w->n_pixels = n_pixels;
    *out = w;
    return true;
}

void stamp_watch_free(struct stamp_watch *w) { free(w); }

void stamp_watch_row(struct stamp_watch *w, uint32_t pixel, int64_t time_ns, int64_t frame, double period_s, bool new_epoch) {
    struct newest *n = &w->newest[pixel];
    if (n->known && !new_epoch && frame <= n->frame)
        return;
    const double passed_s = (double)(frame - n->frame) * period_s;
    const double step_ns = (double)(time_ns - n->time_ns) - passed_s * 1e9;
    if (n->known && !new_epoch && passed_s < LONGEST_S && fabs(step_ns) > (double)STAMP_STEP_NS) {
        w->steps.records++;
        w->steps.last_ns = llround(step_ns);
        w->steps.at_ns = time_ns;
    }
    *n = (struct newest){ .time_ns = time_ns, .frame = frame, .known = true };
}

struct stamp_steps stamp_watch_steps(const struct stamp_watch *w) { return w->steps; }
