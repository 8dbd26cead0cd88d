/* Repeats drawn from one rate agree: chi2 and shifts spread as they say. A repeat that is shifted, or another sample, does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "calib/scan_consistency.h"
#include "calib/scan_live_time.h"
#include "pulse/livetime.h"
#include "pulse/random_stream.h"
#include "tests/seeded.h"

enum { N_POINTS = 60, N_BINS = 160, REPEATS = 5 };
static const struct yield_region windows[] = { { "line", 770, 782 }, { "tfy", 0, 2000 } };
static const struct product_settings settings = { .emission = { 740, 820, 0.5 }, .loss = { -20, 80, 1 }, .n_regions = 2, .regions = windows };

struct repeat { struct scan scan; struct scan_products *products; };

/* Counts per eV of emission at exposure 1: an edge, a line at 776 eV that follows it, and the elastic line. */
static double rate(double incident, double emission) {
    const double edge = 0.2 + exp(-0.5 * pow((incident - 780) / 1.5, 2)) + 0.3 / (1 + exp(-(incident - 781)));
    return 20 * edge * exp(-0.5 * pow((emission - 776) / 2, 2)) + 3 * exp(-0.5 * pow((emission - incident) / 1.2, 2)) + 0.02;
}

/* number, I0 and live time differ from repeat to repeat; the mono by incident_shift, the detector by emission_shift. */
static struct repeat *draw(int number, double i0, double incident_shift, double emission_shift, double line, struct random_stream *r) {
    struct repeat *one = calloc(1, sizeof *one);
    one->scan = (struct scan){ .number = number, .n_points = N_POINTS, .sample = "x", .var_name = "mono", .var_unit = "eV" };
    one->scan.points = calloc(N_POINTS, sizeof *one->scan.points);
    for (uint32_t k = 0; k < N_POINTS; k++)
        one->scan.points[k] = (struct scan_point){ .start_ns = number * INT64_C(1000000000000) + k * INT64_C(2000000000), .end_ns = number * INT64_C(1000000000000) + k * INT64_C(2000000000) + 1000000000,
                                                   .incident_eV = 768 + 0.5 * k, .i0 = i0 * (1 + 0.1 * (k % 3)), .i0_sigma = 0 };
    assert_int_equal(scan_products_new(&one->scan, 1, (const uint8_t[]){ 1 }, &settings, &one->products), STATUS_OK);
    for (uint32_t k = 0; k < N_POINTS; k++)
        for (uint32_t b = 0; b < N_BINS; b++) {
            const double incident = 768 + 0.5 * k - incident_shift, emission = 740.25 + 0.5 * b - emission_shift;
            const double mean = 0.5 * (rate(incident, emission) + line * exp(-0.5 * pow((emission - 770) / 1.5, 2))) * one->scan.points[k].i0;
            const uint32_t n = (uint32_t)random_stream_poisson(r, mean);
            one->products->emission->counts[k * N_BINS + b] = n;
            for (int w = 0; w < 2; w++)
                one->products->yields[w]->counts[k] += 740.25 + 0.5 * b >= windows[w].lo_eV && 740.25 + 0.5 * b < windows[w].hi_eV ? n : 0;
        }
    scan_live_time_settle(one->products);
    return one;
}

static void repeat_free(struct repeat *one) {
    scan_products_free(one->products);
    free(one->scan.points);
    free(one);
}

/* The last of the repeats is the odd one. */
static struct scan_consistency *judge(double incident_shift, double emission_shift, double line, double flux, struct random_stream *r) {
    struct repeat *all[REPEATS];
    struct scan_products *products[REPEATS];
    struct scan_consistency *list;
    for (int k = 0; k < REPEATS; k++) {
        const bool odd = k == REPEATS - 1;
        all[k] = draw(k, 0.5 + 0.2 * k, odd ? incident_shift : 0, odd ? emission_shift : 0, odd ? line : 0, r);
        products[k] = all[k]->products;
        for (uint32_t i = 0; odd && i < N_POINTS; i++)
            all[k]->scan.points[i].i0 /= flux;
    }
    assert_int_equal(scan_consistency_judge_products(products, REPEATS, &list), STATUS_OK);
    for (int k = 0; k < REPEATS; k++)
        repeat_free(all[k]);
    return list;
}

static void repeats_of_one_rate_agree(void **state) {
    (void)state;
    struct random_stream r;
    random_stream_init(&r, seeded_start(__func__).state, 0, 41);
    enum { TRIALS = 12 };
    double z = 0, z2 = 0, incident2 = 0, emission2 = 0, ratio2 = 0;
    for (int t = 0; t < TRIALS; t++) {
        struct scan_consistency *list = judge(0, 0, 0, 1, &r);
        for (int k = 0; k < REPEATS; k++) {
            assert_int_equal(list[k].flags, 0);
            assert_int_equal(list[k].n_points, N_POINTS);
            z += list[k].map.z / (TRIALS * REPEATS);
            z2 += list[k].map.z * list[k].map.z / (TRIALS * REPEATS);
            incident2 += pow(list[k].incident_shift_eV / list[k].incident_shift_sigma_eV, 2) / (TRIALS * REPEATS);
            emission2 += pow(list[k].emission_shift_eV / list[k].emission_shift_sigma_eV, 2) / (TRIALS * REPEATS);
            ratio2 += pow((list[k].ratio - 1) / list[k].ratio_sigma, 2) / (TRIALS * REPEATS);
        }
        scan_consistency_free(list, REPEATS);
    }
    print_message("map z %.2f, sd %.2f; pulls of shifts %.2f and %.2f, of the ratio %.2f\n", z, sqrt(z2 - z * z), sqrt(incident2), sqrt(emission2), sqrt(ratio2));
    assert_true(fabs(z) < 0.6 && sqrt(z2) > 0.6 && sqrt(z2) < 1.4);
    assert_true(incident2 > 0.4 && incident2 < 1.7 && emission2 > 0.4 && emission2 < 1.7 && ratio2 > 0.4 && ratio2 < 1.7);
}

static void a_shifted_repeat_is_flagged_and_the_shift_found(void **state) {
    (void)state;
    struct random_stream r;
    random_stream_init(&r, seeded_start(__func__).state, 0, 42);
    struct scan_consistency *list = judge(0.4, 0, 0, 1, &r);
    const struct scan_consistency *odd = &list[REPEATS - 1];
    print_message("mono 0.4 eV off: %+.2f(%.2f) eV, map z %.1f\n", odd->incident_shift_eV, odd->incident_shift_sigma_eV, odd->map.z);
    assert_true((odd->flags & INCONSISTENT_INCIDENT) && fabs(odd->incident_shift_eV - 0.4) < 0.12);
    scan_consistency_free(list, REPEATS);
    list = judge(0, -0.3, 0, 1, &r);
    odd = &list[REPEATS - 1];
    print_message("detector -0.3 eV off: %+.2f(%.2f) eV\n", odd->emission_shift_eV, odd->emission_shift_sigma_eV);
    assert_true((odd->flags & INCONSISTENT_EMISSION) && fabs(odd->emission_shift_eV + 0.3) < 0.1);
    scan_consistency_free(list, REPEATS);
}

static void a_line_that_grows_is_flagged_and_flux_is_a_ratio(void **state) {
    (void)state;
    struct random_stream r;
    random_stream_init(&r, seeded_start(__func__).state, 0, 43);
    struct scan_consistency *list = judge(0, 0, 1.5, 1, &r);
    assert_true(list[REPEATS - 1].flags & INCONSISTENT_MAP);
    assert_true(list[REPEATS - 1].map.z > list[0].map.z);
    scan_consistency_free(list, REPEATS);
    list = judge(0, 0, 0, 1.2, &r);   /* I0 of the last is 1.2 times too low */
    assert_int_equal(list[REPEATS - 1].flags, 0);
    assert_true(fabs(list[REPEATS - 1].ratio - 1.2) < 4 * list[REPEATS - 1].ratio_sigma && list[REPEATS - 1].ratio_sigma < 0.03);
    scan_consistency_free(list, REPEATS);
}

static void points_without_i0_are_left_out(void **state) {
    (void)state;
    struct random_stream r;
    random_stream_init(&r, seeded_start(__func__).state, 0, 44);
    struct repeat *a = draw(0, 1, 0, 0, 0, &r), *b = draw(1, 1, 0, 0, 0, &r);
    const double bad[] = { 0, -1, (double)NAN };
    for (int k = 0; k < 3; k++)
        b->scan.points[k].i0 = bad[k];
    struct scan_consistency *list;
    assert_int_equal(scan_consistency_judge_products((struct scan_products *[]){ a->products, b->products }, 2, &list), STATUS_OK);
    assert_true(list[0].n_points == N_POINTS - 3 && list[1].n_points == N_POINTS - 3 && list[0].flags == 0 && isfinite(list[0].map.z));
    scan_consistency_free(list, 2);
    assert_int_equal(scan_consistency_judge_products((struct scan_products *[]){ a->products }, 1, &list), STATUS_TOO_FEW);
    memset(b->products->emission->counts, 0, sizeof(uint32_t) * N_POINTS * N_BINS);
    assert_int_equal(scan_consistency_judge_products((struct scan_products *[]){ a->products, b->products }, 2, &list), STATUS_OK);
    assert_true(!(list[1].ratio > 0) && isnan(list[1].incident_shift_eV));
    scan_consistency_free(list, 2);
    repeat_free(a);
    repeat_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats_of_one_rate_agree),
        cmocka_unit_test(a_shifted_repeat_is_flagged_and_the_shift_found),
        cmocka_unit_test(a_line_that_grows_is_flagged_and_flux_is_a_ratio),
        cmocka_unit_test(points_without_i0_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
