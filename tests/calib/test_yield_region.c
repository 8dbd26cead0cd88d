#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "calib/yield_region.h"
#include "tests/calib/photons.h"

static void windows_take_the_best_grade_only(void **state) {
    (void)state;
    const struct yield_region regions[] = { { "sPFY", 522, 525 }, { "tfy", -INFINITY, INFINITY } };
    for (size_t k = 0; k < 2; k++) {
        struct yield_spectrum *y;
        assert_int_equal(yield_spectrum_new(&regions[k], 3, 2, &y), STATUS_OK);
        assert_int_equal(y->grades_used, 1);
        yield_spectrum_free(y);
    }
}

static void bad_regions_are_refused(void **state) {
    (void)state;
    static const struct yield_region bad[] = { { "a", 2, 2 }, { "a", 3, 2 }, { "a", NAN, 2 }, { "a", 1, NAN }, { "", 1, 2 }, { "O Ka", 1, 2 }, { "../x", 1, 2 }, { "\xC3\xA4", 1, 2 } };
    struct yield_spectrum *y = NULL;
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
        assert_int_equal(yield_spectrum_new(&bad[k], 1, 1, &y), STATUS_BAD_VALUE);
    struct yield_region unended = { .lo_eV = 1, .hi_eV = 2 };
    memset(unended.name, 'a', sizeof unended.name);
    assert_int_equal(yield_spectrum_new(&unended, 1, 1, &y), STATUS_BAD_VALUE);
    assert_null(y);
    yield_spectrum_free(NULL);
}

static void counts_equal_the_definition(void **state) {
    (void)state;
    enum { N_POINTS = 7, N_PIXELS = 4 };
    static const struct yield_region regions[] = { { "O_Ka", 505, 535 }, { "sPFY", 522.25, 525 }, { "tfy", -INFINITY, INFINITY } };
    struct dice d = dice_new();
    struct photon_block *b;
    assert_int_equal(photon_block_new(20000, &b), STATUS_OK);
    fill_photons(&d, &(struct photon_range){ N_POINTS, N_PIXELS, 500, 540, 0.25 }, b);
    for (size_t r = 0; r < 3; r++) {
        struct yield_spectrum *y;
        assert_int_equal(yield_spectrum_new(&regions[r], N_POINTS, N_PIXELS, &y), STATUS_OK);
        y->pixels_used[2] = 0;
        uint32_t want[N_POINTS] = { 0 };
        for (size_t i = 0; i < b->n; i++) {
            if (b->cuts[i] || b->point[i] < 0)
                continue;
            yield_spectrum_add(y, b, i);
            double e = (double)b->energy_eV[i];
            bool grade = b->grade[i] == 0;
            want[b->point[i]] += b->pixel[i] != 2 && grade && (b->flags[i] & 3) < 2 && (b->flags[i] & 4) == 0 && e >= regions[r].lo_eV && e < regions[r].hi_eV;
        }
        assert_memory_equal(y->counts, want, sizeof want);
        yield_spectrum_free(y);
    }
    photon_block_free(b);
}

static void assert_close(double got, double want) {
    if (!(fabs(got - want) <= 1e-12 * fabs(want)))
        fail_msg("%.17g is not %.17g", got, want);
}

static void yields_and_errors_follow_the_formula(void **state) {
    (void)state;
    struct yield_value v = yield_value_of(100, YIELD_PER_LIVE_TIME, NAN, NAN, 2, 0);
    assert_close(v.yield, 50);
    assert_close(v.error, 5);
    v = yield_value_of(100, YIELD_PER_I0_LIVE_TIME, 4, NAN, 2, 0);
    assert_close(v.yield, 12.5);
    assert_close(v.error, 1.25);
    v = yield_value_of(100, YIELD_PER_I0_LIVE_TIME, 4, 0.3, 2, 0);
    assert_close(v.error, sqrt(1.25 * 1.25 + 12.5 * 12.5 * 0.075 * 0.075));
    v = yield_value_of(9, YIELD_PER_LIVE_TIME, 0, 0, 1, 0);
    assert_close(v.error, sqrt(9.75) + 1);
    v = yield_value_of(10, YIELD_PER_LIVE_TIME, 0, 0, 1, 0);
    assert_close(v.error, sqrt(10));
    v = yield_value_of(100, YIELD_PER_LIVE_TIME, NAN, NAN, 2, 0.44);
    assert_close(v.yield, 50);
    assert_close(v.error, 6);
    v = yield_value_of(0, YIELD_PER_I0_LIVE_TIME, 2, 0.1, 0.5, 0);
    assert_true(v.yield == 0);
    assert_close(v.error, sqrt(0.75) + 1);
}

static void yields_that_cannot_be_are_nan(void **state) {
    (void)state;
    static const struct { enum yield_norm norm; double i0, live_time_s; } cases[] = {
        { YIELD_PER_I0_LIVE_TIME, 0, 1 },   { YIELD_PER_I0_LIVE_TIME, -1, 1 }, { YIELD_PER_I0_LIVE_TIME, NAN, 1 }, { YIELD_PER_I0_LIVE_TIME, INFINITY, 1 },
        { YIELD_PER_I0_LIVE_TIME, -1, -1 }, { YIELD_PER_LIVE_TIME, 1, 0 },     { YIELD_PER_LIVE_TIME, 1, -2 },     { YIELD_PER_LIVE_TIME, 1, NAN },
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct yield_value v = yield_value_of(5, cases[k].norm, cases[k].i0, 0.1, cases[k].live_time_s, 0);
        assert_true(isnan(v.yield) && isnan(v.error));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_take_the_best_grade_only),
        cmocka_unit_test(bad_regions_are_refused),
        cmocka_unit_test(counts_equal_the_definition),
        cmocka_unit_test(yields_and_errors_follow_the_formula),
        cmocka_unit_test(yields_that_cannot_be_are_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
