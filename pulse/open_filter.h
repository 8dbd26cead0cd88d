/* pulse/open_filter.h - a pixel's filter for records whose mains and baseline others know (doc/methods.md, Filters).
 *   template + noise without mains --new--> open_filter --apply--> height, level
 * Two estimates of one record from the generalised least squares fit of template, shift and constant to noise that holds no mains:
 *   height  the five-lag filter, blind to a constant, as the standard one but for the noise it is made for
 *   level   the constant, blind to template and shift
 * Both see the record's own mains, which whoever knows it takes off afterwards: they are linear in the samples. Their covariance tells how
 * much of the height's error a baseline that is known from elsewhere takes back (neighbour_height.h); it does not depend on noise that
 * is slower than a record. Immutable once made; no allocation after _new. */
#ifndef TESD_PULSE_OPEN_FILTER_H
#define TESD_PULSE_OPEN_FILTER_H

#include "pulse/noise_mains.h"
#include "pulse/optimal_filter.h"
#include "pulse/pulse_record.h"
#include "pulse/status.h"

struct open_filter {
    struct optimal_filter *height;   /* owned */
    float *level;                    /* owned: n_samples weights that sum to 1, woven, 64-byte aligned and padded for the kernels */
    double height_variance;          /* height units squared */
    double covariance;               /* of height and level, height units x counts */
    struct noise_mains mains;        /* of the noise run */
};

/* template_pulse: n_samples, pretrigger 0, peak 1 or -1. covariance: lags 0..n_samples-1 of the noise without mains. STATUS_NOT_POSITIVE,
 * STATUS_BAD_VALUE: there is no such filter; STATUS_NO_MEMORY. */
enum status open_filter_new(const double *template_pulse, uint32_t n_samples, const double *covariance, struct noise_mains mains, struct open_filter **out);
void open_filter_free(struct open_filter *f);

struct open_value { float height, level; };   /* level: counts above base */
struct open_value open_filter_apply(const struct open_filter *f, const sample_u16 *samples, float base);

/* What the filters say of a wave e^(i radians (k - origin)), k = 0..n_samples-1: the height as parabola in the arrival (real and
 * imaginary part of each term), and the level. */
struct open_wave { double height[PARABOLA_TERMS][2], level[2]; };
struct open_wave open_filter_on_wave(const struct open_filter *f, double radians, double origin);

#endif
