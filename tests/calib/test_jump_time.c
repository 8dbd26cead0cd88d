#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "calib/jump_time.h"
#include "tests/calib/draw.h"

static double between(struct seeded *r, double low, double high) {
    return low + (high - low) * draw_uniform(r);
}

/* A sample with O Ka, Co La and a continuum. */
static double photon_eV(struct seeded *r) {
    double u = between(r, 0, 1);
    return u < 0.5 ? 525 + 2 * draw_normal(r) : u < 0.7 ? 776 + 1.5 * draw_normal(r) : between(r, 220, 1000);
}

static struct spectrum *array_of(struct seeded *r, size_t n) {
    struct spectrum *raw, *smooth;
    assert_int_equal(spectrum_new(0, 0.6, 2000, &raw), STATUS_OK);
    for (size_t i = 0; i < n; i++)
        spectrum_add(raw, photon_eV(r), 1);
    assert_int_equal(spectrum_smooth(raw, 4, &smooth), STATUS_OK);
    spectrum_free(raw);
    return smooth;
}

enum { PHOTONS = 400 };

/* Index found for a pixel whose curve before is right for the first `at` photons and its curve after for the others; both lie jump_eV apart
 * and drift_eV off besides. */
static size_t found(struct seeded *r, const struct spectrum *array, size_t at, double jump_eV, double drift_eV) {
    double evidence[PHOTONS];
    for (size_t i = 0; i < PHOTONS; i++) {
        double e = photon_eV(r) + drift_eV;
        evidence[i] = i < at ? jump_time_evidence(array, e, e - jump_eV) : jump_time_evidence(array, e + jump_eV, e);
    }
    return jump_time_index(evidence, PHOTONS);
}

static void the_jump_is_found_and_nothing_beyond_it_kept(void **state) {
    (void)state;
    struct seeded r = draw_start("jump_time", 7);
    struct spectrum *array = array_of(&r, 3000);
    double lost = 0;
    for (int k = 0; k < 200; k++) {
        size_t at = 40 + (size_t)between(&r, 0, PHOTONS - 60);
        size_t index = found(&r, array, at, k % 2 ? 18 : -12, between(&r, -1, 1));
        assert_true(index <= at + 6);   /* photons of the continuum say nothing */
        lost += (double)at - (double)index;
    }
    printf("photons before the jump that are not used: %.1f in the mean\n", lost / 200);
    assert_true(lost / 200 < 25);
    spectrum_free(array);
}

static void no_jump_and_nothing_but_jump(void **state) {
    (void)state;
    struct seeded r = draw_start("jump_time ends", 8);
    struct spectrum *array = array_of(&r, 3000);
    for (int k = 0; k < 100; k++) {
        assert_int_equal(found(&r, array, PHOTONS, 20, 0.5), PHOTONS);
        assert_int_equal(found(&r, array, 0, 20, 0.5), 0);
    }
    spectrum_free(array);
}

/* An array that saw nothing, energies that are none: no evidence, and no curve is believed. */
static void without_evidence_nothing_is_believed(void **state) {
    (void)state;
    struct spectrum *empty;
    assert_int_equal(spectrum_new(0, 1, 100, &empty), STATUS_OK);
    double none[3];
    for (int i = 0; i < 3; i++)
        none[i] = jump_time_evidence(empty, i == 1 ? (double)NAN : 50, 60);
    assert_true(none[0] == 0 && none[1] == 0 && none[2] == 0);
    assert_int_equal(jump_time_index(none, 3), 0);
    assert_int_equal(jump_time_index(none, 0), 0);
    spectrum_free(empty);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_jump_is_found_and_nothing_beyond_it_kept), cmocka_unit_test(no_jump_and_nothing_but_jump), cmocka_unit_test(without_evidence_nothing_is_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
