/* calib/lossy_trigger.h - live time of triggers that leave no trace of what they drop, from the rates that they do record.
 *   recorded counts of the array --lossy_trigger_rate--> true rate --lossy_trigger_live--> share of the time that is live
 * Edge-multi single records a pulse when none came within a record length N before it: m = r exp(-r N). Isolated asks for none within npost behind
 * it as well: m = r exp(-r (N + npost)). A photon counts when its pulse is recorded, none follows within npost, and no record stands in a window
 * B >= N before it. Of pulses that come between B and N before it some have no record: with D = B - N, and records at least N apart,
 *   LT = T exp(-r (N + npost)) Q,   Q = sum over k of (-1)^k m^k (D - (k - 1) N)^k / k!,   the terms with D > (k - 1) N, 1 for k = 0,
 * the chance of no record in D (inclusion and exclusion); exact for single. For isolated what is clear behind D makes records at its end likelier: term 1 is
 * r exp(-r N) times the integral of exp(-r min(npost, x)) over x in D. One rate per point is solved over the array, pixel p at eps_p of it, on the
 * branch of low rates. Refused above 0.4, where the two branches near each other and an error of the counts grows without bound
 * (doc/methods.md, Live time). Pure. */
#ifndef TESD_CALIB_LOSSY_TRIGGER_H
#define TESD_CALIB_LOSSY_TRIGGER_H

#include <stdbool.h>
#include <stdint.h>

#define LOSSY_TRIGGER_MOST 0.4   /* of the mean rate times (record_s + post_s); and 2.5 times that of what window_s is longer than record_s */

struct lossy_trigger {
    double record_s, post_s;   /* N, npost */
    double window_s;           /* B, >= record_s */
    double merged_s;           /* pulses nearer than this are one to the trigger */
    bool isolated;             /* else single */
};

/* One point: sum of recorded counts of n pixels of these sensitivities in dwell_s, all of one trigger. Returns the rate of a pixel of
 * sensitivity 1 per second; NaN: refused. */
double lossy_trigger_rate(const struct lossy_trigger *t, const double *sensitivity, uint32_t n, double counts, double dwell_s);
double lossy_trigger_live(const struct lossy_trigger *t, double rate_Hz);   /* share of the dwell */
/* Relative error of the live time over that of the counts. */
double lossy_trigger_gain(const struct lossy_trigger *t, double rate_Hz);

#endif
