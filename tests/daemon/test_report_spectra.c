#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "daemon/sink/report_fit.h"
#include "tests/daemon/made_array.h"

/* Counts in a window and the model of its fit are the same in sum, and the pulls between them those of a Poisson distribution. */
static void models_describe_their_windows(void **state) {
    (void)state;
    struct seeded r = draw_start("report_spectra windows", 11);
    struct made_array a = made_array(6, 4000, &r);
    struct line_table *lines = mix_table();
    size_t n = 0;
    double squares = 0;
    for (uint32_t i = 0; i < 6; i++) {
        const struct pixel_calibration *p = &a.model->tables[0]->pixels[i];
        const struct report_pixel *own = report_spectra_of(a.spectra, 0, i);
        for (uint32_t k = 0; k < p->n_fits; k++) {
            struct report_model model;
            double expected = 0;
            assert_non_null(own->windows[k]);
            assert_int_equal(report_fit_model(&p->fits[k], lines, &model), STATUS_OK);
            assert_int_equal(model.n, own->windows[k]->n);
            for (size_t b = 0; b < model.n; b++) {
                double m = model.expected[b], pull = (own->windows[k]->counts[b] - m) / sqrt(m);
                expected += m;
                if (m > 2) {
                    squares += pull * pull;
                    n++;
                }
            }
            assert_true(fabs(expected - own->windows[k]->total) < 1 + 0.01 * own->windows[k]->total);
        }
    }
    printf("rms pull of %zu bins: %.3f\n", n, sqrt(squares / (double)n));
    assert_true(n > 500 && sqrt(squares / (double)n) > 0.85 && sqrt(squares / (double)n) < 1.1);
    line_table_free(lines);
    made_array_done(&a);
}

static void a_fit_without_a_window_has_no_model(void **state) {
    (void)state;
    struct line_table *lines = mix_table();
    struct report_model model;
    struct anchor_fit good = { .line = "NiLa", .energy_eV = 848.85, .height = 8000, .counts = 100, .window_low = 7900, .window_bin = 5, .window_bins = 40,
                               .eV_per_unit = 0.1, .gauss_fwhm_eV = 3 };
    assert_int_equal(report_fit_model(&good, lines, &model), STATUS_OK);
    struct anchor_fit spoilt[] = { good, good, good, good, good };
    spoilt[0].window_bins = 0;
    spoilt[1].window_bins = LINE_FIT_MAX_BINS + 1;
    spoilt[2].window_bin = NAN;
    spoilt[3].gauss_fwhm_eV = 0;
    spoilt[4].height = INFINITY;
    for (size_t k = 0; k < sizeof spoilt / sizeof *spoilt; k++)
        assert_int_equal(report_fit_model(&spoilt[k], lines, &model), STATUS_BAD_VALUE);
    line_table_free(lines);
}

/* Heights that grow by 0.3 % from first to last pulse: slices climb by that part of a typical line's energy. */
static void slices_show_a_drift(void **state) {
    (void)state;
    enum { PULSES = 6000 };
    struct seeded r = draw_start("report_spectra slices", 12);
    struct line_table *lines = mix_table();
    struct mix_pixel pixel[3];
    struct calibration_heights heights[3];
    float *owned[3];
    for (size_t i = 0; i < 3; i++) {
        pixel[i] = mix_pixel_random(&r);
        owned[i] = mix_heights(&pixel[i], PULSES, &r);
        for (size_t k = 0; i == 0 && k < PULSES; k++)
            owned[0][k] *= 1 + 0.003f * ((float)k / PULSES - 0.5f);
        heights[i] = (struct calibration_heights){ .heights = owned[i], .n = PULSES };
    }
    struct calibration_table *t;
    struct report_spectra *s;
    assert_int_equal(calibration_table_learn(lines, 1000, heights, 3, NULL, &t, NULL), STATUS_OK);
    assert_int_equal(report_spectra_new(3, 1, &s), STATUS_OK);
    assert_int_equal(report_spectra_add(s, t, heights), STATUS_OK);
    double climb[2];
    for (size_t i = 0; i < 2; i++) {
        const struct report_pixel *own = report_spectra_of(s, 0, i);
        assert_int_equal(own->n_slices, REPORT_SLICES);
        climb[i] = own->slices[REPORT_SLICES - 1].offset_eV - own->slices[0].offset_eV;
        assert_true(own->slices[0].sigma_eV > 0 && own->slices[0].sigma_eV < 0.5);
        assert_true(own->spectrum->n <= REPORT_BINS && own->spectrum->total > 0.99 * PULSES);
    }
    printf("climb with drift %.2f eV, without %.2f eV\n", climb[0], climb[1]);
    assert_true(climb[0] > 0.8 && climb[0] < 2.5);   /* 0.3 % of 278..1000 eV, 11/12 of it between first and last slice */
    assert_true(fabs(climb[1]) < 0.7);
    report_spectra_free(s);
    calibration_table_free(t);
    line_table_free(lines);
    for (size_t i = 0; i < 3; i++)
        free(owned[i]);
}

static void too_few_pulses_leave_nothing_to_draw(void **state) {
    (void)state;
    struct pixel_calibration bad[3] = { { .verdict = VERDICT_BAD }, { .verdict = VERDICT_BAD }, { .verdict = VERDICT_BAD } };
    struct calibration_table t = { .n_pixels = 3, .pixels = bad };
    float same[40], wild[40];
    for (size_t i = 0; i < 40; i++) {
        same[i] = 5;
        wild[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? -1.0f : (float)i;
    }
    struct calibration_heights heights[3] = { { .n = 0 }, { .heights = same, .n = 40 }, { .heights = wild, .n = 40 } };
    struct report_spectra *s;
    assert_int_equal(report_spectra_new(3, 1, &s), STATUS_OK);
    assert_int_equal(report_spectra_add(s, &t, heights), STATUS_OK);
    assert_null(report_spectra_of(s, 0, 0)->spectrum);
    assert_null(report_spectra_of(s, 0, 1)->spectrum);
    assert_non_null(report_spectra_of(s, 0, 2)->spectrum);
    assert_null(report_spectra_of(s, 1, 0));
    assert_null(report_spectra_of(NULL, 0, 0));
    report_spectra_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_describe_their_windows),
        cmocka_unit_test(a_fit_without_a_window_has_no_model),
        cmocka_unit_test(slices_show_a_drift),
        cmocka_unit_test(too_few_pulses_leave_nothing_to_draw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
