/* pulse/pulse_shape.h - a pixel's pulse at any height and arrival, learnt by regression from its records (doc/methods.md, Filters):
 *   record - its pretrigger mean = h (T0 + p T1 + p^2 T2 + p^3 T3 + u T4 + p u T5 + u^2 T6) + noise
 * h height and p arrival as the filter says them, u = h / reference - 1. T0 is the template; what all seven leave is the residual.
 * A pulse that arrives more than half a sample early or late is the shape moved by whole samples: no polynomial in p follows its onset so far (of 8 us
 * samples, 1 % of good records arrive more than a sample off, and most of these were lost to the residual). What a parabola through five lags says of an
 * arrival t samples off is not t: 1.05 of 1 and 3 of 2, on slow pulses; so p is t, found from the phase by phase_bend (with whole samples counted in the
 * phase itself, one record in six beyond a sample was lost to a filter cut to a gap).
 * Every sample has its own least squares. Records that are left with more than 5 robust sigmas are left out, three times.
 * Terms that the records cannot tell apart (all of one height, all of one arrival) stay 0, and p and u are held within the range
 * that was learnt, so nothing is extrapolated far. Immutable once made. */
#ifndef TESD_PULSE_PULSE_SHAPE_H
#define TESD_PULSE_PULSE_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "pulse/dot_kernel.h"
#include "pulse/record_store.h"
#include "pulse/shape_fold.h"
#include "pulse/status.h"

enum { SHAPE_TERMS = DOT_TERMS, SHAPE_RECORDS_MIN = 100, SHAPE_REJECTIONS = 3 };

/* A pulse t samples late has the phase t + cubic t^3 + quintic t^5, both >= 0: what the filter says of the template moved by one sample and by two. */
struct phase_bend { double cubic, quintic; };

struct pulse_shape {
    uint32_t n_samples, first;        /* of a record; rows begin at sample `first` = n_presamples - 4, before it the shape is 0 */
    size_t stride;                    /* floats from row to row */
    float *rows;                      /* owned: SHAPE_TERMS x stride, 64-byte aligned, zeros behind the record */
    double reference;                 /* height at which u = 0 */
    double phase_low, phase_high;     /* samples; p and u are clipped to these */
    double change_low, change_high;   /* of u */
    struct phase_bend bend;           /* 0: the phase is the arrival */
    struct shape_fold *fold;          /* owned; for the residual, made by _settle; NULL: none */
};

/* All rows 0, u and p held at 0. reference > 0. */
enum status pulse_shape_new(uint32_t n_samples, uint32_t n_presamples, double reference, struct pulse_shape **out);
void pulse_shape_free(struct pulse_shape *s);

/* To be called when rows, reference and ranges are what they shall be: from then on the residual is had at half the price, and changed by
 * less than 3e-4 of the reference height (rms, in quadrature). STATUS_NO_MEMORY. _learn and _from_template have done so. */
enum status pulse_shape_settle(struct pulse_shape *s);

/* The template and its slope, for pixels with too few records: n_samples values, T0 = template, T1 = -slope. */
enum status pulse_shape_from_template(const double *template_pulse, uint32_t n_samples, uint32_t n_presamples, double reference, struct pulse_shape **out);

/* What is known of a record before its shape is. */
struct shape_point {
    float height, phase;     /* phase: arrival counted from the template's own */
    float base;              /* pretrigger mean, counts */
    bool used;
};

/* points: one per record of the store; `used` says which may be used and, on return, which were. bend: of the filter that gave the phases. STATUS_TOO_FEW:
 * fewer than SHAPE_RECORDS_MIN. */
enum status pulse_shape_learn(const struct record_store *pulses, struct shape_point *points, struct phase_bend bend, struct pulse_shape **out);

/* Phases at one and two samples, means of late and early. All 0 where they say nothing of the kind. */
struct phase_bend phase_bend_of(double phase_at_one, double phase_at_two);

/* Mean square, counts^2, of what the shape leaves of the samples from `first` on. d: the whole record. A copy of the struct with fewer n_samples
 * looks at no more than those. */
float pulse_shape_residual(const struct pulse_shape *s, const struct dot_kernel *kernel, const sample_u16 *d, float base, double height, double phase);

/* The seven factors h, hp, ... for a record, p and u clipped; a phase that is not finite counts as 0. Returns by how many samples the rows are to be
 * moved, -3..3: row value k stands for sample first + k + this. */
int32_t pulse_shape_terms(const struct pulse_shape *s, double height, double phase, float terms[SHAPE_TERMS]);

#endif
