#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "calib/calibration_watch.h"
#include "tests/calib/line_mix.h"

enum { PIXELS = 30, PULSES = 700 };

static const struct calibration_rules plain = {.tails = false};

/* Pulses come one by one, pixel by pixel in turn, at rates that differ by three: the outlook turns from waiting to good, and never says good of
 * a pixel that would be wrong. By 300 pulses nearly all are. */
static void pixels_turn_good_while_counts_come_in(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_watch", 101);
    struct line_table *lines = mix_table();
    struct mix_pixel pixel[PIXELS];
    float *heights[PIXELS];
    struct calibration_watch *w = NULL;
    uint32_t good_before = 0;
    assert_int_equal(calibration_watch_new(PIXELS, 1000, &w), STATUS_OK);
    for (int i = 0; i < PIXELS; i++) {
        pixel[i] = mix_pixel_random(&r);
        heights[i] = mix_heights(&pixel[i], 3 * PULSES, &r);
    }
    for (int k = 0; k < PULSES; k++) {
        for (uint32_t i = 0; i < PIXELS; i++)
            for (uint32_t m = 0; m <= i % 3; m++)
                calibration_watch_add(w, i, heights[i][(size_t)k * (i % 3 + 1) + m]);
        if ((k + 1) % 100 != 0)
            continue;
        struct calibration_outlook o;
        assert_int_equal(calibration_watch_look(w, &plain, lines, 1000, NULL, &o, NULL), STATUS_OK);
        printf("typically %.0f pulses: %u wait, %u good, %u ambiguous, %u bad %s\n", o.typical_pulses, o.n_waiting, o.n_verdict[VERDICT_GOOD], o.n_verdict[VERDICT_AMBIGUOUS],
               o.n_verdict[VERDICT_BAD], o.remark);
        assert_true(o.n_verdict[VERDICT_GOOD] + 1 >= good_before);
        good_before = o.n_verdict[VERDICT_GOOD];
        for (uint32_t i = 0; i < PIXELS; i++) {
            assert_true(o.pixels[i].pulses == (uint64_t)(k + 1) * (i % 3 + 1));
            assert_int_equal(o.pixels[i].waiting, o.pixels[i].pulses < 200);
            assert_true(o.pixels[i].waiting || strlen(o.pixels[i].reason) > 0 || o.pixels[i].verdict == VERDICT_GOOD);
            assert_true(o.pixels[i].verdict != VERDICT_GOOD || o.pixels[i].anchors >= 4);
        }
        if (k + 1 == 300)
            assert_true(o.n_waiting == 0 && o.n_verdict[VERDICT_GOOD] >= PIXELS - 1);
        calibration_outlook_done(&o);
    }
    for (int i = 0; i < PIXELS; i++)
        free(heights[i]);
    calibration_watch_free(w);
    line_table_free(lines);
}

/* However long it lasts, what is kept is bounded and spread over all of it. */
static void long_calibrations_are_thinned_evenly(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_watch long", 102);
    struct line_table *lines = mix_table();
    struct mix_pixel pixel = {.gain = 12, .bend = 1.5e-4, .resolution_eV = 2.5};
    struct calibration_watch *w = NULL, *copy = NULL;
    struct calibration_outlook one, other;
    assert_int_equal(calibration_watch_new(2, 255, &w), STATUS_BAD_VALUE);
    assert_int_equal(calibration_watch_new(2, 600, &w), STATUS_OK);
    assert_int_equal(calibration_watch_new(2, 600, &copy), STATUS_OK);
    float *h = mix_heights(&pixel, 20000, &r);
    for (int k = 0; k < 20000; k++) {
        calibration_watch_add(w, 0, h[k]);
        calibration_watch_add(w, 1, k % 2 ? NAN : -1.0f);   /* no pulses */
        calibration_watch_add(w, 2, h[k]);                  /* no such pixel */
    }
    assert_true(calibration_watch_pulses(w) == 20000);
    calibration_watch_copy(copy, w);
    assert_int_equal(calibration_watch_look(w, &plain, lines, 1000, NULL, &one, NULL), STATUS_OK);
    assert_int_equal(calibration_watch_look(copy, &plain, lines, 1000, NULL, &other, NULL), STATUS_OK);
    assert_true(one.pixels[0].pulses == 20000 && one.pixels[0].verdict == VERDICT_GOOD && !one.pixels[0].waiting);
    assert_true(one.pixels[1].pulses == 0 && one.pixels[1].waiting);
    assert_memory_equal(&one.pixels[0].resolution_eV, &other.pixels[0].resolution_eV, sizeof(double));
    calibration_outlook_done(&one);
    calibration_outlook_done(&other);
    calibration_watch_clear(w);
    assert_int_equal(calibration_watch_look(w, &plain, lines, 1000, NULL, &one, NULL), STATUS_OK);
    assert_true(one.n_waiting == 2 && one.remark[0] == '\0');
    calibration_outlook_done(&one);
    struct complaint why = {.text = ""};
    assert_int_equal(calibration_watch_look(w, &plain, lines, 300, NULL, &one, &why), STATUS_NOT_FOUND);
    assert_non_null(strstr(why.text, "anchors that 300 eV excites"));
    free(h);
    calibration_watch_free(w);
    calibration_watch_free(copy);
    line_table_free(lines);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pixels_turn_good_while_counts_come_in), cmocka_unit_test(long_calibrations_are_thinned_evenly)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
