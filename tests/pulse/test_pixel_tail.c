/* Pulses on the tail of an earlier one: same heights as alone, wider by what the model says, and still judged by their shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/noise_plan.h"
#include "pulse/optimal_filter.h"
#include "pulse/pixel_model.h"
#include "pulse/pixel_tail.h"
#include "tests/pulse/synthetic.h"

enum { N = 256, P = 96, LEVEL = 12000 };

static struct pulse_record record_of(const uint16_t *d) {
    return (struct pulse_record){ .samples = d, .n_samples = N, .n_presamples = P, .trigger_time_ns = 4000, .trigger_frame = 2 };
}

static void add_pulse(uint16_t *d, double height, double at, bool inverted) {
    for (int k = 0; k < N; k++)
        d[k] = (uint16_t)(d[k] + rint((inverted ? -1 : 1) * height * synthetic_shape(k - P - at)));
}

static void draw(struct synthetic *s, double height, bool inverted, uint16_t *d) {
    synthetic_record(s, d, N, P, LEVEL, 0, 0);
    add_pulse(d, height, synthetic_uniform(s) - 0.5, inverted);
}

static struct pixel_model *learn(struct synthetic *s, bool inverted) {
    struct noise_plan *plan;
    struct pixel_learner *l;
    struct pixel_model *m = NULL;
    uint16_t d[N];
    struct pulse_record r = record_of(d);
    assert_int_equal(noise_plan_new(N, &plan), STATUS_OK);
    assert_int_equal(pixel_learner_new(plan, N, P, 1e-5, &l), STATUS_OK);
    for (int i = 0; i < 600; i++) {
        r.trigger_frame = i * (int64_t)N;
        draw(s, 0, inverted, d);
        pixel_learner_noise(l, &r);
        draw(s, i % 3 ? 3000 : 1500, inverted, d);
        pixel_learner_pulse(l, &r);
    }
    assert_int_equal(pixel_learner_finish(l, &m, NULL, NULL), STATUS_OK);
    assert_non_null(m->tail_filter);
    pixel_learner_free(l);
    noise_plan_free(plan);
    return m;
}

struct judgement { double moved, sd, kept; };   /* moved: against the same record alone, by the standard filter */

/* before: samples from the earlier pulse, of 4000 counts, to the trigger. late: a third pulse of 800 counts 60 samples behind. */
static struct judgement judge(struct synthetic *s, const struct pixel_model *m, double before, bool late, bool tail_blind) {
    enum { RECORDS = 3000 };
    struct judgement j = { 0, 0, 0 };
    double sum = 0, squares = 0;
    for (int i = 0; i < RECORDS; i++) {
        uint16_t d[N];
        struct measured_pulse alone, p;
        struct pulse_record r = record_of(d);
        draw(s, 3000, m->inverted, d);
        pixel_model_measure(m, &r, &alone);
        add_pulse(d, 4000, -before, m->inverted);
        if (late)
            add_pulse(d, 800, 60, m->inverted);
        if (tail_blind)
            pixel_model_measure_tail(m, &r, &p);
        else
            pixel_model_measure(m, &r, &p);
        assert_true(p.time_ns == 4000 && p.frame == 2);
        j.moved += (double)(p.height - alone.height) / RECORDS;
        sum += (double)p.height / RECORDS;
        squares += (double)p.height * (double)p.height / RECORDS;
        j.kept += (p.cuts == 0) / (double)RECORDS;
    }
    j.sd = sqrt(squares - sum * sum);
    return j;
}

static void test_heights_on_a_tail(void **state) {
    (void)state;
    for (int inverted = 0; inverted < 2; inverted++) {
        struct synthetic s = synthetic_seed(61);
        struct pixel_model *m = learn(&s, inverted);
        struct judgement third = judge(&s, m, 170, true, true);
        print_message("decay %.2f (true 40), sigma %.2f, on tails %.2f; with a third pulse %.0f %% kept\n", m->tail_samples, m->noise_sigma,
                      m->tail_sigma, 100 * third.kept);
        assert_true(fabs(m->tail_samples / 40 - 1) < 0.03);
        assert_true(m->tail_sigma > m->noise_sigma && m->tail_sigma < 1.3 * m->noise_sigma);
        for (double before = 160; before <= 280; before += 40) {
            struct judgement blind = judge(&s, m, before, false, true), standard = judge(&s, m, before, false, false);
            print_message("  %3.0f samples after another: %+.3f sigma, standard %+.2f sigma; sd %.2f, kept %.1f %%, standard %.1f %%\n", before,
                          blind.moved / m->tail_sigma, standard.moved / m->noise_sigma, blind.sd, 100 * blind.kept, 100 * standard.kept);
            assert_true(fabs(blind.moved) < 0.1 * m->tail_sigma);
            assert_true(blind.kept > 0.97);
        }
        assert_true(third.kept < 0.01);
        pixel_model_free(m);
    }
}

static void test_records_that_do_not_fit(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(62);
    struct pixel_model *m = learn(&s, false);
    uint16_t d[N];
    struct measured_pulse p;
    draw(&s, 3000, false, d);
    struct pulse_record r = record_of(d);
    r.n_samples = N - 1;
    pixel_model_measure_tail(m, &r, &p);
    assert_true(p.cuts == CUT_BIT(CUT_SHORT) && isnan(p.height));
    r.n_samples = N;
    optimal_filter_free(m->tail_filter);
    m->tail_filter = NULL;
    pixel_model_measure_tail(m, &r, &p);
    struct measured_pulse plain;
    pixel_model_measure(m, &r, &plain);
    assert_true(p.height == plain.height && p.arrival_samples == plain.arrival_samples && p.cuts == plain.cuts && p.residual == plain.residual);
    pixel_model_free(m);
}

static void test_decay(void **state) {
    (void)state;
    double shape[N];
    for (int k = 0; k < N; k++)
        shape[k] = -synthetic_shape(k - P);
    assert_true(fabs(pixel_tail_decay(shape, N, P, true) - 40) < 0.01);
    assert_true(pixel_tail_decay(shape, N, P, false) == 0);
    for (int k = P; k < N; k++)
        shape[k] = k - P;
    assert_true(pixel_tail_decay(shape, N, P, false) == 0);
    memset(shape, 0, sizeof shape);
    assert_true(pixel_tail_decay(shape, N, P, false) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heights_on_a_tail), cmocka_unit_test(test_records_that_do_not_fit), cmocka_unit_test(test_decay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
