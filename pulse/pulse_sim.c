/* pulse/pulse_sim.c - sums of exponentials per deposit, saturated, plus baseline and noise. Within a record each exponential is one
 * multiplication a sample; a record costs about the noise's normals and nothing else. */
#include "pulse/pulse_sim.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A pulse as four decays: value at `time` samples after the arrival is sum of level x exp(-rate x time). */
enum { DECAYS = 4, GONE = 45 };  /* after 45 of its time constants a decay is below rounding */
struct decays { double level[DECAYS], rate[DECAYS]; };

static struct decays decays_of(const struct pixel_sim *p, const struct deposit *d, double share) {
    const double time_s = d->arrival_samples * p->period_s;
    double amplitude = p->gain_counts_per_keV * d->deposited_keV * pixel_sim_gain(p, time_s) * share;
    if (d->deposited_keV > 0 && pixel_sim_jumped(p, time_s))
        amplitude += p->jump_counts * share;
    amplitude /= p->norm;
    const double fall_s = p->fall_s * (1 + p->fall_per_keV * d->deposited_keV), rise_s = p->rise_s * (1 + p->rise_per_keV * d->deposited_keV);
    const double front = amplitude / (rise_s - p->front_s);
    return (struct decays){
        .level = {amplitude * (1 - p->slow_share), amplitude * p->slow_share, -front * rise_s, front * p->front_s},
        .rate = {p->period_s / fall_s, p->period_s / p->slow_s, p->period_s / rise_s, p->period_s / p->front_s},
    };
}

static double saturate(const struct pixel_sim *p, double linear_counts) {
    return linear_counts > 0 ? linear_counts / (1 + linear_counts / p->saturation_counts) : linear_counts;
}

static double linear_at(const struct pixel_sim *p, const struct deposit *d, double at_samples) {
    const double t = at_samples - d->arrival_samples;
    if (t < 0)
        return 0;
    const struct decays x = decays_of(p, d, 1);
    double sum = 0;
    for (int i = 0; i < DECAYS; i++)
        sum += x.level[i] * exp(-x.rate[i] * t);
    return sum;
}

double pulse_sim_reach_samples(const struct pixel_sim *p) {
    return 14 * fmax(p->fall_s, p->slow_s) / p->period_s;
}

double pulse_sim_signal(const struct pixel_sim *p, struct pulse_train train, double at_samples) {
    double sum = 0;
    for (size_t i = 0; i < train.n; i++)
        sum += linear_at(p, &train.deposits[i], at_samples);
    return saturate(p, sum);
}

/* out[k] += linear pulse at frame first + k, times share. */
static void add_pulse(const struct pixel_sim *p, const struct deposit *d, double share, int64_t first_frame, double *out, size_t n) {
    const double offset = (double)first_frame - d->arrival_samples;
    const size_t start = offset >= 0 ? 0 : (size_t)ceil(-offset);
    if (start >= n)
        return;
    const struct decays x = decays_of(p, d, share);
    for (int i = 0; i < DECAYS; i++) {
        const double age = offset + (double)start, factor = exp(-x.rate[i]);
        const double left = ceil(GONE / x.rate[i] - age);
        const size_t end = left <= 0 ? start : left < (double)(n - start) ? start + (size_t)left : n;
        double value = x.level[i] * exp(-x.rate[i] * age);
        for (size_t k = start; k < end; k++) {
            out[k] += value;
            value *= factor;
        }
    }
}

void pulse_sim_shape(const struct pixel_sim *p, double deposited_keV, double offset_samples, double *out, size_t n) {
    const struct deposit d = {offset_samples, deposited_keV};
    memset(out, 0, n * sizeof *out);
    add_pulse(p, &d, 1, 0, out, n);
    for (size_t k = 0; k < n; k++)
        out[k] = saturate(p, out[k]);
}

enum { TRAINS = 3 };  /* the pixel's own first, then its neighbours' */

struct pulse_stream {
    struct pixel_sim pixel;
    struct pulse_train train[TRAINS];
    size_t oldest[TRAINS];        /* first deposit that still reaches */
    const struct disturbance *faults;
    size_t n_faults, next_fault;
    double jumped_counts;         /* sum of the steps before next_fault */
    struct noise_stream noise;
    uint32_t n_samples;
    int64_t end_frame;            /* one past the last sample made */
    uint16_t *last;               /* the n_samples before end_frame, as last read */
    double *sum;
};

enum status pulse_stream_new(const struct pixel_sim *p, struct pulse_train train, const struct pulse_train neighbours[2],
                             const struct disturbance *faults, size_t n_faults, const struct random_stream *random, uint32_t n_samples,
                             struct pulse_stream **out) {
    struct pulse_stream *s = calloc(1, sizeof *s);
    if (s == NULL)
        return STATUS_NO_MEMORY;
    *s = (struct pulse_stream){.pixel = *p, .faults = faults, .n_faults = n_faults, .n_samples = n_samples, .end_frame = 0};
    s->train[0] = train;
    for (int i = 1; i < TRAINS; i++)
        s->train[i] = neighbours[i - 1];
    s->last = calloc(n_samples, sizeof *s->last);
    s->sum = calloc(n_samples, sizeof *s->sum);
    if (s->last == NULL || s->sum == NULL) {
        pulse_stream_free(s);
        return STATUS_NO_MEMORY;
    }
    noise_stream_init(&s->noise, &s->pixel.noise, random, 0);
    *out = s;
    return STATUS_OK;
}

void pulse_stream_free(struct pulse_stream *s) {
    if (s == NULL)
        return;
    free(s->last);
    free(s->sum);
    free(s);
}

static void add_train(struct pulse_stream *s, int i, int64_t first_frame, size_t n) {
    const struct pulse_train *t = &s->train[i];
    const double reach = pulse_sim_reach_samples(&s->pixel), share = i == 0 ? 1 : s->pixel.crosstalk;
    while (s->oldest[i] < t->n && t->deposits[s->oldest[i]].arrival_samples + reach < (double)first_frame)
        s->oldest[i]++;
    for (size_t k = s->oldest[i]; k < t->n && t->deposits[k].arrival_samples < (double)(first_frame + (int64_t)n); k++)
        add_pulse(&s->pixel, &t->deposits[k], share, first_frame, s->sum, n);
}

static uint16_t digitise(double counts) {
    return counts <= 0 ? 0 : counts >= 65535 ? 65535 : (uint16_t)lrint(counts);
}

/* Makes the samples of frames first .. first + n - 1 into out; first >= end_frame. Drift is straight within a record. */
static void make_samples(struct pulse_stream *s, int64_t first_frame, uint16_t *out, size_t n) {
    const double start_s = (double)first_frame * s->pixel.period_s, end_s = start_s + (double)n * s->pixel.period_s;
    const double base = pixel_sim_baseline(&s->pixel, start_s), slope = (pixel_sim_baseline(&s->pixel, end_s) - base) / (double)n;
    memset(s->sum, 0, n * sizeof *s->sum);
    add_train(s, 0, first_frame, n);
    for (size_t k = 0; k < n; k++)
        s->sum[k] = saturate(&s->pixel, s->sum[k]);
    for (int i = 1; i < TRAINS; i++)
        add_train(s, i, first_frame, n);
    noise_stream_add(&s->noise, first_frame, s->sum, n);
    for (size_t k = 0; k < n; k++) {
        while (s->next_fault < s->n_faults && s->faults[s->next_fault].frame <= first_frame + (int64_t)k)
            s->jumped_counts += s->faults[s->next_fault++].step_counts;
        out[k] = digitise(s->sum[k] + base + slope * (double)k + s->jumped_counts);
    }
    s->end_frame = first_frame + (int64_t)n;
}

void pulse_stream_read(struct pulse_stream *s, int64_t first_frame, uint16_t *samples) {
    const int64_t n = (int64_t)s->n_samples;
    assert(first_frame >= 0 && first_frame >= s->end_frame - n);
    const int64_t known = s->end_frame > first_frame ? s->end_frame - first_frame : 0;
    memmove(s->last, s->last + (n - known), (size_t)known * sizeof *s->last);
    if (known < n)
        make_samples(s, first_frame + known, s->last + known, (size_t)(n - known));
    memcpy(samples, s->last, (size_t)n * sizeof *samples);
}
