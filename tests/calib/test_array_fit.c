#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "calib/array_fit.h"
#include "tests/calib/mix_works.h"

enum { PULSES = 4000 };

/* Of all photons `fraction` lose an exponentially distributed part of their energy. */
static float *tailed_heights(const struct mix_pixel *p, double fraction, double length_eV, struct seeded *r) {
    float *h = malloc(PULSES * sizeof *h);
    for (size_t i = 0; i < PULSES;) {
        double energy = mix_energy(p, r);
        if (energy > 0)
            h[i++] = (float)mix_height(p, draw_uniform(r) < fraction ? energy + length_eV * log(1 - draw_uniform(r)) : energy);
    }
    return h;
}

static void fit(struct mix_works *s, bool tails, struct array_fit *a) {
    static struct assignment assignment;
    assert_int_equal(assignment_make(&assignment, &s->plan, s->work, s->n, NULL), STATUS_OK);
    *a = (struct array_fit){.plan = &s->plan, .assignment = &assignment, .heights = s->heights, .tails = tails};
    assert_int_equal(array_fit_run(a), STATUS_OK);
    assignment_done(&assignment);
}

/* Mean over pixels of the anchors' distance from the truth, eV; and their pull. */
static double mean_shift(const struct mix_works *s, double *pull_rms) {
    double sum = 0, square = 0;
    int n = 0;
    for (uint32_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->plan.n_anchors; k++) {
            const struct found_line *f = &s->work[i].found[k];
            if (f->state != LINE_GOOD)
                continue;
            double off = f->fit.height - mix_height(&s->pixel[i], f->fit.energy_eV);
            sum += off * f->fit.eV_per_unit;
            square += off * off / (f->fit.height_sigma * f->fit.height_sigma);
            n++;
        }
    *pull_rms = sqrt(square / n);
    return sum / n;
}

static void lines_have_the_arrays_width_and_pixels_their_own(void **state) {
    (void)state;
    struct seeded r = draw_start("array_fit widths", 71);
    struct mix_works *s = mix_works_new(30, PULSES, &r);
    struct array_fit a;
    fit(s, false, &a);
    assert_true(s->plan.shared && !(a.tail.fraction > 0));
    for (size_t k = 0; k < s->plan.n_anchors; k++)
        for (size_t m = 0; m < MIX_LINES; m++)
            if (strcmp(s->plan.lines[k].line.name, mix_lines[m].name) == 0) {
                printf("%s %.2f of %.2f eV; ", mix_lines[m].name, s->plan.lines[k].shape.intrinsic_fwhm_eV, mix_lines[m].fwhm_eV);
                assert_true(fabs(s->plan.lines[k].shape.intrinsic_fwhm_eV / mix_lines[m].fwhm_eV - 1) < 0.12);
            }
    double bias = 0, pull = 0, centre_pull;
    for (uint32_t i = 0; i < s->n; i++) {
        double truth = s->pixel[i].resolution_eV, z = (s->work[i].width.fwhm_eV - truth) / s->work[i].width.sigma_eV;
        bias += (s->work[i].width.fwhm_eV / truth - 1) / s->n;
        pull += z * z / s->n;
        for (size_t k = 0; k < s->plan.n_anchors; k++)
            assert_true(fabs(s->work[i].found[k].gauss_fwhm_eV / s->work[i].width.fwhm_eV - 1) < 0.35);  /* with the slope alone */
    }
    double shift = mean_shift(s, &centre_pull);
    printf("\nresolution off by %+.3f on average, pull rms %.2f; anchors by %+.3f eV, pull rms %.2f\n", bias, sqrt(pull), shift, centre_pull);
    assert_true(fabs(bias) < 0.1 && fabs(shift) < 0.03);
    assert_true(centre_pull > 0.85 && centre_pull < 1.2);
    mix_works_free(s);
}

static void a_tail_of_the_array_is_taken_out_of_the_centres(void **state) {
    (void)state;
    struct seeded r = draw_start("array_fit tail", 72);
    struct mix_works *s = mix_works_new(20, 10, &r), *again = mix_works_new(20, 10, &r);
    struct array_fit a, b;
    double pull;
    for (uint32_t i = 0; i < s->n; i++) {
        s->pixel[i].resolution_eV = again->pixel[i].resolution_eV = 1.5 + 0.05 * i;
        mix_works_set(s, i, tailed_heights(&s->pixel[i], 0.2, 2.5, &r), PULSES);
        again->pixel[i] = s->pixel[i];
        float *copy = malloc(PULSES * sizeof *copy);
        memcpy(copy, s->owned[i], PULSES * sizeof *copy);
        mix_works_set(again, i, copy, PULSES);
    }
    fit(s, true, &a);
    double with = mean_shift(s, &pull);
    fit(again, false, &b);
    double without = mean_shift(again, &pull);
    printf("tail %.3f of 0.2, %.2f of 2.5 eV; anchors off by %+.3f eV without it, %+.3f with\n", a.tail.fraction, a.tail.length_eV, without, with);
    assert_true(a.tail.fraction > 0.1 && a.tail.fraction < 0.3 && a.tail.length_eV > 1.5 && a.tail.length_eV < 4.5);
    assert_true(!(b.tail.fraction > 0) && without < -0.25 && fabs(with) < 0.4 * fabs(without));
    mix_works_free(s);
    mix_works_free(again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_the_arrays_width_and_pixels_their_own),
        cmocka_unit_test(a_tail_of_the_array_is_taken_out_of_the_centres),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
