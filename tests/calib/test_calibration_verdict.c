#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/calibration_table.h"
#include "calib/calibration_verdict.h"
#include "tests/calib/mix_array.h"

/* Pixels of one kind: resolutions 1.8 to 2.2 eV. */
static struct mix_pixel pixel_of_one_kind(struct seeded *r) {
    struct mix_pixel p = mix_pixel_random(r);
    p.gain = 11 + 2 * draw_uniform(r);
    p.resolution_eV = 1.8 + 0.4 * draw_uniform(r);
    return p;
}

static struct calibration_table *learn_with(const char *text, const struct mix_array *a, struct complaint *why) {
    struct line_table *lines = NULL;
    struct calibration_table *t = NULL;
    assert_int_equal(line_table_parse("mix", (const uint8_t *)text, strlen(text), &lines, why), STATUS_OK);
    enum status status = calibration_table_learn(lines, 1000, a->heights, a->n, NULL, &t, why);
    assert_true(status == STATUS_OK || status == STATUS_TOO_FEW);
    line_table_free(lines);
    return t;
}

static double worst_energy(const struct pixel_calibration *p, const struct mix_pixel *truth) {
    double worst = 0;
    for (double e = 280; e < 930; e += 25)
        worst = fmax(worst, fabs((double)calibration_curve_value(p->curve, (float)mix_height(truth, e)).energy_eV - e));
    return worst;
}

static void a_noisy_pixel_is_bad_and_a_poor_one_is_told(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_verdict noisy", 81);
    for (uint32_t n = 2; n <= 20; n += 6) {
        struct mix_array *a = mix_array_new(n, 3000, pixel_of_one_kind, &r);
        a->pixel[0].resolution_eV = 6;
        mix_array_fill(a, 0, 3000, &r);
        if (n > 4) {
            a->pixel[1].resolution_eV = 3.3;
            mix_array_fill(a, 1, 3000, &r);
        }
        struct calibration_table *t = learn_with(line_mix_table, a, NULL);
        printf("%u pixels: %s | %s\n", n, t->pixels[0].reason, t->pixels[1].reason);
        assert_int_equal(t->pixels[0].verdict, VERDICT_BAD);
        assert_non_null(strstr(t->pixels[0].reason, "resolution"));
        assert_null(t->pixels[0].curve);
        assert_int_equal(t->pixels[0].rank, 0);
        assert_true(t->resolution_eV > 1.6 && t->resolution_eV < 2.6);
        if (n > 4) {
            assert_int_equal(t->pixels[1].verdict, VERDICT_GOOD);
            assert_non_null(strstr(t->pixels[1].reason, "times the array's"));
            assert_true(t->pixels[1].rank == n - 1);
        }
        for (uint32_t i = 2; i < n; i++)
            assert_int_equal(t->pixels[i].verdict, VERDICT_GOOD);
        calibration_table_free(t);
        mix_array_free(a);
    }
}

/* Every other pulse has another gain: each line is there twice, and no curve is right. */
static void a_pixel_with_two_gains_is_not_good(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_verdict two gains", 82);
    static const double ratio[] = {0.97, 0.9, 0.8, 0.6, 0.5};
    struct mix_array *a = mix_array_new(15, 3000, pixel_of_one_kind, &r);
    for (uint32_t i = 0; i < 5; i++)
        for (size_t k = 0; k < a->heights[i].n; k += 2)
            a->owned[i][k] *= (float)ratio[i];
    struct calibration_table *t = learn_with(line_mix_table, a, NULL);
    for (uint32_t i = 0; i < 15; i++) {
        if (i < 5)
            printf("ratio %.2f: %s %s\n", ratio[i], verdict_names[t->pixels[i].verdict], t->pixels[i].reason);
        assert_int_equal(t->pixels[i].verdict == VERDICT_GOOD, i >= 5);
    }
    calibration_table_free(t);
    mix_array_free(a);
}

static void lines_that_move_within_the_calibration(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_verdict step", 83);
    struct mix_array *a = mix_array_new(12, 3000, pixel_of_one_kind, &r);
    int64_t time_ns[3000];
    for (int k = 0; k < 3000; k++)
        time_ns[k] = 1000 + 7 * k;
    static const double eV[] = {18, -15, 12, 30}, share[] = {0.5, 0.2, 0.7, 0.97};
    for (uint32_t i = 0; i < 4; i++) {
        for (size_t k = (size_t)(share[i] * 3000); k < 3000; k++)
            a->owned[i][k] += (float)(eV[i] * a->pixel[i].gain);
        a->pixel[i].offset = eV[i] * a->pixel[i].gain;
        a->heights[i].time_ns = time_ns;
    }
    struct calibration_table *t = learn_with(line_mix_table, a, NULL);
    for (uint32_t i = 0; i < 12; i++) {
        const struct pixel_calibration *p = &t->pixels[i];
        if (i < 4)
            printf("%+.0f eV after %.2f: %s %s, %g, from %lld\n", eV[i], share[i], verdict_names[p->verdict], p->reason, p->step / a->pixel[i].gain, (long long)p->valid_from_ns);
        assert_int_equal(p->jumped, i < 3);
        if (i >= 3)
            continue;
        assert_int_equal(p->verdict, VERDICT_GOOD);
        assert_non_null(strstr(p->reason, "moved"));
        assert_true(worst_energy(p, &a->pixel[i]) < 3);
        assert_true(fabs(p->step / (eV[i] * a->pixel[i].gain) - 1) < 0.4);
        assert_true(llabs(p->valid_from_ns - time_ns[(size_t)(share[i] * 3000)]) < 7 * 3000 / 40);
    }
    calibration_table_free(t);
    mix_array_free(a);
}

static void a_wrong_energy_of_the_table_is_the_tables_fault(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_verdict table", 84);
    static const char *const energy[] = {"278.21", "392.25", "524.45", "705.01", "848.85", "926.98"};
    static const char *const name[] = {"CKa", "NKa", "OKa", "FeLa", "NiLa", "CuLa"};
    struct mix_array *a = mix_array_new(24, 4000, pixel_of_one_kind, &r);
    struct complaint why = {.text = ""};
    struct calibration_table *t = learn_with(line_mix_table, a, &why);
    assert_string_equal(why.text, "");
    assert_string_equal(t->remark, "");
    calibration_table_free(t);
    for (int k = 0; k < 6; k++)
        for (int sign = -1; sign <= 1; sign += 2) {
            char text[sizeof line_mix_table + 16], number[16];
            snprintf(number, sizeof number, "%.2f", strtod(energy[k], NULL) + 2 * sign);
            snprintf(text, sizeof text, "%s", line_mix_table);
            for (char *at = strstr(text, name[k]); (at = strstr(at, energy[k])) != NULL; at += strlen(number))
                memcpy(at, number, strlen(number));
            t = learn_with(text, a, &why);
            int bad = 0;
            for (uint32_t i = 0; i < a->n; i++)
                bad += t->pixels[i].verdict != VERDICT_GOOD;
            printf("%s %+d eV: fault %+.2f, %d bad; %s\n", name[k], 2 * sign, t->lines[k].fault_eV, bad, t->remark);
            assert_int_equal(bad, 0);
            assert_true(fabs(t->lines[k].fault_eV - 2 * sign) < 0.8);
            assert_non_null(strstr(t->remark, name[k]));
            assert_non_null(strstr(why.text, "fault"));
            calibration_table_free(t);
        }
    mix_array_free(a);
}

/* 705.01 written as 750.01: the pixels stay good without the line, and the line is named. */
static void a_typo_in_the_table_does_not_make_pixels_bad(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_verdict typo", 85);
    struct mix_array *a = mix_array_new(10, 4000, pixel_of_one_kind, &r);
    char text[sizeof line_mix_table];
    memcpy(text, line_mix_table, sizeof text);
    for (char *at = text; (at = strstr(at, "705.01")) != NULL;)
        memcpy(at, "660.01", 6);   /* below its edge: above it the table would be refused */
    struct complaint why = {.text = ""};
    struct calibration_table *t = learn_with(text, a, &why);
    int good = 0;
    for (uint32_t i = 0; i < a->n; i++)
        good += t->pixels[i].verdict == VERDICT_GOOD && worst_energy(&t->pixels[i], &a->pixel[i]) < 4;
    printf("%d of %u good; %s\n", good, a->n, why.text);
    assert_true(good >= 9);
    assert_non_null(strstr(why.text, "FeLa"));
    calibration_table_free(t);
    mix_array_free(a);
}

static void records_that_are_no_pulses_are_told(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_verdict lost", 86);
    struct mix_array *a = mix_array_new(6, 2500, pixel_of_one_kind, &r);
    a->heights[0].no_pulse = 0.25;
    a->heights[1].no_pulse = 0.7;
    a->heights[2].clipped = 0.6;
    a->heights[2].n = 250;
    for (int k = 0; k < 250; k++)
        a->owned[2][k] = (float)(3000 + 900 * draw_uniform(&r));
    struct calibration_table *t = learn_with(line_mix_table, a, NULL);
    for (int i = 0; i < 3; i++)
        printf("%s: %s\n", verdict_names[t->pixels[i].verdict], t->pixels[i].reason);
    assert_int_equal(t->pixels[0].verdict, VERDICT_GOOD);
    assert_non_null(strstr(t->pixels[0].reason, "25 % of its records are no pulses"));
    assert_int_equal(t->pixels[1].verdict, VERDICT_BAD);
    assert_int_equal(t->pixels[2].verdict, VERDICT_BAD);
    assert_ptr_equal(strstr(t->pixels[2].reason, "saturated"), t->pixels[2].reason);
    calibration_table_free(t);
    mix_array_free(a);
}

static void the_best_pixels_are_kept(void **state) {
    (void)state;
    double resolution[] = {2, 1.5, NAN, 1.5, 3, 1};
    uint8_t used[] = {1, 1, 1, 1, 1, 0};
    assert_int_equal(calibration_verdict_keep_best(resolution, used, 6, 0), STATUS_OK);
    assert_memory_equal(used, ((uint8_t[]){1, 1, 1, 1, 1, 0}), 6);
    assert_int_equal(calibration_verdict_keep_best(resolution, used, 6, 4), STATUS_OK);
    assert_memory_equal(used, ((uint8_t[]){1, 1, 0, 1, 1, 0}), 6);
    assert_int_equal(calibration_verdict_keep_best(resolution, used, 6, 1), STATUS_OK);
    assert_memory_equal(used, ((uint8_t[]){0, 1, 0, 0, 0, 0}), 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_noisy_pixel_is_bad_and_a_poor_one_is_told),
        cmocka_unit_test(a_pixel_with_two_gains_is_not_good),
        cmocka_unit_test(lines_that_move_within_the_calibration),
        cmocka_unit_test(a_wrong_energy_of_the_table_is_the_tables_fault),
        cmocka_unit_test(a_typo_in_the_table_does_not_make_pixels_bad),
        cmocka_unit_test(records_that_are_no_pulses_are_told),
        cmocka_unit_test(the_best_pixels_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
