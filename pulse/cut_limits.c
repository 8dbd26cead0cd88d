#include "pulse/cut_limits.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/robust.h"

struct cut_limits cut_limits_open(void) {
    return (struct cut_limits){ .pretrigger_sd_max = INFINITY, .pretrigger_slope_max = INFINITY, .peak_sample_min = 0,
                                .peak_sample_max = INT32_MAX, .late_rise_max = INFINITY, .residual_max = INFINITY };
}

bool cut_limits_inverted(const struct record_store *pulses) {
    uint32_t n = pulses->n_records;
    double *up = n ? malloc(2 * (size_t)n * sizeof *up) : NULL;
    if (up == NULL)
        return false;
    double *down = up + n;
    for (uint32_t i = 0; i < n; i++) {
        struct pulse_record r = record_store_at(pulses, i);
        up[i] = pulse_quality_of(dot_kernel_best(), &r, false, r.n_samples).peak_counts;
        down[i] = pulse_quality_of(dot_kernel_best(), &r, true, r.n_samples).peak_counts;
    }
    bool inverted = robust_median(down, n) > robust_median(up, n);
    free(up);
    return inverted;
}

/* Learning looks only at records that show a pulse at all. */
static bool shows_pulse(const struct pulse_quality *q) {
    return !q->saturated && q->peak_counts > 8 * fmaxf(q->pretrigger_sd, 0.5F);
}

static uint32_t mode_of_peak(const struct pulse_quality *q, uint32_t n, uint32_t n_samples, uint32_t *votes) {
    uint32_t mode = 0;
    for (uint32_t i = 0; i < n; i++)
        if (shows_pulse(&q[i]))
            votes[q[i].peak_sample]++;
    for (uint32_t k = 1; k < n_samples; k++)
        if (votes[k] > votes[mode])
            mode = k;
    return mode;
}

/* A peak 12 samples late still belongs to a photon of another energy, or to noise on a flat top. */
static void limit_peak(const struct pulse_quality *q, uint32_t n, uint32_t mode, double *scratch, struct cut_limits *limits) {
    uint32_t near = 0;
    for (uint32_t i = 0; i < n; i++)
        if (shows_pulse(&q[i]) && abs(q[i].peak_sample - (int32_t)mode) <= 50)
            scratch[near++] = q[i].peak_sample;
    struct robust_centre c = robust_centre(scratch, near);
    limits->peak_sample_min = (int32_t)floor(c.median - fmax(6, 6 * c.sigma));
    limits->peak_sample_max = (int32_t)ceil(c.median + fmax(12, 6 * c.sigma));
}

/* |median| + k sigmas over records whose peak is where it belongs. least_sigma: quantised values may have none. */
static float limit_of(const struct pulse_quality *q, uint32_t n, float (*value)(const struct pulse_quality *), double k, double least_sigma,
                      const struct cut_limits *limits, double *scratch) {
    uint32_t used = 0;
    for (uint32_t i = 0; i < n; i++)
        if (shows_pulse(&q[i]) && q[i].peak_sample >= limits->peak_sample_min && q[i].peak_sample <= limits->peak_sample_max)
            scratch[used++] = value(&q[i]);
    struct robust_centre c = robust_centre(scratch, used);
    return (float)(fabs(c.median) + k * fmax(c.sigma, least_sigma));
}

static float sd_of(const struct pulse_quality *q) {
    return q->pretrigger_sd;
}
static float rise_of(const struct pulse_quality *q) {
    return q->pretrigger_rise;
}
static float late_of(const struct pulse_quality *q) {
    return q->late_rise;
}

static void measure(const struct record_store *pulses, bool inverted, uint32_t late_start, struct pulse_quality *q) {
    for (uint32_t i = 0; i < pulses->n_records; i++) {
        struct pulse_record r = record_store_at(pulses, i);
        q[i] = pulse_quality_of(dot_kernel_best(), &r, inverted, late_start);
    }
}

uint32_t cut_limits_learn(const struct record_store *pulses, bool inverted, struct cut_limits *limits, uint32_t *peak_sample, bool *good) {
    uint32_t n = pulses->n_records, n_good = 0;
    struct pulse_quality *q = malloc(((size_t)n + 1) * sizeof *q);
    double *scratch = malloc(((size_t)n + 1) * sizeof *scratch);
    uint32_t *votes = calloc(pulses->n_samples, sizeof *votes);
    if (q && scratch && votes && n > 0) {
        *limits = cut_limits_open();
        measure(pulses, inverted, pulses->n_samples, q);
        *peak_sample = mode_of_peak(q, n, pulses->n_samples, votes);
        limit_peak(q, n, *peak_sample, scratch, limits);
        measure(pulses, inverted, pulse_quality_late_start(limits, pulses->n_presamples), q);
        limits->pretrigger_sd_max = limit_of(q, n, sd_of, 5, 0.1, limits, scratch);
        limits->pretrigger_slope_max = limit_of(q, n, rise_of, 5, 0.1, limits, scratch);
        limits->late_rise_max = limit_of(q, n, late_of, 6, 0.25, limits, scratch);
        for (uint32_t i = 0; i < n; i++) {
            good[i] = shows_pulse(&q[i]) && pulse_quality_cuts(&q[i], limits) == 0;
            n_good += good[i];
        }
    }
    free(q);
    free(scratch);
    free(votes);
    return n_good;
}
