#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "calib/scan_products.h"
#include "pulse/livetime.h"

enum { MAX_SCANS = 8 };

static const struct yield_region regions[] = { { "tfy", 200, 1600 } };
static const struct product_settings settings = { .emission = { 500, 540, 1 }, .loss = { -20, 80, 1 }, .n_regions = 1, .regions = regions };

struct beamtime { size_t n; struct scan scans[MAX_SCANS]; struct scan_products *products[MAX_SCANS]; };

/* A scan of n points: set points lo, lo + step, ...; counts are 1 + number in bin 0 of every point. */
static struct scan *add_scan(struct beamtime *b, const char *sample, double lo_eV, double step_eV, uint32_t n) {
    struct scan *s = &b->scans[b->n];
    *s = (struct scan){ .number = (int32_t)b->n, .log_number = 3, .start_ns = 1000 * (int64_t)b->n, .n_points = n, .var_name = "mono", .var_unit = "eV", .label = "SCAN3" };
    snprintf(s->sample, sizeof s->sample, "%s", sample);
    s->points = calloc(n, sizeof *s->points);
    for (uint32_t k = 0; k < n; k++)
        s->points[k] = (struct scan_point){ .start_ns = s->start_ns + 10 * k, .end_ns = s->start_ns + 10 * k + 5, .incident_eV = lo_eV + k * step_eV, .i0 = 2, .i0_sigma = 3 };
    s->end_ns = s->points[n - 1].end_ns;
    assert_int_equal(scan_products_new(s, 1, (const uint8_t[]){ 1 }, &settings, &b->products[b->n]), STATUS_OK);
    for (uint32_t k = 0; k < n; k++) {
        b->products[b->n]->emission->counts[k * 40] = 1 + (uint32_t)b->n;
        b->products[b->n]->photons[k] = 10 * k;
        b->products[b->n]->grade_time_ns[k * N_LIVETIME_COLUMNS + LIVETIME_HIGH] = 500000000;
    }
    b->n++;
    return s;
}

static void beamtime_done(struct beamtime *b) {
    for (size_t i = 0; i < b->n; i++) {
        scan_products_free(b->products[i]);
        scan_done(&b->scans[i]);
    }
}

static struct scan_sum *sums_of(struct beamtime *b, size_t want) {
    struct scan_sum *sums;
    size_t n;
    assert_int_equal(scan_sums_make(b->products, b->n, &sums, &n), STATUS_OK);
    assert_int_equal(n, want);
    return sums;
}

static void repeats_are_added_as_counts_i0_and_live_time(void **state) {
    (void)state;
    struct beamtime b = { .n = 0 };
    add_scan(&b, "ad1", 770, 1, 20);
    add_scan(&b, "ad1", 770.4, 1, 20);
    add_scan(&b, "ad1", 770.2, 1, 20);
    struct scan_sum *s = sums_of(&b, 1);
    assert_string_equal(s->group, "ad1_Co");
    assert_int_equal(s->n_scans, 3);
    for (int k = 0; k < 3; k++)
        assert_int_equal(s->scan_numbers[k], k);
    assert_ptr_equal(s->sum->scan, s->scan);
    for (uint32_t k = 0; k < 20; k++) {
        const struct scan_point *p = &s->scan->points[k];
        assert_true(fabs(p->incident_eV - (770.2 + k)) < 1e-12 * 770);
        assert_true(p->i0 == 2 && fabs(p->i0_sigma - 3 / sqrt(3)) < 1e-12 && p->end_ns - p->start_ns == 15 && p->start_ns == 10 * k);
        assert_true(s->sum->live_time_s[k] == 1.5 && s->sum->photons[k] == 30 * k && s->sum->emission->counts[k * 40] == 6);
    }
    assert_true(s->scan->start_ns == 0 && s->scan->end_ns == b.scans[2].end_ns && s->scan->number == -1);
    scan_sums_free(s, 1);
    beamtime_done(&b);
}

static void mean_of_equal_set_points_is_exact_and_nan_i0_stays(void **state) {
    (void)state;
    struct beamtime b = { .n = 0 };
    for (int i = 0; i < 6; i++)
        add_scan(&b, "ad1", 768.001, 0.401, 90);
    b.scans[4].points[7].i0 = NAN;
    struct scan_sum *s = sums_of(&b, 1);
    for (uint32_t k = 0; k < 90; k++) {
        assert_true(s->scan->points[k].incident_eV == 768.001 + k * 0.401);
        assert_true(k == 7 ? isnan(s->scan->points[k].i0) : s->scan->points[k].i0 == 2);
    }
    scan_sums_free(s, 1);
    beamtime_done(&b);
}

/* Twice the flux for a third of the time: counts over I0 x live time of the sum is what each scan alone has. */
static void exposure_of_a_sum_is_the_sum_of_exposures(void **state) {
    (void)state;
    struct beamtime b = { .n = 0 };
    add_scan(&b, "ad1", 770, 1, 20);
    add_scan(&b, "ad1", 770, 1, 20);
    for (uint32_t k = 0; k < 20; k++) {
        b.scans[1].points[k].i0 = 4;
        b.products[0]->grade_time_ns[k * N_LIVETIME_COLUMNS + LIVETIME_HIGH] = 900000000;
        b.products[1]->grade_time_ns[k * N_LIVETIME_COLUMNS + LIVETIME_HIGH] = 300000000;
    }
    const double bad[] = { 0, -1, (double)NAN };
    for (uint32_t k = 0; k < 3; k++)
        b.scans[1].points[k].i0 = bad[k];
    struct scan_sum *s = sums_of(&b, 1);
    for (uint32_t k = 0; k < 20; k++) {
        double exposure = s->scan->points[k].i0 * s->sum->live_time_s[k];
        assert_true(k < 3 ? isnan(exposure) : fabs(exposure - (2 * 0.9 + 4 * 0.3)) < 1e-12);
    }
    scan_sums_free(s, 1);
    beamtime_done(&b);
}

static void a_scan_downwards_pairs_by_energy(void **state) {
    (void)state;
    struct beamtime b = { .n = 0 };
    add_scan(&b, "x", 520, 2, 10);
    add_scan(&b, "x", 538, -2, 10);
    struct scan_sum *s = sums_of(&b, 1);
    assert_string_equal(s->group, "x_O");
    for (uint32_t k = 0; k < 10; k++) {
        assert_true(s->scan->points[k].incident_eV == 520 + 2 * k);
        assert_int_equal(s->sum->photons[k], 10 * k + 10 * (9 - k));
    }
    scan_sums_free(s, 1);
    beamtime_done(&b);
}

static void strangers_stay_apart(void **state) {
    (void)state;
    struct beamtime b = { .n = 0 };
    add_scan(&b, "a b/c", 770, 1, 20);
    add_scan(&b, "a b/c", 770.6, 1, 20);  /* more than half a step away */
    add_scan(&b, "a b/c", 770, 1, 21);    /* another number of points */
    add_scan(&b, "other", 770, 1, 20);
    add_scan(&b, "a b/c", 845, 1, 20);
    struct scan *index = add_scan(&b, "a b/c", 770, 1, 20);
    for (uint32_t k = 0; k < 20; k++)
        index->points[k].incident_eV = NAN;
    struct scan_sum *s = sums_of(&b, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(s[i].n_scans, 1);
        assert_int_equal(strspn(s[i].group, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"), strlen(s[i].group));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(s[i].group, s[k].group);
    }
    assert_string_equal(s[0].group, "a_b_c_Co");
    assert_string_equal(s[1].group, "a_b_c_Co_1");
    scan_sums_free(s, 6);
    beamtime_done(&b);
}

static void edges_have_their_names(void **state) {
    (void)state;
    static const struct { double lo_eV, hi_eV; const char *group; } cases[] = {
        { 280, 320, "s_C" },  { 390, 430, "s_N" },   { 520, 560, "s_O" },   { 450, 475, "s_Ti" },  { 508, 532, "s_V" },       { 570, 595, "s_Cr" },    { 632, 665, "s_Mn" },     { 700, 735, "s_Fe" },
        { 768, 805, "s_Co" }, { 845, 885, "s_Ni" },  { 925, 965, "s_Cu" },  { 1015, 1055, "s_Zn" }, { 300, 310, "s_scan" },   { 250, 1100, "s_scan" }, { 531, 531.5, "s_scan" },
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct beamtime b = { .n = 0 };
        add_scan(&b, "s", cases[k].lo_eV, (cases[k].hi_eV - cases[k].lo_eV) / 40, 41);
        struct scan_sum *s = sums_of(&b, 1);
        assert_string_equal(s->group, cases[k].group);
        scan_sums_free(s, 1);
        beamtime_done(&b);
    }
}

static void a_long_sample_name_fits(void **state) {
    (void)state;
    struct beamtime b = { .n = 0 };
    char sample[64];
    memset(sample, '\xE4', 63);
    sample[63] = '\0';
    add_scan(&b, sample, 300, 1, 2);
    add_scan(&b, sample, 400.5, 1, 2)->number = INT32_MAX;
    struct scan_sum *s = sums_of(&b, 2);
    assert_int_equal(strlen(s[1].group), 79);
    assert_string_equal(s[1].group + 63, "_scan_2147483647");
    scan_sums_free(s, 2);
    beamtime_done(&b);
}

static void nothing_makes_no_sums(void **state) {
    (void)state;
    struct beamtime b = { .n = 0 };
    scan_sums_free(sums_of(&b, 0), 0);
    scan_sums_free(NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats_are_added_as_counts_i0_and_live_time),
        cmocka_unit_test(mean_of_equal_set_points_is_exact_and_nan_i0_stays),
        cmocka_unit_test(exposure_of_a_sum_is_the_sum_of_exposures),
        cmocka_unit_test(a_scan_downwards_pairs_by_energy),
        cmocka_unit_test(strangers_stay_apart),
        cmocka_unit_test(edges_have_their_names),
        cmocka_unit_test(a_long_sample_name_fits),
        cmocka_unit_test(nothing_makes_no_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
