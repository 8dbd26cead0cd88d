/* pulse/pulse_times.h - how long a pulse rises and how slowly it falls, from its mean shape.   template --> peak, decay
 * What the windows of live time are made of (livetime.h). Pure. */
#ifndef TESD_PULSE_PULSE_TIMES_H
#define TESD_PULSE_PULSE_TIMES_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/status.h"

struct pulse_times {
    double peak_samples;   /* from where it leaves 5 % of its height to its maximum */
    double decay_samples;  /* time constant of the late fall; at most 10 record lengths */
};

/* shape[i x stride], i < n: any height and either sign, 0 before the pulse; its maximum is looked for from n_presamples on. The decay is fitted
 * between 40 % and 5 % of the height, where the sum of a fast and a slow part is nearest to the slow one and still stands
 * above the noise of a mean; a shape that ends above 40 % is fitted from its peak. STATUS_BAD_VALUE: no pulse in it. */
enum status pulse_times_of(const double *shape, size_t stride, uint32_t n, uint32_t n_presamples, struct pulse_times *out);
enum status pulse_times_of_floats(const float *shape, uint32_t n, uint32_t n_presamples, struct pulse_times *out);   /* STATUS_NO_MEMORY too */

#endif
