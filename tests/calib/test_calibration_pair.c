#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/calibration_pair.h"
#include "tests/calib/line_mix.h"

enum { TABLES = 3, CAL_NS = 1000 };

/* Tables of one pixel, from k x 10000 to k x 10000 + 1000; gain[k] 0: no curve. */
struct days {
    struct calibration_table table[TABLES], *list[TABLES];
    struct pixel_calibration pixel[TABLES];
};

static struct calibration_curve *curve_of(double gain) {
    struct curve_anchor a[6];
    struct calibration_curve *c = NULL;
    struct mix_pixel p = {.gain = gain, .bend = 1.5e-4};
    for (int i = 0; i < 6; i++) {
        double e = 280 + 130 * i;
        a[i] = (struct curve_anchor){mix_height(&p, e), 2, e, 0.5};
    }
    assert_int_equal(calibration_curve_new(CURVE_SPLINE, a, 6, &c), STATUS_OK);
    return c;
}

static void days_init(struct days *d, const double *gain) {
    *d = (struct days){.list = {NULL}};
    for (int k = 0; k < TABLES; k++) {
        d->pixel[k] = (struct pixel_calibration){.verdict = VERDICT_GOOD, .curve = gain[k] > 0 ? curve_of(gain[k]) : NULL};
        d->table[k] = (struct calibration_table){.start_ns = 10000 * k, .end_ns = 10000 * k + CAL_NS, .n_pixels = 1, .pixels = &d->pixel[k]};
        d->list[k] = &d->table[k];
    }
}

static void days_done(struct days *d) {
    for (int k = 0; k < TABLES; k++)
        calibration_curve_free(d->pixel[k].curve);
}

static void expect(const struct days *d, int64_t time_ns, int before, int after, double weight, int latest) {
    struct calibration_pair p = calibration_pair_between(d->list, TABLES, 0, time_ns);
    assert_ptr_equal(p.before, before < 0 ? NULL : &d->pixel[before]);
    assert_ptr_equal(p.after, after < 0 ? NULL : &d->pixel[after]);
    assert_true(fabs(p.weight - weight) < 1e-9);
    p = calibration_pair_latest(d->list, TABLES, 0, time_ns);
    assert_ptr_equal(p.before, latest < 0 ? NULL : &d->pixel[latest]);
    assert_null(p.after);
}

static void the_calibrations_on_either_side(void **state) {
    (void)state;
    struct days d;
    days_init(&d, (const double[]){12, 12.1, 12.2});
    expect(&d, -500, 0, -1, 0, 0);
    expect(&d, 400, 0, -1, 0, 0);
    expect(&d, 5500, 0, 1, 0.5, 0);
    expect(&d, 10100, 0, 1, 0.96, 1);
    expect(&d, 13000, 1, 2, 0.25, 1);
    expect(&d, 30000, 2, -1, 0, 2);
    d.pixel[1].verdict = VERDICT_STALE;   /* a copy of the first: nothing new is known then */
    expect(&d, 10500, 0, 2, 0.5, 1);
    assert_null(calibration_pair_between(d.list, TABLES, 7, 5500).before);
    assert_null(calibration_pair_latest(d.list, 0, 0, 5500).before);
    assert_null(calibration_pair_between(d.list, 0, 0, 5500).before);
    days_done(&d);
}

static void one_without_a_curve_is_passed_over(void **state) {
    (void)state;
    struct days d;
    days_init(&d, (const double[]){12, 0, 12.2});
    expect(&d, 5500, 0, 2, 0.25, 0);
    expect(&d, 15500, 0, 2, 0.75, 0);
    days_done(&d);
    days_init(&d, (const double[]){0, 12.1, 0});
    expect(&d, 5500, 1, -1, 0, -1);
    expect(&d, 25500, 1, -1, 0, 1);
    days_done(&d);
}

static void never_across_a_jump(void **state) {
    (void)state;
    struct days d;
    days_init(&d, (const double[]){12, 12.5, 12.6});
    d.pixel[1].jumped = true;
    expect(&d, 9999, 0, -1, 0, 0);
    expect(&d, 10000, 1, -1, 0, 1);
    expect(&d, 15500, 1, 2, 0.5, 1);
    days_done(&d);
}

/* The lines stepped in the second calibration: at 10400, with or without a curve from the rest. */
static void a_step_is_a_wall(void **state) {
    (void)state;
    struct days d;
    days_init(&d, (const double[]){12, 12.5, 12.6});
    d.pixel[1].jumped = true;
    d.pixel[1].valid_from_ns = 10400;
    expect(&d, 9999, 0, -1, 0, 0);
    expect(&d, 10300, -1, -1, 0, -1);
    expect(&d, 10400, 1, -1, 0, 1);
    days_done(&d);
    days_init(&d, (const double[]){12, 0, 0});
    d.pixel[1].jumped = true;
    expect(&d, 9999, 0, -1, 0, 0);
    expect(&d, 10000, -1, -1, 0, -1);
    expect(&d, 25500, -1, -1, 0, -1);
    days_done(&d);
    days_init(&d, (const double[]){12, 0, 12.6});  /* what comes after the stepped calibration is as the next one found it */
    d.pixel[1].jumped = true;
    expect(&d, 10900, -1, -1, 0, -1);
    expect(&d, 11500, 2, -1, 0, -1);
    days_done(&d);
}

/* When it jumped is known: neither curve holds from then to the calibration that saw it. Live knows of no later calibration. */
static void none_from_the_jump_on(void **state) {
    (void)state;
    struct days d;
    days_init(&d, (const double[]){12, 12.5, 12.6});
    d.pixel[1].jumped = true;
    d.pixel[1].before_until_ns = 6000;
    expect(&d, 5999, 0, -1, 0, 0);
    struct calibration_pair p = calibration_pair_between(d.list, TABLES, 0, 6000);
    assert_null(p.before);
    p = calibration_pair_between(d.list, TABLES, 0, 9999);
    assert_null(p.before);
    expect(&d, 10000, 1, -1, 0, 1);
    d.pixel[1].valid_from_ns = 10400;   /* and once more within it */
    p = calibration_pair_between(d.list, TABLES, 0, 7000);
    assert_null(p.before);
    expect(&d, 5999, 0, -1, 0, 0);
    days_done(&d);
}

/* Two real calibrations of pixels whose gain drifts by 3 eV at 850 eV between them: what is left in mid-scan, median over pixels. */
static void a_linear_drift_is_gone_in_mid_scan(void **state) {
    (void)state;
    enum { PIXELS = 12, PULSES = 5000 };
    struct seeded r = draw_start("calibration_pair drift", 91);
    struct line_table *lines = mix_table();
    struct calibration_table *t[2];
    struct mix_pixel pixel[PIXELS];
    for (int i = 0; i < PIXELS; i++) {
        pixel[i] = mix_pixel_random(&r);
        pixel[i].resolution_eV = 2;
    }
    for (int c = 0; c < 2; c++) {
        struct calibration_heights h[PIXELS];
        for (int i = 0; i < PIXELS; i++) {
            struct mix_pixel now = pixel[i];
            now.gain *= 1 + c * 3.0 / 850;
            h[i] = (struct calibration_heights){.heights = mix_heights(&now, PULSES, &r), .n = PULSES};
        }
        assert_int_equal(calibration_table_learn(lines, 1000, h, PIXELS, c ? t[0] : NULL, &t[c], NULL), STATUS_OK);
        t[c]->start_ns = c * 20000;
        t[c]->end_ns = t[c]->start_ns + 1000;
        for (int i = 0; i < PIXELS; i++)
            free((void *)(uintptr_t)h[i].heights);
    }
    for (int64_t time_ns = 5500; time_ns <= 15500; time_ns += 5000) {
        double mean = 0, alone = 0;
        for (int i = 0; i < PIXELS; i++) {
            struct mix_pixel now = pixel[i];
            now.gain *= 1 + (double)(time_ns - 500) / 20000 * 3.0 / 850;
            struct calibration_pair p = calibration_pair_between(t, 2, (uint32_t)i, time_ns);
            assert_non_null(p.after);
            float height = (float)mix_height(&now, 780);
            struct curve_value v = calibration_pair_value(&p, height, height);
            mean += ((double)v.energy_eV - 780) / PIXELS;
            alone += ((double)calibration_curve_value(p.before->curve, height).energy_eV - 780) / PIXELS;
            assert_true(v.sigma_eV > 0 && v.trust == 0 && v.slope > 0.05F && v.slope < 0.2F);
            struct curve_value own = calibration_curve_value(p.before->curve, height);
            assert_true(v.sigma_eV < 1.05f * own.sigma_eV && fabs((double)(v.common_sigma_eV / own.common_sigma_eV) - 1) < 0.05);
        }
        printf("at %.0f %%: %+.3f eV, with the calibration before alone %+.2f\n", (double)time_ns / 200, mean, alone);
        assert_true(fabs(mean) < 0.1);
    }
    calibration_table_free(t[0]);
    calibration_table_free(t[1]);
    line_table_free(lines);
}

static struct calibration_curve *curve_drawn(double gain, struct seeded *r) {
    struct curve_anchor a[6];
    struct calibration_curve *c = NULL;
    struct mix_pixel p = {.gain = gain, .bend = 1.5e-4};
    for (int i = 0; i < 6; i++) {
        double e = 280 + 130 * i;
        a[i] = (struct curve_anchor){mix_height(&p, e) + 2 * draw_normal(r), 2, e, 0.5};
    }
    assert_int_equal(calibration_curve_new(CURVE_SPLINE, a, 6, &c), STATUS_OK);
    return c;
}

/* A line that stays, in 2,000 beamtimes that differ in the chance of their anchors: what the change of calibration moves it by. */
static void a_line_moves_with_the_errors_of_the_curves(void **state) {
    (void)state;
    enum { BEAMTIMES = 2000, CASES = 4 };
    static const struct { int64_t then_ns, now_ns; double energy_eV; } of[CASES] = {{400, 20600, 1000}, {5500, 13000, 1000}, {2000, 3000, 780}, {10400, 14000, 520}};
    struct seeded r = draw_start("calibration_pair change", 97);
    struct mix_pixel mean = {.gain = 12, .bend = 1.5e-4};
    double squares[CASES] = {0}, variance[CASES] = {0};
    for (int b = 0; b < BEAMTIMES; b++) {
        struct days d;
        days_init(&d, (const double[]){0, 0, 0});
        for (int k = 0; k < TABLES; k++)
            d.pixel[k].curve = curve_drawn(12, &r);
        for (int i = 0; i < CASES; i++) {
            struct calibration_pair then = calibration_pair_between(d.list, TABLES, 0, of[i].then_ns), now = calibration_pair_between(d.list, TABLES, 0, of[i].now_ns);
            float height = (float)mix_height(&mean, of[i].energy_eV);
            double moved_eV = (double)calibration_pair_value(&now, height, height).energy_eV - (double)calibration_pair_value(&then, height, height).energy_eV;
            double sigma_eV = calibration_pair_change_sigma(&then, &now, of[i].energy_eV);
            squares[i] += moved_eV * moved_eV;
            variance[i] += sigma_eV * sigma_eV;
            assert_true(calibration_pair_change_sigma(&then, &then, of[i].energy_eV) == 0);
        }
        days_done(&d);
    }
    for (int i = 0; i < CASES; i++) {
        double ratio = sqrt(squares[i] / variance[i]);
        printf("%.0f eV: moved by %.3f eV, said %.3f, ratio %.3f\n", of[i].energy_eV, sqrt(squares[i] / BEAMTIMES), sqrt(variance[i] / BEAMTIMES), ratio);
        assert_true(fabs(ratio - 1) < 5 / sqrt(2.0 * BEAMTIMES) + 0.01);
    }
}

/* With or without curve, jump and a late start of its own curve, in each of the tables: what analyse.c takes a stretch of time by. */
static void the_latest_is_not_come_back_to_once_it_was_left(void **state) {
    (void)state;
    enum { KINDS = 8, ALL = KINDS * KINDS * KINDS };
    struct days d;
    days_init(&d, (const double[]){12, 12.1, 12.2});
    struct calibration_curve *curves[TABLES] = { d.pixel[0].curve, d.pixel[1].curve, d.pixel[2].curve };
    int changes = 0;
    for (int all = 0; all < ALL; all++) {
        const struct pixel_calibration *before = NULL;
        bool left[TABLES] = { false };
        for (int k = 0, kind = all; k < TABLES; k++, kind /= KINDS) {
            d.pixel[k].curve = kind & 1 ? curves[k] : NULL;
            d.pixel[k].jumped = (kind & 2) != 0;
            d.pixel[k].valid_from_ns = d.table[k].start_ns + (kind & 4 ? 3000 : 0);
        }
        for (int64_t time_ns = -1000; time_ns < 35000; time_ns += 500) {
            const struct pixel_calibration *now = calibration_pair_latest(d.list, TABLES, 0, time_ns).before;
            if (now != before && before != NULL)
                left[before - d.pixel] = true;
            changes += now != before;
            assert_true(now == NULL || !left[now - d.pixel]);
            before = now;
        }
    }
    assert_true(changes > ALL);
    for (int k = 0; k < TABLES; k++)
        d.pixel[k].curve = curves[k];
    days_done(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_calibrations_on_either_side), cmocka_unit_test(one_without_a_curve_is_passed_over), cmocka_unit_test(never_across_a_jump),
        cmocka_unit_test(a_step_is_a_wall),                cmocka_unit_test(none_from_the_jump_on),          cmocka_unit_test(a_line_moves_with_the_errors_of_the_curves), cmocka_unit_test(a_linear_drift_is_gone_in_mid_scan),
        cmocka_unit_test(the_latest_is_not_come_back_to_once_it_was_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
