/* tests/calib/mix_array.h - an array of pixels that look at the calibration mix of line_mix.h, each with heights of its own. */
#ifndef TESD_TESTS_CALIB_MIX_ARRAY_H
#define TESD_TESTS_CALIB_MIX_ARRAY_H

#include "calib/calibration_table.h"
#include "tests/calib/line_mix.h"

enum { MIX_ARRAY_MOST = 64 };

struct mix_array {
    uint32_t n;
    struct mix_pixel pixel[MIX_ARRAY_MOST];
    struct calibration_heights heights[MIX_ARRAY_MOST];
    float *owned[MIX_ARRAY_MOST];
};

/* New heights for pixel i, as it is now. */
static inline void mix_array_fill(struct mix_array *a, uint32_t i, size_t n, struct seeded *r) {
    free(a->owned[i]);
    a->owned[i] = mix_heights(&a->pixel[i], n, r);
    a->heights[i] = (struct calibration_heights){.heights = a->owned[i], .n = n};
}

/* n <= MIX_ARRAY_MOST pixels drawn one after the other, each followed by its heights. */
static inline struct mix_array *mix_array_new(uint32_t n, size_t pulses, struct mix_pixel (*draw_pixel)(struct seeded *r), struct seeded *r) {
    struct mix_array *a = calloc(1, sizeof *a);
    a->n = n;
    for (uint32_t i = 0; i < n; i++) {
        a->pixel[i] = draw_pixel(r);
        mix_array_fill(a, i, pulses, r);
    }
    return a;
}

static inline void mix_array_free(struct mix_array *a) {
    for (uint32_t i = 0; i < a->n; i++)
        free(a->owned[i]);
    free(a);
}

#endif
