/* A step of the gain between the scans of two samples, which no like spectra lie on both sides of but those of short calibrations: the array's spectra tell it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/array_match.h"
#include "pulse/robust.h"
#include "tests/calib/draw.h"

enum { CHANNELS = 40, PULSES = 1400, POINTS = 10 };
static const double second_ns = 1e9, step_s = 500, sigma_eV = 0.6, step_rms = 1e-3;

struct world {
    struct scan_timeline *timeline;
    struct spectrum_groups *groups;
    struct pixel_model *model;                 /* of all channels: they differ by their gains alone */
    struct calibration_table table;
    struct pixel_calibration pixels[CHANNELS];
    struct learnt_channel learnt[CHANNELS];
    struct correction_estimate estimates[CHANNELS];
    double step[CHANNELS];
};

static void add_state(struct world *w, bool calibration, int32_t number, double from_s, double to_s, const char *sample) {
    struct complaint why;
    struct scan s = { .calibration = calibration, .number = number, .log_number = number, .start_ns = (int64_t)(from_s * second_ns), .end_ns = (int64_t)(to_s * second_ns), .mono_eV = calibration ? 1000 : (double)NAN };
    snprintf(s.sample, sizeof s.sample, "%s", sample);
    snprintf(s.label, sizeof s.label, "%s%d", calibration ? "CAL" : "SCAN", number);
    snprintf(s.log_name, sizeof s.log_name, "log%d", number);
    if (!calibration) {
        const double each = (to_s - from_s) / POINTS;
        s.n_points = POINTS;
        s.points = calloc(POINTS, sizeof *s.points);
        for (int k = 0; k < POINTS; k++)
            s.points[k] = (struct scan_point){ .start_ns = (int64_t)((from_s + k * each) * second_ns), .end_ns = (int64_t)((from_s + (k + 1) * each) * second_ns), .incident_eV = 520 + k };
    }
    assert_int_equal(scan_timeline_add(w->timeline, &s, &why), STATUS_OK);
}

static void make_timeline(struct world *w) {
    struct complaint why;
    assert_int_equal(scan_timeline_new(&w->timeline), STATUS_OK);
    add_state(w, true, 0, 0, 60, "mix");
    add_state(w, false, 1, 60, 500, "pristine");
    add_state(w, false, 2, 500, 940, "heated");
    add_state(w, true, 3, 940, 1000, "mix");
    assert_int_equal(scan_timeline_finish(w->timeline, &why), STATUS_OK);
    assert_int_equal(spectrum_groups_new(w->timeline, &w->groups), STATUS_OK);
}

/* Calibrations have lines; scans emission that samples differ in, and a line that follows the incident energy. */
static double drawn(struct seeded *r, double time_s) {
    static const double lines[] = { 277, 392, 525, 705, 852, 930 };
    const double noise = sigma_eV * draw_normal(r);
    if (time_s < 60 || time_s >= 940)
        return lines[(size_t)(6 * draw_uniform(r))] + noise;
    const bool heated = time_s >= 500;
    const double elastic = 520 + floor(POINTS * fmod(time_s - 60, 440) / 440), kind = draw_uniform(r);
    return (kind < 0.3 ? elastic : kind < (heated ? 0.6 : 0.5) ? 523 + 1.2 * draw_normal(r) : 526 + 1.5 * draw_normal(r)) + noise;
}

static double height_at(double gain, double energy_eV) {
    return gain * energy_eV * (1 - 1e-4 * energy_eV);
}

static struct measured_pulse *pulses(struct seeded *r, double gain, double step) {
    struct measured_pulse *p = calloc(PULSES, sizeof *p);
    for (size_t i = 0; i < PULSES; i++) {
        const double time_s = 1000 * ((double)i + draw_uniform(r)) / PULSES;
        p[i] = (struct measured_pulse){ .time_ns = (int64_t)(time_s * second_ns), .height = (float)(height_at(gain, drawn(r, time_s)) * (time_s >= step_s ? 1 + step : 1)),
                                        .arrival_samples = (float)(draw_uniform(r) - 0.5), .baseline = (float)(6000 + 10 * sin(time_s / 40)), .baseline_offset = (float)draw_normal(r) };
    }
    return p;
}

static struct calibration_curve *curve_of(double gain) {
    struct curve_anchor anchors[6];
    for (int k = 0; k < 6; k++) {
        const double energy = 277 + 130 * k;
        anchors[k] = (struct curve_anchor){ .height = height_at(gain, energy), .height_sigma = 0.5, .energy_eV = energy, .energy_unc_eV = 0.05 };
    }
    struct calibration_curve *c = NULL;
    assert_int_equal(calibration_curve_new(CURVE_SPLINE, anchors, 6, &c), STATUS_OK);
    return c;
}

static void make_channel(struct world *w, struct seeded *r, size_t i) {
    const double gain = 10 * (0.8 + 0.4 * draw_uniform(r));
    const int64_t step_time_ns = (int64_t)(step_s * second_ns);
    struct learnt_channel *c = &w->learnt[i];
    w->step[i] = step_rms * draw_normal(r);
    *c = (struct learnt_channel){ .model = w->model, .n_pulses = PULSES, .pulses = pulses(r, gain, w->step[i]), .correction = height_correction_none(), .steady = true };
    learnt_channel_estimate(c, w->groups, &step_time_ns, 1, &w->estimates[i]);
    assert_true(!c->no_memory && (w->estimates[i].terms >> TERM_STEP & 1));
    w->pixels[i] = (struct pixel_calibration){ .verdict = VERDICT_GOOD, .curve = curve_of(gain) };
}

static void world_new(struct world *w, struct seeded *r) {
    *w = (struct world){ .model = calloc(1, sizeof *w->model) };
    w->model->noise_sigma = 10 * sigma_eV * 0.9;
    make_timeline(w);
    for (size_t i = 0; i < CHANNELS; i++)
        make_channel(w, r, i);
    w->table = (struct calibration_table){ .start_ns = 0, .end_ns = (int64_t)(60 * second_ns), .n_pixels = CHANNELS, .pixels = w->pixels };
}

static void world_free(struct world *w) {
    for (size_t i = 0; i < CHANNELS; i++) {
        free(w->learnt[i].pulses);
        calibration_curve_free(w->pixels[i].curve);
    }
    spectrum_groups_free(w->groups);
    scan_timeline_free(w->timeline);
    free(w->model);
}

/* What is left of the steps: a correction's gain makes up for it. */
static double left(const struct world *w) {
    double x[CHANNELS];
    for (size_t i = 0; i < CHANNELS; i++)
        x[i] = w->learnt[i].correction.gain[TERM_STEP] + w->step[i];
    return robust_centre(x, CHANNELS).sigma;
}

static bool run(struct world *w, unsigned workers) {
    return array_match_run(w->learnt, CHANNELS, w->groups, &w->table, w->estimates, workers);
}

static double mean_error(const struct world *w) {
    double sum = 0;
    for (size_t i = 0; i < CHANNELS; i++)
        sum += (w->learnt[i].correction.gain[TERM_STEP] + w->step[i]) / CHANNELS;
    return sum;
}

/* Better than each by itself; and what samples' spectra differ in, which all have in common, is no step. */
static void a_step_between_samples_is_told_by_the_array(void **state) {
    (void)state;
    struct seeded r = draw_start("a_step_between_samples_is_told_by_the_array", 21);
    static struct world w;
    world_new(&w, &r);
    w.pixels[7].verdict = VERDICT_BAD;
    const double before = left(&w), mean_before = mean_error(&w), bad = w.learnt[7].correction.gain[TERM_STEP];
    assert_true(run(&w, 2));
    const double after = left(&w), mean_after = mean_error(&w), sigma = w.learnt[0].correction.gain_sigma;
    print_message("of steps of %.0e rms each by itself leaves %.1e (mean %.1e), with the array %.1e (%.1e); gain sigma %.1e\n", step_rms, before, mean_before, after, mean_after, sigma);
    assert_true(after < 0.75 * before && after < 2e-4 && fabs(mean_after - mean_before) < 1e-4);
    assert_true(w.learnt[7].correction.gain[TERM_STEP] == bad && sigma > 0.25 * after && sigma < after);
    world_free(&w);
}

static void workers_do_not_matter_and_few_channels_are_left(void **state) {
    (void)state;
    static struct world one, three;
    for (int k = 0; k < 2; k++) {
        struct seeded r = draw_start("workers_do_not_matter_and_few_channels_are_left", 23);
        world_new(k == 0 ? &one : &three, &r);
    }
    assert_true(run(&one, 1) && run(&three, 3));
    for (size_t i = 0; i < CHANNELS; i++)
        assert_memory_equal(one.learnt[i].correction.gain, three.learnt[i].correction.gain, sizeof one.learnt[i].correction.gain);
    for (size_t i = 0; i < CHANNELS; i++) {
        one.learnt[i].correction.gain[TERM_STEP] = 0.01;
        one.pixels[i].verdict = i < ARRAY_MATCH_MIN - 1 ? VERDICT_GOOD : VERDICT_BAD;
    }
    assert_true(run(&one, 1));
    for (size_t i = 0; i < CHANNELS; i++)
        assert_true(one.learnt[i].correction.gain[TERM_STEP] == 0.01);
    world_free(&one);
    world_free(&three);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_between_samples_is_told_by_the_array),
        cmocka_unit_test(workers_do_not_matter_and_few_channels_are_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
