/* tests/pulse/drawn_pixel.h - a pixel of the simulation for tests, and the seed they print. */
#ifndef TESD_TESTS_PULSE_DRAWN_PIXEL_H
#define TESD_TESTS_PULSE_DRAWN_PIXEL_H

#include <stdint.h>
#include <stdlib.h>

#include "pulse/pixel_sim.h"

static inline uint64_t test_seed(void) {
    const char *text = getenv("TESD_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : 20260302;
}

static inline struct pixel_sim_settings drawn_settings(void) {
    return (struct pixel_sim_settings){.seed = test_seed(), .period_s = 6.4e-6, .n_samples = 512, .n_presamples = 128, .run_s = 1000, .resolution_eV = 1.4, .jump_at = 0.75, .jump_counts = 230, .jump_baseline = 3};
}

/* Aborts when it cannot be drawn. */
static inline struct pixel_sim drawn_pixel(uint32_t index, enum pixel_kind kind) {
    const struct pixel_sim_settings settings = drawn_settings();
    struct pixel_sim p;
    if (pixel_sim_draw(&settings, index, kind, &p) != STATUS_OK)
        abort();
    return p;
}

/* The same pixel without noise, drift or crosstalk: samples are the pulse and nothing else. */
static inline struct pixel_sim quiet_pixel(uint32_t index) {
    struct pixel_sim p = drawn_pixel(index, PIXEL_GOOD);
    noise_sim_scale(&p.noise, 0);
    for (int i = 0; i < DRIFT_WAVES; i++)
        p.drift[i].amplitude_counts = 0;
    p.crosstalk = 0;
    return p;
}

#endif
