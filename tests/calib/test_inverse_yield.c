/* Inverse PFY of lines on a background that resonates: exact where it is arithmetic, true with honest errors where it is statistics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "calib/inverse_yield.h"
#include "pulse/random_stream.h"
#include "tests/calib/draw.h"

enum { POINTS = 50, TRIALS = 60 };
static const struct yield_region line = { "O", 505, 535 }, beside = { "", 540, 560 };

struct made { struct scan scan; struct scan_point points[POINTS]; struct scan_products *products; };

static void make(struct made *m, bool with_i0) {
    static const struct yield_region regions[] = { { "O", 505, 535 } };
    const struct product_settings settings = { .emission = { 500, 600, 0.25 }, .loss = { -20, 80, 0.25 }, .n_regions = 1, .regions = regions };
    uint8_t used = 1;
    m->scan = (struct scan){ .n_points = POINTS, .points = m->points };
    for (uint32_t k = 0; k < POINTS; k++)
        m->points[k] = (struct scan_point){ .start_ns = k * INT64_C(1000000000), .end_ns = (k + 1) * INT64_C(1000000000), .incident_eV = 770 + k, .i0 = with_i0 ? 1 + 0.3 * (k % 3) : 0 };
    assert_int_equal(scan_products_new(&m->scan, 1, &used, &settings, &m->products), STATUS_OK);
    for (uint32_t k = 0; k < POINTS; k++)
        m->products->live_time_s[k] = m->products->yields[0]->live_time_s[k] = 0.8 + 0.01 * k;
}

/* n photons of the point, in the bin that holds the energy. */
static void put(struct made *m, uint32_t point, double energy_eV, uint32_t n) {
    const struct rixs_map *map = m->products->emission;
    map->counts[(size_t)point * map->n_bins + (size_t)((energy_eV - 500) / 0.25)] = n;
}

static void without_a_background_it_is_exposure_over_counts(void **state) {
    (void)state;
    for (int with_i0 = 0; with_i0 < 2; with_i0++) {
        struct made m;
        struct scan_cut window, yield;
        make(&m, with_i0);
        m.points[30].i0_sigma = 0.1;
        for (uint32_t k = 0; k < POINTS; k++) {
            put(&m, k, 524, k);
            put(&m, k, 550, 1000);   /* elsewhere */
            m.products->yields[0]->counts[k] = k;
        }
        m.products->yields[0]->crowding[40] = 0.5;
        assert_int_equal(inverse_yield_window(m.products, &line, NULL, &window, NULL), STATUS_OK);
        assert_int_equal(inverse_yield_of(m.products, m.products->yields[0], &yield), STATUS_OK);
        for (uint32_t k = 0; k < POINTS; k++) {
            const double q = (with_i0 ? m.points[k].i0 : 1) * m.products->live_time_s[k], of_i0 = with_i0 && k == 30 ? 0.1 / m.points[k].i0 : 0;
            assert_true(window.counts[k] == k && yield.counts[k] == k);
            assert_int_equal(isfinite(window.value[k]), k >= 25);   /* 5 standard deviations */
            assert_int_equal(isfinite(yield.value[k]), k >= 25);
            if (k < 25)
                continue;
            assert_true(fabs(window.value[k] * k / q - 1) < 1e-12 && fabs(yield.value[k] * k / q - 1) < 1e-12);
            assert_true(fabs(window.error[k] / window.value[k] - hypot(1 / sqrt(k), of_i0)) < 1e-12);
            assert_true(fabs(yield.error[k] / yield.value[k] - hypot(sqrt((k == 40 ? 1.5 : 1) / k), of_i0)) < 1e-12);
        }
        assert_true(window.lo_eV == 505 && window.hi_eV == 535 && yield.lo_eV == 505 && yield.hi_eV == 535);
        scan_cut_done(&window);
        scan_cut_done(&yield);
        scan_products_free(m.products);
    }
}

/* Between 100 counts of the line and a background of its size; what the window beside holds is taken off in the ratio of 30 to 20 eV. */
static void what_is_beside_is_taken_off(void **state) {
    (void)state;
    struct made m;
    struct scan_cut c, b;
    make(&m, true);
    for (uint32_t k = 0; k < POINTS; k++) {
        put(&m, k, 510, 100);
        put(&m, k, 545, 2 * k);
        put(&m, k, 561, 500);   /* in neither */
    }
    assert_int_equal(inverse_yield_window(m.products, &line, &beside, &c, &b), STATUS_OK);
    assert_true(b.lo_eV == 540 && b.hi_eV == 560);
    for (uint32_t k = 0; k < POINTS; k++) {
        const double left = 100 - 3.0 * k, variance = 100 + 2.25 * 2 * k, q = m.points[k].i0 * m.products->live_time_s[k];
        assert_true(c.counts[k] == 100 && b.counts[k] == 2 * k);
        assert_int_equal(isfinite(c.value[k]), left > 0 && left >= 5 * sqrt(variance));
        if (isfinite(c.value[k]))
            assert_true(fabs(c.value[k] * left / q - 1) < 1e-12 && fabs(c.error[k] / c.value[k] - sqrt(variance) / left) < 1e-12);
    }
    assert_true(isfinite(c.value[0]) && !isfinite(c.value[POINTS - 1]));
    scan_cut_done(&c);
    scan_cut_done(&b);
    scan_products_free(m.products);
}

struct judged { double pull, square, n; };

static void judge(struct judged *j, const struct scan_cut *c, const double *truth) {
    for (uint32_t k = 0; k < POINTS; k++)
        if (isfinite(c->value[k])) {
            const double pull = (c->value[k] - truth[k]) / c->error[k];
            j->pull += pull;
            j->square += pull * pull;
            j->n++;
        }
}

/* A line that a metal's edge absorbs from half to all, on tails of the metal's own photons, which rise there by a factor of 20. With the window beside it the curve is the absorption, its
 * errors are what it scatters by; without, the edge is less than half as deep as it is. */
static void the_edge_is_as_deep_as_it_is(void **state) {
    (void)state;
    struct seeded seed = draw_start("inverse PFY", 3);
    struct judged with = { 0 }, without = { 0 };
    for (uint64_t t = 0; t < TRIALS; t++) {
        struct random_stream random;
        struct made m;
        struct scan_cut c, b;
        double truth[POINTS];
        random_stream_init(&random, seeded_next(&seed), t, 1);
        make(&m, true);
        for (uint32_t k = 0; k < POINTS; k++) {
            const double q = m.points[k].i0 * m.products->live_time_s[k], edge = 1 / (1 + pow((k - 25.0) / 4, 2));
            const double line_per_q = 3000 / (1 + edge), tail_per_eV = 2 + 38 * edge;
            put(&m, k, 524, (uint32_t)random_stream_poisson(&random, q * (line_per_q + 30 * tail_per_eV)));
            put(&m, k, 550, (uint32_t)random_stream_poisson(&random, q * 20 * tail_per_eV));
            truth[k] = 1 / line_per_q;
        }
        assert_int_equal(inverse_yield_window(m.products, &line, &beside, &c, &b), STATUS_OK);
        judge(&with, &c, truth);
        scan_cut_done(&c);
        scan_cut_done(&b);
        assert_int_equal(inverse_yield_window(m.products, &line, NULL, &c, NULL), STATUS_OK);
        judge(&without, &c, truth);
        scan_cut_done(&c);
        scan_products_free(m.products);
    }
    const double mean = with.pull / with.n, sd = sqrt(with.square / with.n - mean * mean);
    print_message("pull %+.3f, sd %.3f of %.0f points; without the background %+.1f\n", mean, sd, with.n, without.pull / without.n);
    assert_true(with.n > 0.9 * POINTS * TRIALS && fabs(mean) < 0.1 && fabs(sd - 1) < 0.08);   /* 3000 values: 0.018 and 0.013; the bias of 1/N is half a relative error */
    assert_true(without.pull / without.n < -3);
}

static void windows_off_the_map_are_refused(void **state) {
    (void)state;
    const struct yield_region off = { "off", 700, 800 };
    struct made m;
    struct scan_cut c, b = { .n = 77 };
    make(&m, true);
    assert_int_equal(inverse_yield_window(m.products, &off, &beside, &c, &b), STATUS_BAD_VALUE);
    assert_int_equal(inverse_yield_window(m.products, &line, &off, &c, &b), STATUS_BAD_VALUE);
    assert_int_equal(b.n, 77);
    scan_products_free(m.products);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(without_a_background_it_is_exposure_over_counts), cmocka_unit_test(what_is_beside_is_taken_off),
                                        cmocka_unit_test(the_edge_is_as_deep_as_it_is), cmocka_unit_test(windows_off_the_map_are_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
