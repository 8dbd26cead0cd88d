/* Every variant against the scalar meaning: every length 0..99, 8 alignments, bounds that scale with the terms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <float.h>

#include "pulse/dot_kernel.h"
#include "tests/pulse/synthetic.h"

enum { MOST = 99, STRIDE = 112, WEIGHTS = 40, ALIGNMENTS = 8 };

struct fixture {
    float *rows, *woven;                          /* DOT_TERMS x STRIDE, zeros from n on; the same woven */
    uint8_t *bytes;                               /* exactly as long as the samples at that alignment need */
    const sample_u16 *x;
};

/* Samples end where the allocation ends, so that the address sanitizer sees any look behind them. */
static void set_up(struct synthetic *s, size_t n, size_t alignment, float base, struct fixture *f) {
    f->rows = aligned_alloc(64, DOT_TERMS * STRIDE * sizeof *f->rows);
    f->woven = aligned_alloc(64, DOT_TERMS * STRIDE * sizeof *f->woven);
    f->bytes = malloc(alignment + 2 * n + (n == 0));
    assert_true(f->rows && f->woven && f->bytes);
    memset(f->rows, 0, DOT_TERMS * STRIDE * sizeof *f->rows);
    for (size_t i = 0; i < DOT_TERMS; i++)
        for (size_t k = 0; k < STRIDE; k++)
            f->woven[i * STRIDE + dot_place(k)] = f->rows[i * STRIDE + k] = k < n ? (float)synthetic_gauss(s) : 0;
    for (size_t k = 0; k < n; k++) {
        double spread = alignment % 3 == 0 ? 5000 : alignment % 3 == 1 ? 2500 : 1000;   /* too wide for sums in 16 bits, for rises perhaps, and not */
        uint16_t sample = (uint16_t)fmax(0, fmin(65535, base + spread * synthetic_gauss(s)));
        memcpy(f->bytes + alignment + 2 * k, &sample, 2);
    }
    f->x = (const sample_u16 *)(const void *)(f->bytes + alignment);
}

static void tear_down(struct fixture *f) {
    free(f->rows);
    free(f->woven);
    free(f->bytes);
}

static void rows_agree(const struct dot_kernel *kernel, const struct fixture *f, size_t n, float base) {
    struct dot_looks want, got;
    dot_kernel_find("scalar")->rows(f->woven, STRIDE, f->x, n, base, 0, &want);
    kernel->rows(f->woven, STRIDE, f->x, n, base, DOT_AHEAD, &got);
    assert_true(got.extremes.low == want.extremes.low && got.extremes.high == want.extremes.high);
    for (size_t i = 0; i < DOT_ROWS; i++) {
        float scale = 0;
        for (size_t k = 0; k < n; k++)
            scale += fabsf(f->rows[i * STRIDE + k] * ((float)f->x[k] - base));
        assert_true(fabsf(got.sums[i] - want.sums[i]) <= FLT_EPSILON * (float)(n + 1) * scale);
    }
}

static void one_agrees(const struct dot_kernel *kernel, const struct fixture *f, size_t n, float base) {
    float want = dot_kernel_find("scalar")->one(f->woven, f->x, n, base), got = kernel->one(f->woven, f->x, n, base), scale = 0;
    for (size_t k = 0; k < n; k++)
        scale += fabsf(f->rows[k] * ((float)f->x[k] - base));
    assert_true(fabsf(got - want) <= FLT_EPSILON * (float)(n + 1) * scale);
}

static void floats_agree(const struct dot_kernel *kernel, const struct fixture *f, size_t n) {
    float a[MOST + 1], b[MOST + 1], scale = 0;
    for (size_t k = 0; k < n; k++)
        scale += fabsf(f->rows[k + 1] * f->rows[STRIDE + k]);
    float want = dot_kernel_find("scalar")->floats(f->rows + 1, f->rows + STRIDE, n), got = kernel->floats(f->rows + 1, f->rows + STRIDE, n);
    assert_true(fabsf(got - want) <= FLT_EPSILON * (float)(n + 1) * scale);
    for (size_t rows = 0; rows <= DOT_TERMS - 1; rows += 3) {
        static const float times[DOT_TERMS] = { 3.3F, -200, 40, 0.01F, -7, 90, 0.5F };
        memcpy(a, f->rows, sizeof a);
        memcpy(b, f->rows, sizeof b);
        dot_kernel_find("scalar")->less(a, f->rows + STRIDE, STRIDE, times, rows, n);
        kernel->less(b, f->rows + STRIDE, STRIDE, times, rows, n);
        for (size_t k = 0; k <= MOST; k++) {
            scale = fabsf(f->rows[k]);
            for (size_t j = 0; j < rows; j++)
                scale += fabsf(times[j] * f->rows[(j + 1) * STRIDE + k]);
            assert_true(k < n ? fabsf(a[k] - b[k]) <= FLT_EPSILON * (float)(rows + 1) * scale : b[k] == f->rows[k]);
        }
    }
}

/* Sums are added to. Products of three and four factors are made of rounded ones. */
static void bent_agrees(const struct dot_kernel *kernel, const struct fixture *f, size_t n, float base) {
    enum { SUMS = sizeof(struct dot_bent) / sizeof(double) };
    const struct dot_bend by = { base + 0.3F, 300, 1.7F, f->rows + 1, f->rows + STRIDE + 2 };
    struct dot_bent want = { .yy = 100, .ssee = 7 }, got = want, least = { 0 };
    float positive[2][MOST + 1];
    for (size_t k = 0; k < n; k++) {
        positive[0][k] = fabsf(by.s[k]);
        positive[1][k] = fabsf(by.fall[k]);
    }
    dot_kernel_find("scalar")->bent(f->x, by, n, &want);
    kernel->bent(f->x, by, n, &got);
    dot_kernel_find("scalar")->bent(f->x, (struct dot_bend){ -by.base, -by.height, by.at, positive[0], positive[1] }, n, &least);   /* all of one sign */
    double a[SUMS], b[SUMS], scale[SUMS];
    memcpy(a, &want, sizeof a);
    memcpy(b, &got, sizeof b);
    memcpy(scale, &least, sizeof scale);
    for (size_t i = 0; i < SUMS; i++)
        assert_true(fabs(a[i] - b[i]) <= FLT_EPSILON * (double)(n + 4) * scale[i]);
}

static void residual_agrees(const struct dot_kernel *kernel, const struct fixture *f, size_t n, float base) {
    static const float terms[DOT_TERMS] = { 3000, -200, 40, 5, -700, 90, 0.5F };
    float want = dot_kernel_find("scalar")->residual(f->rows, STRIDE, f->x, n, base, terms);
    float got = kernel->residual(f->rows, STRIDE, f->x, n, base, terms);
    double scale = 0;
    for (size_t k = 0; k < n; k++) {
        double all = fabs((double)f->x[k] - base);
        for (size_t j = 0; j < DOT_TERMS; j++)
            all += fabs((double)terms[j] * f->rows[j * STRIDE + k]);
        scale += all * all;
    }
    assert_true(fabs((double)got - want) <= FLT_EPSILON * (double)(n + 4) * scale);
}

static void few_agree(const struct dot_kernel *kernel, const struct fixture *f, size_t n, float base) {
    static const float terms[DOT_FEW] = { 3000, -200 };
    float want = dot_kernel_find("scalar")->few(f->woven, STRIDE, f->x, n, base, terms), got = kernel->few(f->woven, STRIDE, f->x, n, base, terms);
    double scale = 0, left = 0;
    for (size_t k = 0; k < n; k++) {
        double all = fabs((double)f->x[k] - base), rest = (double)f->x[k] - base;
        for (size_t j = 0; j < DOT_FEW; j++) {
            all += fabs((double)terms[j] * f->rows[j * STRIDE + k]);
            rest -= (double)terms[j] * f->rows[j * STRIDE + k];
        }
        scale += all * all;
        left += rest * rest;
    }
    assert_true(fabs((double)want - left) <= FLT_EPSILON * scale);
    assert_true(fabs((double)got - want) <= FLT_EPSILON * (double)(n + 4) * scale);
}

/* The weights of a row in the order in which samples are unpacked; twice woven is as it was. */
static void test_places(void **state) {
    (void)state;
    static const size_t want[16] = { 0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15 };
    for (size_t k = 0; k < 256; k++) {
        assert_int_equal(dot_place(k), k / 16 * 16 + want[k % 16]);
        assert_int_equal(dot_place(dot_place(k)), k);
    }
}

/* Of every length against lengths of weights on either side of what is taken at once, in allocations that end where x and out do. */
static void test_correlation(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(8);
    for (size_t v = 0; dot_kernel_at(v); v++)
        for (size_t n = 0; n <= MOST; n++)
            for (size_t n_w = 1; n_w < WEIGHTS; n_w = n_w < 10 ? n_w + 1 : n_w + 7) {
                float w[WEIGHTS], want[MOST + 1], *x = malloc((n + n_w) * sizeof *x), *got = malloc((n + 1) * sizeof *got);
                assert_true(x && got);
                for (size_t i = 0; i < n_w; i++)
                    w[i] = (float)synthetic_gauss(&s);
                for (size_t k = 0; k < n + n_w - 1; k++)
                    x[k + 1] = (float)synthetic_gauss(&s);
                dot_kernel_find("scalar")->correlate(w, n_w, x + 1, n, want);
                dot_kernel_at(v)->correlate(w, n_w, x + 1, n, got);
                for (size_t j = 0; j < n; j++)
                    assert_true(fabsf(got[j] - want[j]) <= FLT_EPSILON * (float)(n_w + 1) * 50);
                free(x);
                free(got);
            }
    const float w[2] = { 2, 3 }, x[3] = { 1, 10, 100 };
    float out[2];
    dot_kernel_find("scalar")->correlate(w, 2, x, 2, out);
    assert_true(out[0] == 32 && out[1] == 320);
}

static void sums_agree(const struct dot_kernel *kernel, const sample_u16 *x, size_t n, struct dot_extremes within) {
    const struct dot_kernel *meaning = dot_kernel_find("scalar");
    struct dot_sums a = meaning->sums(x, n, DOT_ANY), b = kernel->sums(x, n, within);
    assert_true(a.sum == b.sum && a.squares == b.squares && a.moment == b.moment);
    for (int down = 0; down < 2; down++) {
        int32_t most = meaning->rise(x, n, DOT_ANY, down, INT32_MIN);
        const int32_t least[] = { INT32_MIN, -1, 0, 1, most / 2, most - 1, most, most + 1, 2 * most, 32766, 32767, 32768, 65528, 1 << 18 };
        for (size_t i = 0; i < sizeof least / sizeof least[0]; i++)
            assert_int_equal(kernel->rise(x, n, within, down, least[i]), most > least[i] ? most : least[i]);
    }
}

static void integers_agree(const struct dot_kernel *kernel, const sample_u16 *x, size_t n, uint16_t wanted) {
    const struct dot_kernel *meaning = dot_kernel_find("scalar");
    assert_int_equal(meaning->find(x, n, wanted), kernel->find(x, n, wanted));
    for (size_t from = 1, k; n > 0 && from < n; from = k + 1)
        assert_int_equal(meaning->step(x, n, from), k = kernel->step(x, n, from));
    struct dot_extremes e = meaning->extremes(x, n), f = kernel->extremes(x, n);
    assert_true(e.low == f.low && e.high == f.high);
    sums_agree(kernel, x, n, DOT_ANY);
    sums_agree(kernel, x, n, e);
    assert_int_equal(meaning->find(x, n, e.low), kernel->find(x, n, e.low));
    assert_int_equal(meaning->find(x, n, e.high), kernel->find(x, n, e.high));
}

/* The longest records with the largest numbers: no lane of any variant may overflow. */
static void test_integers_do_not_overflow(void **state) {
    (void)state;
    enum { LONGEST = 65536 };
    static const uint16_t levels[][2] = { { 0, 0 }, { 65535, 65535 }, { 0, 65535 }, { 32767, 32768 }, { 65535, 0 }, { 30000, 38191 }, { 30000, 38192 }, { 0, 16382 }, { 0, 16383 }, { 49153, 65535 } };
    uint16_t *x = malloc(LONGEST * sizeof *x);
    assert_non_null(x);
    for (size_t v = 0; dot_kernel_at(v); v++)
        for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
            for (size_t n = LONGEST; n >= 2048; n = n * 2 / 3) {
                for (size_t k = 0; k < n; k++)
                    x[k] = levels[i][(k / 6) % 2];
                integers_agree(dot_kernel_at(v), x, n, 1);
            }
    free(x);
}

/* Every length up to some chunks of narrow and of wide samples: the last chunk may be a single sample. */
static void test_sums_of_every_length(void **state) {
    (void)state;
    enum { LONG = 1200 };
    struct synthetic s = synthetic_seed(10);
    for (size_t v = 0; dot_kernel_at(v); v++)
        for (size_t n = 0; n <= LONG; n++) {
            uint16_t *x = malloc(n * sizeof *x + (n == 0));   /* exactly: looks behind them are seen */
            assert_non_null(x);
            for (size_t k = 0; k < n; k++)
                x[k] = (uint16_t)(9000 + (synthetic_bits(&s) & 4095));
            sums_agree(dot_kernel_at(v), x, n, DOT_ANY);
            sums_agree(dot_kernel_at(v), x, n, (struct dot_extremes){ 9000, 13095 });
            free(x);
        }
}

/* One rise at each place of records that are some blocks long: larger than all others by 0 to 8, so that whatever leaves a block out is seen. */
static void test_rises_are_found_wherever_they_are(void **state) {
    (void)state;
    enum { LONG = 300 };
    struct synthetic s = synthetic_seed(9);
    uint16_t x[LONG];
    for (size_t v = 0; dot_kernel_at(v); v++)
        for (size_t n = 10; n <= LONG; n += n < 100 ? 1 : 7)
            for (size_t at = 0; at + 10 <= n; at++) {
                for (size_t k = 0; k < n; k++)
                    x[k] = (uint16_t)(9000 + (synthetic_bits(&s) & 7) + (k >= at + 6 && k < at + 10 ? 6 : 0));
                for (int down = 0; down < 2; down++) {
                    int32_t most = dot_kernel_find("scalar")->rise(x, n, DOT_ANY, down, INT32_MIN), least = most - 8 + (int32_t)(synthetic_bits(&s) & 15);
                    assert_int_equal(dot_kernel_at(v)->rise(x, n, (struct dot_extremes){ 9000, 9013 }, down, least), most > least ? most : least);
                }
            }
}

static void test_integers_by_hand(void **state) {
    (void)state;
    const uint16_t x[11] = { 3, 1, 0, 0, 9, 9, 5, 5, 5, 9, 0 };
    const struct dot_kernel *scalar = dot_kernel_find("scalar");
    struct dot_sums s = scalar->sums(x, 3, DOT_ANY);
    assert_true(s.sum == 4 && s.squares == 10 && s.moment == 1);
    assert_int_equal(scalar->rise(x, 11, DOT_ANY, false, INT32_MIN), 24 - 4);
    assert_int_equal(scalar->rise(x, 11, DOT_ANY, true, INT32_MIN), -(19 - 10));
    assert_int_equal(scalar->find(x, 11, 9), 4);
    assert_int_equal(scalar->find(x, 11, 77), 11);
    assert_true(scalar->rise(x, 9, DOT_ANY, false, INT32_MIN) == 0);
    const uint16_t jumps[8] = { 5, 7, 4103, 4100, 4102, 65535, 3, 100 };   /* 65535 -> 3 is a step of 4; 3 -> 100 begins a rise */
    assert_int_equal(scalar->step(jumps, 8, 1), 2);
    assert_int_equal(scalar->step(jumps, 8, 3), 5);
    assert_int_equal(scalar->step(jumps, 8, 6), 7);
    assert_int_equal(scalar->step(jumps, 7, 6), 7);
    assert_int_equal(scalar->step(x, 11, 1), 11);
}

static void test_all_variants(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(7);
    for (size_t v = 0; dot_kernel_at(v); v++) {
        print_message("variant %s\n", dot_kernel_at(v)->name);
        for (size_t n = 0; n <= MOST; n++)
            for (size_t alignment = 0; alignment < ALIGNMENTS; alignment++) {
                struct fixture f;
                float base = (float)(synthetic_bits(&s) % 60000);
                set_up(&s, n, alignment, base, &f);
                one_agrees(dot_kernel_at(v), &f, n, base);
                floats_agree(dot_kernel_at(v), &f, n);
                bent_agrees(dot_kernel_at(v), &f, n, base);
                rows_agree(dot_kernel_at(v), &f, n, base);
                residual_agrees(dot_kernel_at(v), &f, n, base);
                residual_agrees(dot_kernel_at(v), &f, n, base + 0.3F);
                few_agree(dot_kernel_at(v), &f, n, base);
                few_agree(dot_kernel_at(v), &f, n, base + 0.3F);
                integers_agree(dot_kernel_at(v), f.x, n, (uint16_t)base);
                tear_down(&f);
            }
    }
}

static void test_scalar_by_hand(void **state) {
    (void)state;
    _Alignas(64) float rows[DOT_TERMS * DOT_PAD] = { 0 };
    const uint16_t x[4] = { 11, 12, 13, 65535 };
    const float terms[DOT_TERMS] = { 1, 0, 0, 0, 0, 0, 2 };
    rows[0] = 1;
    rows[1] = 2;
    rows[DOT_PAD + 3] = 0.5F;
    struct dot_looks looks;
    dot_kernel_find("scalar")->rows(rows, DOT_PAD, x, 4, 10, 0, &looks);
    assert_true(dot_kernel_find("scalar")->one(rows, x, 4, 10) == 5);
    assert_true(looks.sums[0] == 5 && looks.sums[1] == 32762.5F && looks.sums[2] == 0);
    assert_true(looks.extremes.low == 11 && looks.extremes.high == 65535);
    rows[6 * DOT_PAD + 2] = 4;
    /* left: 11-10-1 = 0, 12-10-2 = 0, 13-10-2x4 = -5 */
    assert_true(dot_kernel_find("scalar")->residual(rows, DOT_PAD, x, 3, 10, terms) == 25);
}

static void test_bent_by_hand(void **state) {
    (void)state;
    const uint16_t x[2] = { 1017, 1024 };   /* y is 2, 3, e is 11, 13 */
    const float s[2] = { 5, 7 }, fall[2] = { 22, 26 };
    struct dot_bent sums = { .yy = 1000 };
    dot_kernel_find("scalar")->bent(x, (struct dot_bend){ 1000, 3, 0.5F, s, fall }, 2, &sums);
    assert_true(sums.yy == 1013 && sums.y == 5 && sums.ye == 61 && sums.ys == 31 && sums.yse == 383);
    assert_true(sums.s == 12 && sums.se == 146 && sums.ss == 74 && sums.see == 1788 && sums.sse == 912 && sums.ssee == 11306);
}

static void test_choice(void **state) {
    (void)state;
    assert_string_equal(dot_kernel_at(0)->name, "scalar");
    assert_ptr_equal(dot_kernel_find(dot_kernel_best()->name), dot_kernel_best());
    assert_null(dot_kernel_find("abacus"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places), cmocka_unit_test(test_all_variants), cmocka_unit_test(test_scalar_by_hand), cmocka_unit_test(test_integers_by_hand),
        cmocka_unit_test(test_integers_do_not_overflow), cmocka_unit_test(test_sums_of_every_length), cmocka_unit_test(test_correlation), cmocka_unit_test(test_bent_by_hand), cmocka_unit_test(test_rises_are_found_wherever_they_are),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
