#include "pulse/height_correction.h"

#include <math.h>

#include "pulse/phase_wave.h"

const char *const correction_term_names[N_CORRECTION_TERMS] = {
    "arrival", "arrival_squared", "arrival_sine", "arrival_cosine", "baseline", "offset", "step_1", "step_2", "step_3",
};

enum { PIECE = 64 };   /* of pulses that are corrected together: they do not wait for each other */

static const double arrival_max = 1.2;

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
    phase_waves(&q, 1, &term[TERM_ARRIVAL_SINE], &term[TERM_ARRIVAL_COSINE]);
    term[TERM_BASELINE] = isfinite(p->baseline) ? (double)p->baseline : 0;
    term[TERM_OFFSET] = offset_of(c, p);
    for (int k = 0; k < GAIN_STEPS_MAX; k++)
        term[TERM_STEP + k] = (uint32_t)k < c->n_steps && p->time_ns >= c->step_time_ns[k];
}

static double gain_of(const struct height_correction *c, int k, double term) {
    return c->gain[k] * (term - c->reference[k]);
}

/* Sine and cosine are left alone where they do not count. */
static void set_phases(const struct height_correction *c, const struct measured_pulse *p, size_t n, double *q, double *sine, double *cosine) {
    for (size_t i = 0; i < n; i++) {
        q[i] = phase_known(c, &p[i]) ? phase_of(c, &p[i]) : 0;
        sine[i] = cosine[i] = 0;
    }
    if (c->gain[TERM_ARRIVAL_SINE] != 0 || c->gain[TERM_ARRIVAL_COSINE] != 0)
        phase_waves(q, n, sine, cosine);
}

/* Relative, of what holds from some time on. */
static double step_gain(const struct height_correction *c, int64_t time_ns) {
    double change = 0;
    for (int k = 0; k < GAIN_STEPS_MAX; k++)
        change += gain_of(c, TERM_STEP + k, (uint32_t)k < c->n_steps && time_ns >= c->step_time_ns[k]);
    return change;
}

/* n <= PIECE */
static void apply_piece(const struct height_correction *c, const struct measured_pulse *p, size_t n, float *corrected) {
    double q[PIECE], sine[PIECE], cosine[PIECE], no_step = c->n_steps == 0 ? step_gain(c, 0) : 0;
    set_phases(c, p, n, q, sine, cosine);
    for (size_t i = 0; i < n; i++) {
        double change = 0;
        if (phase_known(c, &p[i]))
            change = gain_of(c, TERM_ARRIVAL, q[i]) + gain_of(c, TERM_ARRIVAL_SQUARED, q[i] * q[i]) + gain_of(c, TERM_ARRIVAL_SINE, sine[i]) +
                     gain_of(c, TERM_ARRIVAL_COSINE, cosine[i]);
        if (isfinite(p[i].baseline))
            change += gain_of(c, TERM_BASELINE, (double)p[i].baseline);
        change += c->n_steps == 0 ? no_step : step_gain(c, p[i].time_ns);
        double height = (double)p[i].height * (1 + clip(change, CORRECTION_MAX)) + c->gain[TERM_OFFSET] * offset_of(c, &p[i]);
        corrected[i] = isfinite(p[i].height) ? (float)height : p[i].height;
    }
}

void height_correction_apply_all(const struct height_correction *c, const struct measured_pulse *pulses, size_t n, float *corrected) {
    for (size_t from = 0; from < n; from += PIECE)
        apply_piece(c, pulses + from, n - from < PIECE ? n - from : PIECE, corrected + from);
}

float height_correction_apply(const struct height_correction *c, const struct measured_pulse *p) {
    float corrected;
    apply_piece(c, p, 1, &corrected);
    return corrected;
}

static inline double sigma_of(const struct height_correction *c, bool offset_used, double noise_sigma, double height) {
    double noise = noise_sigma * (offset_used ? c->noise_share : 1), gain = c->gain_sigma * height;
    return noise_sigma > 0 ? sqrt(noise * noise + gain * gain) : (double)NAN;
}

double height_correction_sigma(const struct height_correction *c, const struct measured_pulse *p, double noise_sigma, double height) {
    return sigma_of(c, p == NULL || fabs(offset_of(c, p)) > 0, noise_sigma, height);
}

void height_correction_sigmas(const struct height_correction *c, const struct measured_pulse *pulses, size_t n, double noise_sigma, const float *height, double *out) {
    for (size_t i = 0; i < n; i++) {
        const struct measured_pulse *p = &pulses[i];
        out[i] = sigma_of(c, fabs(offset_of(c, p)) > 0, noise_sigma * (p->noise_factor > 0 ? (double)p->noise_factor : 1), (double)height[i]);
    }
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
