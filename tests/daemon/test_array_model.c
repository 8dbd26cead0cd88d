/* A stored array applied to the channels of a run: by channel number, nothing guessed for the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "daemon/array_model.h"

enum { STORED = 4 };

static struct array_model *stored(void) {
    struct array_model *m;
    assert_true(array_model_new(STORED, 2, &m));
    for (int i = 0; i < STORED; i++) {
        m->channels[i].channel = 10 * i + 1;
        m->channels[i].model = i == 2 ? NULL : calloc(1, sizeof *m->channels[i].model);
        snprintf(m->channels[i].reason, sizeof m->channels[i].reason, "%s", i == 2 ? "no records" : "");
    }
    for (int k = 0; k < 2; k++) {
        struct calibration_table *t = m->tables[k] = calloc(1, sizeof *t);
        t->n_pixels = STORED;
        t->reference_pixel = 1;
        t->pixels = calloc(STORED, sizeof *t->pixels);
        for (int i = 0; i < STORED; i++) {
            const struct curve_anchor anchors[] = { { 1000, 1, 100.0 + i, 1 }, { 2000, 1, 210.0 + i, 1 }, { 3000, 1, 330.0 + i, 1 } };
            struct pixel_calibration *p = &t->pixels[i];
            p->verdict = VERDICT_BAD;
            p->resolution_eV = 1.5 + i + k;
            snprintf(p->reason, sizeof p->reason, "reason %d of table %d", i, k);
            if (i != 2 && !(i == 3 && k == 1)) {
                assert_int_equal(calibration_curve_new(CURVE_SPLINE, anchors, 3, &p->curve), STATUS_OK);
                p->verdict = VERDICT_GOOD;
            }
        }
    }
    return m;
}

static void channels_are_matched_by_number(void **state) {
    (void)state;
    struct array_model *m;
    const int32_t wanted[] = { 31, 5, 11 };
    assert_true(array_model_select(stored(), wanted, 3, &m));
    assert_int_equal(m->n_channels, 3);
    assert_int_equal(m->n_tables, 2);
    assert_non_null(m->channels[0].model);
    assert_null(m->channels[1].model);
    assert_non_null(m->channels[2].model);
    assert_string_equal(m->channels[1].reason, "not in the calibration file");
    assert_int_equal(m->tables[0]->reference_pixel, 2);
    assert_non_null(m->tables[0]->pixels[0].curve);
    assert_null(m->tables[0]->pixels[1].curve);
    struct curve_value v = calibration_curve_value(m->tables[0]->pixels[2].curve, 1000);
    assert_true(fabsf(v.energy_eV - 101) < 1e-3F);
    assert_int_equal(array_model_find(m, 11), 2);
    assert_true(array_model_find(m, 1) == SIZE_MAX);
    array_model_free(m);
}

/* A part of a stored array, even of pixels without a model, counts the grades that the whole does. */
static void parts_count_the_grades_of_the_whole(void **state) {
    (void)state;
    struct array_model *m = stored(), *none, *part;
    const uint32_t whole = array_model_wide_grades(m, false);
    const int32_t missing[] = { 5 };
    assert_true(array_model_new(1, 0, &none));
    assert_int_not_equal(array_model_wide_grades(none, false), whole);
    array_model_free(none);
    assert_true(array_model_select(m, missing, 1, &part));
    assert_int_equal(array_model_wide_grades(part, false), whole);
    array_model_free(part);
}

static void verdicts_name_the_reason(void **state) {
    (void)state;
    struct array_model *m = stored();
    struct array_verdict good = array_model_verdict(m, 0), none = array_model_verdict(m, 2), stale = array_model_verdict(m, 3);
    assert_string_equal(good.verdict, "good");
    assert_true(fabs(good.resolution_eV - 2.5) < 1e-9);
    assert_string_equal(none.verdict, "bad");
    assert_string_equal(none.reason, "no records");
    assert_string_equal(stale.verdict, "stale");
    assert_string_equal(stale.reason, "reason 3 of table 1");   /* why the newer calibration failed */
    array_model_free(m);
    array_model_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_count_the_grades_of_the_whole), cmocka_unit_test(channels_are_matched_by_number),
        cmocka_unit_test(verdicts_name_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
