#include "daemon/source/pulse_pool.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "daemon/pipeline.h"

enum { N_ERROR = 16 };
enum purpose { DRAW_POOL = 301, DRAW_POOL_NOISE, DRAW_POOL_ERROR };
static const double error_counts = 12;

struct pulse_pool {
    uint32_t n_samples, n_pulses, n_noise;
    uint16_t *samples;                   /* of pixel 0: pulses, noise; pixel 1 ... ; then the error records */
    struct dastard_summary *summaries;   /* in the same order */
    size_t first_error;
};

struct filling {
    struct pulse_pool *pool;
    const struct beamtime_array *array;
    bool is_signed;
    atomic_bool failed;
};

static uint32_t per_pixel(const struct pulse_pool *p) {
    return p->n_pulses + p->n_noise;
}

static struct dastard_summary summarise(uint16_t *samples, const struct beamtime_array *a, bool is_signed) {
    const struct pulse_record r = {.samples = samples, .n_samples = a->n_samples, .n_presamples = a->n_presamples, .sample_period_s = (float)a->period_s};
    struct dastard_summary s = dastard_summary_of(&r);
    if (!is_signed)
        return s;
    s.pretrigger_mean -= 32768;
    for (uint32_t k = 0; k < a->n_samples; k++)
        samples[k] ^= 0x8000;
    return s;
}

/* Pulses so far apart that each record holds its own and nothing of the one before. */
static void fill_pixel(void *context, size_t pixel) {
    struct filling *f = context;
    struct pulse_pool *p = f->pool;
    const struct beamtime_array *a = f->array;
    const int64_t spacing = (int64_t)pulse_sim_reach_samples(&a->pixels[pixel]) + 2 * (int64_t)a->n_samples;
    const struct pulse_train none[2] = {{NULL, 0}, {NULL, 0}};
    struct random_stream random, noise;
    struct pulse_stream *stream = NULL;
    struct deposit *deposits = calloc(p->n_pulses, sizeof *deposits);
    random_stream_init(&random, a->seed, pixel, DRAW_POOL);
    random_stream_init(&noise, a->seed, pixel, DRAW_POOL_NOISE);
    for (uint32_t i = 0; deposits != NULL && i < p->n_pulses; i++) {
        enum emission_kind kind;
        const double energy_eV = emission_model_sample(&a->plan->models[0], &random, &kind);
        deposits[i] = (struct deposit){(double)(spacing * (i + 1)) + random_stream_uniform(&random), fmax(energy_eV, 1) * 1e-3};
    }
    const struct pulse_train train = {deposits, p->n_pulses};
    if (deposits == NULL || pulse_stream_new(&a->pixels[pixel], train, none, NULL, 0, &noise, a->n_samples, &stream) != STATUS_OK) {
        atomic_store(&f->failed, true);
        free(deposits);
        return;
    }
    for (uint32_t i = 0; i < per_pixel(p); i++) {
        uint16_t *samples = p->samples + (pixel * per_pixel(p) + i) * p->n_samples;
        pulse_stream_read(stream, spacing * (i + 1) + 1 - a->n_presamples, samples);
        p->summaries[pixel * per_pixel(p) + i] = summarise(samples, a, f->is_signed);
    }
    pulse_stream_free(stream);
    free(deposits);
}

static void fill_errors(struct pulse_pool *p, const struct beamtime_array *a) {
    for (uint32_t i = 0; i < N_ERROR; i++) {
        uint16_t *samples = p->samples + (p->first_error + i) * p->n_samples;
        struct random_stream random;
        random_stream_init(&random, a->seed, i, DRAW_POOL_ERROR);
        for (uint32_t k = 0; k < p->n_samples; k++)
            samples[k] = (uint16_t)(32768 + lrint(error_counts * random_stream_normal(&random)));
        p->summaries[p->first_error + i] = summarise(samples, a, true);
    }
}

enum status pulse_pool_new(const struct beamtime_array *a, const struct pulse_pool_settings *settings, struct pulse_pool **out) {
    struct pulse_pool *p = calloc(1, sizeof *p);
    if (p == NULL)
        return STATUS_NO_MEMORY;
    *p = (struct pulse_pool){.n_samples = a->n_samples, .n_pulses = settings->n_pulses, .n_noise = settings->n_noise};
    p->first_error = (size_t)a->n_pixels * per_pixel(p);
    p->samples = calloc((p->first_error + N_ERROR) * p->n_samples, sizeof *p->samples);
    p->summaries = calloc(p->first_error + N_ERROR, sizeof *p->summaries);
    struct filling f = {.pool = p, .array = a, .is_signed = settings->is_signed};
    if (p->samples == NULL || p->summaries == NULL || !pipeline_run(a->n_pixels, settings->workers, fill_pixel, &f) || atomic_load(&f.failed)) {
        pulse_pool_free(p);
        return STATUS_NO_MEMORY;
    }
    fill_errors(p, a);
    *out = p;
    return STATUS_OK;
}

void pulse_pool_free(struct pulse_pool *p) {
    if (p == NULL)
        return;
    free(p->samples);
    free(p->summaries);
    free(p);
}

static struct pooled_record at(const struct pulse_pool *p, size_t i) {
    return (struct pooled_record){p->samples + i * p->n_samples, p->summaries[i]};
}

struct pooled_record pulse_pool_pulse(const struct pulse_pool *p, uint32_t pixel, uint64_t k) {
    return at(p, (size_t)pixel * per_pixel(p) + k % p->n_pulses);
}

struct pooled_record pulse_pool_noise(const struct pulse_pool *p, uint32_t pixel, uint64_t k) {
    return at(p, (size_t)pixel * per_pixel(p) + p->n_pulses + k % p->n_noise);
}

struct pooled_record pulse_pool_error(const struct pulse_pool *p, uint64_t k) {
    return at(p, p->first_error + k % N_ERROR);
}
