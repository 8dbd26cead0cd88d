/* pulse/pixel_model.h - all that turns one pixel's records into measured pulses, learnt from its own data.
 *   noise records + pulse records --pixel_learner--> pixel_model;   record or coefficients + pixel_model --> measured_pulse
 * A model is immutable once made (drift is set before it is shared), so any number of threads may use one.
 * No I/O; nothing allocates after _new / _finish. The fields are public so that model_store can write and read them. */
#ifndef TESD_PULSE_PIXEL_MODEL_H
#define TESD_PULSE_PIXEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/complaint.h"
#include "pulse/cut.h"
#include "pulse/lag_parabola.h"
#include "pulse/measured_pulse.h"
#include "pulse/offset_noise.h"
#include "pulse/pulse_record.h"
#include "pulse/record_off.h"
#include "pulse/residual_scale.h"
#include "pulse/second_pulse.h"
#include "pulse/status.h"

/* Limits learnt from a pixel's good pulses (median + k robust sigmas, doc/methods.md, Cuts and pile-up). A value at a limit passes. */
struct cut_limits {
    float pretrigger_sd_max;       /* counts, std over the pretrigger less its last 4 samples */
    float pretrigger_slope_max;    /* counts, |rise| over the same samples */
    int32_t peak_sample_min, peak_sample_max;  /* sample index of the maximum */
    float late_rise_max;           /* counts per 6 samples, 4-sample mean */
    float residual_max;            /* counts rms; INFINITY: not cut */
};

enum { OFF_SLICES_MAX = 64 };

/* What a pulse leaves behind beyond its fast tail (slow_tail.h). */
struct slow_tail {
    double counts;    /* on the pretrigger mean of a record at the same time, for every unit of its height; 0: none is known */
    double decay_s;
};
/* What each count of that does to the height that a filter gives. */
struct slow_effect {
    double height;    /* added to it */
    double tail;      /* height of the tail that the pulse stands on (measured_pulse_tail) */
};

struct optimal_filter;  /* optimal_filter.h */
struct gap_filter;      /* gap_filter.h */
struct gap_filters;
struct open_filter;     /* open_filter.h */
struct noise_plan;      /* noise_plan.h */

struct pixel_model {
    bool coefficients;             /* false: samples (LJH, live); true: OFF coefficients */
    uint32_t n_samples, n_presamples;
    double sample_period_s;
    struct cut_limits limits;
    double noise_sigma;            /* height units: sqrt(q'Rq), 0 when unknown */
    struct offset_noise offset_noise;  /* of heights beside their pretrigger means; variance 0: unknown */
    double predicted_resolving_power;  /* 5-lag filter, stream noise, at the template's height; 0 when unknown */
    /* samples */
    struct optimal_filter *filter; /* owned; NULL for coefficients */
    float *template_pulse;         /* owned, n_samples, peak 1 (-1 when inverted), pretrigger 0; of coefficients: the pulse in their basis, peak 1; NULL: not known */
    struct pulse_shape *shape;     /* owned; the pulse at any height and arrival, for the residual; NULL for coefficients */
    struct residual_scale residual_scale;  /* of good pulses, counts rms */
    /* For records whose residual gives rise to doubt; NULL: none. */
    struct second_search *second;  /* owned; borrows the shape */
    double whitener[WHITENER_ORDER + 1];   /* what it was made with, to make it again */
    double second_limit;           /* significance that good pulses' own noise does not reach */
    /* For records on the tail of an earlier pulse (pixel_tail.h). NULL: none, because no tail is left near the end of a record (below 1e-3 of
     * its pulse), or because there is no such filter. */
    struct gap_filter *tail;       /* owned */
    struct open_filter *open;      /* owned; NULL: none was asked for, or there is none (open_filter.h). Not kept in files */
    /* For records that another pulse follows soon. NULL: none. */
    struct gap_filters *gaps;      /* owned */
    double rise_level;             /* counts: a difference (edge_trigger.h) that noise does not reach and pulses do; 0 unknown */
    struct slow_tail slow;
    struct slow_effect slow_effect;
    double isolation_decays;       /* decay times after a pulse until none is cut any more because of its tail (tail_reach.h) */
    bool inverted;                 /* pulses go down: filter and template carry the sign, heights are positive all the same. The one place */
    uint32_t sample_turn;          /* the frame of 16 bits in which the pixel's records do not wrap (sample_turn.h): 0, or 32768 for int16 and the like */
    double template_arrival;       /* samples: what the filter says of the template itself; arrivals are counted from it */
    bool white_noise;              /* no usable noise run: the filter assumes white noise */
    /* coefficients: lag value c_i = sum_j lag_rows[i][j] x coefficient j, scaled to gain 1 on coefficient 2 */
    uint32_t n_bases;
    double lag_rows[LAGS][OFF_MAX_BASES];
    /* residual limit against coefficient 2 (OFF, doc/methods.md, Records), learnt in slices [k, k+1) x slice_width and used from
     * the smallest slice centre that is not below the record's value. n_slices 0: not cut. */
    uint32_t n_slices;
    double slice_width;
    double slice_limit[OFF_SLICES_MAX];
};

void pixel_model_free(struct pixel_model *m);
/* A model of the caller's own that measures every record to the same bits. STATUS_NO_MEMORY. */
enum status pixel_model_copy(const struct pixel_model *from, struct pixel_model **out);

/* One record of samples. cuts: CUT_SHORT when its length is not the model's (then height is NaN), and the limits. A record that breaks
 * one is looked at again (record_mend.h): wraps and flux jumps within it are taken out if that makes it a good one. */
void pixel_model_measure(const struct pixel_model *m, const struct pulse_record *record, struct measured_pulse *out);
/* The most significant further pulse in a record, before or behind its own: where, how large. True when good pulses' own noise does not
 * look like it. Any record; best behind a doubtful residual, since it costs as much as a hundred measurements. */
bool pixel_model_second_pulse(const struct pixel_model *m, const struct pulse_record *record, struct second_pulse *found);
/* One record on the tail of an earlier pulse, measured by the tail filter: same scale of heights, noise by noise_factor. The limits on the
 * pretrigger are not applied: a tail breaks them. The residual is what is left behind constant, tail and pulse. Without a tail filter it is
 * measured as any other, and the limits on the pretrigger hold unless nothing is left of a pulse at the end of a record. */
void pixel_model_measure_tail(const struct pixel_model *m, const struct pulse_record *record, struct measured_pulse *out);
/* One record, with what its own samples tell of other pulses: where the pretrigger falls as on a tail, by the tail filter; where something speaks
 * against the pulse and a second one rises in the record, by a filter cut to the gap; where the shape is still not the pulse's alone, by the tail filter. Depends on the
 * record alone, so live and from files it is the same whatever came late or not at all. */
void pixel_model_measure_crowded(const struct pixel_model *m, const struct pulse_record *record, struct measured_pulse *out);
/* Sample numbers, in order, where further pulses rise behind the record's own, by the model's rise_level; samples[INNER_PULSES_MAX]. How many; 0 as well
 * where the level or the record's length is not the model's. With edge-multi triggers, which stand where the pulse begins, so that no level can be
 * read off them (edge_trigger.h). */
enum { INNER_PULSES_MAX = 16 };
size_t pixel_model_inner_pulses(const struct pixel_model *m, const struct pulse_record *record, uint32_t *samples);
/* One OFF record. */
void pixel_model_measure_off(const struct pixel_model *m, const struct off_record *record, struct measured_pulse *out);

/* ---- learning, as a stream of records with bounded memory ---- */
struct pixel_learner;  /* opaque */

/* plan: of the same n_samples (noise_plan.h), borrowed until _free, may be shared by all learners on all threads.
 * STATUS_BAD_VALUE: fewer than 16 presamples, or fewer than 32 samples behind the trigger. */
enum status pixel_learner_new(const struct noise_plan *plan, uint32_t n_samples, uint32_t n_presamples, double sample_period_s,
                              struct pixel_learner **out);
void pixel_learner_free(struct pixel_learner *l);
void pixel_learner_open(struct pixel_learner *l);   /* asks for an open filter as well */
/* Feed noise records in frame order (records of another length are counted and ignored), then training pulses (the same for
 * another length or number of presamples). Kept are the first 2,048 noise records and at most 2,048 pulses evenly over the run. */
void pixel_learner_noise(struct pixel_learner *l, const struct pulse_record *record);
void pixel_learner_pulse(struct pixel_learner *l, const struct pulse_record *record);

struct pixel_learning {            /* what was learnt from, for the verdict table */
    uint64_t noise_records, noise_rejected;
    uint64_t pulse_records, template_records;
    double baseline_sd;            /* counts, of good noise records */
};
/* STATUS_TOO_FEW: fewer than 50 usable pulses. Without (enough, or usable) noise the filter assumes white noise and says so in
 * the model, noise_sigma and predicted_resolving_power are then 0; an unusable noise covariance is a *why text, not a failure. *why is
 * "" when all is well. *report is filled on failure too, for the verdict table; report and why may be NULL. */
enum status pixel_learner_finish(struct pixel_learner *l, struct pixel_model **out, struct pixel_learning *report, struct complaint *why);

/* The model of an OFF channel needs no training for its heights (doc/methods.md, Records): basis is N x B row-major. */
enum status pixel_model_from_off(const struct off_header *h, uint32_t n_presamples, const double *basis, struct pixel_model **out);
bool pixel_model_same_basis(const struct pixel_model *a, const struct pixel_model *b);   /* both of coefficients: the same heights of the same ones */
/* Whether the model measures coefficients of this basis: one made of it anew would give the same heights. False also without memory. */
bool pixel_model_is_of_basis(const struct pixel_model *m, const struct off_header *h, uint32_t n_presamples, const double *basis);
/* Residual limits from all records of the file, added one by one in any order, then set. */
struct off_residuals;  /* opaque: reservoir of residuals per slice of coefficient 2 */
enum status off_residuals_new(struct off_residuals **out);
void off_residuals_free(struct off_residuals *r);
void off_residuals_add(struct off_residuals *r, const struct off_record *record);
void off_residuals_apply(const struct off_residuals *r, struct pixel_model *m);

#endif
