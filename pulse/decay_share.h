/* pulse/decay_share.h - what is left of an exponential, for many times at once.   times in time constants --> e^-time
 * Pure. */
#ifndef TESD_PULSE_DECAY_SHARE_H
#define TESD_PULSE_DECAY_SHARE_H

#include <stddef.h>

#define DECAY_SHARE_LONGEST 700.0   /* e^-700 is still a normal number */

/* 0 <= times <= DECAY_SHARE_LONGEST. Right to 4e-16 relative; the same for a time whatever stands around it. */
void decay_shares(const double *restrict times, size_t n, double *restrict share);

#endif
