/* pulse/lock_watch.h - does a pixel still stand where it stood? A readout that locks at another point, or a bias that changes, moves the
 * baseline at once, and heights by a constant or a factor that no correction knows: from then on energies by a curve learnt before are wrong.
 *   good pulses of a pixel in order --next--> cuts |= CUT_JUMPED for those that came since
 * Its place is a mean of the last pretrigger means, which drifts are slow against. LOCK_AGREE pulses in a row farther than the limit from there, and as
 * near to each other, are a jump, and the sum of jumps is how far it has moved: it has come back when that is nothing. Steps by whole flux quanta
 * move no height (baseline_rule.h) and are none. Each pulse is judged by itself and those before it; the first LOCK_AGREE - 1 after a jump are not
 * caught. Jumps of heights without one of the baseline are not seen here. Causal, bounded, plain values. Never a cut by a single pulse: what came
 * before it may have moved that. Rejected: how far it is from where it was calibrated, for a drift of minutes then hides a small jump's return. */
#ifndef TESD_PULSE_LOCK_WATCH_H
#define TESD_PULSE_LOCK_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/baseline_rule.h"
#include "pulse/measured_pulse.h"

enum { LOCK_AGREE = 3 };

struct lock_watch {           /* zeros at the start of a channel, and when the pixel is trusted anew where it stands */
    double place_counts;
    uint32_t n_place;         /* pulses it rests on, up to those it remembers; 0: not known */
    int64_t place_ns;         /* of the last of them */
    uint32_t n_pending;       /* good pulses in a row that are elsewhere */
    double pending_counts;    /* their mean */
    int64_t pending_ns;       /* of the first of them */
    double moved_counts;      /* sum of its jumps; 0 unless jumped */
    bool jumped;
    int64_t jumped_ns;        /* of the first pulse that said so; 0 unless jumped */
};

/* The next n pulses, up to the first at which `jumped` turns, it included; returns how many. rule: without jump_counts nothing is a jump. Pulses that
 * are cut otherwise, or stand on a tail, are marked as the pixel stands and say nothing. None is marked before. */
size_t lock_watch_next(struct lock_watch *w, const struct baseline_rule *rule, struct measured_pulse *pulses, size_t n);

#endif
