/* tests/pulse/pulse_scene.h - records of a simulated pixel, alone or with another pulse near, and a model learnt from it. */
#ifndef TESD_TESTS_PULSE_PULSE_SCENE_H
#define TESD_TESTS_PULSE_PULSE_SCENE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "pulse/noise_plan.h"
#include "pulse/pixel_model.h"
#include "pulse/pulse_sim.h"
#include "pulse/random_stream.h"
#include "tests/pulse/drawn_pixel.h"

enum { N = 512, P = 128, SPACING = 6000 };

/* Records of the pixel: pulses SPACING apart at random sub-sample arrivals, each with another one `gap` samples later (0: none; below 0: before it). */
struct scene {
    struct pixel_sim pixel;
    struct deposit *deposits;
    struct pulse_stream *stream;
    size_t n, per;
    uint16_t samples[N];
};

static inline struct scene scene_new(const struct pixel_sim *p, size_t n, double keV, double spread_keV, double gap, uint64_t seed) {
    struct scene s = { .pixel = *p, .n = n, .per = gap != 0 ? 2 : 1 };
    struct random_stream r;
    const struct pulse_train none[2] = { { NULL, 0 }, { NULL, 0 } };
    random_stream_init(&r, seed, 1, 7);
    s.deposits = malloc((2 * n + 1) * sizeof *s.deposits);
    assert_non_null(s.deposits);
    for (size_t i = 0; i < n; i++) {
        double at = (double)(i + 1) * SPACING - random_stream_uniform(&r);
        struct deposit own = { at, keV + spread_keV * (random_stream_uniform(&r) - 0.5) }, other = { at + gap, random_stream_between(&r, 0.3, 1.0) };
        s.deposits[s.per * i] = gap < 0 ? other : own;
        if (gap != 0)
            s.deposits[s.per * i + 1] = gap < 0 ? own : other;
    }
    random_stream_init(&r, seed, 2, 8);
    assert_int_equal(pulse_stream_new(&s.pixel, (struct pulse_train){ s.deposits, s.per * n }, none, NULL, 0, &r, N, &s.stream), STATUS_OK);
    return s;
}

static inline struct pulse_record scene_record(struct scene *s, size_t i) {
    pulse_stream_read(s->stream, (int64_t)(i + 1) * SPACING - P, s->samples);
    return (struct pulse_record){ .samples = s->samples, .n_samples = N, .n_presamples = P, .sample_period_s = 6.4e-6F, .trigger_frame = (int64_t)(i + 1) * SPACING };
}

static inline void scene_done(struct scene *s) {
    pulse_stream_free(s->stream);
    free(s->deposits);
}

static inline struct pixel_model *scene_learn(const struct pixel_sim *p) {
    struct noise_plan *plan;
    struct pixel_learner *l;
    struct pixel_model *m = NULL;
    assert_int_equal(noise_plan_new(N, &plan), STATUS_OK);
    assert_int_equal(pixel_learner_new(plan, N, P, 6.4e-6, &l), STATUS_OK);
    struct scene quiet = scene_new(p, 400, 1e-9, 0, 0, 3), pulses = scene_new(p, 1500, 0.65, 0.7, 0, 4);
    for (size_t i = 0; i < quiet.n; i++) {
        struct pulse_record r = scene_record(&quiet, i);
        pixel_learner_noise(l, &r);
    }
    for (size_t i = 0; i < pulses.n; i++) {
        struct pulse_record r = scene_record(&pulses, i);
        pixel_learner_pulse(l, &r);
    }
    assert_int_equal(pixel_learner_finish(l, &m, NULL, NULL), STATUS_OK);
    scene_done(&quiet);
    scene_done(&pulses);
    pixel_learner_free(l);
    noise_plan_free(plan);
    return m;
}

#endif
