#include "daemon/stage/learn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/baseline_track.h"
#include "pulse/growing_list.h"
#include "pulse/pulse_times.h"
#include "pulse/slow_tail.h"

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

/* Calibrations of a timeline, by position; returns how many. index may be NULL to count. */
static size_t list_calibrations(const struct scan_timeline *t, size_t *index, size_t max) {
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
    l->n_calibrations = list_calibrations(timeline, NULL, 0);
    l->calibration = calloc(l->n_calibrations + 1, sizeof *l->calibration);
    enum status s = STATUS_NO_MEMORY;
    if (l->calibration != NULL) {
        list_calibrations(timeline, l->calibration, l->n_calibrations);
        s = shape->coefficients ? off_residuals_new(&l->residuals)
                                : pixel_learner_new(plan, shape->n_samples, shape->n_presamples, shape->sample_period_s, &l->pulses);
    }
    if (s != STATUS_OK && s != STATUS_BAD_VALUE) {   /* a shape that no filter can be learnt for is a reason, told by learner_make_model */
        learner_free(l);
        return false;
    }
    *out = l;
    return true;
}

void learner_open(struct learner *l) {
    if (l->pulses != NULL)
        pixel_learner_open(l->pulses);
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
    if (l->pulses == NULL) {
        complaint_set(why, 0, 0, "records of %u samples, %u of them before the trigger, are too short for a filter (16 before and 32 after are needed)",
                      l->shape.n_samples, l->shape.n_presamples);
        return STATUS_BAD_VALUE;
    }
    return pixel_learner_finish(l->pulses, &l->result.model, &l->result.learning, why);
}

static enum status model_from_coefficients(struct learner *l, struct complaint *why) {
    const struct off_header h = channel_shape_header(&l->shape);
    enum status s = pixel_model_from_off(&h, l->shape.n_presamples, l->shape.basis, &l->result.model);
    if (s == STATUS_OK)
        off_residuals_apply(l->residuals, l->result.model);
    else if (s == STATUS_BAD_VALUE)
        complaint_set(why, 0, 0, "a basis of %u vectors and %u samples (%u before the trigger) holds no pulse shape to filter with",
                      l->shape.n_bases, l->shape.n_samples, l->shape.n_presamples);
    return s;
}

/* Decay and record in ns; of coefficients the grading alone knows the shape. */
static void watch_tails(struct learner *l) {
    const struct pixel_model *m = l->result.model;
    struct pulse_times t;
    double ns = 1e9 * l->shape.sample_period_s;
    if (m != NULL && !m->coefficients && m->template_pulse != NULL && pulse_times_of_floats(m->template_pulse, m->n_samples, m->n_presamples, &t) == STATUS_OK) {
        l->result.reach = tail_reach_begin(t.decay_samples * ns, (m->n_samples - m->n_presamples) * ns);
        if (!l->result.kept)
            l->result.slow = slow_tail_begin(t.decay_samples * l->shape.sample_period_s, m->n_presamples * l->shape.sample_period_s);
    }
}

void learner_make_model(struct learner *l) {
    struct complaint why = { 0 };
    enum status s = l->residuals != NULL ? model_from_coefficients(l, &why) : model_from_samples(l, &why);
    struct learnt_channel *r = &l->result;
    if (s == STATUS_NO_MEMORY)
        l->memory = false;
    else if (s != STATUS_OK && l->n_calibrations > 0 && l->trained == 0 && l->pulses != NULL)
        snprintf(r->reason, sizeof r->reason, "none of its %llu records lies in a calibration state", (unsigned long long)l->records);
    else if (s != STATUS_OK)
        snprintf(r->reason, sizeof r->reason, "%s", why.text[0] ? why.text : status_text(s));
    else
        snprintf(r->reason, sizeof r->reason, "%s", why.text);
    watch_tails(l);
}

void learner_keep_model(struct learner *l, const struct pixel_model *m) {
    l->memory = pixel_model_copy(m, &l->result.model) == STATUS_OK && l->memory;
    l->result.kept = true;
    watch_tails(l);
}

static bool keep_measured(struct learner *l, const struct measured_pulse *m) {
    struct measured_pulse *list = growing_list_room(l->measured, l->n_measured, &l->measured_capacity, sizeof *list, 4096);
    if (list == NULL)
        return false;
    l->measured = list;
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
    tail_reach_note(&l->result.reach, m.time_ns, m.cuts);
    slow_tail_note(&l->result.slow, &m);
    l->result.measured++;
    if (m.cuts != 0)
        l->result.cut_counts[cut_reason(m.cuts)]++;
    if (m.cuts == 0 && isfinite(m.height) && !keep_measured(l, &m))
        l->memory = false;
}

/* ---- what the array needs of the channel ---- */

/* Every k-th of each kind, so that LEARNT_PULSES_MAX remain: other records first, calibrations only when they alone are too many. */
static void thin(struct learner *l) {
    size_t n_calibration = 0, seen[2] = { 0 }, kept = 0;
    for (size_t i = 0; i < l->n_measured; i++)
        n_calibration += calibration_of(l, l->measured[i].time_ns) < l->n_calibrations;
    size_t rest = l->n_measured - n_calibration, half = LEARNT_PULSES_MAX / 2;
    size_t room = n_calibration + half <= LEARNT_PULSES_MAX ? LEARNT_PULSES_MAX - n_calibration : rest < half ? rest : half;
    size_t allowed[2] = { room, LEARNT_PULSES_MAX - room }, all[2] = { rest, n_calibration };
    for (size_t i = 0; i < l->n_measured; i++) {
        size_t kind = calibration_of(l, l->measured[i].time_ns) < l->n_calibrations, rank = seen[kind]++;
        bool wanted = all[kind] <= allowed[kind] || rank * allowed[kind] / all[kind] != (rank + 1) * allowed[kind] / all[kind];
        if (wanted)
            l->measured[kept++] = l->measured[i];
    }
    l->n_measured = kept;
}

/* Where the baseline stands when each calibration is over. What waits to be believed then is forgotten. */
static bool follow_to_ends(struct learner *l) {
    struct learnt_channel *r = &l->result;
    struct baseline_tracker t = { 0 };
    size_t k = 0;
    r->ends = calloc(l->n_calibrations + 1, sizeof *r->ends);
    if (r->ends == NULL)
        return false;
    r->n_ends = l->n_calibrations;
    for (size_t i = 0; i < l->n_measured && k < r->n_ends; i++) {
        for (; k < r->n_ends && l->measured[i].time_ns >= scan_timeline_at(l->timeline, l->calibration[k])->end_ns; k++)
            r->ends[k] = t;
        struct measured_pulse p = l->measured[i];
        baseline_track_next(&t, &r->correction.baseline, &p, 1);
    }
    while (k < r->n_ends)
        r->ends[k++] = t;
    for (k = 0; k < r->n_ends; k++)
        r->ends[k].n_pending = 0;
    return true;
}

static bool follow_baseline(struct learner *l) {
    struct height_correction *c = &l->result.correction;
    *c = height_correction_none();
    if (baseline_rule_learn(l->measured, l->n_measured, &c->baseline) != STATUS_OK || !follow_to_ends(l))
        return false;
    baseline_track_both(&c->baseline, l->measured, l->n_measured);
    return true;
}

/* Gives back the room that was not needed. */
static void hand_over_pulses(struct learner *l) {
    struct measured_pulse *fitting = l->n_measured ? realloc(l->measured, l->n_measured * sizeof *fitting) : NULL;
    l->result.pulses = fitting ? fitting : l->measured;
    l->result.n_pulses = l->n_measured;
    l->measured = NULL;
}

bool learner_finish(struct learner *l, struct learnt_channel *out) {
    bool good = l->memory && follow_baseline(l);
    if (good) {
        thin(l);
        hand_over_pulses(l);
        *out = l->result;
    } else {
        learnt_channel_done(&l->result);
    }
    learner_free(l);
    return good;
}
