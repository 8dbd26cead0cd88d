#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "pulse/height_correction.h"
#include "tests/pulse/synthetic.h"

static struct height_correction made(void) {
    struct height_correction c = height_correction_none();
    c.height_scale = 5000;
    c.arrival_curve[0] = 0.1;
    c.arrival_curve[1] = 0.05;
    c.offset_max = 4;
    c.gain[TERM_ARRIVAL_SQUARED] = 2e-3;
    c.gain[TERM_BASELINE] = 3e-5;
    c.gain[TERM_OFFSET] = 0.25;
    c.gain[TERM_STEP] = -6e-4;
    c.reference[TERM_BASELINE] = 6000;
    c.n_steps = 1;
    c.step_time_ns[0] = 1000;
    return c;
}

static void the_formula_is_what_the_header_says(void **state) {
    (void)state;
    struct height_correction c = made();
    struct measured_pulse p = { .time_ns = 1000, .height = 6000, .arrival_samples = 0.7F, .baseline = 6050, .baseline_offset = -2 };
    double q = (double)p.arrival_samples - 0.1 - 0.05 * 0.2, gain = 1 + 2e-3 * q * q + 3e-5 * 50 - 6e-4;
    assert_true(fabs((double)height_correction_apply(&c, &p) - (6000 * gain - 0.5)) < 1e-3);
    p.time_ns = 999;
    assert_true(fabs((double)height_correction_apply(&c, &p) - (6000 * (gain + 6e-4) - 0.5)) < 1e-3);
    p.baseline_offset = 400;
    assert_true(fabs((double)height_correction_apply(&c, &p) - (6000 * (gain + 6e-4) + 1)) < 1e-3);
    p.arrival_samples = p.baseline = p.baseline_offset = NAN;
    assert_true(fabs((double)height_correction_apply(&c, &p) - 6000) < 1e-3);
}

static void nothing_runs_away(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(51);
    for (int i = 0; i < 2000; i++) {
        struct height_correction c = made();
        for (int k = 0; k < N_CORRECTION_TERMS; k++)
            c.gain[k] = k == TERM_OFFSET ? 0 : 1e3 * synthetic_gauss(&s);
        struct measured_pulse p = { .height = (float)(9000 * synthetic_uniform(&s)), .arrival_samples = (float)(1e4 * synthetic_gauss(&s)),
                                    .baseline = (float)(1e5 * synthetic_uniform(&s)), .time_ns = (int64_t)synthetic_bits(&s) };
        assert_true(fabs((double)height_correction_apply(&c, &p) - (double)p.height) <= 0.0501 * (double)p.height);
    }
    struct height_correction none = height_correction_none();
    struct measured_pulse p = { .height = 1234.5F, .arrival_samples = NAN, .baseline = NAN };
    assert_true(height_correction_apply(&none, &p) == 1234.5F && !height_correction_used(&none));
    p.height = NAN;
    struct height_correction c = made();
    assert_true(isnan(height_correction_apply(&c, &p)) && height_correction_used(&c));
}

/* With its own references a calibration's corrected heights are its raw heights on average. */
static void references_keep_the_units(void **state) {
    (void)state;
    enum { N = 500 };
    struct synthetic s = synthetic_seed(52);
    struct height_correction c = made();
    static struct measured_pulse p[N];
    double change = 0;
    c.gain[TERM_OFFSET] = 0;
    for (int i = 0; i < N; i++)
        p[i] = (struct measured_pulse){ .time_ns = 10 * i, .height = 5000, .arrival_samples = (float)(synthetic_uniform(&s) - 0.5),
                                        .baseline = (float)(6300 + 10 * synthetic_gauss(&s)) };
    height_correction_refer(&c, p, N);
    for (int i = 0; i < N; i++)
        change += ((double)height_correction_apply(&c, &p[i]) / 5000 - 1) / N;
    assert_true(fabs(change) < 1e-7);
    struct height_correction before = c;
    height_correction_refer(&c, p, 0);
    assert_true(c.reference[TERM_BASELINE] == before.reference[TERM_BASELINE]);
}

static void sigma_adds_what_the_gains_cost(void **state) {
    (void)state;
    struct height_correction c = height_correction_none();
    assert_true(fabs(height_correction_sigma(&c, NULL, 5, 4000) - 5) < 1e-12 && isnan(height_correction_sigma(&c, NULL, 0, 4000)));
    c.gain_sigma = 1e-3;
    c.noise_share = 0.6;
    assert_true(fabs(height_correction_sigma(&c, NULL, 5, 4000) - 5) < 1e-12);
}

/* On a tail, or where nothing is known of the baseline, the mean tells nothing of the noise and takes none away. */
static void an_offset_that_is_not_used_takes_no_noise_away(void **state) {
    (void)state;
    struct height_correction c = height_correction_none();
    c.noise_share = 0.6;
    c.gain[TERM_OFFSET] = 0.4;
    c.offset_max = 20;
    struct measured_pulse p = { .height = 4000, .baseline = 7000, .baseline_offset = 1.5f };
    assert_true(fabs(height_correction_sigma(&c, &p, 5, 4000) - 3) < 1e-12);
    p.on_tail = true;
    assert_true(fabs(height_correction_sigma(&c, &p, 5, 4000) - 5) < 1e-12);
    p = (struct measured_pulse){ .height = 4000, .baseline = NAN };
    assert_true(fabs(height_correction_sigma(&c, &p, 5, 4000) - 5) < 1e-12);
}

/* A correction with all its terms, and pulses of which some things are not known. */
static struct height_correction all_terms(void) {
    struct height_correction c = made();
    c.gain[TERM_ARRIVAL] = 3e-3;
    c.gain[TERM_ARRIVAL_SINE] = 1e-3;
    c.gain[TERM_ARRIVAL_COSINE] = -2e-3;
    c.gain_sigma = 1e-3;
    c.noise_share = 0.8;
    for (int k = TERM_ARRIVAL; k <= TERM_ARRIVAL_COSINE; k++)
        c.reference[k] = 0.1 * (k + 1);
    c.reference[TERM_BASELINE] = 6000.123456789;
    return c;
}

static struct measured_pulse some_pulse(struct synthetic *s, int i) {
    return (struct measured_pulse){ .time_ns = 10 * i, .height = i % 7 ? (float)(9000 * synthetic_uniform(s)) : i % 2 ? NAN : INFINITY, .on_tail = i % 11 == 3,
                                    .arrival_samples = i % 5 ? (float)synthetic_gauss(s) : i % 2 ? NAN : INFINITY, .noise_factor = i % 4 ? 0 : 1.5F,
                                    .baseline = i % 3 ? (float)(6000 + 100 * synthetic_gauss(s)) : NAN, .baseline_offset = i % 13 ? (float)synthetic_gauss(s) : 0 };
}

static void all_together_as_one_by_one(void **state) {
    (void)state;
    enum { N = CORRECTION_PIECE };
    struct synthetic s = synthetic_seed(53);
    const struct height_correction c = all_terms();
    struct measured_pulse p[N];
    struct correction_columns x, alone;
    float together[N], variance[N], one, its;
    for (int i = 0; i < N; i++)
        p[i] = some_pulse(&s, 3 * i);
    for (size_t n = 1; n <= N; n++) {
        correction_columns_take(&x, p, n);
        height_correction_rows(&c, &x, n, 5, together, variance);
        for (size_t i = 0; i < n; i++) {
            correction_columns_take(&alone, &p[i], 1);
            height_correction_rows(&c, &alone, 1, 5, &one, &its);
            assert_memory_equal(&one, &together[i], sizeof one);
            assert_memory_equal(&its, &variance[i], sizeof its);
            one = height_correction_apply(&c, &p[i]);
            assert_memory_equal(&one, &together[i], sizeof one);
        }
    }
    struct height_correction simple = made();
    simple.gain[TERM_ARRIVAL_SINE] = 1e-3;
    simple.gain[TERM_ARRIVAL_COSINE] = -2e-3;
    double q = 0.3, gain = 1 + 2e-3 * q * q + 1e-3 * sin(6.283185307179586 * q) - 2e-3 * cos(6.283185307179586 * q) - 6e-4;
    struct measured_pulse known = { .time_ns = 1000, .height = 5000, .arrival_samples = 0.4F, .baseline = 6000 };
    assert_true(fabs((double)height_correction_apply(&simple, &known) - 5000 * gain) < 1e-3);
}

/* The terms and the sums of the header's formula, in doubles. */
static double formula(const struct height_correction *c, const struct measured_pulse *p) {
    double term[N_CORRECTION_TERMS], change = 0;
    height_correction_terms(c, p, term);
    for (int k = 0; k < N_CORRECTION_TERMS; k++) {
        const bool unknown = (k <= TERM_ARRIVAL_COSINE && !(isfinite(p->arrival_samples) && isfinite(p->height))) || (k == TERM_BASELINE && !isfinite(p->baseline));
        change += k == TERM_OFFSET || unknown ? 0 : c->gain[k] * (term[k] - c->reference[k]);
    }
    change = fmin(fmax(change, -CORRECTION_MAX), CORRECTION_MAX);
    return isfinite(p->height) ? (double)p->height * (1 + change) + c->gain[TERM_OFFSET] * term[TERM_OFFSET] : (double)p->height;
}

/* Floats do it: a height is rounded once, to half of its last bit or 6e-8, and changes of it are right to 1e-8 of it. */
static void floats_are_what_doubles_give(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(54);
    const struct height_correction c = all_terms();
    double worst = 0, worst_sigma = 0;
    for (int i = 0; i < 20000; i++) {
        const struct measured_pulse p = some_pulse(&s, i);
        struct correction_columns x;
        float corrected, variance;
        correction_columns_take(&x, &p, 1);
        height_correction_rows(&c, &x, 1, 5, &corrected, &variance);
        const double expected = formula(&c, &p);
        if (!isfinite(expected)) {
            assert_true(isnan(expected) ? isnan(corrected) : (double)corrected == expected);
            continue;
        }
        const double sigma = height_correction_sigma(&c, &p, 5 * (p.noise_factor > 0 ? (double)p.noise_factor : 1), (double)corrected);
        worst = fmax(worst, fabs((double)corrected - expected) / fmax(fabs(expected), 10));
        worst_sigma = fmax(worst_sigma, fabs(sqrt((double)variance) / sigma - 1));
    }
    print_message("worst %.2g of a height, %.2g of a sigma\n", worst, worst_sigma);
    assert_true(worst < 1e-7 && worst_sigma < 3e-7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_formula_is_what_the_header_says), cmocka_unit_test(nothing_runs_away), cmocka_unit_test(references_keep_the_units),
        cmocka_unit_test(sigma_adds_what_the_gains_cost), cmocka_unit_test(an_offset_that_is_not_used_takes_no_noise_away), cmocka_unit_test(all_together_as_one_by_one),
        cmocka_unit_test(floats_are_what_doubles_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
