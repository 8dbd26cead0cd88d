/* daemon/array_match.h - corrections learnt once more, each channel against the spectra of the whole array.
 *   learnt channels with corrections, one calibration's curves --run--> the spectra of all by those (array_spectra.h), every channel matched with them (gain_match.h),
 *   the spectra made anew, what the gains have in common (correction_prior.h), and each channel's correction, where its spectra are as sharp by it
 * A channel by itself compares a thousand photons with their own histogram, and only stretches of like spectra with each other; scans of two
 * samples tell it nothing of a gain step between them. With the array's spectra they do. */
#ifndef TESD_DAEMON_ARRAY_MATCH_H
#define TESD_DAEMON_ARRAY_MATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "calib/calibration_table.h"
#include "calib/spectrum_group.h"
#include "daemon/stage/learnt_channel.h"
#include "pulse/correction_prior.h"

/* table: curves of the n channels for the heights of one calibration, with its start and end. estimates: which terms each channel has. Channels without a good curve, and
 * all where fewer than ARRAY_MATCH_MIN have one, keep their corrections. False: no memory. */
enum { ARRAY_MATCH_MIN = 16 };
bool array_match_run(struct learnt_channel *learnt, size_t n, const struct spectrum_groups *groups, const struct calibration_table *table, const struct correction_estimate *estimates,
                     unsigned workers);

#endif
