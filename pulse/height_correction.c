#include "pulse/height_correction.h"

#include <float.h>
#include <math.h>

#include "pulse/phase_wave.h"
#include "pulse/wide_loop.h"

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

/* Relative, of what holds from some time on. */
static double step_gain(const struct height_correction *c, int64_t time_ns) {
    double change = 0;
    for (int k = 0; k < GAIN_STEPS_MAX; k++)
        change += gain_of(c, TERM_STEP + k, (uint32_t)k < c->n_steps && time_ns >= c->step_time_ns[k]);
    return change;
}

/* What pulses say, by columns: n <= PIECE of them. A value that is not finite is not known. */
struct columns { double height[PIECE], arrival[PIECE], baseline[PIECE], offset[PIECE], step[PIECE], phase[PIECE], sine[PIECE], cosine[PIECE]; };

WIDE_LOOP static inline int is_known(double x) { return fabs(x) <= DBL_MAX; }

static void take_columns(const struct height_correction *c, const struct measured_pulse *p, size_t n, struct columns *to) {
    const double no_step = c->n_steps == 0 ? step_gain(c, 0) : 0, unknown = c->height_scale > 0 ? 1 : (double)NAN;
    for (size_t i = 0; i < n; i++) {
        to->height[i] = (double)p[i].height;
        to->arrival[i] = unknown * (double)p[i].arrival_samples;
        to->baseline[i] = (double)p[i].baseline;
        to->offset[i] = p[i].on_tail ? (double)NAN : (double)p[i].baseline_offset;
        to->step[i] = c->n_steps == 0 ? no_step : step_gain(c, p[i].time_ns);
    }
}

/* phase_of, 0 where it is not known. */
WIDE_LOOP static inline void phases_loop(const struct height_correction *c, const double *restrict height, const double *restrict arrival, size_t n, double *restrict phase) {
    const double scale = c->height_scale, most = arrival_max, a = c->arrival_curve[0], b = c->arrival_curve[1], d = c->arrival_curve[2], e = c->arrival_curve[3];
    for (size_t i = 0; i < n; i++) {
        double u = height[i] / scale - 1;
        u = u > 1.5 ? 1.5 : u;
        u = u < -1 ? -1 : u;
        double q = arrival[i] - (((e * u + d) * u + b) * u + a);
        q = q > most ? most : q;
        q = q < -most ? -most : q;
        phase[i] = (is_known(height[i]) & is_known(arrival[i])) ? q : 0;
    }
}

WIDE_LOOP_CHOSEN(phases, (const struct height_correction *c, const double *restrict height, const double *restrict arrival, size_t n, double *restrict phase),
                 (c, height, arrival, n, phase))

/* Sine and cosine are left alone where they do not count. */
static void set_phases(const struct height_correction *c, struct columns *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        x->sine[i] = x->cosine[i] = 0;
    phases(c, x->height, x->arrival, n, x->phase);
    if (c->gain[TERM_ARRIVAL_SINE] != 0 || c->gain[TERM_ARRIVAL_COSINE] != 0)
        phase_waves(x->phase, n, x->sine, x->cosine);
}

WIDE_LOOP static inline double kept_within(double x, double most) {
    x = x > most ? most : x;
    return x < -most ? -most : x;
}

WIDE_LOOP static inline void heights_loop(const struct height_correction *c, const struct columns *restrict x, size_t n, float *restrict corrected) {
    const double *g = c->gain, *r = c->reference, most = c->offset_max, g_arrival = g[TERM_ARRIVAL], g_squared = g[TERM_ARRIVAL_SQUARED], g_sine = g[TERM_ARRIVAL_SINE],
                 g_cosine = g[TERM_ARRIVAL_COSINE], g_baseline = g[TERM_BASELINE], g_offset = g[TERM_OFFSET], r_arrival = r[TERM_ARRIVAL], r_squared = r[TERM_ARRIVAL_SQUARED],
                 r_sine = r[TERM_ARRIVAL_SINE], r_cosine = r[TERM_ARRIVAL_COSINE], r_baseline = r[TERM_BASELINE];
    for (size_t i = 0; i < n; i++) {
        double q = x->phase[i], by_phase = g_arrival * (q - r_arrival) + g_squared * (q * q - r_squared) + g_sine * (x->sine[i] - r_sine) + g_cosine * (x->cosine[i] - r_cosine);
        double by_baseline = g_baseline * (x->baseline[i] - r_baseline), offset = kept_within(x->offset[i], most);
        double change = (is_known(x->height[i]) & is_known(x->arrival[i])) ? by_phase : 0;
        change += is_known(x->baseline[i]) ? by_baseline : 0;
        change += x->step[i];
        offset = is_known(x->offset[i]) ? offset : 0;
        double height = x->height[i] * (1 + kept_within(change, CORRECTION_MAX)) + g_offset * offset;
        corrected[i] = (float)(is_known(x->height[i]) ? height : x->height[i]);
    }
}

WIDE_LOOP_CHOSEN(heights, (const struct height_correction *c, const struct columns *restrict x, size_t n, float *restrict corrected), (c, x, n, corrected))

/* n <= PIECE */
static void apply_piece(const struct height_correction *c, const struct measured_pulse *p, size_t n, float *corrected) {
    struct columns x;
    take_columns(c, p, n, &x);
    set_phases(c, &x, n);
    heights(c, &x, n, corrected);
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

/* shares: of the filter's noise that each has. */
WIDE_LOOP static inline void sigmas_loop(double noise_sigma, double gain_sigma, const double *restrict factor, const double *restrict share, const float *restrict height, size_t n,
                                         double *restrict out) {
    for (size_t i = 0; i < n; i++) {
        double sigma = noise_sigma * factor[i], noise = sigma * share[i], gain = gain_sigma * (double)height[i], both = sqrt(noise * noise + gain * gain);
        out[i] = sigma > 0 ? both : (double)NAN;
    }
}

WIDE_LOOP_CHOSEN(sigmas, (double noise_sigma, double gain_sigma, const double *restrict factor, const double *restrict share, const float *restrict height, size_t n, double *restrict out),
                 (noise_sigma, gain_sigma, factor, share, height, n, out))

static void sigmas_of_piece(const struct height_correction *c, const struct measured_pulse *p, size_t n, double noise_sigma, const float *height, double *out) {
    double factor[PIECE], share[PIECE];
    for (size_t i = 0; i < n; i++) {
        bool used = (c->offset_max > 0) & !p[i].on_tail & (fabsf(p[i].baseline_offset) > 0) & (fabsf(p[i].baseline_offset) <= FLT_MAX);
        share[i] = used ? c->noise_share : 1;
        factor[i] = p[i].noise_factor > 0 ? (double)p[i].noise_factor : 1;
    }
    sigmas(noise_sigma, c->gain_sigma, factor, share, height, n, out);
}

void height_correction_sigmas(const struct height_correction *c, const struct measured_pulse *pulses, size_t n, double noise_sigma, const float *height, double *out) {
    for (size_t from = 0; from < n; from += PIECE)
        sigmas_of_piece(c, pulses + from, n - from < PIECE ? n - from : PIECE, noise_sigma, height + from, out + from);
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
