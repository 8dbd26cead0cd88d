/* pulse/tail_reach.h - how long after a pulse the next one may still be cut because of its tail: what an isolated pulse must wait for.
 *   time and cuts of a pixel's records, in order --note--> counts by the time since the record before   (--add--> of the array)   --> decays
 * A cut that fires because of a neighbour in time must be made redundant by a window, or yields fall where the rate is high (doc/methods.md, Live time):
 * at 40 counts/s with 500 samples of 4 us a window of 6 decay times lost 4 % of the photons, most of them to the pretrigger's slope. How far the
 * tail reaches depends on its slow part, on the noise and on the limits, so it is measured: the share of records cut against the time
 * since the record before, in decay times, must be flat. Records that are followed too soon are left out: by the next record's time, and, where triggers
 * leave no record of a pulse within another's, by the cut that it makes: these come with the rate, and so does a short time since the record before
 * (a factor-3 step in flux seemed a tail of 32 decay times). Plain values; pure. */
#ifndef TESD_PULSE_TAIL_REACH_H
#define TESD_PULSE_TAIL_REACH_H

#include <stdint.h>

enum { TAIL_REACH_BINS = 14 };

#define TAIL_REACH_LEAST 6.0    /* decay times that doc/methods.md, Live time asks for in any case */

struct tail_reach {
    double decay_ns, post_ns;   /* of the pixel's pulses; from the trigger to the end of a record. decay 0: nothing is counted */
    int64_t last_ns, before_ns; /* the record that waits for the next one: when, how long after its own predecessor; -1: none */
    uint32_t last_cuts;
    uint64_t seen[TAIL_REACH_BINS + 1], cut[TAIL_REACH_BINS + 1];   /* by time since the record before; the last: far beyond */
};

struct tail_reach tail_reach_begin(double decay_ns, double post_ns);
/* A primary record, in order. */
void tail_reach_note(struct tail_reach *t, int64_t time_ns, uint32_t cuts);
void tail_reach_add(struct tail_reach *into, const struct tail_reach *from);
/* Decay times after which the share of cut records exceeds that of isolated ones by no more than 0.5 % and 3 sigma. Tails fade: a bin counts together
 * with those before it back to the last one that stood out, so that one far bin with a few cuts too many does not stretch the window for good. */
double tail_reach_decays(const struct tail_reach *t);

#endif
