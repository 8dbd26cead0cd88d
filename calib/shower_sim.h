/* calib/shower_sim.h - showers of cosmic rays over a simulated array: many pixels hit at the same moment.
 *   seed + rate --shower_sim_hits--> hits of one pixel, by time
 * Showers are the same for every pixel; which of them a pixel takes part in, and with how much energy (exponential), is its own. Pure. */
#ifndef TESD_CALIB_SHOWER_SIM_H
#define TESD_CALIB_SHOWER_SIM_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/status.h"

struct shower_settings {
    uint64_t seed;
    int64_t start_ns, end_ns;
    double rate_Hz;              /* showers; 0: none */
    double share;                /* of the pixels that a shower hits, 0..1 */
};

struct shower_hit { int64_t time_ns; double energy_eV; };

/* *out is new, free() it; NULL when there are none. */
enum status shower_sim_hits(const struct shower_settings *s, uint32_t pixel, struct shower_hit **out, size_t *n);

#endif
