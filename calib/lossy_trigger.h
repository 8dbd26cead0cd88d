/* calib/lossy_trigger.h - live time of triggers that leave no trace of what they drop, from the rates that they do record.
 *   recorded counts of the array --lossy_trigger_rate--> true rate --lossy_trigger_live--> share of the time that is live
 * Edge-multi single records a pulse when none came within a record length N before it: m = r exp(-r N); its record is clean when none
 * follows within npost: LT = T exp(-r (N + npost)). Isolated asks for both: m = r exp(-r (N + npost)), LT the same. One rate per point is
 * solved over the array, pixel p at eps_p of it, on the branch of low rates. Good to 0.7 % up to a mean r (N + npost) of 0.35; refused
 * above 0.4, where the two branches near each other and an error of the counts grows without bound (doc/methods.md, Live time). Pure. */
#ifndef TESD_CALIB_LOSSY_TRIGGER_H
#define TESD_CALIB_LOSSY_TRIGGER_H

#include <stdint.h>

#define LOSSY_TRIGGER_MOST 0.4   /* of the mean rate times clear_s */

struct lossy_trigger { double veto_s, clear_s; };   /* m = r exp(-r veto), LT = T exp(-r clear) */

/* One point: sum of recorded counts of n pixels of these sensitivities in dwell_s, all of one trigger. Returns the rate of a pixel of
 * sensitivity 1 per second; NaN: refused. */
double lossy_trigger_rate(const struct lossy_trigger *t, const double *sensitivity, uint32_t n, double counts, double dwell_s);
double lossy_trigger_live(const struct lossy_trigger *t, double rate_Hz);   /* share of the dwell */
/* Relative error of the live time over that of the counts: r clear / (1 - r veto). */
double lossy_trigger_gain(const struct lossy_trigger *t, double rate_Hz);

#endif
