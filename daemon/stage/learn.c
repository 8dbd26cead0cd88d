#include "daemon/stage/learn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "pulse/robust.h"

struct learner {
    struct channel_shape shape;
    const struct scan_timeline *timeline;
    size_t n_calibrations;
    size_t *calibration;             /* timeline positions */
    struct pixel_learner *pulses;    /* samples */
    struct off_residuals *residuals; /* coefficients */
    uint64_t records, trained;
    size_t n_measured, measured_capacity;
    struct measured_pulse *measured;
    bool memory;
    struct learnt_channel result;
};

size_t learn_calibrations(const struct scan_timeline *t, size_t *index, size_t max) {
    size_t n = 0;
    for (size_t i = 0; i < scan_timeline_count(t); i++)
        if (scan_timeline_at(t, i)->calibration) {
            if (index != NULL && n < max)
                index[n] = i;
            n++;
        }
    return n;
}

static void learner_free(struct learner *l) {
    pixel_learner_free(l->pulses);
    off_residuals_free(l->residuals);
    free(l->measured);
    free(l->calibration);
    free(l);
}

bool learner_new(const struct channel_shape *shape, const struct noise_plan *plan, const struct scan_timeline *timeline, struct learner **out) {
    struct learner *l = calloc(1, sizeof *l);
    if (l == NULL)
        return false;
    l->shape = *shape;
    l->timeline = timeline;
    l->memory = true;
    l->n_calibrations = learn_calibrations(timeline, NULL, 0);
    l->calibration = calloc(l->n_calibrations + 1, sizeof *l->calibration);
    enum status s = STATUS_NO_MEMORY;
    if (l->calibration != NULL) {
        learn_calibrations(timeline, l->calibration, l->n_calibrations);
        s = shape->coefficients ? off_residuals_new(&l->residuals)
                                : pixel_learner_new(plan, shape->n_samples, shape->n_presamples, shape->sample_period_s, &l->pulses);
    }
    if (s != STATUS_OK) {
        learner_free(l);
        return false;
    }
    *out = l;
    return true;
}

void learner_noise(struct learner *l, const struct channel_record *record) {
    if (l->pulses != NULL && !record->coefficients)
        pixel_learner_noise(l->pulses, &record->samples);
}

/* Position among the calibrations of the one that holds the time; n_calibrations: none. */
static size_t calibration_of(const struct learner *l, int64_t time_ns) {
    for (size_t k = 0; k < l->n_calibrations; k++) {
        const struct scan *s = scan_timeline_at(l->timeline, l->calibration[k]);
        if (time_ns >= s->start_ns && time_ns < s->end_ns)
            return k;
    }
    return l->n_calibrations;
}

void learner_train(struct learner *l, const struct channel_record *record) {
    l->records++;
    if (l->residuals != NULL && record->coefficients) {
        off_residuals_add(l->residuals, &record->off);
        return;
    }
    if (l->pulses == NULL || record->coefficients)
        return;
    if (l->n_calibrations > 0 && calibration_of(l, record->time_ns) == l->n_calibrations)
        return;
    l->trained++;
    pixel_learner_pulse(l->pulses, &record->samples);
}

static enum status model_from_samples(struct learner *l, struct complaint *why) {
    return pixel_learner_finish(l->pulses, &l->result.model, &l->result.learning, why);
}

static enum status model_from_coefficients(struct learner *l) {
    struct off_header h = { .n_bases = l->shape.n_bases, .n_samples = l->shape.n_samples, .n_presamples = l->shape.n_presamples,
                            .frame_period_s = l->shape.sample_period_s };
    enum status s = pixel_model_from_off(&h, l->shape.n_presamples, l->shape.basis, &l->result.model);
    if (s == STATUS_OK)
        off_residuals_apply(l->residuals, l->result.model);
    return s;
}

void learner_make_model(struct learner *l) {
    struct complaint why = { 0 };
    enum status s = l->residuals != NULL ? model_from_coefficients(l) : model_from_samples(l, &why);
    struct learnt_channel *r = &l->result;
    if (s == STATUS_NO_MEMORY)
        l->memory = false;
    else if (s != STATUS_OK && l->n_calibrations > 0 && l->trained == 0 && l->residuals == NULL)
        snprintf(r->reason, sizeof r->reason, "none of its %llu records lies in a calibration state", (unsigned long long)l->records);
    else if (s != STATUS_OK)
        snprintf(r->reason, sizeof r->reason, "%s", why.text[0] ? why.text : status_text(s));
    else
        snprintf(r->reason, sizeof r->reason, "%s", why.text);
}

static bool keep_measured(struct learner *l, const struct measured_pulse *m) {
    if (l->n_measured == l->measured_capacity) {
        size_t capacity = l->measured_capacity ? 2 * l->measured_capacity : 4096;
        struct measured_pulse *grown = realloc(l->measured, capacity * sizeof *grown);
        if (grown == NULL)
            return false;
        l->measured = grown;
        l->measured_capacity = capacity;
    }
    l->measured[l->n_measured++] = *m;
    return true;
}

void learner_measure(struct learner *l, const struct channel_record *record) {
    if (l->result.model == NULL || record->coefficients != l->shape.coefficients)
        return;
    struct measured_pulse m;
    if (record->coefficients)
        pixel_model_measure_off(l->result.model, &record->off, &m);
    else
        pixel_model_measure(l->result.model, &record->samples, &m);
    m.time_ns = record->time_ns;
    m.frame = record->frame;
    l->result.measured++;
    if (m.cuts != 0)
        l->result.cut_counts[cut_reason(m.cuts)]++;
    if (m.cuts == 0 && isfinite(m.height) && !keep_measured(l, &m))
        l->memory = false;
}

/* Calibrations one by one, and what lies between two of them together: same sample or at least same kind of spectrum. */
static uint32_t *group_by_state(const struct learner *l) {
    uint32_t *group = malloc((l->n_measured + 1) * sizeof *group);
    for (size_t i = 0; group != NULL && i < l->n_measured; i++) {
        size_t k = calibration_of(l, l->measured[i].time_ns), begun = 0;
        while (begun < l->n_calibrations && scan_timeline_at(l->timeline, l->calibration[begun])->start_ns <= l->measured[i].time_ns)
            begun++;
        group[i] = (uint32_t)(k < l->n_calibrations ? k : l->n_calibrations + begun);
    }
    return group;
}

/* Learnt on everything there is, scans included: one early calibration has too little lever arm (filters-measured.md 2.4). */
static bool learn_drift(struct learner *l, struct drift *d) {
    uint32_t *group = group_by_state(l);
    if (group == NULL)
        return false;
    enum status s = drift_learn(l->measured, group, l->n_measured, 2.3548 * l->result.model->noise_sigma, d, NULL);
    free(group);
    return s != STATUS_NO_MEMORY;
}

static bool make_room_for_calibrations(struct learner *l) {
    struct learnt_channel *r = &l->result;
    for (size_t i = 0; i < l->n_measured; i++) {
        size_t k = calibration_of(l, l->measured[i].time_ns);
        if (k < l->n_calibrations)
            r->calibrations[k].n++;
    }
    for (size_t k = 0; k < l->n_calibrations; k++) {
        r->calibrations[k].heights = malloc((r->calibrations[k].n + 1) * sizeof(float));
        r->calibrations[k].time_ns = malloc((r->calibrations[k].n + 1) * sizeof(int64_t));
        if (r->calibrations[k].heights == NULL || r->calibrations[k].time_ns == NULL)
            return false;
    }
    return true;
}

static bool fill_calibration(struct learner *l, size_t k, struct drift drift) {
    struct calibration_sample *c = &l->result.calibrations[k];
    double *baselines = malloc((c->n + 1) * sizeof *baselines);
    if (baselines == NULL)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < l->n_measured; i++)
        if (calibration_of(l, l->measured[i].time_ns) == k)
            baselines[n++] = (double)l->measured[i].pretrigger_mean;
    drift.reference = n > 0 ? robust_median(baselines, n) : 0;
    free(baselines);
    n = 0;
    for (size_t i = 0; i < l->n_measured; i++)
        if (calibration_of(l, l->measured[i].time_ns) == k) {
            c->time_ns[n] = l->measured[i].time_ns;
            c->heights[n++] = drift_correct(drift, l->measured[i].height, l->measured[i].pretrigger_mean);
        }
    c->drift = drift;
    return true;
}

static bool fill_calibrations(struct learner *l) {
    struct drift drift = { 0 };
    l->result.n_calibrations = l->n_calibrations;
    l->result.calibrations = calloc(l->n_calibrations + 1, sizeof *l->result.calibrations);
    bool good = l->result.calibrations != NULL && (l->result.model == NULL || learn_drift(l, &drift)) && make_room_for_calibrations(l);
    for (size_t k = 0; good && k < l->n_calibrations; k++)
        good = fill_calibration(l, k, drift);
    return good;
}

bool learner_finish(struct learner *l, struct learnt_channel *out) {
    bool good = l->memory && fill_calibrations(l);
    if (good)
        *out = l->result;
    else
        learnt_channel_done(&l->result);
    learner_free(l);
    return good;
}

void learnt_channel_done(struct learnt_channel *c) {
    pixel_model_free(c->model);
    for (size_t k = 0; c->calibrations != NULL && k < c->n_calibrations; k++) {
        free(c->calibrations[k].heights);
        free(c->calibrations[k].time_ns);
    }
    free(c->calibrations);
    *c = (struct learnt_channel){ 0 };
}
