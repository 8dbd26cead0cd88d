#include "calib/beamtime_pixel.h"

#include <math.h>
#include <stdlib.h>

enum purpose { DRAW_TRIGGERS = 201, DRAW_FAULTS = 202, DRAW_NOISE = 203, DRAW_STAMPS = 206 };

static const double block_s = 0.05, contaminated_transmission = 0.02;

int64_t beamtime_frames(const struct beamtime_array *a) {
    return (int64_t)((double)(a->plan->end_ns - a->plan->settings.start_ns) * 1e-9 / a->period_s);
}

int64_t beamtime_stamp_ns(const struct beamtime_array *a, int64_t start_ns, uint64_t run, int64_t frame) {
    const double time_s = (double)frame * a->period_s;
    const uint64_t block = (uint64_t)(time_s / block_s);
    const double error = a->stamp_jitter_s * fmax(-2.5, fmin(2.5, random_stream_normal_at(a->seed, block, DRAW_STAMPS + (run << 16))));
    return start_ns + llround((time_s + error) * 1e9);
}

static enum status photons_of(const struct beamtime_array *a, uint32_t pixel, struct sim_photon **photons, size_t *n) {
    const struct pixel_sim *p = &a->pixels[pixel];
    return beamtime_sim_photons(a->plan, pixel, p->sensitivity, p->kind == PIXEL_NO_CARBON ? contaminated_transmission : 1, photons, n);
}

static struct deposit *deposits_of(const struct beamtime_array *a, const struct sim_photon *photons, size_t n) {
    struct deposit *d = malloc((n + 1) * sizeof *d);
    for (size_t i = 0; d != NULL && i < n; i++)
        d[i] = (struct deposit){(double)(photons[i].time_ns - a->plan->settings.start_ns) * 1e-9 / a->period_s, photons[i].energy_eV * 1e-3};
    return d;
}

static enum status meet_neighbours(const struct beamtime_array *a, uint32_t pixel, struct beamtime_pixel *p) {
    for (uint32_t side = 0; side < 2; side++) {
        const int64_t other = (int64_t)pixel + (side == 0 ? -1 : 1);
        if (other < 0 || other >= a->n_pixels)
            continue;
        struct sim_photon *photons = NULL;
        size_t n = 0;
        if (photons_of(a, (uint32_t)other, &photons, &n) != STATUS_OK)
            return STATUS_NO_MEMORY;
        p->neighbour[side] = deposits_of(a, photons, n);
        free(photons);
        if (p->neighbour[side] == NULL)
            return STATUS_NO_MEMORY;
        p->neighbours[side] = (struct pulse_train){p->neighbour[side], n};
    }
    return STATUS_OK;
}

static enum status meet_photons(const struct beamtime_array *a, uint32_t pixel, struct beamtime_pixel *p) {
    if (photons_of(a, pixel, &p->photons, &p->n) != STATUS_OK || (p->own = deposits_of(a, p->photons, p->n)) == NULL)
        return STATUS_NO_MEMORY;
    p->train = (struct pulse_train){p->own, p->n};
    struct random_stream random;
    random_stream_init(&random, a->seed, pixel, DRAW_FAULTS);
    p->n_faults = trigger_sim_faults(&a->pixels[pixel], beamtime_frames(a), &random, NULL, 0);
    p->faults = malloc((p->n_faults + 1) * sizeof *p->faults);
    p->triggers = malloc((p->n_faults + p->n + 1) * sizeof *p->triggers);
    p->fate = malloc(p->n + 1);
    p->trigger_of = malloc((p->n + 1) * sizeof *p->trigger_of);
    if (p->faults == NULL || p->triggers == NULL || p->fate == NULL || p->trigger_of == NULL)
        return STATUS_NO_MEMORY;
    trigger_sim_faults(&a->pixels[pixel], beamtime_frames(a), &random, p->faults, p->n_faults);
    const struct trigger_settings settings = {a->trigger, a->n_samples, a->n_presamples, beamtime_frames(a)};
    random_stream_init(&random, a->seed, pixel, DRAW_TRIGGERS);
    p->n_triggers = trigger_sim_run(&a->pixels[pixel], &settings, p->train, p->faults, p->n_faults, &random, p->triggers, p->fate, p->trigger_of);
    return STATUS_OK;
}

enum status beamtime_pixel_meet(const struct beamtime_array *a, uint32_t pixel, struct beamtime_pixel *out) {
    struct beamtime_pixel p = {0};
    if (meet_photons(a, pixel, &p) != STATUS_OK || meet_neighbours(a, pixel, &p) != STATUS_OK) {
        beamtime_pixel_done(&p);
        return STATUS_NO_MEMORY;
    }
    *out = p;
    return STATUS_OK;
}

void beamtime_pixel_done(struct beamtime_pixel *p) {
    free(p->photons);
    free(p->fate);
    free(p->trigger_of);
    free(p->triggers);
    free(p->own);
    free(p->neighbour[0]);
    free(p->neighbour[1]);
    free(p->faults);
    *p = (struct beamtime_pixel){0};
}

enum status beamtime_pixel_stream(const struct beamtime_array *a, uint32_t pixel, const struct beamtime_pixel *p, struct pulse_stream **out) {
    struct random_stream random;
    random_stream_init(&random, a->seed, pixel, DRAW_NOISE);
    return pulse_stream_new(&a->pixels[pixel], p->train, p->neighbours, p->faults, p->n_faults, &random, a->n_samples, out);
}
