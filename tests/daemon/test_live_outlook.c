#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "daemon/live_outlook.h"
#include "tests/calib/line_mix.h"

enum { MOST = 6, ROWS = 240, LOOKS_TRIED = 100000 };

static const int64_t start_ns = INT64_C(1764000000000000000);

static void shine(struct row_block *b, const struct mix_pixel *pixel, uint32_t n_pixels, struct seeded *r) {
    row_block_clear(b);
    for (size_t k = 0; k < ROWS; k++) {
        struct photon_block *p = b->photons;
        double energy;
        do
            energy = mix_energy(&pixel[k % n_pixels], r);
        while (!(energy > 0));
        p->time_ns[k] = start_ns + (int64_t)k;
        p->pixel[k] = (uint16_t)(k % n_pixels);
        p->height[k] = (float)mix_height(&pixel[k % n_pixels], energy);
        p->cuts[k] = 0;
        p->n = ++b->n;
    }
}

/* The learner's rounds until the look that is under way is there. */
static bool looked(struct live_outlook *o, struct calibration_outlook *out, char label[32]) {
    for (int i = 0; i < LOOKS_TRIED; i++) {
        live_outlook_step(o);
        if (live_outlook_take(o, out, label))
            return true;
        sched_yield();
    }
    return false;
}

/* An array that goes to and fro between two sizes, as often as you like: each calibration is looked at. (Once there were no looks after the 16th.) */
static void every_array_is_looked_at(void **state) {
    (void)state;
    struct seeded r = draw_start("live_outlook", 211);
    struct line_table *lines = mix_table();
    const struct calibration_progress_settings settings = { .lines = lines, .mono_eV = 1000 };
    struct mix_pixel pixel[MOST];
    struct live_outlook *o = NULL;
    struct row_block *rows = NULL;
    struct calibration_outlook look;
    char label[32];
    assert_true(live_outlook_new(&settings, &o));
    assert_true(row_block_new(ROWS, &rows));
    for (int i = 0; i < MOST; i++)
        pixel[i] = mix_pixel_random(&r);
    live_outlook_step(o);
    assert_false(live_outlook_take(o, &look, label));   /* no array */
    for (int k = 0; k < 20; k++) {
        const uint32_t n_pixels = k % 2 == 0 ? MOST : MOST / 2;
        struct scan_event begin = { .kind = SCAN_EVENT_CALIBRATION_START, .time_ns = start_ns, .incident_eV = 1000 };
        snprintf(begin.label, sizeof begin.label, "CAL%d", k);
        live_outlook_array(o, n_pixels);
        live_outlook_begin(o, &begin);
        shine(rows, pixel, n_pixels, &r);
        live_outlook_rows(o, rows, k + 1);
        assert_true(looked(o, &look, label));
        assert_string_equal(label, begin.label);
        assert_int_equal(look.n_pixels, n_pixels);
        calibration_outlook_done(&look);
    }
    live_outlook_array(o, 0);
    live_outlook_rows(o, rows, 100);
    live_outlook_step(o);
    assert_false(live_outlook_take(o, &look, label));   /* the calibration went with its array */
    row_block_free(rows);
    live_outlook_free(o);
    line_table_free(lines);
}

/* A look under way when all ends is waited for. */
static void a_look_under_way_is_waited_for(void **state) {
    (void)state;
    struct seeded r = draw_start("live_outlook end", 212);
    struct line_table *lines = mix_table();
    const struct calibration_progress_settings settings = { .lines = lines, .mono_eV = 1000 };
    const struct scan_event begin = { .kind = SCAN_EVENT_CALIBRATION_START, .time_ns = start_ns, .incident_eV = 1000, .label = "CAL1" };
    struct mix_pixel pixel[MOST];
    for (int i = 0; i < MOST; i++)
        pixel[i] = mix_pixel_random(&r);
    struct live_outlook *o = NULL;
    struct row_block *rows = NULL;
    assert_true(live_outlook_new(&settings, &o));
    assert_true(row_block_new(ROWS, &rows));
    live_outlook_array(o, MOST);
    live_outlook_begin(o, &begin);
    shine(rows, pixel, MOST, &r);
    live_outlook_rows(o, rows, 1);
    live_outlook_step(o);
    live_outlook_free(o);   /* sanitizers see what it would leave behind */
    row_block_free(rows);
    line_table_free(lines);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_array_is_looked_at), cmocka_unit_test(a_look_under_way_is_waited_for) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
