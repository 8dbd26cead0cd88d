#include "pulse/height_correction.h"

#include <math.h>

const char *const correction_term_names[N_CORRECTION_TERMS] = {
    "arrival", "arrival_squared", "arrival_sine", "arrival_cosine", "baseline", "offset", "step_1", "step_2", "step_3",
};

static const double arrival_max = 1.2, two_pi = 6.283185307179586476925;

struct height_correction height_correction_none(void) {
    return (struct height_correction){ .noise_share = 1 };
}

bool height_correction_used(const struct height_correction *c) {
    bool used = false;
    for (int k = 0; k < N_CORRECTION_TERMS; k++)
        used = used || c->gain[k] != 0;
    return used;
}

static double clip(double x, double most) {
    return x > most ? most : x < -most ? -most : x;
}

/* Arrival less the usual one at this height. */
static double phase_of(const struct height_correction *c, const struct measured_pulse *p) {
    double change = (double)p->height / c->height_scale - 1, u = change > 1.5 ? 1.5 : change < -1 ? -1 : change, usual = 0;
    for (int k = ARRIVAL_CURVE; k-- > 0;)
        usual = usual * u + c->arrival_curve[k];
    return clip((double)p->arrival_samples - usual, arrival_max);
}

static bool phase_known(const struct height_correction *c, const struct measured_pulse *p) {
    return c->height_scale > 0 && isfinite(p->arrival_samples) && isfinite(p->height);
}

/* A tail is no noise of the record. */
static double offset_of(const struct height_correction *c, const struct measured_pulse *p) {
    return isfinite(p->baseline_offset) && !p->on_tail ? clip((double)p->baseline_offset, c->offset_max) : 0;
}

void height_correction_terms(const struct height_correction *c, const struct measured_pulse *p, double term[N_CORRECTION_TERMS]) {
    double q = phase_known(c, p) ? phase_of(c, p) : 0;
    term[TERM_ARRIVAL] = q;
    term[TERM_ARRIVAL_SQUARED] = q * q;
    sincos(two_pi * q, &term[TERM_ARRIVAL_SINE], &term[TERM_ARRIVAL_COSINE]);
    term[TERM_BASELINE] = isfinite(p->baseline) ? (double)p->baseline : 0;
    term[TERM_OFFSET] = offset_of(c, p);
    for (int k = 0; k < GAIN_STEPS_MAX; k++)
        term[TERM_STEP + k] = (uint32_t)k < c->n_steps && p->time_ns >= c->step_time_ns[k];
}

static double gain_of(const struct height_correction *c, int k, double term) {
    return c->gain[k] * (term - c->reference[k]);
}

/* Sine and cosine cost as much as the rest together. */
static double phase_gain(const struct height_correction *c, const struct measured_pulse *p) {
    double q = phase_of(c, p), sine = 0, cosine = 0;
    if (c->gain[TERM_ARRIVAL_SINE] != 0 || c->gain[TERM_ARRIVAL_COSINE] != 0)
        sincos(two_pi * q, &sine, &cosine);
    return gain_of(c, TERM_ARRIVAL, q) + gain_of(c, TERM_ARRIVAL_SQUARED, q * q) + gain_of(c, TERM_ARRIVAL_SINE, sine) + gain_of(c, TERM_ARRIVAL_COSINE, cosine);
}

float height_correction_apply(const struct height_correction *c, const struct measured_pulse *p) {
    if (!isfinite(p->height))
        return p->height;
    double change = phase_known(c, p) ? phase_gain(c, p) : 0, offset = offset_of(c, p);
    if (isfinite(p->baseline))
        change += gain_of(c, TERM_BASELINE, (double)p->baseline);
    for (int k = 0; k < GAIN_STEPS_MAX; k++)
        change += gain_of(c, TERM_STEP + k, (uint32_t)k < c->n_steps && p->time_ns >= c->step_time_ns[k]);
    return (float)((double)p->height * (1 + clip(change, CORRECTION_MAX)) + c->gain[TERM_OFFSET] * offset);
}

double height_correction_sigma(const struct height_correction *c, double noise_sigma, double height) {
    double noise = noise_sigma * c->noise_share, gain = c->gain_sigma * height;
    return noise_sigma > 0 ? sqrt(noise * noise + gain * gain) : (double)NAN;
}

void height_correction_refer(struct height_correction *c, const struct measured_pulse *pulses, size_t n) {
    double sum[N_CORRECTION_TERMS] = { 0 }, term[N_CORRECTION_TERMS];
    if (n == 0)
        return;
    for (size_t i = 0; i < n; i++) {
        height_correction_terms(c, &pulses[i], term);
        for (int k = 0; k < N_CORRECTION_TERMS; k++)
            sum[k] += term[k];
    }
    for (int k = 0; k < N_CORRECTION_TERMS; k++)
        c->reference[k] = k == TERM_OFFSET ? 0 : sum[k] / (double)n;
}
