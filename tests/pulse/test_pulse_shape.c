/* Pulses whose shape follows height and arrival are followed down to the noise; spoilt ones do not teach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/pulse_shape.h"
#include "tests/pulse/synthetic.h"

enum { N = 250, P = 64, RECORDS = 600, LEVEL = 9000, REFERENCE = 3000 };

/* Slower with height: the shape changes as u does, and not quite linearly. */
static double true_sample(int k, double height, double late) {
    return height * synthetic_shape((k - P - 2 - late) / (1 + 0.06 * (height / REFERENCE - 1)));
}

static void draw(struct synthetic *s, double height, double late, double sign, double noise, uint16_t *d) {
    for (int k = 0; k < N; k++)
        d[k] = (uint16_t)rint(32000 + sign * (LEVEL + true_sample(k, height, late)) + noise * synthetic_noise(s));
}

struct training { struct record_store store; struct shape_point points[RECORDS]; };

static void train(struct synthetic *s, double sign, double spread, double jitter, struct training *t) {
    record_store_init(&t->store, STORE_FIRST, N, P, RECORDS);
    for (int i = 0; i < RECORDS; i++) {
        uint16_t d[N];
        double height = REFERENCE * (1 + spread * (2 * synthetic_uniform(s) - 1)), late = jitter * (synthetic_uniform(s) - 0.5);
        draw(s, height, late, sign, 0.2, d);
        for (int k = 0; i % 10 == 3 && k < N; k++)
            d[k] = (uint16_t)(d[k] + sign * 1000 * synthetic_shape(k - P - 60));
        struct pulse_record r = { .samples = d, .n_samples = N, .n_presamples = P };
        assert_int_equal(record_store_add(&t->store, &r), STATUS_OK);
        t->points[i] = (struct shape_point){ (float)height, (float)late, (float)(32000 + sign * LEVEL), true };
    }
}

static double left_at_phase(struct synthetic *s, const struct pulse_shape *shape, double height, double late, double phase, double sign) {
    uint16_t d[N];
    draw(s, height, late, sign, 0, d);
    return sqrt((double)pulse_shape_residual(shape, dot_kernel_best(), d, (float)(32000 + sign * LEVEL), height, phase));
}

static double left_of(struct synthetic *s, const struct pulse_shape *shape, double height, double late, double sign) {
    return left_at_phase(s, shape, height, late, late, sign);
}

/* Folded or not, the residual of a noisy record is the same but for what folding may leave. */
static void residual_is_folded(struct synthetic *s, struct pulse_shape *shape, double height, double late, double sign) {
    uint16_t d[N];
    float base = (float)(32000 + sign * LEVEL);
    draw(s, height, late, sign, 10, d);
    double folded = sqrt((double)pulse_shape_residual(shape, dot_kernel_best(), d, base, height, late));
    struct shape_fold *fold = shape->fold;
    assert_non_null(fold);
    shape->fold = NULL;
    double whole = sqrt((double)pulse_shape_residual(shape, dot_kernel_best(), d, base, height, late));
    shape->fold = fold;
    struct pulse_shape shorter = *shape;   /* as for a pulse that another one follows: what comes later does not matter */
    for (shorter.n_samples = shape->first + 5; shorter.n_samples < N; shorter.n_samples += 37) {
        uint16_t followed[N];
        memcpy(followed, d, sizeof followed);
        for (uint32_t k = shorter.n_samples; k < N; k++)
            followed[k] = 0;
        assert_true(pulse_shape_residual(&shorter, dot_kernel_best(), followed, base, height, late) == pulse_shape_residual(&shorter, dot_kernel_best(), d, base, height, late));
    }
    assert_true(shape_fold_left(fold) < 3e-4 * shape->reference && fabs(folded - whole) < 3 * shape_fold_left(fold));
}

static void test_follows_height_and_arrival(void **state) {
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        struct synthetic s = synthetic_seed(41);
        static struct training t;
        struct pulse_shape *shape;
        double worst = 0;
        train(&s, sign, 0.5, 1, &t);
        assert_int_equal(pulse_shape_learn(&t.store, t.points, (struct phase_bend){ 0, 0 }, &shape), STATUS_OK);
        int used = 0;
        for (int i = 0; i < RECORDS; i++) {
            assert_false(t.points[i].used && i % 10 == 3);
            used += t.points[i].used;
        }
        assert_true(used > 0.9 * 0.9 * RECORDS);
        for (double height = 1600; height <= 4400; height += 200)
            for (double late = -0.45; late < 0.5; late += 0.1) {
                worst = fmax(worst, left_of(&s, shape, height, late, sign));
                residual_is_folded(&s, shape, height, late, sign);
            }
        print_message("sign %d: reference %.0f, worst %.2f counts; template alone would leave %.1f\n", sign, shape->reference, worst,
                      0.03 * REFERENCE * 0.5);
        assert_true(worst < 3);
        pulse_shape_free(shape);
        record_store_done(&t.store);
    }
}

/* Learnt from arrivals within half a sample, or within one and a half: up to three samples off the shape leaves what it leaves at the same part of
 * a sample, within a count; the template alone would leave some hundreds. */
static void test_triggers_samples_off(void **state) {
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        struct synthetic s = synthetic_seed(45);
        static struct training t;
        struct pulse_shape *shape;
        double worst = 0;
        train(&s, 1, 0.5, wide ? 3 : 1, &t);
        assert_int_equal(pulse_shape_learn(&t.store, t.points, (struct phase_bend){ 0, 0 }, &shape), STATUS_OK);
        for (double height = 1600; height <= 4400; height += 400)
            for (int i = -2; i <= 2; i++)
                for (int off = -3; off <= 3; off++) {
                    worst = fmax(worst, fabs(left_of(&s, shape, height, 0.2 * i + off, 1) - left_of(&s, shape, height, 0.2 * i, 1)));
                    residual_is_folded(&s, shape, height, 0.2 * i + off, 1);
                }
        print_message("arrivals within %s samples: worst %.2f counts more than without whole samples\n", wide ? "1.5" : "0.5", worst);
        assert_true(worst < 1);
        pulse_shape_free(shape);
        record_store_done(&t.store);
    }
}

/* The filter says 1.05 of one sample and 3 of two, as on slow pulses: what is left is that of a true phase. Taken for the arrival such phases leave a hundred counts. */
static void test_phases_that_bend(void **state) {
    (void)state;
    static const double at_one = 1.05, at_two = 3;
    const struct phase_bend bend = phase_bend_of(at_one, at_two);
    assert_true(fabs(1 + bend.cubic + bend.quintic - at_one) < 1e-12 && fabs(2 + 8 * bend.cubic + 32 * bend.quintic - at_two) < 1e-12);
    struct synthetic s = synthetic_seed(46);
    static struct training t;
    double worst[2] = { 0 };
    for (int known = 0; known < 2; known++) {
        struct pulse_shape *shape;
        train(&s, 1, 0.5, 4, &t);
        for (int i = 0; i < RECORDS; i++) {
            double late = (double)t.points[i].phase;
            t.points[i].phase = (float)(late * (1 + late * late * (bend.cubic + bend.quintic * late * late)));
        }
        assert_int_equal(pulse_shape_learn(&t.store, t.points, known ? bend : (struct phase_bend){ 0, 0 }, &shape), STATUS_OK);
        for (double late = -2; late <= 2; late += 0.1)
            worst[known] = fmax(worst[known], left_at_phase(&s, shape, REFERENCE, late, late * (1 + late * late * (bend.cubic + bend.quintic * late * late)), 1));
        pulse_shape_free(shape);
        record_store_done(&t.store);
    }
    print_message("phases that bend: worst %.2f counts, taken for arrivals %.0f\n", worst[1], worst[0]);
    assert_true(worst[1] < 5 && worst[0] > 10 * worst[1]);
}

/* A filter that says less than what is, or nothing, bends no phases. */
static void test_no_bend(void **state) {
    (void)state;
    const double odd[][2] = { { 0.9, 1.5 }, { 1.3, 2 }, { (double)NAN, 3 }, { 1.05, (double)NAN } };
    for (size_t k = 0; k < sizeof odd / sizeof odd[0]; k++) {
        struct phase_bend b = phase_bend_of(odd[k][0], odd[k][1]);
        assert_true(b.cubic == 0 && b.quintic == 0);
    }
}

/* One line, or one arrival: what cannot be learnt is not made up. */
static void test_terms_that_cannot_be_told_apart(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(42);
    static struct training t;
    for (int one_arrival = 0; one_arrival < 2; one_arrival++) {
        struct pulse_shape *shape;
        train(&s, 1, one_arrival ? 0.4 : 0, one_arrival ? 0 : 1, &t);
        assert_int_equal(pulse_shape_learn(&t.store, t.points, (struct phase_bend){ 0, 0 }, &shape), STATUS_OK);
        for (size_t k = 0; k < SHAPE_TERMS * shape->stride; k++)
            assert_true(isfinite(shape->rows[k]));
        print_message("%.2f at the reference, %.2f beyond\n", left_of(&s, shape, REFERENCE, 0, 1), left_of(&s, shape, 2 * REFERENCE, 0, 1));
        assert_true(left_of(&s, shape, REFERENCE, 0, 1) < 5);
        assert_true(left_of(&s, shape, 2 * REFERENCE, 0, 1) < 0.06 * REFERENCE);
        pulse_shape_free(shape);
        record_store_done(&t.store);
    }
}

static void test_from_template(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(43);
    struct pulse_shape *shape;
    double template_pulse[N];
    for (int k = 0; k < N; k++)
        template_pulse[k] = synthetic_shape(k - P - 2);
    assert_int_equal(pulse_shape_from_template(template_pulse, N, P, REFERENCE, &shape), STATUS_OK);
    assert_true(left_of(&s, shape, REFERENCE, 0, 1) < 0.5);
    assert_true(left_of(&s, shape, REFERENCE, 0.3, 1) < 0.3 * left_of(&s, shape, REFERENCE, -0.3, 1) + 20);
    float terms[SHAPE_TERMS];
    pulse_shape_terms(shape, 2 * REFERENCE, (double)NAN, terms);
    assert_true(terms[0] == 2 * REFERENCE && terms[1] == 0 && terms[4] == 0);
    pulse_shape_terms(shape, 2, 100, terms);
    assert_true(terms[1] == 3);
    pulse_shape_free(shape);
}

static void test_refusals(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(44);
    static struct training t;
    struct pulse_shape *shape = NULL;
    train(&s, 1, 0.4, 1, &t);
    for (int i = SHAPE_RECORDS_MIN - 1; i < RECORDS; i++)
        t.points[i].used = false;
    assert_int_equal(pulse_shape_learn(&t.store, t.points, (struct phase_bend){ 0, 0 }, &shape), STATUS_TOO_FEW);
    memset(t.points, 0, sizeof t.points);
    assert_int_equal(pulse_shape_learn(&t.store, t.points, (struct phase_bend){ 0, 0 }, &shape), STATUS_TOO_FEW);
    assert_int_equal(pulse_shape_new(N, N, 1, &shape), STATUS_BAD_VALUE);
    assert_int_equal(pulse_shape_new(N, P, 0, &shape), STATUS_BAD_VALUE);
    assert_null(shape);
    pulse_shape_free(NULL);
    record_store_done(&t.store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_follows_height_and_arrival), cmocka_unit_test(test_triggers_samples_off), cmocka_unit_test(test_phases_that_bend), cmocka_unit_test(test_no_bend), cmocka_unit_test(test_terms_that_cannot_be_told_apart),
        cmocka_unit_test(test_from_template), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
