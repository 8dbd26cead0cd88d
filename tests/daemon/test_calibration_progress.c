#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "daemon/calibration_progress.h"
#include "pulse/cut.h"
#include "tests/calib/line_mix.h"

enum { PIXELS = 6, ROWS = 240 };

static const int64_t start_ns = INT64_C(1764000000000000000);

struct beam {
    struct mix_pixel pixel[PIXELS];
    struct row_block *rows;
    int64_t time_ns;
    struct seeded *r;
};

/* Rows of all pixels in turn. Some are cut, and all lack a curve: the first calibration of a session. */
static void shine(struct beam *b, size_t n) {
    row_block_clear(b->rows);
    for (size_t k = 0; k < n; k++) {
        struct photon_block *p = b->rows->photons;
        double energy;
        do
            energy = mix_energy(&b->pixel[k % PIXELS], b->r);
        while (!(energy > 0));
        p->time_ns[k] = b->time_ns += 1000000;
        p->pixel[k] = (uint16_t)(k % PIXELS);
        p->height[k] = (float)mix_height(&b->pixel[k % PIXELS], energy);
        p->cuts[k] = k % 40 == 39 ? CUT_BIT(CUT_RESIDUAL) : CUT_BIT(CUT_NO_CURVE);
        p->n = ++b->rows->n;
    }
}

static struct calibration_progress *progress_new(struct line_table *lines, double interval_s) {
    const struct calibration_progress_settings settings = { .lines = lines, .mono_eV = 0, .interval_s = interval_s };
    struct calibration_progress *p = NULL;
    assert_true(calibration_progress_new(&settings, PIXELS, &p));
    return p;
}

static void the_status_follows_the_counts(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_progress", 111);
    struct line_table *lines = mix_table();
    struct calibration_progress *p = progress_new(lines, 5);
    struct beam b = { .time_ns = start_ns, .r = &r };
    const struct scan_event begin = { .kind = SCAN_EVENT_CALIBRATION_START, .time_ns = start_ns, .incident_eV = 1000, .label = "CAL7" };
    struct calibration_outlook o;
    char label[32], text[300];
    assert_true(row_block_new(ROWS, &b.rows));
    for (int i = 0; i < PIXELS; i++)
        b.pixel[i] = mix_pixel_random(&r);
    shine(&b, ROWS);
    calibration_progress_rows(p, b.rows, 1);
    assert_false(calibration_progress_step(p) || calibration_progress_running(p));   /* no calibration, nothing to look at */
    calibration_progress_begin(p, &begin);
    assert_true(calibration_progress_running(p));
    int looks = 0;
    for (int block = 0; block < 10; block++) {
        shine(&b, ROWS);
        calibration_progress_rows(p, b.rows, (int64_t)block * 3000000000 + 1);
        if (!calibration_progress_step(p))
            continue;
        assert_false(calibration_progress_step(p));   /* one at a time */
        assert_true(calibration_progress_take(p, &o, label));
        assert_string_equal(label, "CAL7");
        calibration_progress_text(&o, text, sizeof text);
        printf("%s: %s\n", label, text);
        looks++;
        json_t *j = calibration_progress_json(&o, label);
        assert_int_equal(json_integer_value(json_object_get(j, "n_good")), o.n_verdict[VERDICT_GOOD]);
        assert_int_equal(json_array_size(json_object_get(json_object_get(j, "pixels"), "verdict")), PIXELS);
        json_decref(j);
        assert_true(block >= 4 || o.n_waiting == PIXELS);
        assert_true(block < 6 || o.n_waiting == 0);
        assert_true(block < 8 || o.n_verdict[VERDICT_GOOD] == PIXELS);
        calibration_outlook_done(&o);
        assert_false(calibration_progress_take(p, &o, label));
    }
    assert_int_equal(looks, 5);   /* every 5 s at most, of 10 blocks 3 s apart */
    calibration_progress_free(p);
    row_block_free(b.rows);
    line_table_free(lines);
}

/* What was being looked at when the calibration ended, or another began, is about nothing any more. */
static void an_outlook_of_what_is_over_is_dropped(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_progress over", 112);
    struct line_table *lines = mix_table();
    struct calibration_progress *p = progress_new(lines, 0);
    struct beam b = { .time_ns = start_ns, .r = &r };
    struct scan_event begin = { .kind = SCAN_EVENT_CALIBRATION_START, .time_ns = start_ns, .incident_eV = 1000, .label = "CAL1" };
    struct calibration_outlook o;
    char label[32];
    assert_true(row_block_new(ROWS, &b.rows));
    for (int i = 0; i < PIXELS; i++)
        b.pixel[i] = mix_pixel_random(&r);
    calibration_progress_begin(p, &begin);
    shine(&b, ROWS);
    calibration_progress_rows(p, b.rows, 1);
    calibration_progress_end(p);
    assert_true(calibration_progress_step(p));
    assert_false(calibration_progress_take(p, &o, label));
    snprintf(begin.label, sizeof begin.label, "CAL2");
    begin.incident_eV = 300;   /* excites one anchor of the table: nothing to tell, and no crash */
    calibration_progress_begin(p, &begin);
    shine(&b, ROWS);
    calibration_progress_rows(p, b.rows, 2);
    assert_true(calibration_progress_step(p));
    assert_false(calibration_progress_take(p, &o, label));
    begin.incident_eV = 1000;
    begin.time_ns = b.time_ns + 1;
    calibration_progress_begin(p, &begin);
    calibration_progress_rows(p, b.rows, 3);   /* all from before it began */
    assert_false(calibration_progress_step(p));
    shine(&b, ROWS);
    calibration_progress_rows(p, b.rows, 4);
    assert_true(calibration_progress_step(p));
    assert_true(calibration_progress_take(p, &o, label));
    assert_string_equal(label, "CAL2");
    assert_true(o.pixels[0].pulses == ROWS / PIXELS);
    calibration_outlook_done(&o);
    calibration_progress_free(p);
    row_block_free(b.rows);
    line_table_free(lines);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_status_follows_the_counts), cmocka_unit_test(an_outlook_of_what_is_over_is_dropped) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
