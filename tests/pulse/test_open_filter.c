/* Height and level are what the header promises of them: unbiased, of the variance and covariance told, linear in a wave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/open_filter.h"
#include "tests/pulse/synthetic.h"

enum { N = 256, P = 100, TRIALS = 4000 };

static struct open_filter *made(void) {
    double template_pulse[N], covariance[N];
    struct open_filter *f;
    for (unsigned k = 0; k < N; k++) {
        template_pulse[k] = synthetic_shape((double)k - P);
        covariance[k] = synthetic_covariance(k) + (k == 0 ? 1. / 12 : 0);
    }
    assert_int_equal(open_filter_new(template_pulse, N, covariance, (struct noise_mains){ .Hz = 60 }, &f), STATUS_OK);
    return f;
}

static void variances_are_as_promised(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(311);
    struct open_filter *f = made();
    double h = 0, hh = 0, l = 0, ll = 0, hl = 0;
    for (int i = 0; i < TRIALS; i++) {
        uint16_t d[N];
        synthetic_record(&s, d, N, P, 7000, 2000, 0);
        struct open_value v = open_filter_apply(f, d, 6990);
        double dh = (double)v.height - 2000, dl = (double)v.level - 10;
        h += dh / TRIALS, hh += dh * dh / TRIALS, l += dl / TRIALS, ll += dl * dl / TRIALS, hl += dh * dl / TRIALS;
    }
    print_message("height %+.3f, variance %.2f (%.2f); level %+.3f, variance %.2f; covariance %.3f (%.3f)\n", h, hh, f->height_variance, l, ll, hl, f->covariance);
    assert_true(fabs(h) < 5 * sqrt(hh / TRIALS) + 0.1 && fabs(l) < 5 * sqrt(ll / TRIALS));
    assert_true(fabs(hh / f->height_variance - 1) < 0.1 && fabs(hl - f->covariance) < 5 * sqrt(hh * ll / TRIALS));
    assert_true(f->covariance < 0);   /* a level told too high takes from the height */
    open_filter_free(f);
}

static void a_wave_is_seen_as_told(void **state) {
    (void)state;
    struct open_filter *f = made();
    const double radians = 0.021, size = 2000;
    struct open_wave w = open_filter_on_wave(f, radians, P);
    for (int i = 0; i < 8; i++) {
        uint16_t with[N], without[N];
        double phase = 0.8 * i, arrival = 0.2 * (i % 3 - 1);
        for (unsigned k = 0; k < N; k++) {
            double pulse = 30000 * synthetic_shape((double)k - P - arrival), wave = size * cos(radians * ((double)k - P) + phase) / 100;
            without[k] = (uint16_t)rint(20000 + pulse);
            with[k] = (uint16_t)rint(20000 + pulse + wave);
        }
        struct open_value a = open_filter_apply(f, with, 20000), b = open_filter_apply(f, without, 20000);
        double seen[2] = { 0 };
        for (int j = PARABOLA_TERMS; j-- > 0;)
            for (int k = 0; k < 2; k++)
                seen[k] = seen[k] * arrival + w.height[j][k];
        double height = size / 100 * (seen[0] * cos(phase) - seen[1] * sin(phase)), level = size / 100 * (w.level[0] * cos(phase) - w.level[1] * sin(phase));
        assert_true(fabs((double)a.height - (double)b.height - height) < 0.3 + 0.02 * fabs(height));
        assert_true(fabs((double)a.level - (double)b.level - level) < 0.3);
    }
    open_filter_free(f);
}

static void what_is_no_filter_is_refused(void **state) {
    (void)state;
    double flat[N] = { 0 }, covariance[N] = { 1 };
    struct open_filter *f = NULL;
    assert_int_not_equal(open_filter_new(flat, N, covariance, (struct noise_mains){ 0 }, &f), STATUS_OK);
    assert_int_equal(open_filter_new(flat, 8, covariance, (struct noise_mains){ 0 }, &f), STATUS_BAD_VALUE);
    assert_null(f);
    open_filter_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(variances_are_as_promised), cmocka_unit_test(a_wave_is_seen_as_told), cmocka_unit_test(what_is_no_filter_is_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
