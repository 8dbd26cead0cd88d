/* Pulses that another one follows: the height of the whole filter, noise as promised, and what follows does not matter; at two energies of a
 * simulated pixel, whose pulses change their shape with energy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/gap_filter.h"
#include "pulse/noise_plan.h"
#include "pulse/pixel_model.h"
#include "pulse/pulse_sim.h"
#include "pulse/random_stream.h"
#include "tests/pulse/drawn_pixel.h"

enum { N = 512, P = 128, SPACING = 6000 };

/* Records of the pixel: pulses SPACING apart at random sub-sample arrivals, each followed by another one `gap` samples later (0: none). */
struct scene {
    struct pixel_sim pixel;
    struct deposit *deposits;
    struct pulse_stream *stream;
    size_t n, per;
    uint16_t samples[N];
};

static struct scene scene_new(const struct pixel_sim *p, size_t n, double keV, double spread_keV, double gap, uint64_t seed) {
    struct scene s = { .pixel = *p, .n = n, .per = gap > 0 ? 2 : 1 };
    struct random_stream r;
    const struct pulse_train none[2] = { { NULL, 0 }, { NULL, 0 } };
    random_stream_init(&r, seed, 1, 7);
    s.deposits = malloc((2 * n + 1) * sizeof *s.deposits);
    assert_non_null(s.deposits);
    for (size_t i = 0; i < n; i++) {
        double at = (double)(i + 1) * SPACING - random_stream_uniform(&r);
        s.deposits[s.per * i] = (struct deposit){ at, keV + spread_keV * (random_stream_uniform(&r) - 0.5) };
        if (gap > 0)
            s.deposits[s.per * i + 1] = (struct deposit){ at + gap, random_stream_between(&r, 0.3, 1.0) };
    }
    random_stream_init(&r, seed, 2, 8);
    assert_int_equal(pulse_stream_new(&s.pixel, (struct pulse_train){ s.deposits, s.per * n }, none, NULL, 0, &r, N, &s.stream), STATUS_OK);
    return s;
}

static struct pulse_record scene_record(struct scene *s, size_t i) {
    pulse_stream_read(s->stream, (int64_t)(i + 1) * SPACING - P, s->samples);
    return (struct pulse_record){ .samples = s->samples, .n_samples = N, .n_presamples = P, .sample_period_s = 6.4e-6F, .trigger_frame = (int64_t)(i + 1) * SPACING };
}

static void scene_done(struct scene *s) {
    pulse_stream_free(s->stream);
    free(s->deposits);
}

static struct pixel_model *learn(const struct pixel_sim *p) {
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
    assert_non_null(m->gaps);
    scene_done(&quiet);
    scene_done(&pulses);
    pixel_learner_free(l);
    noise_plan_free(plan);
    return m;
}

struct heights { double mean, sd, sigma, kept; };

/* gap 0: by the whole filter. */
static struct heights measure(const struct pixel_sim *p, const struct pixel_model *m, double keV, double gap, bool copy) {
    enum { RECORDS = 800 };
    struct scene s = scene_new(p, RECORDS, keV, 0, gap, 5);
    struct pixel_model *other = NULL;
    assert_int_equal(pixel_model_copy(m, &other), STATUS_OK);
    double sum = 0, squares = 0, n = 0, factor = 1;
    for (size_t i = 0; i < s.n; i++) {
        struct pulse_record r = scene_record(&s, i);
        struct measured_pulse x;
        if (gap > 0)
            assert_true(gap_filters_measure(copy ? other : m, &r, floor(gap), &x));
        else
            pixel_model_measure(m, &r, &x);
        factor = gap > 0 ? (double)x.noise_factor : 1;
        if (x.cuts != 0)
            continue;
        sum += (double)x.height;
        squares += (double)x.height * (double)x.height;
        n++;
    }
    pixel_model_free(other);
    scene_done(&s);
    return (struct heights){ sum / n, sqrt(squares / n - sum / n * (sum / n)), factor * m->noise_sigma, n / RECORDS };
}

static void followed_pulses_are_as_high_as_alone(void **state) {
    (void)state;
    struct pixel_sim p = drawn_pixel(3, PIXEL_GOOD);
    p.crosstalk = 0;
    for (int i = 0; i < DRIFT_WAVES; i++)
        p.drift[i].amplitude_counts = 0;
    p.gain_step = 0;
    struct pixel_model *m = learn(&p);
    static const double energies_keV[] = { 0.45, 0.9 };
    for (int e = 0; e < 2; e++) {
        struct heights alone = measure(&p, m, energies_keV[e], 0, false);
        double before = INFINITY;
        for (double gap = m->gaps->list[0].n_behind + GAP_MARGIN + 1; gap < N - P; gap *= 1.6) {
            struct heights followed = measure(&p, m, energies_keV[e], gap, e == 1);
            printf("%.2f keV, %3.0f samples: height %+.3f FWHM, sd / sigma %.3f (alone %.3f), sigma / whole %.3f, kept %.3f\n", energies_keV[e], gap,
                   (followed.mean - alone.mean) / (2.355 * alone.sd), followed.sd / followed.sigma, alone.sd / alone.sigma, followed.sigma / m->noise_sigma, followed.kept);
            assert_true(fabs(followed.mean - alone.mean) < 0.1 * 2.355 * alone.sd);
            assert_true(fabs(followed.sd / followed.sigma - alone.sd / alone.sigma) < 0.05 + 3 * followed.sd / followed.sigma / sqrt(1600));
            assert_true(followed.kept > 0.985);
            assert_true(followed.sigma <= before * 1.0001 && followed.sigma > 0.97 * m->noise_sigma);
            before = followed.sigma;
        }
    }
    pixel_model_free(m);
}

static void gaps_too_short_are_refused(void **state) {
    (void)state;
    struct pixel_sim p = drawn_pixel(3, PIXEL_GOOD);
    struct pixel_model *m = learn(&p);
    struct scene s = scene_new(&p, 2, 0.7, 0, 0, 9);
    struct pulse_record r = scene_record(&s, 0);
    struct measured_pulse x = { .cuts = 77 };
    assert_false(gap_filters_measure(m, &r, m->gaps->list[0].n_behind + GAP_MARGIN - 1, &x));
    r.n_samples--;
    assert_false(gap_filters_measure(m, &r, 300, &x));
    assert_int_equal(x.cuts, 77);
    scene_done(&s);
    pixel_model_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(followed_pulses_are_as_high_as_alone), cmocka_unit_test(gaps_too_short_are_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
