/* A pixel learnt from its own records, then judged on records it has not seen, by truth. */
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
#include "tests/pulse/synthetic.h"

enum { N = 256, P = 64, LEVEL = 12000 };

struct run { bool inverted; int noise, pulses; uint32_t gap; };

static void turn_over(uint16_t *d) {
    for (int k = 0; k < N; k++)
        d[k] = (uint16_t)(65535 - d[k]);
}

static void feed(struct synthetic *s, struct run run, struct pixel_learner *l) {
    uint16_t d[N];
    struct pulse_record r = { .samples = d, .n_samples = N, .n_presamples = P };
    for (int i = 0; i < run.noise; i++) {
        synthetic_record(s, d, N, P, LEVEL, i % 100 == 50 ? 2000 : 0, 10);
        if (run.inverted)
            turn_over(d);
        r.trigger_frame = i * (int64_t)(N + run.gap);
        pixel_learner_noise(l, &r);
    }
    for (int i = 0; i < run.pulses; i++) {
        synthetic_record(s, d, N, P, LEVEL, i % 3 ? 3000 : 1500, synthetic_uniform(s) - 0.5);
        for (int k = 0; i % 25 == 3 && k < N; k++)
            d[k] = (uint16_t)(d[k] + 1000 * synthetic_shape(k - P - 70));
        if (run.inverted)
            turn_over(d);
        pixel_learner_pulse(l, &r);
    }
}

static enum status learn(struct synthetic *s, struct run run, struct pixel_model **m, struct pixel_learning *report, struct complaint *why) {
    struct noise_plan *plan;
    struct pixel_learner *l;
    assert_int_equal(noise_plan_new(N, &plan), STATUS_OK);
    assert_int_equal(pixel_learner_new(plan, N, P, 1e-5, &l), STATUS_OK);
    feed(s, run, l);
    enum status status = pixel_learner_finish(l, m, report, why);
    pixel_learner_free(l);
    noise_plan_free(plan);
    return status;
}

struct judgement { double mean, sd; int kept, records; };

static struct judgement judge(struct synthetic *s, const struct pixel_model *m, double height, double late_pulse, int records) {
    struct judgement j = { .records = records };
    double sum = 0, squares = 0;
    for (int i = 0; i < records; i++) {
        uint16_t d[N];
        struct measured_pulse p;
        synthetic_record(s, d, N, P, LEVEL, height, synthetic_uniform(s) - 0.5);
        for (int k = 0; k < N; k++)
            d[k] = (uint16_t)(d[k] + late_pulse * synthetic_shape(k - P - 60));
        if (m->inverted)
            turn_over(d);
        struct pulse_record r = { .samples = d, .n_samples = N, .n_presamples = P, .trigger_time_ns = 5000 + i, .trigger_frame = 7 };
        pixel_model_measure(m, &r, &p);
        assert_true(p.time_ns == 5000 + i && p.frame == 7);
        if (p.cuts)
            continue;
        j.kept++;
        sum += p.height;
        squares += (double)p.height * p.height;
    }
    j.mean = sum / j.kept;
    j.sd = sqrt(squares / j.kept - j.mean * j.mean);
    return j;
}

static void learns_well(struct run run) {
    struct synthetic s = synthetic_seed(26);
    struct pixel_model *m;
    struct pixel_learning report;
    struct complaint why;
    assert_int_equal(learn(&s, run, &m, &report, &why), STATUS_OK);
    assert_string_equal(why.text, "");
    struct judgement good = judge(&s, m, 3000, 0, 1000), piled = judge(&s, m, 3000, 600, 200);
    print_message("inverted %d gap %u: noise %u less %u, template of %u, V/dV %.0f; sd %.2f, promised %.2f; kept %d of %d, piled up %d of %d\n",
                  run.inverted, run.gap, (unsigned)report.noise_records, (unsigned)report.noise_rejected, (unsigned)report.template_records,
                  m->predicted_resolving_power, good.sd, m->noise_sigma, good.kept, good.records, piled.kept, piled.records);
    assert_int_equal(m->inverted, run.inverted);
    assert_false(m->white_noise);
    assert_true(report.noise_rejected >= (unsigned)run.noise / 100 && report.noise_rejected < (unsigned)run.noise / 20);
    assert_int_equal(report.pulse_records, run.pulses);
    assert_true(fabs(report.baseline_sd - 5) < 0.5);
    assert_true(good.kept > 0.98 * good.records && piled.kept == 0);
    assert_true(fabs(good.mean / 3000 - 1) < 0.02);
    assert_true(good.sd < 2.5 * m->noise_sigma && good.sd > 0.9 * m->noise_sigma);  /* arrival adds to the noise at so fast a rise */
    pixel_model_free(m);
}

static void test_learns(void **state) {
    (void)state;
    learns_well((struct run){ .noise = 600, .pulses = 900 });
    learns_well((struct run){ .inverted = true, .noise = 600, .pulses = 900, .gap = 40 });
}

/* Share of records in which a second pulse of that height, 60 samples behind the trigger, is found (at all, and where it is), and kept. */
struct search { double found, placed, kept; };

static struct search look_for_second(struct synthetic *s, const struct pixel_model *m, double height) {
    enum { RECORDS = 500 };
    struct search j = { 0, 0, 0 };
    for (int i = 0; i < RECORDS; i++) {
        uint16_t d[N];
        struct second_pulse found = { .sample = 0 };
        struct measured_pulse p;
        struct pulse_record r = { .samples = d, .n_samples = N, .n_presamples = P };
        synthetic_record(s, d, N, P, LEVEL, i % 2 ? 3000 : 1500, synthetic_uniform(s) - 0.5);
        for (int k = 0; k < N; k++)
            d[k] = (uint16_t)(d[k] + rint(height * synthetic_shape(k - P - 60)));
        bool seen = pixel_model_second_pulse(m, &r, &found);
        pixel_model_measure(m, &r, &p);
        j.found += seen / (double)RECORDS;
        j.placed += (seen && abs((int)found.sample - (P + 60)) <= 2) / (double)RECORDS;
        j.kept += (p.cuts == 0) / (double)RECORDS;
    }
    return j;
}

static void test_small_second_pulses(void **state) {
    (void)state;
    for (int noise = 0; noise <= 600; noise += 600) {
        struct synthetic s = synthetic_seed(36);
        struct pixel_model *m;
        struct complaint why;
        assert_int_equal(learn(&s, (struct run){ .noise = noise, .pulses = 900 }, &m, NULL, &why), STATUS_OK);
        for (double height = 0; height <= 320; height = height > 0 ? 2 * height : 20) {
            struct search j = look_for_second(&s, m, height);
            print_message("noise known %d, second pulse of %3.0f: found %5.1f %%, at its place %5.1f %%, kept %5.1f %%\n", noise > 0, height,
                          100 * j.found, 100 * j.placed, 100 * j.kept);
            if (height == 0)
                assert_true(j.found < 0.02 && j.kept > 0.97);
            if (height >= 40)
                assert_true(j.placed > 0.95 && j.kept < 0.05);
        }
        pixel_model_free(m);
    }
}

static void test_without_noise_it_says_white(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(27);
    struct pixel_model *m;
    struct complaint why;
    assert_int_equal(learn(&s, (struct run){ .noise = 12, .pulses = 300 }, &m, NULL, &why), STATUS_OK);
    print_message("%s\n", why.text);
    assert_true(m->white_noise && m->noise_sigma == 0 && m->predicted_resolving_power == 0);
    assert_non_null(strstr(why.text, "white"));
    struct judgement j = judge(&s, m, 3000, 0, 300);
    assert_true(j.kept > 290 && fabs(j.mean / 3000 - 1) < 0.02);
    pixel_model_free(m);
}

/* A pulse file given as the noise file. */
static void test_pulses_for_noise_are_told(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(33);
    struct noise_plan *plan;
    struct pixel_learner *l;
    struct pixel_model *m;
    struct complaint why;
    uint16_t d[N];
    struct pulse_record r = { .samples = d, .n_samples = N, .n_presamples = P };
    assert_int_equal(noise_plan_new(N, &plan), STATUS_OK);
    assert_int_equal(pixel_learner_new(plan, N, P, 1e-5, &l), STATUS_OK);
    for (int i = 0; i < 200; i++) {
        synthetic_record(&s, d, N, P, LEVEL, 3000, 0);
        pixel_learner_noise(l, &r);
        pixel_learner_pulse(l, &r);
    }
    assert_int_equal(pixel_learner_finish(l, &m, NULL, &why), STATUS_OK);
    print_message("%s\n", why.text);
    assert_true(m->white_noise);
    assert_non_null(strstr(why.text, "hold pulses"));
    pixel_model_free(m);
    pixel_learner_free(l);
    noise_plan_free(plan);
}

/* Pulses far longer than the record: their filter's maximum is samples away from the template's own place, which once made
 * them unlearnable, and then made residuals grow with height. */
static void test_pulses_longer_than_the_record(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(34);
    struct noise_plan *plan;
    struct pixel_learner *l;
    struct pixel_model *m;
    uint16_t d[N];
    struct pulse_record r = { .samples = d, .n_samples = N, .n_presamples = P };
    assert_int_equal(noise_plan_new(N, &plan), STATUS_OK);
    assert_int_equal(pixel_learner_new(plan, N, P, 1e-5, &l), STATUS_OK);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < 300; i++) {
            synthetic_record(&s, d, N, P, LEVEL, 0, 0);
            for (int k = 0; k < N; k++)
                d[k] = (uint16_t)(d[k] + (i % 2 ? 2000 : 6000) * synthetic_shape(0.2 * (k - P)));
            struct measured_pulse p = { .cuts = 0 };
            if (pass == 0)
                pixel_learner_pulse(l, &r);
            else
                pixel_model_measure(m, &r, &p);
            assert_true(pass == 0 || (fabsf(p.arrival_samples) < 2 && p.residual < 15));
            if (pass == 0 && i == 299)
                assert_int_equal(pixel_learner_finish(l, &m, NULL, NULL), STATUS_OK);
        }
    print_message("template's own arrival %.2f\n", m->template_arrival);
    pixel_model_free(m);
    pixel_learner_free(l);
    noise_plan_free(plan);
}

static void test_too_few_pulses(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(28);
    struct pixel_model *m = NULL;
    struct pixel_learning report;
    struct complaint why;
    assert_int_equal(learn(&s, (struct run){ .noise = 100, .pulses = 40 }, &m, &report, &why), STATUS_TOO_FEW);
    print_message("%s\n", why.text);
    assert_int_equal(report.pulse_records, 40);
    assert_int_equal(learn(&s, (struct run){ .noise = 0, .pulses = 0 }, &m, &report, NULL), STATUS_TOO_FEW);
    assert_null(m);
}

/* Files that are not what they were said to be: records without pulses, dead pixels, records of other lengths. */
static void test_wrong_input(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(29);
    struct noise_plan *plan;
    struct pixel_model *m = NULL;
    struct pixel_learning report;
    uint16_t d[N + 1];
    assert_int_equal(noise_plan_new(N, &plan), STATUS_OK);
    for (int kind = 0; kind < 3; kind++) {
        struct pixel_learner *l;
        assert_int_equal(pixel_learner_new(plan, N, P, 1e-5, &l), STATUS_OK);
        for (int i = 0; i < 200; i++) {
            synthetic_record(&s, d, N, P, LEVEL, 0, 0);
            for (int k = 0; kind == 1 && k < N; k++)
                d[k] = 0;
            struct pulse_record r = { .samples = d, .n_samples = kind == 2 ? N + 1 : N, .n_presamples = P };
            pixel_learner_noise(l, &r);
            pixel_learner_pulse(l, &r);
        }
        assert_int_equal(pixel_learner_finish(l, &m, &report, NULL), STATUS_TOO_FEW);
        assert_int_equal(report.pulse_records, 200);
        assert_int_equal(report.noise_records, 200);
        pixel_learner_free(l);
    }
    assert_null(m);
    noise_plan_free(plan);
}

static void test_impossible_records(void **state) {
    (void)state;
    struct noise_plan *plan;
    struct pixel_learner *l = NULL;
    assert_int_equal(noise_plan_new(N, &plan), STATUS_OK);
    assert_int_equal(pixel_learner_new(plan, N, 4, 1e-5, &l), STATUS_BAD_VALUE);
    assert_int_equal(pixel_learner_new(plan, N, N, 1e-5, &l), STATUS_BAD_VALUE);
    assert_int_equal(pixel_learner_new(plan, N + 2, P, 1e-5, &l), STATUS_BAD_VALUE);
    assert_null(l);
    noise_plan_free(plan);
}

/* A copy measures every record to the same bits, doubtful ones too, and lives on its own. */
static void test_copy(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(29);
    struct pixel_model *m, *copy;
    struct measured_pulse was[200], is;
    uint16_t d[200][N];
    assert_int_equal(learn(&s, (struct run){ .noise = 200, .pulses = 400 }, &m, NULL, NULL), STATUS_OK);
    assert_int_equal(pixel_model_copy(m, &copy), STATUS_OK);
    for (int i = 0; i < 200; i++) {
        synthetic_record(&s, d[i], N, P, LEVEL, 500 + 20 * i, synthetic_uniform(&s) - 0.5);
        for (int k = 0; i % 3 == 0 && k < N; k++)
            d[i][k] = (uint16_t)(d[i][k] + 300 * synthetic_shape(k - P - 20));
        pixel_model_measure(m, &(struct pulse_record){ .samples = d[i], .n_samples = N, .n_presamples = P }, &was[i]);
    }
    pixel_model_free(m);
    for (int i = 0; i < 200; i++) {
        pixel_model_measure(copy, &(struct pulse_record){ .samples = d[i], .n_samples = N, .n_presamples = P }, &is);
        assert_true(is.cuts == was[i].cuts);
        assert_memory_equal(&is.height, &was[i].height, sizeof is.height);
        assert_memory_equal(&is.residual, &was[i].residual, sizeof is.residual);
        assert_memory_equal(&is.arrival_samples, &was[i].arrival_samples, sizeof is.arrival_samples);
    }
    pixel_model_free(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy), cmocka_unit_test(test_learns), cmocka_unit_test(test_small_second_pulses), cmocka_unit_test(test_without_noise_it_says_white), cmocka_unit_test(test_too_few_pulses),
        cmocka_unit_test(test_wrong_input), cmocka_unit_test(test_pulses_for_noise_are_told),
        cmocka_unit_test(test_pulses_longer_than_the_record), cmocka_unit_test(test_impossible_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
