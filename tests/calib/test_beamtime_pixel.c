/* A pixel meets its photons: fates and triggers agree, neighbours meet each other, samples rise at the triggers, stamps stay close. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "calib/beamtime_pixel.h"

enum { PIXELS = 3, SAMPLES = 256, PRESAMPLES = 64 };

struct bench { struct beamtime_sim *plan; struct pixel_sim pixels[PIXELS]; struct beamtime_array array; };

static int set_up(void **state) {
    static const char table[] = "line,energy_eV,unc_eV,use,excited_above_eV,components,source\nOKa,524.9,0.1,anchor,532,,made\n";
    struct bench *b = calloc(1, sizeof *b);
    struct line_table *lines = NULL;
    assert_non_null(b);
    assert_int_equal(line_table_parse("made", (const uint8_t *)table, sizeof table - 1, &lines, NULL), STATUS_OK);
    const struct beamtime_settings plan = {.seed = 3, .start_ns = INT64_C(1772442000) * 1000000000, .rate_Hz = 30, .n_conditions = 1, .conditions = {"a"}, .n_points = 2,
                                           .dwell_s = 1, .calibration_s = 10, .mono_eV = 1000, .lines = lines};
    assert_int_equal(beamtime_sim_new(&plan, &b->plan), STATUS_OK);
    line_table_free(lines);
    const struct pixel_sim_settings pixel = {.seed = 3, .period_s = 6.4e-6, .n_samples = SAMPLES, .n_presamples = PRESAMPLES, .run_s = 20, .resolution_eV = 2};
    for (uint32_t i = 0; i < PIXELS; i++)
        assert_int_equal(pixel_sim_draw(&pixel, i, PIXEL_GOOD, &b->pixels[i]), STATUS_OK);
    b->array = (struct beamtime_array){.plan = b->plan, .pixels = b->pixels, .n_pixels = PIXELS, .seed = 3, .period_s = 6.4e-6, .n_samples = SAMPLES,
                                       .n_presamples = PRESAMPLES, .trigger = TRIGGER_EDGE_MULTI, .stamp_jitter_s = 60e-6};
    *state = b;
    return 0;
}

static int tear_down(void **state) {
    struct bench *b = *state;
    beamtime_sim_free(b->plan);
    free(b);
    return 0;
}

static void test_fates_and_triggers(void **state) {
    const struct bench *b = *state;
    struct beamtime_pixel p;
    assert_int_equal(beamtime_pixel_meet(&b->array, 1, &p), STATUS_OK);
    assert_true(p.n > 100 && p.n_triggers > 100);
    size_t recorded = 0;
    for (size_t i = 0; i < p.n; i++) {
        assert_true((p.trigger_of[i] >= 0) == (p.fate[i] == FATE_RECORDED || p.fate[i] == FATE_MERGED));
        assert_true(p.trigger_of[i] < (int64_t)p.n_triggers);
        if (p.fate[i] == FATE_RECORDED) {
            assert_int_equal(p.triggers[p.trigger_of[i]].deposit, i);
            recorded++;
        }
    }
    assert_int_equal(recorded, p.n_triggers);   /* a good pixel fires on photons only */
    for (size_t k = 1; k < p.n_triggers; k++)
        assert_true(p.triggers[k].frame > p.triggers[k - 1].frame && p.triggers[k].frame < beamtime_frames(&b->array));
    beamtime_pixel_done(&p);
    assert_null(p.photons);
}

static void test_neighbours(void **state) {
    const struct bench *b = *state;
    struct beamtime_pixel p[PIXELS];
    for (uint32_t i = 0; i < PIXELS; i++)
        assert_int_equal(beamtime_pixel_meet(&b->array, i, &p[i]), STATUS_OK);
    assert_true(p[0].neighbours[0].n == 0 && p[2].neighbours[1].n == 0);
    assert_int_equal(p[1].neighbours[0].n, p[0].n);
    assert_memory_equal(p[1].neighbours[0].deposits, p[0].own, p[0].n * sizeof *p[0].own);
    assert_memory_equal(p[1].neighbours[1].deposits, p[2].own, p[2].n * sizeof *p[2].own);
    for (uint32_t i = 0; i < PIXELS; i++)
        beamtime_pixel_done(&p[i]);
}

static void test_samples(void **state) {
    const struct bench *b = *state;
    struct beamtime_pixel p;
    struct pulse_stream *stream = NULL;
    uint16_t samples[SAMPLES];
    size_t rising = 0;
    assert_int_equal(beamtime_pixel_meet(&b->array, 0, &p), STATUS_OK);
    assert_int_equal(beamtime_pixel_stream(&b->array, 0, &p, &stream), STATUS_OK);
    for (size_t k = 0; k < p.n_triggers; k++) {
        pulse_stream_read(stream, p.triggers[k].frame - PRESAMPLES, samples);
        const double keV = p.own[p.triggers[k].deposit].deposited_keV;
        rising += samples[PRESAMPLES + 12] - samples[PRESAMPLES - 6] > 0.4 * b->pixels[0].gain_counts_per_keV * keV;
    }
    assert_true((double)rising > 0.97 * (double)p.n_triggers);
    pulse_stream_free(stream);
    beamtime_pixel_done(&p);
}

static void test_stamps(void **state) {
    const struct bench *b = *state;
    const int64_t start_ns = b->plan->settings.start_ns;
    bool differ = false;
    for (int64_t frame = 0; frame < 1000000; frame += 1000) {
        const double true_ns = (double)frame * 6400, error = (double)(beamtime_stamp_ns(&b->array, start_ns, 1, frame) - start_ns) - true_ns;
        assert_true(fabs(error) <= 150001);   /* 2.5 sigma */
        differ = differ || beamtime_stamp_ns(&b->array, start_ns, 0, frame) != beamtime_stamp_ns(&b->array, start_ns, 1, frame);
        assert_int_equal(beamtime_stamp_ns(&b->array, start_ns + 7, 1, frame), beamtime_stamp_ns(&b->array, start_ns, 1, frame) + 7);
    }
    assert_true(differ);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fates_and_triggers), cmocka_unit_test(test_neighbours), cmocka_unit_test(test_samples), cmocka_unit_test(test_stamps)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
