/* Records that the basis spans come back exactly; of the rest least squares leaves the least; what is encoded is decoded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "pulse/off_projection.h"
#include "tests/dice.h"
#include "tests/pulse/synthetic.h"

enum { N = 200, P = 50, BASES = 3 };

static void make_basis(double *basis) {
    for (int k = 0; k < N; k++) {
        basis[k * BASES] = 1;
        basis[k * BASES + 1] = synthetic_shape(k - P + 0.5) - synthetic_shape(k - P - 0.5);
        basis[k * BASES + 2] = synthetic_shape(k - P);
    }
}

static struct off_projection make(void) {
    double basis[N * BASES];
    struct off_projection p;
    make_basis(basis);
    assert_int_equal(off_projection_fit(basis, N, P, BASES, &p), STATUS_OK);
    return p;
}

static void test_projectors_undo_the_basis(void **state) {
    (void)state;
    struct off_projection p = make();
    for (int i = 0; i < BASES; i++)
        for (int j = 0; j < BASES; j++) {
            double sum = 0;
            for (int k = 0; k < N; k++)
                sum += p.projectors[i * N + k] * p.basis[k * BASES + j];
            assert_true(fabs(sum - (i == j)) < 1e-9);
        }
    off_projection_done(&p);
    off_projection_done(&p);
    double twice[N * 2];
    for (int k = 0; k < 2 * N; k++)
        twice[k] = 1;
    assert_int_equal(off_projection_fit(twice, N, P, 2, &p), STATUS_NOT_POSITIVE);
}

/* A slope before the trigger, pulses of either kind of sample. */
static void test_records(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct off_projection p = make();
    for (int trial = 0; trial < 20; trial++) {
        const bool is_signed = trial % 2 == 1;
        const double base = is_signed ? -3000 : 40000, height = 2000 + (double)dice_below(&d, 9000), slope = trial < 10 ? 0 : 0.5;
        uint16_t samples[N];
        for (int k = 0; k < N; k++)
            samples[k] = (uint16_t)(int)lrint(base + height * synthetic_shape(k - P) + slope * (k < P ? k - P : 0));
        const struct pulse_record r = { .samples = samples, .n_samples = N, .n_presamples = P, .trigger_time_ns = 1234567890123, .trigger_frame = 77 + trial };
        struct off_record o;
        off_projection_take(&p, &r, is_signed, &o);
        assert_true(o.n_samples == N && o.n_presamples == P && o.frame == 77 + trial && o.time_ns == 1234567890123);
        assert_true(fabs((double)o.pretrigger_delta - slope * P) < 0.6);
        assert_true(fabs((double)o.pretrigger_mean - (base - slope * (P + 1) / 2)) < 0.3);
        if (slope == 0) {   /* rounding to whole counts is all that is left */
            assert_true(fabs((double)o.coefficients[0] - base) < 0.3 && fabs((double)o.coefficients[2] - height) < 1 && fabs((double)o.coefficients[1]) < 2);
            assert_true((double)o.residual_sd < 0.4 && (double)o.residual_sd > 0.2);
        } else {
            assert_true((double)o.residual_sd > 1);
        }
    }
    off_projection_done(&p);
}

static void test_encoded_is_decoded(void **state) {
    (void)state;
    const struct off_header h = { .version = 30, .n_bases = BASES, .record_bytes = 36 + 4 * BASES };
    const struct off_record r = { .n_samples = N, .n_presamples = P, .frame = -5, .time_ns = INT64_C(1772442000000000001), .pretrigger_mean = 1.5F, .pretrigger_delta = -2, .residual_sd = 3,
                                  .coefficients = { 1, -2, 3 } };
    uint8_t bytes[36 + 4 * BASES + 1];
    struct off_record back;
    bytes[sizeof bytes - 1] = 0xA5;
    off_record_encode(&h, &r, bytes);
    off_record_decode_at(&h, bytes, &back);
    assert_memory_equal(&back, &r, offsetof(struct off_record, coefficients) + sizeof r.coefficients);
    assert_int_equal(bytes[sizeof bytes - 1], 0xA5);
}

/* Of its own projectors next to nothing, whatever the columns' units; one column's share as it is; a column of zeros or no numbers is never good. */
static void test_misfit(void **state) {
    (void)state;
    struct off_projection p = make();
    assert_true(off_projection_misfit(p.projectors, p.basis, N, BASES) < 1e-10);
    for (int k = 0; k < N; k++) {   /* the derivative in other units */
        p.basis[k * BASES + 1] *= 1e4;
        p.projectors[N + k] *= 1e-4;
    }
    assert_true(off_projection_misfit(p.projectors, p.basis, N, BASES) < 1e-10);
    for (int k = 0; k < N; k++)
        p.projectors[2 * N + k] *= 1.02;
    const double scaled = off_projection_misfit(p.projectors, p.basis, N, BASES);
    assert_true(fabs(scaled - 0.02) < 1e-6 && scaled > OFF_MISFIT_MOST);
    for (int k = 0; k < N; k++)
        p.projectors[2 * N + k] = p.projectors[k];   /* the mean in the pulse's place */
    assert_true(off_projection_misfit(p.projectors, p.basis, N, BASES) > 0.9);
    for (int k = 0; k < N; k++)
        p.basis[k * BASES + 2] = 0;
    assert_false(off_projection_misfit(p.projectors, p.basis, N, BASES) <= OFF_MISFIT_MOST);
    p.basis[0] = NAN;
    assert_false(off_projection_misfit(p.projectors, p.basis, N, BASES) <= OFF_MISFIT_MOST);
    off_projection_done(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_projectors_undo_the_basis), cmocka_unit_test(test_records), cmocka_unit_test(test_encoded_is_decoded), cmocka_unit_test(test_misfit) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
