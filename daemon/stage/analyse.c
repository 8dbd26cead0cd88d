#include "daemon/stage/analyse.h"

#include <math.h>

struct calibration_pair analyse_calibration_at(const struct analyse_settings *s, int64_t time_ns) {
    return s->causal ? calibration_pair_latest(s->tables, s->n_tables, s->pixel, time_ns)
                     : calibration_pair_between(s->tables, s->n_tables, s->pixel, time_ns);
}

void analyse_measure(const struct analyse_settings *s, const struct channel_record *r, struct measured_pulse *out) {
    struct measured_pulse m = { .height = NAN, .arrival_samples = NAN, .pretrigger_mean = NAN, .residual = NAN };
    if (s->model == NULL)
        m.cuts = CUT_BIT(CUT_NO_MODEL);
    else if (r->coefficients != s->model->coefficients)
        m.cuts = CUT_BIT(CUT_SHORT);
    else if (r->coefficients)
        pixel_model_measure_off(s->model, &r->off, &m);
    else
        pixel_model_measure(s->model, &r->samples, &m);
    m.time_ns = r->time_ns;
    m.frame = r->frame;
    *out = m;
}

/* Noise and this pixel's curve add in quadrature; the table's common error is not a photon's own and stays with the curve. */
static void set_energy(const struct analyse_settings *s, const struct calibration_pair *c, const struct measured_pulse *m, struct photon_block *b, size_t i) {
    float height = height_correction_apply(&c->before->correction, m);
    float later = c->after ? height_correction_apply(&c->after->correction, m) : height;
    struct curve_value v = calibration_pair_value(c, height, later);
    double noise = s->model->noise_sigma * (m->noise_factor > 0 ? (double)m->noise_factor : 1);
    double own = height_correction_sigma(&c->before->correction, noise, (double)height) * (double)v.slope;
    b->energy_eV[i] = v.energy_eV;
    b->energy_sigma_eV[i] = (float)sqrt(own * own + (double)v.sigma_eV * (double)v.sigma_eV);
    b->flags[i] = v.trust;
}

static void set_measured(const struct analyse_settings *s, const struct measured_pulse *m, struct photon_block *b, size_t i) {
    struct calibration_pair calibration = { .before = NULL };
    if (s->model != NULL)
        calibration = analyse_calibration_at(s, m->time_ns);
    b->height[i] = m->height;
    b->arrival[i] = m->arrival_samples;
    b->pretrigger_mean[i] = m->pretrigger_mean;
    b->flags[i] = TRUST_INSIDE;
    b->energy_eV[i] = NAN;
    b->energy_sigma_eV[i] = NAN;
    if (calibration.before != NULL)
        set_energy(s, &calibration, m, b, i);
    else
        b->cuts[i] |= CUT_BIT(CUT_NO_CURVE);
    if (b->cuts[i] == 0 && !isfinite(b->energy_eV[i]))
        b->cuts[i] |= CUT_BIT(CUT_NO_CURVE);
}

static void add_row(const struct analyse_settings *s, const struct measured_pulse *m, struct photon_block *b) {
    size_t i = b->n++;
    b->time_ns[i] = m->time_ns;
    b->frame[i] = m->frame;
    b->pixel[i] = (uint16_t)s->pixel;
    b->cuts[i] = m->cuts;
    b->grade[i] = GRADE_HIGH;
    set_measured(s, m, b, i);
}

void analyse_row_again(const struct analyse_settings *s, const struct measured_pulse *pulse, struct photon_block *block, size_t i) {
    block->cuts[i] = pulse->cuts | (block->cuts[i] & CUT_BIT(CUT_SECONDARY));
    set_measured(s, pulse, block, i);
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

void analyse_next(const struct analyse_settings *s, struct analyse_track *track, struct measured_pulse *pulse, struct photon_block *into) {
    if (!track->begun) {
        track->begun = true;
        double expected_counts = 0;
        track->follows = rule_from(s, pulse->time_ns, &track->rule, &expected_counts);
        if (track->follows)
            baseline_track_begin(&track->tracker, expected_counts);
    }
    if (track->follows)
        baseline_track_next(&track->tracker, &track->rule, pulse);
    add_row(s, pulse, into);
}

void analyse_rows(const struct analyse_settings *s, struct measured_pulse *pulses, size_t n, struct photon_block *into) {
    struct analyse_track track = { 0 };
    if (s->causal) {
        for (size_t i = 0; i < n; i++)
            analyse_next(s, &track, &pulses[i], into);
        return;
    }
    double expected_counts;   /* not needed: from both sides the references were learnt on these very records */
    if (n > 0 && rule_from(s, pulses[0].time_ns, &track.rule, &expected_counts))
        baseline_track_both(&track.rule, pulses, n);
    for (size_t i = 0; i < n; i++) {
        if (s->neighbours != NULL)
            neighbour_height_take(s->neighbours, s->mains, &pulses[i]);
        add_row(s, &pulses[i], into);
    }
}
