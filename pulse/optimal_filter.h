/* pulse/optimal_filter.h:  noise covariance + template --design--> weights --new--> optimal_filter --apply--> height, arrival
 * The five-lag filter blind to a constant ("noconst", doc/methods.md, Filters): with T the covariance matrix of n = N-4 samples and s
 * the template without its first and last two, q ~ (1'T^-1 1) T^-1 s - (1'T^-1 s) T^-1 1, scaled so that the parabola through its
 * five lags on the template peaks at exactly 1. Within 0.3 % of the best possible at all energies (doc/methods.md, Filters).
 * When the record cuts the pulse off so early that this parabola would peak a sample or more away from the template's own
 * place, q is made orthogonal to the template's slope as well.
 * Immutable once made, so any number of threads may share one. No I/O, no locks, no allocation after _new. */
#ifndef TESD_PULSE_OPTIMAL_FILTER_H
#define TESD_PULSE_OPTIMAL_FILTER_H

#include <stdint.h>

#include "pulse/dot_kernel.h"
#include "pulse/lag_parabola.h"
#include "pulse/pulse_record.h"
#include "pulse/status.h"

struct optimal_filter;  /* opaque: rows are aligned and padded for the kernels */

enum { FILTER_MIN_SAMPLES = 16 };

/* template_pulse: n_samples, pretrigger 0; may be negative-going, then so is the filter and heights come out positive.
 * covariance: lags 0..n_samples-5 in counts^2, or NULL for white noise. Out: n_samples - 4 weights, and q'Tq in height units
 * squared (for counts^2 = 1 when white). STATUS_NOT_POSITIVE: T is not positive definite even for filters that sum to zero;
 * STATUS_BAD_VALUE: too short, or the filter's output has no maximum near the template's own place. */
enum status optimal_filter_design(const double *template_pulse, uint32_t n_samples, const double *covariance, double *weights, double *variance);

/* What the filter says of the template itself (n_weights + 4 samples): height 1 if it was designed for it, and the arrival from
 * which others count. */
struct lag_parabola optimal_filter_on_template(const double *weights, uint32_t n_weights, const double *template_pulse);

/* The filter as it looks at a pulse of that arrival, n_weights + 4 weights of the record's samples: p0 + a p1 + a^2 p2 of the weights shifted over
 * five lags, so that its product with the record is the height. */
void optimal_filter_row_at(const double *weights, uint32_t n_weights, double arrival, double *row);

/* E/dE (FWHM) at a pulse of that height, if noise alone blurs it. */
double optimal_filter_resolving_power(double height, double variance);

/* A filter for records of n_weights + 4 samples; copies the weights. The float rows that do the work sum to zero exactly enough
 * for any baseline. kernel: NULL for the fastest here. */
enum status optimal_filter_new(const double *weights, uint32_t n_weights, const struct dot_kernel *kernel, struct optimal_filter **out);
void optimal_filter_free(struct optimal_filter *f);

uint32_t optimal_filter_n_samples(const struct optimal_filter *f);      /* of a record */
const double *optimal_filter_weights(const struct optimal_filter *f);   /* n_samples - 4, as given, for saving */
const struct dot_kernel *optimal_filter_kernel(const struct optimal_filter *f);
void optimal_filter_use_kernel(struct optimal_filter *f, const struct dot_kernel *kernel);   /* before the filter is shared */
const float *optimal_filter_row(const struct optimal_filter *f);         /* one row of it: what dot_kernel's `one` wants */

/* base: a level near the record's baseline, in counts; it only keeps rounding small and does not change the result. */
struct lag_parabola optimal_filter_apply(const struct optimal_filter *f, const sample_u16 *samples, float base);
/* The same in two steps for who does not know the baseline yet (the first sample is near it) and wants the record's extremes, which are at hand then:
 * the parabola may wait until sums have been made, which need not wait for it. */
void optimal_filter_look(const struct optimal_filter *f, const struct pulse_record *record, struct dot_looks *looks);
struct lag_parabola optimal_filter_saw(const struct dot_looks *looks);

#endif
