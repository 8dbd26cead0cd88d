/* tests/calib/mix_works.h - pixels of the calibration mix on their way through the calibration of an array (pixel_work), with the truth. */
#ifndef TESD_TESTS_CALIB_MIX_WORKS_H
#define TESD_TESTS_CALIB_MIX_WORKS_H

#include "calib/pixel_calibration.h"
#include "tests/calib/line_mix.h"

enum { WORKS_MAX = 40 };

struct mix_works {
    uint32_t n;
    struct line_table *table;
    struct fit_plan plan;
    struct mix_pixel pixel[WORKS_MAX];
    struct calibration_heights heights[WORKS_MAX];
    float *owned[WORKS_MAX];
    struct pixel_work work[WORKS_MAX];
};

/* Takes heights over. */
static inline void mix_works_set(struct mix_works *s, uint32_t i, float *heights, size_t n) {
    free(s->owned[i]);
    pixel_work_done(&s->work[i]);
    s->owned[i] = heights;
    s->heights[i] = (struct calibration_heights){.heights = heights, .n = n};
    pixel_work_init(&s->work[i], &s->heights[i], &s->plan);
}

static inline struct mix_works *mix_works_new(uint32_t n, size_t pulses, struct seeded *r) {
    struct mix_works *s = calloc(1, sizeof *s);
    s->n = n;
    s->table = mix_table();
    if (!s->table || fit_plan_init(&s->plan, s->table, 1000, NULL) != STATUS_OK)
        abort();
    for (uint32_t i = 0; i < n; i++) {
        s->pixel[i] = mix_pixel_random(r);
        mix_works_set(s, i, mix_heights(&s->pixel[i], pulses, r), pulses);
    }
    return s;
}

static inline void mix_works_free(struct mix_works *s) {
    for (uint32_t i = 0; i < s->n; i++) {
        pixel_work_done(&s->work[i]);
        free(s->owned[i]);
    }
    line_table_free(s->table);
    free(s);
}

/* A pixel that triggers on noise. */
static inline void mix_works_set_noise(struct mix_works *s, uint32_t i, size_t pulses, struct seeded *r) {
    float *h = malloc(pulses * sizeof *h);
    for (size_t k = 0; k < pulses; k++)
        h[k] = (float)(2000 - 800 * log(1 - draw_uniform(r)));
    mix_works_set(s, i, h, pulses);
}

/* Largest distance of expected heights of the anchors from the truth, eV. */
static inline double mix_works_worst(const struct mix_works *s, uint32_t i, const double *height) {
    double worst = 0;
    for (size_t k = 0; k < s->plan.n_anchors; k++) {
        double e = s->plan.lines[k].line.energy_eV, slope = mix_height(&s->pixel[i], e + 1) - mix_height(&s->pixel[i], e);
        worst = fmax(worst, isfinite(height[k]) ? fabs(height[k] - mix_height(&s->pixel[i], e)) / slope : INFINITY);
    }
    return worst;
}

#endif
