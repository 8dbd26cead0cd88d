#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "calib/beamtime_sim.h"
#include "tests/calib/simulated_lines.h"

static uint64_t seed(void) {
    const char *text = getenv("TESD_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : 20260302;
}

static struct beamtime_sim *plan_with(const struct line_table *lines, double flux_step) {
    const struct beamtime_settings s = {.seed = seed(), .start_ns = INT64_C(1772442000) * 1000000000 + 123, .rate_Hz = 8, .n_edges = 2, .edges = {&rixs_edges[0], &rixs_edges[2]},
                                        .n_conditions = 2, .conditions = {"a", "b"}, .feature_strength = {0, 0.2}, .n_repeats = 3, .n_points = 21, .dwell_s = 1, .move_s = 0.3,
                                        .calibration_s = 55, .mono_eV = 1000, .flux_step = flux_step, .lines = lines};
    struct beamtime_sim *b = NULL;
    assert_int_equal(beamtime_sim_new(&s, &b), STATUS_OK);
    return b;
}

static struct beamtime_sim *plan(const struct line_table *lines) {
    return plan_with(lines, 0);
}

static void test_plan_closes(void **state) {
    (void)state;
    struct line_table *lines = simulated_lines();
    struct beamtime_sim *b = plan(lines);
    assert_int_equal(b->n_scans, 2 + 2 * 2 * 3);
    assert_true(b->scans[0].calibration && b->scans[b->n_scans - 1].calibration && !b->scans[1].calibration);
    int64_t at = b->settings.start_ns;
    for (size_t i = 0; i < b->n_stretches; i++) {
        const struct beam_stretch *s = &b->stretches[i];
        assert_true(s->start_ns == at && s->end_ns > at);
        at = s->end_ns;
        /* Times come back from seconds in double precision. */
        assert_true(llround((double)s->start_ns / 1e9 * 1e9) == s->start_ns);
        assert_true((s->kind != STRETCH_PAUSE && s->kind != STRETCH_MOVING) <= (s->scan >= 0));
        assert_true(s->model < b->n_models);
    }
    assert_true(at == b->end_ns);
    for (size_t i = 0; i < b->n_scans; i++) {
        const struct beam_scan *scan = &b->scans[i];
        assert_int_equal(scan->number, i);
        assert_true(beamtime_sim_point(b, scan, 0)->start_ns > scan->start_ns);
        for (uint32_t p = 0; p < scan->n_points; p++) {
            const struct beam_stretch *s = beamtime_sim_point(b, scan, p);
            assert_int_equal(s->scan, i);
            assert_int_equal(s->point, p);
            assert_int_equal(s->kind, scan->calibration ? STRETCH_CALIBRATION : STRETCH_POINT);
            assert_true(s->end_ns <= scan->end_ns && s->i0 > 0 && s->i0_sigma > 0);
        }
    }
    beamtime_sim_free(b);
    line_table_free(lines);
}

/* Counts follow the plan: per point and in sum, within Poisson errors; rates are the asked ones. */
static void test_photons_follow_the_plan(void **state) {
    (void)state;
    struct line_table *lines = simulated_lines();
    struct beamtime_sim *b = plan(lines);
    double expected = 0, calibration = 0, chi2 = 0;
    uint64_t total = 0, in_calibration = 0, features[2] = {0};
    double *count = calloc(b->n_stretches, sizeof *count);
    assert_non_null(count);
    enum { PIXELS = 40 };
    for (uint32_t pixel = 0; pixel < PIXELS; pixel++) {
        struct sim_photon *photons = NULL;
        size_t n = 0;
        assert_int_equal(beamtime_sim_photons(b, pixel, 0.5, 1, &photons, &n), STATUS_OK);
        total += n;
        for (size_t i = 0; i < n; i++) {
            const struct beam_stretch *s = &b->stretches[photons[i].stretch];
            assert_true(photons[i].time_ns >= s->start_ns && photons[i].time_ns < s->end_ns && (i == 0 || photons[i].time_ns >= photons[i - 1].time_ns));
            assert_true(photons[i].energy_eV > 0 && photons[i].energy_eV < 1200);
            count[photons[i].stretch]++;
            in_calibration += s->kind == STRETCH_CALIBRATION;
            if (photons[i].kind == EMISSION_FEATURE)
                features[b->scans[s->scan].condition]++;
        }
        free(photons);
    }
    for (size_t i = 0; i < b->n_stretches; i++) {
        const struct beam_stretch *s = &b->stretches[i];
        const double mean = PIXELS * 0.5 * s->rate_Hz * (double)(s->end_ns - s->start_ns) * 1e-9;
        expected += mean;
        calibration += s->kind == STRETCH_CALIBRATION ? mean : 0;
        chi2 += mean > 0 ? (count[i] - mean) * (count[i] - mean) / mean : 0;
    }
    assert_true(fabs((double)total - expected) < 5 * sqrt(expected) && fabs((double)in_calibration - calibration) < 5 * sqrt(calibration));
    assert_true(fabs(chi2 - (double)b->n_stretches) < 6 * sqrt(2. * (double)b->n_stretches));
    assert_true(fabs(calibration / (PIXELS * 0.5 * 8 * 110) - 1) < 0.02);
    assert_true(features[0] == 0 && features[1] > 20);
    free(count);
    beamtime_sim_free(b);
    line_table_free(lines);
}

static void test_pixels_repeat_and_windows_absorb(void **state) {
    (void)state;
    struct line_table *lines = simulated_lines();
    struct beamtime_sim *b = plan(lines);
    struct sim_photon *a = NULL, *again = NULL, *dirty = NULL;
    size_t n = 0, n_again = 0, n_dirty = 0, soft = 0, soft_dirty = 0;
    assert_int_equal(beamtime_sim_photons(b, 7, 1, 1, &a, &n), STATUS_OK);
    assert_int_equal(beamtime_sim_photons(b, 7, 1, 1, &again, &n_again), STATUS_OK);
    assert_int_equal(beamtime_sim_photons(b, 7, 1, 0.02, &dirty, &n_dirty), STATUS_OK);
    assert_int_equal(n, n_again);
    for (size_t i = 0; i < n; i++)
        assert_true(a[i].time_ns == again[i].time_ns && a[i].energy_eV == again[i].energy_eV);
    for (size_t i = 0; i < n; i++)
        soft += a[i].energy_eV < 350;
    for (size_t i = 0; i < n_dirty; i++)
        soft_dirty += dirty[i].energy_eV < 350;
    assert_true(soft > 50 && soft_dirty < soft / 5);
    free(a);
    free(again);
    free(dirty);
    assert_int_equal(beamtime_sim_photons(b, 7, 0, 1, &a, &n), STATUS_OK);
    assert_int_equal(n, 0);
    free(a);
    beamtime_sim_free(b);
    line_table_free(lines);
}

/* Rate and I0 of odd points, and of the ways from them, are three times those of even ones; their mean, all times and the calibrations stay. */
static void test_flux_steps(void **state) {
    (void)state;
    struct line_table *lines = simulated_lines();
    struct beamtime_sim *steady = plan(lines), *stepped = plan_with(lines, 3);
    assert_int_equal(steady->n_stretches, stepped->n_stretches);
    for (size_t i = 0; i < steady->n_stretches; i++) {
        const struct beam_stretch *a = &steady->stretches[i], *b = &stepped->stretches[i];
        const bool edge = b->scan >= 0 && !stepped->scans[b->scan].calibration;
        assert_true(a->start_ns == b->start_ns && a->end_ns == b->end_ns && a->point == b->point);
        if (b->kind == STRETCH_PAUSE)
            continue;   /* at a share of what the scan before it ended with */
        const double factor = edge ? b->point % 2 ? 1.5 : 0.5 : 1;
        assert_true(fabs(b->rate_Hz - factor * a->rate_Hz) < 1e-9 * b->rate_Hz);
        assert_true(isnan(a->i0) == isnan(b->i0) && (isnan(b->i0) || fabs(b->i0 - factor * a->i0) < 1e-9 * b->i0));
    }
    beamtime_sim_free(steady);
    beamtime_sim_free(stepped);
    line_table_free(lines);
}

static void test_bad_settings_are_refused(void **state) {
    (void)state;
    struct beamtime_sim *b = NULL;
    struct beamtime_settings s = {.rate_Hz = 1, .n_conditions = 1, .n_points = 2, .dwell_s = 1, .calibration_s = 1};
    s.rate_Hz = 0;
    assert_int_equal(beamtime_sim_new(&s, &b), STATUS_BAD_VALUE);
    s.rate_Hz = 1;
    s.n_points = 1;
    assert_int_equal(beamtime_sim_new(&s, &b), STATUS_BAD_VALUE);
    assert_null(b);
    beamtime_sim_free(NULL);
}

int main(void) {
    printf("TESD_SEED=%llu\n", (unsigned long long)seed());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_closes),
        cmocka_unit_test(test_photons_follow_the_plan),
        cmocka_unit_test(test_pixels_repeat_and_windows_absorb),
        cmocka_unit_test(test_flux_steps),
        cmocka_unit_test(test_bad_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
