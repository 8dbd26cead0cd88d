#include "calib/sensitivity.h"

#include <stdlib.h>

enum { ROUNDS = 10 };

struct fit {
    uint32_t n_pixels;
    double *eps, *counts, *expected;   /* of each pixel: over all parts */
};

static double live_s(const struct sensitivity_part *s, uint32_t pixel, uint32_t point) {
    return 1e-9 * (double)s->live_ns[((size_t)pixel * s->n_points + point) * s->stride];
}

/* Adds what point i of the part says to the sums of the pixels. */
static void add_point(struct fit *f, const struct sensitivity_part *s, uint32_t i) {
    double counts = 0, live = 0;
    for (uint32_t p = 0; p < f->n_pixels; p++)
        if (s->pixels_used[p] && live_s(s, p, i) > 0) {
            counts += s->counts[(size_t)p * s->n_points + i];
            live += f->eps[p] * live_s(s, p, i);
        }
    if (!(live > 0))
        return;
    for (uint32_t p = 0; p < f->n_pixels; p++)
        if (s->pixels_used[p] && live_s(s, p, i) > 0) {
            f->counts[p] += s->counts[(size_t)p * s->n_points + i];
            f->expected[p] += counts / live * live_s(s, p, i);
        }
}

/* eps from the sums; their mean over the pixels that have some becomes 1. */
static void settle_round(struct fit *f) {
    double sum = 0;
    uint32_t n = 0;
    for (uint32_t p = 0; p < f->n_pixels; p++)
        if (f->counts[p] > 0 && f->expected[p] > 0) {
            f->eps[p] = f->counts[p] / f->expected[p];
            sum += f->eps[p];
            n++;
        }
    for (uint32_t p = 0; p < f->n_pixels; p++)
        f->eps[p] = f->counts[p] > 0 && f->expected[p] > 0 ? f->eps[p] * n / sum : 1;
}

enum status sensitivity_fit(const struct sensitivity_part *parts, size_t n_parts, uint32_t n_pixels, double *eps) {
    double *sums = calloc((size_t)n_pixels + 1, 2 * sizeof *sums);
    if (sums == NULL)
        return STATUS_NO_MEMORY;
    struct fit f = { .n_pixels = n_pixels, .eps = eps, .counts = sums, .expected = sums + n_pixels };
    for (uint32_t p = 0; p < n_pixels; p++)
        eps[p] = 1;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (uint32_t p = 0; p < 2 * n_pixels; p++)
            sums[p] = 0;
        for (size_t k = 0; k < n_parts; k++)
            for (uint32_t i = 0; i < parts[k].n_points; i++)
                add_point(&f, &parts[k], i);
        settle_round(&f);
    }
    free(sums);
    return STATUS_OK;
}
