/* pulse/gap_filter.h - heights of pulses that another one follows too soon for the whole record: filters cut to the gap.
 *   template + noise + good pulses --learn--> gap filters;   record + gap --measure--> measured pulse on the whole filter's scale
 * A filter for the first samples only is the optimal filter of a shorter record. A few lengths, in geometric steps between what
 * tells two pulses apart and the record's end, serve every gap. What such a filter says of a pulse is not what the whole one says: the
 * shape changes with height (so does the share of it that the first samples hold) and the arrival is felt otherwise. Both are learnt from
 * the same good pulses measured both ways, where noise of the pulse itself largely cancels:
 *     height = gap height (c0 + c1 u + c2 u^2 + d1 p + d2 p^2),   u = gap height / reference - 1, p arrival in samples,
 * so that corrections and the energy curve of whole records hold. What it says of the arrival is not what the whole one says either, and more so the further
 * off: arrival = e0 + e1 p + e2 p^2 + e3 p^3, where the shape is wanted whose rows were learnt with the whole filter's. Noise is honest: that of the filter used.
 * Immutable once made.
 * The filter for pulses on the tail of an earlier one (pixel_tail.h) is of the same kind: it looks at the whole record and is blind to the tail. */
#ifndef TESD_PULSE_GAP_FILTER_H
#define TESD_PULSE_GAP_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "pulse/measured_pulse.h"
#include "pulse/optimal_filter.h"
#include "pulse/pixel_model.h"
#include "pulse/pulse_record.h"
#include "pulse/record_store.h"
#include "pulse/residual_scale.h"

enum { GAP_FILTERS_MAX = 5, GAP_TERMS = 5, GAP_ARRIVAL_TERMS = 4, GAP_MARGIN = 4 };   /* GAP_MARGIN: samples that the next pulse may rise before its trigger */

struct gap_filter {
    uint32_t n_behind;               /* samples behind the trigger that it looks at */
    struct optimal_filter *filter;   /* owned; of n_presamples + n_behind samples */
    double arrival;                  /* what it says of the template itself */
    double noise_factor;             /* its noise over that of the whole filter */
    double reference, u_low, u_high, map[GAP_TERMS];
    double arrival_map[GAP_ARRIVAL_TERMS];
    struct residual_scale residual_scale;
    double tail_samples;             /* decay of the tail that it is blind to; 0: none */
    double tail_share;               /* height of that tail (measured_pulse_tail) per count that it adds to the pretrigger mean */
    struct slow_effect slow_effect;  /* as pixel_model has it */
};
void gap_filter_free(struct gap_filter *g);                                              /* one that stands alone */
enum status gap_filter_copy(const struct gap_filter *from, struct gap_filter **out);     /* NULL of NULL */

struct gap_filters { uint32_t n; struct gap_filter list[GAP_FILTERS_MAX]; };   /* the shortest first */

/* good: of the pulses. least_gap_samples: gaps shorter than this need not be served. covariance NULL: white noise. *out NULL where nothing
 * can be learnt: records too short, fewer than 100 good pulses. m: filter, shape and noise_sigma are there. */
enum status gap_filters_learn(const struct record_store *pulses, const bool *good, const double *template_pulse, const double *covariance,
                              double least_gap_samples, const struct pixel_model *m, struct gap_filters **out);
void gap_filters_free(struct gap_filters *g);
enum status gap_filters_copy(const struct gap_filters *from, struct gap_filters **out);   /* NULL of NULL */

/* Scale, noise and residuals of a filter that is there, from the good pulses. STATUS_TOO_FEW: it cannot be used. variance: of the filter, height
 * units squared of its own. */
enum status gap_filter_learn_scale(const struct record_store *pulses, const bool *good, const struct pixel_model *m, double variance, struct gap_filter *g);

/* The pulse of a record of the model's length, by that filter: the record's own, in whatever frame it stands (sample_turn.h). */
struct measured_pulse gap_filter_measure(const struct pixel_model *m, const struct gap_filter *g, const struct pulse_record *record);

/* The record's own pulse when the next one triggers gap_samples behind it. False, *out untouched: no filter is short enough, or the record is
 * not the model's. out->noise_factor says by what its noise exceeds noise_sigma; cuts are those of the samples used. */
bool gap_filters_measure(const struct pixel_model *m, const struct pulse_record *record, double gap_samples, struct measured_pulse *out);

#endif
