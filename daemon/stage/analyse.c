#include "daemon/stage/analyse.h"

#include <math.h>

struct calibration_pair analyse_calibration_at(const struct analyse_settings *s, int64_t time_ns) {
    return s->causal ? calibration_pair_latest(s->tables, s->n_tables, s->pixel, time_ns)
                     : calibration_pair_between(s->tables, s->n_tables, s->pixel, time_ns);
}

void analyse_measure(const struct analyse_settings *s, const struct channel_record *r, struct measured_pulse *out) {
    const struct measured_pulse none = { .height = NAN, .arrival_samples = NAN, .pretrigger_mean = NAN, .residual = NAN };
    if (s->model == NULL || r->coefficients != s->model->coefficients) {
        *out = none;
        out->cuts = CUT_BIT(s->model == NULL ? CUT_NO_MODEL : CUT_SHORT);
    } else if (r->coefficients) {
        pixel_model_measure_off(s->model, &r->off, out);
    } else if (s->causal) {
        pixel_model_measure_crowded(s->model, &r->samples, out);
    } else {
        pixel_model_measure(s->model, &r->samples, out);
    }
    out->time_ns = r->time_ns;
    out->frame = r->frame;
}

enum { BATCH = 64 };

/* Rows are made a batch at a time and each step for all of a batch: steps wait for divisions and tables, and rows do not wait for each
 * other. */
/* Heights as either calibration corrects them, and of the tail below. */
struct row_work { struct calibration_pair calibration; float before, after, tail; };

/* Those of a stretch under one pair of calibrations, which is nearly always all of the batch. */
static void correct_stretch(const struct measured_pulse *m, struct row_work *w, size_t n) {
    const struct pixel_calibration *before = w->calibration.before, *after = w->calibration.after;
    float height[BATCH];
    if (before == NULL)
        return;
    height_correction_apply_all(&before->correction, m, n, height);
    for (size_t i = 0; i < n; i++)
        w[i].before = w[i].after = height[i];
    if (after == NULL)
        return;
    height_correction_apply_all(&after->correction, m, n, height);
    for (size_t i = 0; i < n; i++)
        w[i].after = height[i];
}

/* Causally, records between two that have the same calibration have it as well: one that was left is not come back to (calibration_pair_latest). */
static bool all_have_one(const struct analyse_settings *s, const struct measured_pulse *m, size_t n, struct calibration_pair *one) {
    int64_t first_ns = m[0].time_ns, last_ns = first_ns;
    for (size_t i = 1; i < n; i++) {
        first_ns = m[i].time_ns < first_ns ? m[i].time_ns : first_ns;
        last_ns = m[i].time_ns > last_ns ? m[i].time_ns : last_ns;
    }
    *one = analyse_calibration_at(s, first_ns);
    return s->causal && one->before != NULL && analyse_calibration_at(s, last_ns).before == one->before;
}

static void find_calibrations(const struct analyse_settings *s, const struct measured_pulse *m, struct row_work *w, size_t n) {
    struct calibration_pair one = { .before = NULL };
    bool same = s->model == NULL || (n > 1 && all_have_one(s, m, n, &one));
    for (size_t i = 0; i < n; i++)
        w[i].calibration = same ? one : analyse_calibration_at(s, m[i].time_ns);
}

static void take_off_slow_tails(const struct analyse_settings *s, const struct measured_pulse *m, struct row_work *w, size_t n) {
    for (size_t i = 0; i < n; i++) {
        w[i].tail = measured_pulse_tail(&m[i]);
        if (m[i].slow_counts == 0)
            continue;
        struct slow_effect slow = slow_tail_effect(s->model, &m[i]);
        w[i].before -= (float)slow.height;
        w[i].after -= (float)slow.height;
        w[i].tail += fmaxf(0, (float)slow.tail);
    }
}

/* n <= BATCH */
static void correct(const struct analyse_settings *s, const struct measured_pulse *m, struct row_work *w, size_t n) {
    find_calibrations(s, m, w, n);
    for (size_t from = 0, to = 0; from < n; from = to) {
        while (to < n && w[to].calibration.before == w[from].calibration.before && w[to].calibration.after == w[from].calibration.after)
            to++;
        correct_stretch(m + from, w + from, to - from);
    }
    take_off_slow_tails(s, m, w, n);
}

/* Noise and this pixel's curve add in quadrature; the table's common error is not a photon's own and stays with the curve. */
static void set_energy(const struct analyse_settings *s, const struct measured_pulse *m, const struct row_work *w, struct photon_block *b, size_t i) {
    float tail = w->tail;
    struct curve_value v = calibration_pair_value(&w->calibration, w->before + tail, w->after + tail);
    double noise = s->model->noise_sigma * (m->noise_factor > 0 ? (double)m->noise_factor : 1);
    double own = height_correction_sigma(&w->calibration.before->correction, m, noise, (double)w->before) * (double)v.slope;
    double sigma = sqrt(own * own + (double)v.sigma_eV * (double)v.sigma_eV), energy = (double)v.energy_eV;
    if (tail > 0)
        energy -= (double)calibration_pair_value(&w->calibration, tail, tail).energy_eV;
    if (s->lock != NULL) {
        double lock_sigma, gain = line_lock_at(s->lock, s->pixel, m->time_ns, &lock_sigma);
        energy *= 1 + gain;
        sigma = hypot(sigma, lock_sigma * energy);
    }
    b->energy_eV[i] = (float)energy;
    b->energy_sigma_eV[i] = (float)sigma;
    b->flags[i] = v.trust;
}

static void set_measured(const struct analyse_settings *s, const struct measured_pulse *m, const struct row_work *w, struct photon_block *b, size_t i) {
    b->height[i] = m->height;
    b->arrival[i] = m->arrival_samples;
    b->pretrigger_mean[i] = m->pretrigger_mean;
    b->flags[i] = TRUST_INSIDE;
    b->energy_eV[i] = NAN;
    b->energy_sigma_eV[i] = NAN;
    if (w->calibration.before != NULL)
        set_energy(s, m, w, b, i);
    else
        b->cuts[i] |= CUT_BIT(CUT_NO_CURVE);
    if (b->cuts[i] == 0 && !isfinite(b->energy_eV[i]))
        b->cuts[i] |= CUT_BIT(CUT_NO_CURVE);
}

static void set_row(const struct analyse_settings *s, const struct measured_pulse *m, const struct row_work *w, struct photon_block *b, size_t i) {
    b->time_ns[i] = m->time_ns;
    b->frame[i] = m->frame;
    b->pixel[i] = (uint16_t)s->pixel;
    b->cuts[i] = m->cuts;
    b->grade[i] = GRADE_HIGH;
    set_measured(s, m, w, b, i);
}

/* n <= BATCH */
static void add_rows(const struct analyse_settings *s, const struct measured_pulse *pulses, size_t n, struct photon_block *b) {
    struct row_work work[BATCH];
    correct(s, pulses, work, n);
    for (size_t i = 0; i < n; i++)
        set_row(s, &pulses[i], &work[i], b, b->n + i);
    b->n += n;
}

void analyse_row_again(const struct analyse_settings *s, const struct measured_pulse *pulse, struct photon_block *block, size_t i) {
    struct row_work work;
    correct(s, pulse, &work, 1);
    block->cuts[i] = pulse->cuts | (block->cuts[i] & CUT_BIT(CUT_SECONDARY));
    set_measured(s, pulse, &work, block, i);
}

/* One rule per pixel: all its calibrations were learnt together. False: nothing to follow by. */
static bool rule_from(const struct analyse_settings *s, int64_t first_ns, struct baseline_rule *out, double *expected_counts) {
    if (s->model == NULL)
        return false;
    struct calibration_pair calibration = analyse_calibration_at(s, first_ns);
    if (calibration.before != NULL) {
        *out = calibration.before->correction.baseline;
        *expected_counts = calibration.before->correction.reference[TERM_BASELINE];
    }
    return calibration.before != NULL;
}

/* Pulses before the pixel's first curve have no energy and are not followed: the first of them may come from a calibration that failed for this pixel. */
static void follow(const struct analyse_settings *s, struct analyse_track *track, struct measured_pulse *pulses, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double expected_counts = 0;
        if (!track->begun && rule_from(s, pulses[i].time_ns, &track->rule, &expected_counts)) {
            track->begun = true;
            baseline_track_begin(&track->tracker, expected_counts);
        }
        if (!track->begun)
            continue;
        slow_tail_track(&track->slow, &s->model->slow, &pulses[i]);
        baseline_track_next(&track->tracker, &track->rule, &pulses[i]);
    }
}

/* The rule of the first of them that has a curve. */
static bool rule_of(const struct analyse_settings *s, const struct measured_pulse *pulses, size_t n, struct baseline_rule *out) {
    double expected_counts;   /* not needed: from both sides the references were learnt on these very records */
    bool found = false;
    for (size_t i = 0; i < n && !found && s->model != NULL; i++)
        found = rule_from(s, pulses[i].time_ns, out, &expected_counts);
    return found;
}

void analyse_next(const struct analyse_settings *s, struct analyse_track *track, struct measured_pulse *pulses, size_t n, struct photon_block *into) {
    for (size_t from = 0; from < n; from += BATCH) {
        size_t some = n - from < BATCH ? n - from : BATCH;
        follow(s, track, pulses + from, some);
        add_rows(s, pulses + from, some, into);
    }
}

void analyse_rows(const struct analyse_settings *s, struct measured_pulse *pulses, size_t n, struct photon_block *into) {
    struct analyse_track track = { 0 };
    if (s->causal) {
        analyse_next(s, &track, pulses, n, into);
        return;
    }
    if (rule_of(s, pulses, n, &track.rule)) {
        for (size_t i = 0; i < n; i++)
            slow_tail_track(&track.slow, &s->model->slow, &pulses[i]);
        baseline_track_both(&track.rule, pulses, n);
    }
    for (size_t from = 0; from < n; from += BATCH) {
        size_t some = n - from < BATCH ? n - from : BATCH;
        for (size_t i = 0; i < some && s->neighbours != NULL; i++)
            neighbour_height_take(s->neighbours, s->mains, &pulses[from + i]);
        add_rows(s, pulses + from, some, into);
    }
}
