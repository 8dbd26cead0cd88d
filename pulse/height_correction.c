#include "pulse/height_correction.h"

#include <float.h>
#include <math.h>

#include "pulse/phase_wave.h"
#include "pulse/wide_loop.h"

const char *const correction_term_names[N_CORRECTION_TERMS] = {
    "arrival", "arrival_squared", "arrival_sine", "arrival_cosine", "baseline", "offset", "step_1", "step_2", "step_3",
};

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
    const struct phase_wave wave = phase_wave_of((float)q);
    term[TERM_ARRIVAL_SINE] = (double)wave.sine;
    term[TERM_ARRIVAL_COSINE] = (double)wave.cosine;
    term[TERM_BASELINE] = isfinite(p->baseline) ? (double)p->baseline : 0;
    term[TERM_OFFSET] = offset_of(c, p);
    for (int k = 0; k < GAIN_STEPS_MAX; k++)
        term[TERM_STEP + k] = (uint32_t)k < c->n_steps && p->time_ns >= c->step_time_ns[k];
}

static double gain_of(const struct height_correction *c, int k, double term) {
    return c->gain[k] * (term - c->reference[k]);
}

/* Relative, of what holds from some time on. */
static double step_gain(const struct height_correction *c, int64_t time_ns) {
    double change = 0;
    for (int k = 0; k < GAIN_STEPS_MAX; k++)
        change += gain_of(c, TERM_STEP + k, (uint32_t)k < c->n_steps && time_ns >= c->step_time_ns[k]);
    return change;
}

void correction_columns_take(struct correction_columns *to, const struct measured_pulse *pulses, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct measured_pulse *p = &pulses[i];
        to->height[i] = p->height;
        to->arrival[i] = p->arrival_samples;
        to->baseline[i] = p->baseline;
        to->offset[i] = p->on_tail ? NAN : p->baseline_offset;
        to->noise_factor[i] = p->noise_factor;
        to->time_ns[i] = p->time_ns;
    }
}

/* A correction as the loop wants it. The reference of the baseline in two parts: near it, what is taken off is exact. */
struct numbers {
    float per_scale, curve[ARRIVAL_CURVE], g_arrival, g_squared, g_sine, g_cosine, at_references, g_baseline, baseline, baseline_rest, g_offset, offset_max;
    float noise, share, gain_sigma;
};

static struct numbers numbers_of(const struct height_correction *c, double noise_sigma) {
    const double *g = c->gain, *r = c->reference, baseline = (double)(float)r[TERM_BASELINE];
    const double at_references = g[TERM_ARRIVAL] * r[TERM_ARRIVAL] + g[TERM_ARRIVAL_SQUARED] * r[TERM_ARRIVAL_SQUARED] + g[TERM_ARRIVAL_SINE] * r[TERM_ARRIVAL_SINE] +
                                 g[TERM_ARRIVAL_COSINE] * r[TERM_ARRIVAL_COSINE];
    return (struct numbers){
        .per_scale = c->height_scale > 0 ? (float)(1 / c->height_scale) : NAN,
        .curve = { (float)c->arrival_curve[0], (float)c->arrival_curve[1], (float)c->arrival_curve[2], (float)c->arrival_curve[3] },
        .g_arrival = (float)g[TERM_ARRIVAL], .g_squared = (float)g[TERM_ARRIVAL_SQUARED], .g_sine = (float)g[TERM_ARRIVAL_SINE], .g_cosine = (float)g[TERM_ARRIVAL_COSINE],
        .at_references = (float)at_references, .g_baseline = (float)g[TERM_BASELINE], .baseline = (float)baseline, .baseline_rest = (float)(r[TERM_BASELINE] - baseline),
        .g_offset = (float)g[TERM_OFFSET], .offset_max = (float)c->offset_max,
        .noise = (float)noise_sigma, .share = (float)(c->offset_max > 0 ? c->noise_share : 1), .gain_sigma = (float)c->gain_sigma,
    };
}

/* A value that is not finite is not known. */
WIDE_LOOP static inline int is_known(float x) { return fabsf(x) <= FLT_MAX; }

WIDE_LOOP static inline float kept_within(float x, float most) {
    x = x > most ? most : x;
    return x < -most ? -most : x;
}

/* phase_of */
WIDE_LOOP static inline float phase_by(const struct numbers *c, float height, float arrival) {
    float u = height * c->per_scale - 1;
    u = u > 1.5F ? 1.5F : u;
    u = u < -1 ? -1 : u;
    return kept_within(arrival - (((c->curve[3] * u + c->curve[2]) * u + c->curve[1]) * u + c->curve[0]), (float)arrival_max);
}

/* Sums of small changes in floats; the height itself is rounded once, as it is stored. */
WIDE_LOOP static inline void rows_loop(const struct numbers *restrict of, const struct correction_columns *restrict x, const float *restrict step, size_t n, float *restrict corrected,
                                       float *restrict variance) {
    const struct numbers c = *of;
    for (size_t i = 0; i < n; i++) {
        const float raw = x->height[i], q = phase_by(&c, raw, x->arrival[i]);
        const struct phase_wave wave = phase_wave_of(q);
        const float by_phase = (c.g_arrival * q + c.g_squared * (q * q)) + (c.g_sine * wave.sine + c.g_cosine * wave.cosine) - c.at_references;
        const float by_baseline = c.g_baseline * ((x->baseline[i] - c.baseline) - c.baseline_rest), offset = kept_within(x->offset[i], c.offset_max);
        float change = (is_known(by_phase) & is_known(x->arrival[i])) ? by_phase : 0;
        change += is_known(x->baseline[i]) ? by_baseline : 0;
        change = kept_within(change + step[i], (float)CORRECTION_MAX);
        const float shift = is_known(x->offset[i]) ? c.g_offset * offset : 0, height = raw + (raw * change + shift);
        const int offset_used = is_known(x->offset[i]) & (fabsf(x->offset[i]) > 0);
        const float factor = x->noise_factor[i] > 0 ? x->noise_factor[i] : 1, noise = c.noise * factor, left = offset_used ? noise * c.share : noise, gain = c.gain_sigma * height;
        corrected[i] = is_known(raw) ? height : raw;
        variance[i] = noise > 0 ? left * left + gain * gain : (float)NAN;
    }
}

WIDE_LOOP_CHOSEN(rows, (const struct numbers *restrict of, const struct correction_columns *restrict x, const float *restrict step, size_t n, float *restrict corrected,
                        float *restrict variance), (of, x, step, n, corrected, variance))

void height_correction_rows(const struct height_correction *c, const struct correction_columns *x, size_t n, double noise_sigma, float *corrected, float *variance) {
    const struct numbers numbers = numbers_of(c, noise_sigma);
    const float no_step = c->n_steps == 0 ? (float)step_gain(c, 0) : 0;
    float step[CORRECTION_PIECE];
    for (size_t i = 0; i < n; i++)
        step[i] = no_step;
    for (size_t i = 0; i < n && c->n_steps > 0; i++)
        step[i] = (float)step_gain(c, x->time_ns[i]);
    rows(&numbers, x, step, n, corrected, variance);
}

float height_correction_apply(const struct height_correction *c, const struct measured_pulse *p) {
    struct correction_columns x;
    float corrected, variance;
    correction_columns_take(&x, p, 1);
    height_correction_rows(c, &x, 1, 0, &corrected, &variance);
    return corrected;
}

double height_correction_sigma(const struct height_correction *c, const struct measured_pulse *p, double noise_sigma, double height) {
    const bool offset_used = p == NULL || fabs(offset_of(c, p)) > 0;
    double noise = noise_sigma * (offset_used ? c->noise_share : 1), gain = c->gain_sigma * height;
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
