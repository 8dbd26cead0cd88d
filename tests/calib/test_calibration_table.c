#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/calibration_table.h"
#include "tests/calib/mix_array.h"

static struct calibration_table *learn(const struct mix_array *a, const struct calibration_table *before, enum status expected, struct complaint *why) {
    struct line_table *lines = mix_table();
    struct calibration_table *t = NULL;
    assert_non_null(lines);
    assert_int_equal(calibration_table_learn(lines, 1000, a->heights, a->n, before, &t, why), expected);
    line_table_free(lines);
    assert_non_null(t);
    return t;
}

/* Largest distance of an anchor from the truth, eV; anchors must also be where their own errors allow. */
static double worst_anchor(const struct pixel_calibration *p, const struct mix_pixel *truth) {
    double worst = 0;
    for (uint32_t i = 0; i < p->n_fits; i++)
        if (p->fits[i].used)
            worst = fmax(worst, fabs(p->fits[i].height - mix_height(truth, p->fits[i].energy_eV)) * calibration_curve_slope(p->curve, p->fits[i].height));
    return worst;
}

static const struct anchor_fit *fit_of(const struct pixel_calibration *p, const char *line) {
    for (uint32_t i = 0; i < p->n_fits; i++)
        if (strcmp(p->fits[i].line, line) == 0)
            return &p->fits[i];
    return NULL;
}

static void an_array_is_calibrated_and_its_errors_are_honest(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_table array", 41);
    struct mix_array *a = mix_array_new(40, 3000, mix_pixel_random, &r);
    struct calibration_table *t = learn(a, NULL, STATUS_OK, NULL);
    double pull2 = 0, held2 = 0, deviance = 0;
    int n = 0, held = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        const struct pixel_calibration *p = &t->pixels[i];
        assert_int_equal(p->verdict, VERDICT_GOOD);
        assert_non_null(p->curve);
        assert_true(worst_anchor(p, &a->pixel[i]) < 3);
        assert_true(isnan(p->jump) && !p->jumped);
        for (uint32_t k = 0; k < p->n_fits; k++)
            if (p->fits[k].used) {
                double z = (p->fits[k].height - mix_height(&a->pixel[i], p->fits[k].energy_eV)) / p->fits[k].height_sigma;
                pull2 += z * z;
                deviance += p->fits[k].deviance_per_dof;
                n++;
            }
        for (double e = 250; e < 940; e += 30) {
            struct curve_value v = calibration_curve_value(p->curve, (float)mix_height(&a->pixel[i], e));
            held2 += ((double)v.energy_eV - e) * ((double)v.energy_eV - e);
            held++;
            assert_int_equal(v.trust, 0);
        }
        const struct anchor_fit *elastic = fit_of(p, "elastic");
        assert_non_null(elastic);
        assert_false(elastic->used);
        assert_true(fabs(elastic->residual_eV) < 6);
        assert_true(fabs(p->resolution_eV / a->pixel[i].resolution_eV - 1) < 0.35);
    }
    printf("pull of anchors %.3f, deviance %.3f, rms error of energies 250-940 eV %.3f eV, reference %u\n", sqrt(pull2 / n), deviance / n, sqrt(held2 / held),
           t->reference_pixel);
    assert_true(deviance / n > 0.9 && deviance / n < 1.15);
    assert_true(sqrt(pull2 / n) > 0.9 && sqrt(pull2 / n) < 1.2);
    assert_true(sqrt(held2 / held) < 0.2);
    calibration_table_free(t);
    mix_array_free(a);
}

static void three_hundred_pulses_give_nothing_wrong(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_table 300", 42);
    struct mix_array *a = mix_array_new(MIX_ARRAY_MOST, 300, mix_pixel_random, &r);
    for (uint32_t i = 0; i < a->n; i++) {  /* gains spread by a factor 2 either way */
        a->pixel[i].gain = 13 * exp(log(2) * (2 * draw_uniform(&r) - 1));
        mix_array_fill(a, i, 300, &r);
    }
    struct calibration_table *t = learn(a, NULL, STATUS_OK, NULL);
    int good = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        if (t->pixels[i].verdict != VERDICT_GOOD)
            continue;
        good++;
        double worst = worst_anchor(&t->pixels[i], &a->pixel[i]);
        if (!(worst < 6))
            fail_msg("pixel %u called good with an anchor %.1f eV off", i, worst);
    }
    printf("good: %d of %u\n", good, a->n);
    assert_true(good >= MIX_ARRAY_MOST * 9 / 10);
    calibration_table_free(t);
    mix_array_free(a);
}

static void odd_pixels_get_the_verdict_they_deserve(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_table odd", 43);
    struct mix_array *a = mix_array_new(12, 2500, mix_pixel_random, &r);
    a->pixel[1].without = "CK";                /* no carbon */
    mix_array_fill(a, 1, 2500, &r);
    a->heights[2].n = 0;                       /* dead */
    a->heights[3].n = 120;                     /* nearly dead */
    a->pixel[4].extra_eV = 650;                /* a line nobody knows */
    mix_array_fill(a, 4, 2500, &r);
    for (size_t i = 0; i < a->heights[5].n; i++) /* noise triggers only */
        a->owned[5][i] = (float)(50 * -log(1 - draw_uniform(&r)));
    for (size_t i = 0; i < a->heights[6].n; i++) /* saturated: one height */
        a->owned[6][i] = 20000;
    for (size_t i = 0; i < a->heights[7].n; i++)
        a->owned[7][i] = i % 3 ? NAN : -1;
    struct calibration_table *t = learn(a, NULL, STATUS_OK, NULL);
    for (uint32_t i = 0; i < a->n; i++)
        printf("pixel %u: %s %s\n", i, verdict_names[t->pixels[i].verdict], t->pixels[i].reason);
    assert_int_equal(t->pixels[1].verdict, VERDICT_GOOD);
    assert_non_null(strstr(t->pixels[1].reason, "CKa not found"));
    assert_null(fit_of(&t->pixels[1], "CKa"));
    assert_true(worst_anchor(&t->pixels[1], &a->pixel[1]) < 3);
    /* without carbon the trust region starts at nitrogen */
    assert_int_not_equal(calibration_curve_value(t->pixels[1].curve, (float)mix_height(&a->pixel[1], 260)).trust, 0);
    assert_int_equal(t->pixels[4].verdict, VERDICT_GOOD);
    assert_true(worst_anchor(&t->pixels[4], &a->pixel[4]) < 3);
    for (uint32_t i = 2; i < 8; i++) {
        if (i == 4)
            continue;
        assert_true(t->pixels[i].verdict == VERDICT_BAD || t->pixels[i].verdict == VERDICT_AMBIGUOUS);
        assert_null(t->pixels[i].curve);
        assert_true(strlen(t->pixels[i].reason) > 0);
    }
    assert_non_null(strstr(t->pixels[2].reason, "too few pulses (0"));
    assert_non_null(strstr(t->pixels[3].reason, "too few pulses (120"));
    for (uint32_t i = 8; i < 12; i++)
        assert_true(t->pixels[i].verdict == VERDICT_GOOD && worst_anchor(&t->pixels[i], &a->pixel[i]) < 3);
    calibration_table_free(t);
    mix_array_free(a);
}

static void a_jump_is_told_from_a_drift_and_is_not_stretched_over(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_table jump", 44);
    struct mix_array *a = mix_array_new(8, 3000, mix_pixel_random, &r);
    struct calibration_table *before = learn(a, NULL, STATUS_OK, NULL);
    a->pixel[1].gain *= 0.985;                  /* drifts that are no jumps */
    a->pixel[2].gain *= 1.01;
    a->pixel[3].offset = 18 * a->pixel[3].gain; /* jumps by 18 and -15 eV */
    a->pixel[4].offset = -15 * a->pixel[4].gain;
    for (uint32_t i = 0; i < a->n; i++)
        mix_array_fill(a, i, 3000, &r);
    a->heights[5].n = 100;                      /* too few now, good before: stale */
    struct calibration_table *now = learn(a, before, STATUS_OK, NULL);
    for (uint32_t i = 0; i < a->n; i++) {
        const struct pixel_calibration *p = &now->pixels[i];
        printf("pixel %u: %s %s, jump %.1f\n", i, verdict_names[p->verdict], p->reason, p->jump);
        assert_int_equal(p->jumped, i == 3 || i == 4);
        if (i == 5)
            continue;
        assert_int_equal(p->verdict, VERDICT_GOOD);
        assert_true(worst_anchor(p, &a->pixel[i]) < 3);
        if (i == 3 || i == 4)
            assert_true(fabs(p->jump / a->pixel[i].offset - 1) < 0.15 && strstr(p->reason, "jumped"));
        else
            assert_true(!(fabs(p->jump) > 0));
    }
    assert_int_equal(now->pixels[5].verdict, VERDICT_STALE);
    assert_non_null(now->pixels[5].curve);
    assert_true(worst_anchor(&now->pixels[5], &a->pixel[5]) < 3);
    calibration_table_free(now);
    calibration_table_free(before);
    mix_array_free(a);
}

static void one_pixel_alone_is_enough(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_table one", 45);
    for (int k = 0; k < 5; k++) {
        struct mix_array *a = mix_array_new(1, 2000, mix_pixel_random, &r);
        struct calibration_table *t = learn(a, NULL, STATUS_OK, NULL);
        assert_int_equal(t->pixels[0].verdict, VERDICT_GOOD);
        assert_int_equal(t->reference_pixel, 0);
        assert_true(worst_anchor(&t->pixels[0], &a->pixel[0]) < 3);
        assert_string_equal(t->line_table_name, "test-mix");
        assert_string_equal(t->line_table_text, line_mix_table);
        calibration_table_free(t);
        mix_array_free(a);
    }
}

static void nothing_to_learn_from_is_said(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_table nothing", 46);
    struct mix_array *a = mix_array_new(3, 50, mix_pixel_random, &r);
    struct complaint why = {0};
    struct calibration_table *t = learn(a, NULL, STATUS_TOO_FEW, &why);
    assert_non_null(strstr(why.text, "too few pulses"));
    assert_int_equal(t->reference_pixel, UINT32_MAX);
    calibration_table_free(t);
    struct line_table *lines = mix_table();
    t = NULL;
    assert_int_equal(calibration_table_learn(lines, 300, a->heights, a->n, NULL, &t, &why), STATUS_NOT_FOUND);
    assert_null(t);
    assert_non_null(strstr(why.text, "1 anchors that 300 eV excites"));
    assert_int_equal(calibration_table_learn(lines, 1000, NULL, 0, NULL, &t, &why), STATUS_TOO_FEW);
    calibration_table_free(t);
    line_table_free(lines);
    mix_array_free(a);
}

/* Three lines in geometric progression and four equal peaks in the same one: whatever is chosen would be a guess. */
static void an_ambiguous_spectrum_gives_no_curve(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_table ambiguous", 47);
    static const char text[] = "line,energy_eV,unc_eV,use,excited_above_eV,components,source\nA,300,1,anchor,,,\nB,450,1,anchor,,,\nC,675,1,anchor,,,\n";
    static const double peaks[] = {3000, 4500, 6750, 10125};
    struct line_table *lines = NULL;
    struct calibration_table *t = NULL;
    float heights[2000];
    for (int i = 0; i < 2000; i++)
        heights[i] = (float)(peaks[i % 4] + 12 * draw_normal(&r));
    assert_int_equal(line_table_parse("abc", (const uint8_t *)text, strlen(text), &lines, NULL), STATUS_OK);
    struct calibration_heights h = {.heights = heights, .n = 2000};
    struct complaint why = {0};
    assert_int_equal(calibration_table_learn(lines, NAN, &h, 1, NULL, &t, &why), STATUS_TOO_FEW);
    assert_int_equal(t->pixels[0].verdict, VERDICT_AMBIGUOUS);
    assert_null(t->pixels[0].curve);
    calibration_table_free(t);
    line_table_free(lines);
}

/* Whatever the heights are, it ends, and nothing that is no mix is called good. */
static void nonsense_ends_and_is_not_good(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_table nonsense", 48);
    struct mix_array *a = mix_array_new(10, 800, mix_pixel_random, &r);
    for (uint32_t i = 0; i < a->n; i++)
        for (int k = 0; k < 800; k++) {
            double u = draw_uniform(&r);
            const double kinds[] = {1e30 * u, 1e-30 * u, 12000 * u, k, 1e38, 3000 - 800 * log(1 - u), k % 2 ? 1 : 1e6, exp(60 * u - 30), u < 0.5 ? INFINITY : 5, floor(3 * u)};
            a->owned[i][k] = (float)kinds[i];
        }
    struct complaint why = {0};
    struct calibration_table *t = learn(a, NULL, STATUS_TOO_FEW, &why);
    for (uint32_t i = 0; i < a->n; i++)
        assert_true(t->pixels[i].verdict != VERDICT_GOOD && !t->pixels[i].curve && strlen(t->pixels[i].reason) > 0);
    calibration_table_free(t);
    mix_array_free(a);
}

static const char kilovolt_table[] =
    "line,energy_eV,unc_eV,use,excited_above_eV,components,source\n"
    "AlKa,1486.6,0.1,anchor,1560,,user\nSiKa,1740.0,0.1,anchor,1840,,user\nClKa,2622.4,0.2,anchor,2822,,user\nTiKa,4510.9,0.2,anchor,4966,,user\n"
    "MnKa,5898.8,0.1,anchor,6539,L:5898.8:2.3:2|L:5887.7:2.3:1,user\nMnKb,6490.4,0.3,check,6539,,user\n"
    "CuKa,8047.8,0.1,anchor,8979,L:8047.8:2.5:2|L:8027.9:3.0:1,user\nCuKb,8905.3,0.3,check,8979,,user\n";

/* One photon of that sample; Lorentzian wings end 40 eV out. */
static double kilovolt_photon(double fwhm_eV, struct seeded *r) {
    static const struct { double energy_eV, lorentz_eV, share; } lines[] = {{1486.6, 0, 0.16}, {1740, 0, 0.16}, {2622.4, 0, 0.13}, {4510.9, 0, 0.15}, {5898.8, 2.3, 0.12},
        {5887.7, 2.3, 0.06}, {6490.4, 0, 0.03}, {8047.8, 2.5, 0.11}, {8027.9, 3, 0.055}, {8905.3, 0, 0.025}};
    double u = draw_uniform(r), wing;
    size_t i = 0;
    while (i + 1 < sizeof lines / sizeof lines[0] && u >= lines[i].share)
        u -= lines[i++].share;
    do
        wing = 0.5 * lines[i].lorentz_eV * tan(M_PI * (draw_uniform(r) - 0.5));
    while (fabs(wing) > 40);
    return lines[i].energy_eV + wing + fwhm_eV / 2.3548 * draw_normal(r);
}

static void a_users_table_of_other_lines_calibrates_too(void **state) {
    (void)state;
    enum { PIXELS = 10, PULSES = 3000 };
    struct seeded r = draw_start("calibration_table kilovolts", 49);
    struct line_table *lines = NULL;
    struct calibration_table *t = NULL;
    struct calibration_heights h[PIXELS];
    struct mix_pixel truth[PIXELS];
    float *owned[PIXELS];
    assert_int_equal(line_table_parse("user", (const uint8_t *)kilovolt_table, strlen(kilovolt_table), &lines, NULL), STATUS_OK);
    for (int i = 0; i < PIXELS; i++) {
        truth[i] = (struct mix_pixel){.gain = 1.5 + draw_uniform(&r), .bend = (1 + 2 * draw_uniform(&r)) * 1e-5};
        owned[i] = malloc(PULSES * sizeof(float));
        for (int k = 0; k < PULSES; k++)
            owned[i][k] = (float)mix_height(&truth[i], kilovolt_photon(4.5, &r));
        h[i] = (struct calibration_heights){.heights = owned[i], .n = PULSES};
    }
    struct complaint why = {.text = ""};
    assert_int_equal(calibration_table_learn(lines, NAN, h, PIXELS, NULL, &t, &why), STATUS_OK);
    double square = 0;
    int n = 0;
    for (int i = 0; i < PIXELS; i++) {
        const struct pixel_calibration *p = &t->pixels[i];
        assert_int_equal(p->verdict, VERDICT_GOOD);
        assert_true(fabs(p->resolution_eV / 4.5 - 1) < 0.3);
        for (double e = 1500; e < 8100; e += 330, n++) {
            double off = (double)calibration_curve_value(p->curve, (float)mix_height(&truth[i], e)).energy_eV - e;
            square += off * off;
        }
    }
    printf("rms error of energies 1500-8100 eV %.2f eV; typical resolution %.2f eV; '%s'\n", sqrt(square / n), t->resolution_eV, why.text);
    assert_true(sqrt(square / n) < 1.0);
    assert_string_equal(why.text, "");
    for (int i = 0; i < PIXELS; i++)
        free(owned[i]);
    calibration_table_free(t);
    line_table_free(lines);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_array_is_calibrated_and_its_errors_are_honest),
        cmocka_unit_test(three_hundred_pulses_give_nothing_wrong),
        cmocka_unit_test(odd_pixels_get_the_verdict_they_deserve),
        cmocka_unit_test(a_jump_is_told_from_a_drift_and_is_not_stretched_over),
        cmocka_unit_test(one_pixel_alone_is_enough),
        cmocka_unit_test(nothing_to_learn_from_is_said),
        cmocka_unit_test(an_ambiguous_spectrum_gives_no_curve),
        cmocka_unit_test(nonsense_ends_and_is_not_good),
        cmocka_unit_test(a_users_table_of_other_lines_calibrates_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
