/* pulse/decay_share.h - what is left of an exponential, for many times at once.   times in time constants --> e^-time
 * Pure. */
#ifndef TESD_PULSE_DECAY_SHARE_H
#define TESD_PULSE_DECAY_SHARE_H

#include <stddef.h>

#define DECAY_SHARE_LONGEST 87.0F   /* e^-87 is still a normal number */

/* 0 <= times <= DECAY_SHARE_LONGEST. Right to 2e-7 relative; the same for a time whatever stands around it. */
void decay_shares(const float *restrict times, size_t n, float *restrict share);

#endif
