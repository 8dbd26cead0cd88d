/* Shapes whose tails are few curves are folded without loss, others are not folded, and what is said to be left is what is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/shape_fold.h"
#include "tests/pulse/synthetic.h"

enum { N = 333, STRIDE = 336, HEAD = 40, BASE = 9000 };

struct fixture {
    float *rows;                                   /* DOT_TERMS x STRIDE */
    double factors[FOLD_PULSES][DOT_TERMS];
};

/* Rows that are anything up to HEAD, and behind it sums of `curves` decays, plus noise. */
static void set_up(struct synthetic *s, size_t curves, double noise, struct fixture *f) {
    f->rows = aligned_alloc(64, DOT_TERMS * STRIDE * sizeof *f->rows);
    assert_non_null(f->rows);
    memset(f->rows, 0, DOT_TERMS * STRIDE * sizeof *f->rows);
    for (size_t j = 0; j < DOT_TERMS; j++) {
        double share[DOT_TERMS];
        for (size_t c = 0; c < curves; c++)
            share[c] = synthetic_gauss(s);
        for (size_t k = 0; k < N; k++) {
            double value = k < HEAD ? synthetic_gauss(s) : noise * synthetic_gauss(s);
            for (size_t c = 0; c < curves && k >= HEAD; c++)
                value += share[c] * exp(-(double)k * (double)(c + 1) / 120);
            f->rows[j * STRIDE + k] = (float)value;
        }
    }
    for (size_t i = 0; i < FOLD_PULSES; i++)
        for (size_t j = 0; j < DOT_TERMS; j++)
            f->factors[i][j] = 1000 * synthetic_gauss(s);
}

static double whole(const struct fixture *f, const uint16_t *x, uint32_t head, uint32_t n, float base, const float terms[DOT_TERMS]) {
    double sum = 0;
    for (uint32_t k = head; k < head + n; k++) {
        double left = (double)x[k] - (double)base;
        for (size_t j = 0; j < DOT_TERMS; j++)
            left -= (double)terms[j] * (double)f->rows[j * STRIDE + k];
        sum += left * left;
    }
    return sum;
}

/* rms over records of what folding does to the residuals' rms, each with the terms of one of the pulses. */
static double changed(struct synthetic *s, const struct fixture *f, const struct shape_fold *fold, const struct dot_kernel *kernel) {
    uint32_t head = shape_fold_head(fold);
    double worst = 0;
    for (size_t i = 0; i < FOLD_PULSES; i++) {
        uint16_t x[N];
        float terms[DOT_TERMS], base = BASE + 0.37F;
        for (size_t k = 0; k < N; k++)
            x[k] = (uint16_t)(BASE + 20 * synthetic_gauss(s));
        for (size_t j = 0; j < DOT_TERMS; j++)
            terms[j] = (float)f->factors[i][j];
        uint32_t n = i % 2 ? N - head : N - head - (uint32_t)i;   /* all of the record, or not */
        double want = sqrt(whole(f, x, head, n, base, terms) / n);
        double got = sqrt((double)shape_fold_residual(fold, kernel, x + head, n, base, terms) / n);
        worst = fmax(worst, fabs(got - want));
    }
    return worst;
}

static void test_few_curves(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(61);
    struct fixture f;
    struct shape_fold *fold;
    set_up(&s, DOT_FEW, 0, &f);
    assert_int_equal(shape_fold_new(f.rows, STRIDE, N, f.factors, 0.01, &fold), STATUS_OK);
    assert_non_null(fold);
    assert_true(shape_fold_head(fold) >= HEAD && shape_fold_head(fold) < HEAD + DOT_PAD);
    for (size_t v = 0; dot_kernel_at(v); v++)
        assert_true(changed(&s, &f, fold, dot_kernel_at(v)) < 0.02);
    shape_fold_free(fold);
    free(f.rows);
}

/* Noise of the rows, as learning leaves it: what is said to be left adds in quadrature to records of 20 counts rms. */
static void test_what_is_left(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(62);
    struct fixture f;
    struct shape_fold *fold;
    set_up(&s, DOT_FEW, 1e-3, &f);
    assert_int_equal(shape_fold_new(f.rows, STRIDE, N, f.factors, 5, &fold), STATUS_OK);
    assert_non_null(fold);
    double left = shape_fold_left(fold), worst = changed(&s, &f, fold, dot_kernel_best());
    print_message("left %.2f counts, rms of residuals changed by %.2f at most\n", left, worst);
    assert_true(left > 1 && left < 4 && worst < left * left / 20);
    shape_fold_free(fold);
    free(f.rows);
}

static void test_not_folded(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(63);
    struct fixture f;
    struct shape_fold *fold;
    set_up(&s, DOT_FEW + 2, 0, &f);
    assert_int_equal(shape_fold_new(f.rows, STRIDE, N, f.factors, 0.01, &fold), STATUS_OK);
    assert_null(fold);
    memset(f.factors, 0, sizeof f.factors);   /* no pulses: nothing to fold, and nothing left */
    assert_int_equal(shape_fold_new(f.rows, STRIDE, N, f.factors, 0.01, &fold), STATUS_OK);
    assert_true(shape_fold_left(fold) == 0);
    shape_fold_free(fold);
    assert_int_equal(shape_fold_new(f.rows, STRIDE, 20, f.factors, 0.01, &fold), STATUS_OK);   /* too short */
    assert_null(fold);
    shape_fold_free(NULL);
    free(f.rows);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_few_curves), cmocka_unit_test(test_what_is_left), cmocka_unit_test(test_not_folded) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
