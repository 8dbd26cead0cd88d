/* pulse/cut_limits.h - the limits that a pixel's pulses are held to, learnt from those pulses (doc/methods.md, Cuts and pile-up).
 * Limits are median + k robust sigmas, so a minority of bad records, however bad, does not move them. */
#ifndef TESD_PULSE_CUT_LIMITS_H
#define TESD_PULSE_CUT_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "pulse/pixel_model.h"
#include "pulse/pulse_quality.h"
#include "pulse/record_store.h"

/* Limits that cut nothing. */
struct cut_limits cut_limits_open(void);

/* Do the pulses of a store go down? Judged by which side of the pretrigger mean the median extreme lies further out. */
bool cut_limits_inverted(const struct record_store *pulses);

/* From all records of the store. *peak_sample: mode of the samples at which they have their maximum. good[i] (n_records): record i
 * keeps the limits and rises out of its own noise (peak > 8 pretrigger sds). Returns how many are good. residual_max is left open.
 * When no record shows a pulse, 0 comes back and nothing is good; limits and peak_sample then say nothing. */
uint32_t cut_limits_learn(const struct record_store *pulses, bool inverted, struct cut_limits *limits, uint32_t *peak_sample, bool *good);

#endif
