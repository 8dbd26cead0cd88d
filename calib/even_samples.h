/* calib/even_samples.h - a few values of many, evenly taken as they come: every stride-th, a power of 2.   values --clear, add--> at most EVEN_SAMPLES
 * A median needs no more. Values that are not finite are left out and not counted. Plain and copied freely; one owner thread. */
#ifndef TESD_CALIB_EVEN_SAMPLES_H
#define TESD_CALIB_EVEN_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

enum { EVEN_SAMPLES = 512 };

struct even_samples {
    float values[EVEN_SAMPLES];
    uint32_t n, seen, stride;   /* taken, finite ones seen; values[i] was number i * stride of these */
};

void even_samples_clear(struct even_samples *s);   /* first of all too */
void even_samples_add(struct even_samples *s, float value);
void even_samples_add_finite(struct even_samples *s, const float *values, size_t n);   /* the same of n that are all finite */

#endif
