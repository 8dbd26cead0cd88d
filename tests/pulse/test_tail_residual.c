/* What is left behind a constant, a tail and a bent pulse: by every kernel what plain sums in double say, and for a record that is made of those, its noise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "pulse/normal_equations.h"
#include "pulse/tail_residual.h"
#include "tests/pulse/synthetic.h"

enum { TERMS = 4, MOST = 1100 };

struct example {
    uint32_t n, presamples;
    double height, arrival, tail_samples, tail, bent, noise;
    float base;
    double pulse[MOST];
    sample_u16 d[MOST];
};

static struct pulse_shape *shape_of(const struct example *x) {
    double template_pulse[MOST];
    struct pulse_shape *shape = NULL;
    for (uint32_t k = 0; k < x->n; k++)
        template_pulse[k] = synthetic_shape((int)k - (int)x->presamples);
    assert_int_equal(pulse_shape_from_template(template_pulse, x->n, x->presamples, 3000, &shape), STATUS_OK);
    return shape;
}

/* The shape's value at every sample: moved by whole samples, 0 before it, its last one behind it. */
static void shape_values(const struct pulse_shape *s, struct example *x) {
    float terms[SHAPE_TERMS];
    int32_t behind = (int32_t)s->first + pulse_shape_terms(s, x->height, x->arrival, terms), last = (int32_t)(s->n_samples - s->first) - 1;
    for (int32_t k = 0; k < (int32_t)x->n; k++) {
        int32_t row = k - behind < last ? k - behind : last;
        x->pulse[k] = 0;
        for (size_t j = 0; row >= 0 && j < SHAPE_TERMS; j++)
            x->pulse[k] += (double)terms[j] * (double)s->rows[j * s->stride + (uint32_t)row];
    }
}

static double tail_at(const struct example *x, uint32_t k) {
    return exp((x->n / 2.0 - k) / x->tail_samples);
}

static void draw(struct synthetic *s, struct example *x) {
    for (uint32_t k = 0; k < x->n; k++) {
        double at = tail_at(x, k) / tail_at(x, 0);
        x->d[k] = (uint16_t)rint((double)x->base - 20 + x->pulse[k] * (1 + x->bent * at) + x->tail * at + x->noise * synthetic_gauss(s));
    }
}

/* The meaning: normal equations in double, then the rest itself. */
static double plainly(const struct example *x) {
    struct normal_equations e;
    double solved[TERMS], sum = 0;
    normal_equations_init(&e, TERMS);
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t k = 0; k < x->n; k++) {
            const double of[TERMS] = { 1, tail_at(x, k), x->pulse[k] / x->height, x->pulse[k] / x->height * tail_at(x, k) };
            double y = (double)((float)x->d[k] - x->base) - x->pulse[k];
            if (pass == 0)
                normal_equations_add(&e, of, 1, y);
            for (unsigned j = 0; pass == 1 && j < TERMS; j++)
                y -= solved[j] * of[j];
            sum += pass == 1 ? y * y : 0;
        }
        if (pass == 0) {
            assert_int_equal(normal_equations_factor(&e), STATUS_OK);
            normal_equations_solve(&e, e.right, solved);
        }
    }
    return sqrt(sum / x->n);
}

static struct example random_example(struct synthetic *s) {
    struct example x = { .n = 100 + (uint32_t)(synthetic_uniform(s) * 1000), .height = 500 + 6000 * synthetic_uniform(s), .arrival = 5 * synthetic_uniform(s) - 2.5,
                         .tail = 8000 * pow(synthetic_uniform(s), 4), .bent = 0.1 * synthetic_uniform(s), .noise = 2 + 8 * synthetic_uniform(s), .base = 9000 };
    x.presamples = 8 + (uint32_t)(synthetic_uniform(s) * (x.n / 2.0));
    x.tail_samples = x.n / (3 + 9 * synthetic_uniform(s));
    return x;
}

static void agrees_with_plain_sums(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(17);
    for (int round = 0; round < 200; round++) {
        struct example x = random_example(&s);
        struct pulse_shape *shape = shape_of(&x);
        shape_values(shape, &x);
        draw(&s, &x);
        double meant = plainly(&x);
        for (size_t i = 0; dot_kernel_at(i) != NULL; i++)
            assert_true(fabs(tail_residual(shape, dot_kernel_at(i), x.d, x.base, x.height, x.arrival, x.tail_samples) - meant) < 2e-4 * meant);
        pulse_shape_free(shape);
    }
}

static void leaves_the_noise(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(17);
    struct example x = { .n = 1024, .presamples = 256, .height = 3000, .arrival = 0.2, .tail_samples = 90, .tail = 5000, .bent = 0.05, .noise = 6, .base = 9000 };
    struct pulse_shape *shape = shape_of(&x);
    shape_values(shape, &x);
    draw(&s, &x);
    assert_true(fabs(tail_residual(shape, dot_kernel_best(), x.d, x.base, x.height, x.arrival, x.tail_samples) - 6) < 0.6);   /* 4 sigma of 1024 samples */
    for (uint32_t k = 400; k < 420; k++)
        x.d[k] = (uint16_t)(x.d[k] + 200);
    assert_true(tail_residual(shape, dot_kernel_best(), x.d, x.base, x.height, x.arrival, x.tail_samples) > 20);
    assert_true(isnan(tail_residual(shape, dot_kernel_best(), x.d, x.base, NAN, x.arrival, x.tail_samples)));
    pulse_shape_free(shape);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_plain_sums),
        cmocka_unit_test(leaves_the_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
