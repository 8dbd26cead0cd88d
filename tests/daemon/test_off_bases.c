/* Bases of OFF files by number: each once, the newest of a channel kept, copies that outlive it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/off_bases.h"

enum { SAMPLES = 40, BASES = 3 };

static void make_basis(double *basis, double first) {
    for (int i = 0; i < SAMPLES * BASES; i++)
        basis[i] = first + i;
}

static struct channel_shape shape_of(const double *basis) {
    return (struct channel_shape){ .coefficients = true, .n_samples = SAMPLES, .n_presamples = 10, .sample_period_s = 4e-6, .n_bases = BASES, .basis = basis };
}

static void each_is_kept_once(void **state) {
    (void)state;
    struct off_bases *b;
    double basis[SAMPLES * BASES], other[SAMPLES * BASES];
    assert_true(off_bases_new(&b));
    make_basis(basis, 1);
    make_basis(other, 1);
    const struct channel_shape shape = shape_of(basis), again = shape_of(other);
    const uint32_t number = off_bases_put(b, 7, &shape);
    assert_true(number > 0);
    assert_int_equal(off_bases_put(b, 7, &again), number);
    assert_true(off_bases_put(b, 9, &again) != number);   /* another channel */
    struct channel_shape later = again;
    later.n_presamples++;
    assert_true(off_bases_put(b, 7, &later) != number);
    other[SAMPLES * BASES - 1] += 1e-9;
    assert_true(off_bases_put(b, 7, &again) != number);
    off_bases_free(b);
}

static void a_copy_is_the_askers(void **state) {
    (void)state;
    struct off_bases *b;
    double basis[SAMPLES * BASES], want[SAMPLES * BASES];
    assert_true(off_bases_new(&b));
    make_basis(basis, 5);
    make_basis(want, 5);
    const struct channel_shape shape = shape_of(basis);
    const uint32_t number = off_bases_put(b, 7, &shape);
    make_basis(basis, 6);   /* the file is closed */
    struct channel_shape got;
    assert_true(off_bases_copy(b, number, &got));
    off_bases_free(b);
    assert_true(got.coefficients && got.n_samples == SAMPLES && got.n_presamples == 10 && got.n_bases == BASES && got.sample_period_s == 4e-6);
    assert_memory_equal(got.basis, want, sizeof want);
    free((void *)(uintptr_t)got.basis);
}

static void the_newest_of_a_channel_are_kept(void **state) {
    (void)state;
    struct off_bases *b;
    double basis[SAMPLES * BASES];
    uint32_t number[OFF_BASES_KEPT + 2];
    struct channel_shape got;
    assert_true(off_bases_new(&b));
    make_basis(basis, 0);
    const struct channel_shape other = shape_of(basis);
    const uint32_t of_other = off_bases_put(b, 1, &other);
    for (int k = 0; k < OFF_BASES_KEPT + 2; k++) {
        make_basis(basis, k);
        const struct channel_shape shape = shape_of(basis);
        number[k] = off_bases_put(b, 7, &shape);
    }
    for (int k = 0; k < OFF_BASES_KEPT + 2; k++) {
        assert_true(off_bases_copy(b, number[k], &got) == (k >= 2));
        if (k >= 2) {
            assert_true(got.basis[0] == k);
            free((void *)(uintptr_t)got.basis);
        }
    }
    assert_true(off_bases_copy(b, of_other, &got));
    free((void *)(uintptr_t)got.basis);
    assert_false(off_bases_copy(b, 0, &got));
    off_bases_free(b);
}

/* Heights of its coefficients are right by a model of the same basis alone; nothing is known of one that is not kept. */
static void a_model_measures_its_own(void **state) {
    (void)state;
    struct off_bases *b;
    struct pixel_model *m;
    double basis[SAMPLES * BASES], flat[SAMPLES * BASES] = { 0 };
    assert_true(off_bases_new(&b));
    for (int k = 0; k < SAMPLES * BASES; k++)
        basis[k] = k % BASES == 2 && k / BASES >= 10 ? 1.0 / (k / BASES - 7) : 0;
    const struct channel_shape shape = shape_of(basis), useless = shape_of(flat);
    const struct off_header h = channel_shape_header(&shape);
    assert_int_equal(pixel_model_from_off(&h, 10, basis, &m), STATUS_OK);
    const uint32_t own = off_bases_put(b, 7, &shape), none = off_bases_put(b, 7, &useless);
    basis[SAMPLES * BASES - 1] *= 1.01;
    const uint32_t other = off_bases_put(b, 7, &shape);
    assert_true(own > 0 && none > 0 && other > 0);
    assert_true(off_bases_measured_by(b, own, m));
    assert_false(off_bases_measured_by(b, other, m));
    assert_false(off_bases_measured_by(b, none, m));   /* no heights can be made of it */
    assert_false(off_bases_measured_by(b, 0, m));
    assert_false(off_bases_measured_by(b, other + 1, m));
    pixel_model_free(m);
    off_bases_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_is_kept_once), cmocka_unit_test(a_copy_is_the_askers), cmocka_unit_test(the_newest_of_a_channel_are_kept), cmocka_unit_test(a_model_measures_its_own) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
