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
#include "pulse/pixel_model.h"
#include "tests/pulse/pulse_scene.h"

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
    struct pixel_model *m = scene_learn(&p);
    assert_non_null(m->gaps);
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
    struct pixel_model *m = scene_learn(&p);
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

/* By the samples alone, wherever the trigger stands: the same filter as when the gap is told. */
static void what_follows_is_found_in_the_record(void **state) {
    (void)state;
    struct pixel_sim p = drawn_pixel(3, PIXEL_GOOD);
    struct pixel_model *m = scene_learn(&p);
    double gap = m->gaps->list[2].n_behind + GAP_MARGIN + 5;
    struct scene s = scene_new(&p, 400, 0.7, 0.4, gap, 6);
    size_t found = 0, kept = 0, alone = 0;
    for (size_t i = 0; i < s.n; i++) {
        struct pulse_record r = scene_record(&s, i);
        struct measured_pulse told, seen;
        assert_true(gap_filters_measure(m, &r, floor(gap), &told));
        pixel_model_measure_crowded(m, &r, &seen);
        found += seen.height == told.height && seen.cuts == told.cuts && seen.noise_factor == told.noise_factor;
        kept += seen.cuts == 0;
    }
    printf("level %.0f counts: %zu of %zu found, %zu kept\n", m->rise_level, found, s.n, kept);
    assert_true((double)found >= 0.95 * (double)s.n && (double)kept >= 0.98 * (double)s.n);
    scene_done(&s);
    s = scene_new(&p, 400, 0.7, 0.4, 0, 7);
    for (size_t i = 0; i < s.n; i++) {   /* a pulse that is alone stays what it was, but for the few whose pretrigger falls by chance */
        struct pulse_record r = scene_record(&s, i);
        struct measured_pulse plain, seen;
        pixel_model_measure(m, &r, &plain);
        pixel_model_measure_crowded(m, &r, &seen);
        alone += seen.height == plain.height && !seen.on_tail;
        assert_true(seen.height == plain.height || (plain.falling && seen.on_tail));
    }
    assert_true((double)alone > 0.93 * (double)s.n);
    scene_done(&s);
    pixel_model_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(followed_pulses_are_as_high_as_alone), cmocka_unit_test(gaps_too_short_are_refused),
                                        cmocka_unit_test(what_follows_is_found_in_the_record) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
