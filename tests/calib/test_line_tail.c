#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "calib/line_tail.h"
#include "tests/calib/draw.h"

enum { PIXELS = 40, COUNTS = 400 };

struct array {
    struct spectrum *window[PIXELS];
    struct line_fit_request request[PIXELS];
    struct line_shape shape;
    double centre[PIXELS];
};

/* Elastic lines of pixels of different widths, a flat background of a tenth, and of all photons `fraction` with a loss. */
static void array_init(struct array *a, double fraction, double length_eV, struct seeded *r) {
    line_shape_init(&a->shape, &(struct reference_line){.name = "elastic", .energy_eV = 1000});
    for (int i = 0; i < PIXELS; i++) {
        double fwhm = 1.8 + draw_uniform(r);
        a->centre[i] = draw_uniform(r) - 0.5;
        assert_int_equal(spectrum_new(-7, 0.35, 40, &a->window[i]), STATUS_OK);
        for (int k = 0; k < COUNTS; k++) {
            double loss = draw_uniform(r) < fraction ? -length_eV * log(1 - draw_uniform(r)) : 0;
            spectrum_add(a->window[i], a->centre[i] + fwhm / 2.3548 * draw_normal(r) - loss, 1);
        }
        for (int k = 0; k < COUNTS / 10; k++)
            spectrum_add(a->window[i], -7 + 14 * draw_uniform(r), 1);
        a->request[i] = (struct line_fit_request){.histogram = a->window[i], .shape = &a->shape, .start_fwhm_eV = 2.2};
    }
}

static void array_done(struct array *a) {
    for (int i = 0; i < PIXELS; i++)
        spectrum_free(a->window[i]);
}

static void a_tail_is_found_and_takes_the_bias_of_the_centre_away(void **state) {
    (void)state;
    struct seeded r = draw_start("line_tail found", 91);
    struct array a;
    struct line_tail_found t;
    array_init(&a, 0.2, 2.5, &r);
    assert_int_equal(line_tail_find(a.request, PIXELS, 5, &t), STATUS_OK);
    double plain = 0, tailed = 0;
    for (int i = 0; i < PIXELS; i++) {
        struct line_fit f;
        a.shape.tail = (struct line_tail){0, 0};
        assert_int_equal(line_fit(&a.request[i], &f), STATUS_OK);
        plain += (f.centre_eV - a.centre[i]) / PIXELS;
        a.shape.tail = t.tail;
        assert_int_equal(line_fit(&a.request[i], &f), STATUS_OK);
        tailed += (f.centre_eV - a.centre[i]) / PIXELS;
    }
    printf("fraction %.3f(%.3f) of 0.2, length %.2f of 2.5 eV, deviance better by %.0f; centres off by %+.3f eV without, %+.3f with\n", t.tail.fraction, t.fraction_sigma,
           t.tail.length_eV, t.gain, plain, tailed);
    assert_true(fabs(t.tail.fraction - 0.2) < 0.06 && fabs(t.tail.length_eV - 2.5) < 0.9);
    assert_true(t.fraction_sigma > 0.002 && t.fraction_sigma < 0.05);
    assert_true(plain < -0.1 && fabs(tailed) < 0.05);
    array_done(&a);
}

static void no_tail_is_no_tail(void **state) {
    (void)state;
    struct seeded r = draw_start("line_tail none", 92);
    struct array a;
    struct line_tail_found t = {.gain = -1};
    array_init(&a, 0, 1, &r);
    assert_int_equal(line_tail_find(a.request, PIXELS, 5, &t), STATUS_NOT_FOUND);
    array_done(&a);
    assert_int_equal(line_tail_find(a.request, 0, 5, &t), STATUS_TOO_FEW);
    assert_true(t.gain < 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tail_is_found_and_takes_the_bias_of_the_centre_away),
        cmocka_unit_test(no_tail_is_no_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
