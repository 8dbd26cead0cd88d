/* pulse/baseline_rule.h - what a jump of a pixel's baseline is.   measured pulses --learn--> baseline_rule
 * A readout that loses its lock for a moment, or resets, comes back some flux quanta away: the mean before the pulse jumps, heights do not. Jumps
 * are what neighbours never differ by otherwise; where they cluster at multiples of a power of two, that is the quantum (doc/methods.md, Records). Plain. */
#ifndef TESD_PULSE_BASELINE_RULE_H
#define TESD_PULSE_BASELINE_RULE_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/measured_pulse.h"
#include "pulse/status.h"

#define BASELINE_NEIGHBOUR_S 20.   /* pulses further apart are no neighbours: a slow drift could pass for a jump */

struct baseline_rule {
    double jump_counts;    /* a larger step between neighbours is a jump; 0: nothing is a jump */
    double quantum_counts; /* flux quantum; 0: none seen */
};

/* Steps between neighbours decide; a rule without jumps when fewer than 100 pulses are good. n pulses in time order. STATUS_NO_MEMORY. */
enum status baseline_rule_learn(const struct measured_pulse *pulses, size_t n, struct baseline_rule *out);

/* Whether the pulse's mean says where the baseline stands. Which of the conditions holds is as good as random: none is asked before the others. */
static inline bool baseline_tells(const struct measured_pulse *p) {
    return (p->cuts == 0) & !p->on_tail & (fabsf(p->pretrigger_mean) <= FLT_MAX);
}

/* From one stamp to a later one, 0 to one that is not later. Halved, any difference is a signed number, which cores convert at once. */
static inline double baseline_seconds(int64_t from_ns, int64_t to_ns) {
    const uint64_t passed = to_ns > from_ns ? (uint64_t)to_ns - (uint64_t)from_ns : 0;
    return (double)(int64_t)(passed >> 1) * 2e-9;
}

#endif
