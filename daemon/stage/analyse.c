#include "daemon/stage/analyse.h"

#include <math.h>

#include "pulse/baseline_track.h"

const struct pixel_calibration *analyse_calibration_at(const struct analyse_settings *s, int64_t time_ns) {
    size_t latest = 0;
    while (latest + 1 < s->n_tables && s->tables[latest + 1]->start_ns <= time_ns)
        latest++;
    for (size_t i = latest + 1; i-- > 0 && i < s->n_tables;)
        if (s->pixel < s->tables[i]->n_pixels && s->tables[i]->pixels[s->pixel].curve != NULL)
            return &s->tables[i]->pixels[s->pixel];
    return NULL;
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
static void set_energy(const struct analyse_settings *s, const struct pixel_calibration *c, const struct measured_pulse *m, struct photon_block *b, size_t i) {
    float height = height_correction_apply(&c->correction, m);
    struct curve_value v = calibration_curve_value(c->curve, height);
    double own = height_correction_sigma(&c->correction, s->model->noise_sigma, (double)height) * calibration_curve_slope(c->curve, (double)height);
    b->energy_eV[i] = v.energy_eV;
    b->energy_sigma_eV[i] = (float)hypot(own, (double)v.sigma_eV);
    b->flags[i] = v.trust;
}

static void add_row(const struct analyse_settings *s, const struct measured_pulse *m, struct photon_block *b) {
    const struct pixel_calibration *calibration = s->model != NULL ? analyse_calibration_at(s, m->time_ns) : NULL;
    size_t i = b->n++;
    b->time_ns[i] = m->time_ns;
    b->frame[i] = m->frame;
    b->pixel[i] = (uint16_t)s->pixel;
    b->height[i] = m->height;
    b->arrival[i] = m->arrival_samples;
    b->pretrigger_mean[i] = m->pretrigger_mean;
    b->cuts[i] = m->cuts;
    b->grade[i] = GRADE_HIGH;
    b->flags[i] = TRUST_INSIDE;
    b->energy_eV[i] = NAN;
    b->energy_sigma_eV[i] = NAN;
    if (calibration != NULL)
        set_energy(s, calibration, m, b, i);
    else
        b->cuts[i] |= CUT_BIT(CUT_NO_CURVE);
    if (b->cuts[i] == 0 && !isfinite(b->energy_eV[i]))
        b->cuts[i] |= CUT_BIT(CUT_NO_CURVE);
}

/* One rule per pixel: all its calibrations were learnt together. */
static void follow_baseline(const struct analyse_settings *s, struct measured_pulse *pulses, size_t n) {
    const struct pixel_calibration *calibration = n > 0 && s->model != NULL ? analyse_calibration_at(s, pulses[0].time_ns) : NULL;
    if (calibration == NULL)
        return;
    const struct baseline_rule *rule = &calibration->correction.baseline;
    if (!s->causal) {
        baseline_track_both(rule, pulses, n);
        return;
    }
    struct baseline_tracker tracker = { 0 };
    for (size_t i = 0; i < n; i++)
        baseline_track_next(&tracker, rule, &pulses[i]);
}

void analyse_rows(const struct analyse_settings *s, struct measured_pulse *pulses, size_t n, struct photon_block *into) {
    follow_baseline(s, pulses, n);
    for (size_t i = 0; i < n; i++)
        add_row(s, &pulses[i], into);
}
