/* pulse/pixel_sim.c - draws pixels. Spreads follow real arrays: gain 10 %, time constants 10 %, sensitivity a factor of 2-3 between
 * extremes, p/E falling by 8-19 % from 277 to 1000 eV, gain drift of some 1e-5 per count of baseline. */
#include "pulse/pixel_sim.h"

#include <math.h>

#include "pulse/pulse_sim.h"
#include "pulse/random_stream.h"
#include "pulse/resolution_limit.h"

enum purpose { DRAW_KINDS = 1, DRAW_PIXEL, DRAW_ARRAY, DRAW_GAIN };

static const double two_pi = 6.283185307179586476925;

const char *const pixel_kind_names[N_PIXEL_KINDS] = {"good", "dead", "noisy", "unlocked", "saturated", "lock_jump", "no_carbon", "double_gain"};

void pixel_sim_kinds(uint64_t seed, uint32_t n, double fraction, enum pixel_kind *kinds) {
    struct random_stream r;
    random_stream_init(&r, seed, 0, DRAW_KINDS);
    for (uint32_t i = 0; i < n; i++)
        kinds[i] = PIXEL_GOOD;
    const uint32_t n_bad = n == 0 ? 0 : (uint32_t)lround(fraction * n);
    const uint64_t start = random_stream_bits(&r);
    for (uint32_t bad = 0; bad < n_bad;) {
        const uint32_t i = (uint32_t)(random_stream_bits(&r) % n);
        if (kinds[i] != PIXEL_GOOD)
            continue;
        kinds[i] = (enum pixel_kind)(1 + (start + bad) % (N_PIXEL_KINDS - 1));
        bad++;
    }
}

void pixel_sim_let_jump(uint64_t seed, uint32_t n, double fraction, enum pixel_kind *kinds) {
    struct random_stream r;
    random_stream_init(&r, seed, 1, DRAW_KINDS);
    uint32_t n_good = 0;
    for (uint32_t i = 0; i < n; i++)
        n_good += kinds[i] == PIXEL_GOOD;
    for (uint32_t left = (uint32_t)lround(fraction * n_good); n > 0 && left > 0;) {
        const uint32_t i = (uint32_t)(random_stream_bits(&r) % n);
        left -= kinds[i] == PIXEL_GOOD;
        kinds[i] = kinds[i] == PIXEL_GOOD ? PIXEL_LOCK_JUMP : kinds[i];
    }
}

static void draw_pulse(struct pixel_sim *p, const struct pixel_sim_settings *s, struct random_stream *r) {
    p->gain_counts_per_keV = 12500 * exp(0.10 * random_stream_normal(r));
    p->rise_s = 32e-6 * exp(0.10 * random_stream_normal(r));
    p->front_s = 9e-6 * exp(0.10 * random_stream_normal(r));
    p->fall_s = 480e-6 * exp(0.10 * random_stream_normal(r));
    p->slow_s = random_stream_between(r, 1.5e-3, 2.5e-3);
    p->slow_share = random_stream_between(r, 0.002, 0.006);
    p->rise_per_keV = random_stream_between(r, 0.02, 0.08);
    p->fall_per_keV = random_stream_between(r, -0.05, -0.01);
    p->saturation_counts = p->gain_counts_per_keV / random_stream_between(r, 0.14, 0.34);
    p->norm = 1;
    struct pixel_sim linear = *p;
    linear.saturation_counts = INFINITY;
    linear.gain_counts_per_keV = 1;
    linear.rise_per_keV = linear.fall_per_keV = 0;
    const struct deposit one = {0, 1};
    p->norm = pulse_sim_signal(&linear, (struct pulse_train){&one, 1}, pixel_sim_peak_samples(p));
    p->baseline_counts = random_stream_between(r, 3500, 9000);
    p->sensitivity = fmin(fmax(exp(0.3 * random_stream_normal(r) - 0.045), 0.4), 2.2);
    p->crosstalk = random_stream_between(r, 1e-4, 6e-4) * (s->crosstalk > 0 ? s->crosstalk / 3.5e-4 : 1);
}

/* Part of the drift is the bath's, with the array's phases. */
static void draw_drift(struct pixel_sim *p, const struct pixel_sim_settings *s, struct random_stream *r) {
    static const double period_s[DRIFT_WAVES] = {190, 620, 2300, 8800}, amplitude[DRIFT_WAVES] = {1.5, 4, 8, 15};
    struct random_stream array;
    random_stream_init(&array, s->seed, 0, DRAW_ARRAY);
    for (int i = 0; i < DRIFT_WAVES; i++) {
        p->drift[i].period_s = period_s[i] * random_stream_between(&array, 0.9, 1.1);
        p->drift[i].phase = two_pi * random_stream_uniform(&array) + 0.6 * random_stream_normal(r);
        p->drift[i].amplitude_counts = amplitude[i] * exp(0.3 * random_stream_normal(r));
    }
    p->gain_per_count = -random_stream_between(r, 2e-5, 7e-5);
    p->gain_step = s->gain_step * random_stream_normal(r);
    p->gain_step_s = 0.5 * s->run_s;
}

/* From a stream of its own: the rest of the pixel is the same with and without. */
static void draw_gain(struct pixel_sim *p, const struct pixel_sim_settings *s, uint32_t pixel) {
    struct random_stream own;
    random_stream_init(&own, s->seed, pixel, DRAW_GAIN);
    p->gain_drift = s->gain_drift * (1 + 0.3 * random_stream_normal(&own));
    p->gain_bow = s->gain_bow * (1 + 0.3 * random_stream_normal(&own));
    p->run_s = s->run_s;
}

/* Grids wander by 10-20 mHz in minutes. */
static void draw_wander(struct noise_sim *n, const struct pixel_sim_settings *s) {
    static const double wander_s[NOISE_WANDERS] = {40, 150, 500};
    struct random_stream array;
    random_stream_init(&array, s->seed, 2, DRAW_ARRAY);
    for (int i = 0; i < NOISE_WANDERS; i++) {
        const double length_s = wander_s[i] * random_stream_between(&array, 0.9, 1.1);
        n->wander[i] = (struct noise_wander){s->mains_wander_Hz * sqrt(2. / NOISE_WANDERS) * length_s, s->period_s / length_s, two_pi * random_stream_uniform(&array)};
    }
}

static enum status draw_noise(struct pixel_sim *p, const struct pixel_sim_settings *s, struct random_stream *r) {
    const struct noise_levels levels = {
        .johnson = random_stream_between(r, 1.5, 2.5), .thermal = random_stream_between(r, 3, 6), .flicker_30_Hz = random_stream_between(r, 3, 8)};
    noise_sim_shape(&p->noise, s->period_s, p->rise_s, p->fall_s, levels);
    struct random_stream array;
    random_stream_init(&array, s->seed, 1, DRAW_ARRAY);
    const double tone_Hz[NOISE_TONES] = {60 * (1 + 2e-4 * random_stream_normal(&array)), random_stream_between(&array, 900, 2600)};
    const double strength[NOISE_TONES] = {0.4, 0.1};
    double variance;
    noise_sim_autocovariance(&p->noise, &variance, 1);
    for (int i = 0; i < NOISE_TONES; i++)
        p->noise.tone[i] = (struct noise_tone){strength[i] * sqrt(variance) * exp(0.4 * random_stream_normal(r)), tone_Hz[i] * s->period_s,
                                               two_pi * random_stream_uniform(r)};
    draw_wander(&p->noise, s);
    const double wanted_keV = 1e-3 * s->resolution_eV * exp(0.08 * random_stream_normal(r));
    double limit_keV = 0;
    const enum status status = resolution_limit(p, s->n_samples, s->n_presamples, 0.7, &limit_keV);
    /* Rounded, so that the last bits of a linear-algebra library do not reach the samples. */
    if (status == STATUS_OK)
        noise_sim_scale(&p->noise, round(wanted_keV / limit_keV * 1e7) / 1e7);
    return status;
}

static void amplify(struct pixel_sim *p, double factor) {
    p->gain_counts_per_keV *= factor;
    p->saturation_counts *= factor;
    noise_sim_scale(&p->noise, factor);
}

static void draw_faults(struct pixel_sim *p, const struct pixel_sim_settings *s, struct random_stream *r) {
    const double size = random_stream_between(r, 0.8, 1.2), sign = random_stream_uniform(r) < 0.5 ? -1 : 1;
    switch (p->kind) {
    case PIXEL_DEAD:
        p->sensitivity = 0;
        break;
    case PIXEL_NOISY:
        noise_sim_scale(&p->noise, 7 * size);
        p->noise_triggers_per_s = 3 * size;
        break;
    case PIXEL_UNLOCKED:
        p->flux_jumps_per_s = 4 * size;
        p->flux_quantum_counts = 4096;
        break;
    case PIXEL_SATURATED:
        p->baseline_counts = 65535 - 6500 * size;
        p->sensitivity *= 2;
        break;
    case PIXEL_LOCK_JUMP:
        p->jump_counts = sign * s->jump_counts * size;
        p->jump_baseline_counts = s->jump_baseline * p->jump_counts;
        p->jump_s = s->jump_at * s->run_s;
        p->jump_back_s = s->jump_back * s->run_s;
        break;
    case PIXEL_DOUBLE_GAIN:
        amplify(p, 2 * (1 + 0.25 * (size - 1)));
        break;
    default:
        break;
    }
}

enum status pixel_sim_draw(const struct pixel_sim_settings *s, uint32_t pixel, enum pixel_kind kind, struct pixel_sim *out) {
    if (!(s->period_s > 0 && s->resolution_eV > 0 && s->run_s >= 0) || s->n_presamples < 4 || s->n_samples < s->n_presamples + 16)
        return STATUS_BAD_VALUE;
    struct random_stream r;
    random_stream_init(&r, s->seed, pixel, DRAW_PIXEL);
    struct pixel_sim p = {.kind = kind, .period_s = s->period_s};
    draw_drift(&p, s, &r);
    draw_pulse(&p, s, &r);
    const enum status status = draw_noise(&p, s, &r);
    if (status != STATUS_OK)
        return status;
    draw_faults(&p, s, &r);
    draw_gain(&p, s, pixel);

    /* A quiet level and one that passes 60 eV photons, whichever is higher: the difference over 4 samples has at most twice the
     * variance of the noise. */
    double variance;
    noise_sim_autocovariance(&p.noise, &variance, 1);
    const struct deposit faint = {0, 0.06};
    const double rise = pulse_sim_signal(&p, (struct pulse_train){&faint, 1}, 3.5);
    p.level_counts = fmax(rise, kind == PIXEL_NOISY ? 3 * sqrt(variance) : 6 * sqrt(2 * variance));
    *out = p;
    return STATUS_OK;
}

bool pixel_sim_jumped(const struct pixel_sim *p, double time_s) {
    return p->jump_counts != 0 && time_s >= p->jump_s && (p->jump_back_s == 0 || time_s < p->jump_back_s);
}

double pixel_sim_baseline(const struct pixel_sim *p, double time_s) {
    double b = p->baseline_counts;
    for (int i = 0; i < DRIFT_WAVES; i++)
        b += p->drift[i].amplitude_counts * (sin(two_pi * time_s / p->drift[i].period_s + p->drift[i].phase) - sin(p->drift[i].phase));
    if (pixel_sim_jumped(p, time_s))
        b += p->jump_baseline_counts;
    return b;
}

double pixel_sim_gain(const struct pixel_sim *p, double time_s) {
    double drift = pixel_sim_baseline(p, time_s) - p->baseline_counts;
    if (pixel_sim_jumped(p, time_s))
        drift -= p->jump_baseline_counts;
    const double step = time_s >= p->gain_step_s ? p->gain_step : 0;
    const double along = p->run_s > 0 ? time_s / p->run_s : 0;
    return (1 + p->gain_per_count * drift) * (1 + step + p->gain_drift * along + p->gain_bow * sin(0.5 * two_pi * along));
}

/* Of the fall and the rise alone; the front comes on top, the slow component moves it by less than a per cent of a sample. */
double pixel_sim_peak_samples(const struct pixel_sim *p) {
    return (p->front_s + p->rise_s * p->fall_s / (p->fall_s - p->rise_s) * log(p->fall_s / p->rise_s)) / p->period_s;
}
