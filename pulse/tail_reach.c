#include "pulse/tail_reach.h"

#include <math.h>
#include <stdbool.h>

#include "pulse/cut.h"

/* Upper edges of the bins, in decay times; the first begins at TAIL_REACH_LEAST. */
static const double edges[TAIL_REACH_BINS] = { 7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 24, 28, 32 };
static const double FLAT = 0.005, SIGMAS = 3;
enum { LEAST = 100 };   /* isolated records */

struct tail_reach tail_reach_begin(double decay_ns, double post_ns) {
    return (struct tail_reach){ .decay_ns = decay_ns, .post_ns = post_ns, .before_ns = -1 };
}

static void settle_last(struct tail_reach *t, int64_t after_ns) {
    if (t->before_ns < 0 || (double)after_ns < t->post_ns || t->last_cuts & CUT_BIT(CUT_LATE_RISE))
        return;
    double decays = (double)t->before_ns / t->decay_ns;
    if (decays < TAIL_REACH_LEAST)
        return;
    unsigned bin = 0;
    while (bin < TAIL_REACH_BINS && decays >= edges[bin])
        bin++;
    t->seen[bin]++;
    t->cut[bin] += t->last_cuts != 0;
}

void tail_reach_note(struct tail_reach *t, int64_t time_ns, uint32_t cuts) {
    if (!(t->decay_ns > 0) || cuts & CUT_BIT(CUT_SECONDARY))
        return;
    bool first = t->last_ns == 0;
    if (!first)
        settle_last(t, time_ns - t->last_ns);
    t->before_ns = first || time_ns < t->last_ns ? -1 : time_ns - t->last_ns;
    t->last_ns = time_ns;
    t->last_cuts = cuts;
}

void tail_reach_add(struct tail_reach *into, const struct tail_reach *from) {
    for (unsigned k = 0; k <= TAIL_REACH_BINS; k++) {
        into->seen[k] += from->seen[k];
        into->cut[k] += from->cut[k];
    }
}

double tail_reach_decays(const struct tail_reach *t) {
    double isolated = (double)t->seen[TAIL_REACH_BINS], decays = TAIL_REACH_LEAST;
    if (isolated < LEAST)
        return decays;
    double share = (double)t->cut[TAIL_REACH_BINS] / isolated;
    double n = 0, cut = 0;   /* of the bins behind the last one that stands out */
    for (unsigned k = 0; k < TAIL_REACH_BINS; k++) {
        n += (double)t->seen[k];
        cut += (double)t->cut[k];
        if (n > 0 && cut - share * n > FLAT * n && cut - share * n > SIGMAS * sqrt(1 + share * (1 - share) * n)) {
            decays = edges[k];
            n = cut = 0;
        }
    }
    return decays;
}
