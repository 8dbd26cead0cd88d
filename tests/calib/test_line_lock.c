#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "calib/line_lock.h"
#include "tests/calib/draw.h"

enum { PIXELS = 12, SCANS = 5, SCAN_S = 600 };
static const int64_t second = 1000000000, start_ns = INT64_C(1700000000) * 1000000000;
static const struct reference_line oxygen = {.name = "OKa", .energy_eV = 524.45, .excited_above_eV = 532, .n_components = 1, .components = {{'G', 524.45, 0, 4.8, 1}}};

/* What happens during the scans. Movements in eV at the line. */
struct world {
    double common_eV;        /* of all: a bow, largest in the middle between the calibrations */
    double pixel_eV;         /* rms over pixels of a bow of their own */
    double excitation_eV;    /* movement of the line over a scan, the same in every scan */
    double incident_from_eV, incident_span_eV;
    double jump_eV;          /* of pixel 3 in mid-run */
    double rate_Hz;          /* photons of the line, per pixel */
    double background;       /* per photon of the line, within the reach */
    uint32_t n_scans;
};

static double bow(double s, double length_s) { return sin(M_PI * (s + 300) / (length_s + 600)); }

static double moved(const struct world *w, const double *own, uint32_t pixel, double s) {
    double length = w->n_scans * SCAN_S, jump = pixel == 3 && s > length / 2 ? w->jump_eV : 0;
    return (w->common_eV + own[pixel]) * bow(s, length) + jump;
}

static struct line_lock *run(const struct world *w, double *own, uint64_t seed) {
    struct seeded r = draw_start("line_lock", seed);
    double length = w->n_scans * SCAN_S;
    struct lock_stretch stretch = {.start_ns = start_ns, .end_ns = start_ns + (int64_t)length * second, .before_ns = start_ns - 300 * second,
                                   .after_ns = start_ns + ((int64_t)length + 300) * second, .n_scans = w->n_scans};
    struct line_lock *l;
    assert_int_equal(line_lock_new(&oxygen, 2, &stretch, 1, PIXELS, &l), STATUS_OK);
    for (uint32_t p = 0; p < PIXELS; p++) {
        double offset = 0.5 * draw_normal(&r);
        own[p] = w->pixel_eV * draw_normal(&r);
        for (double s = 0; s < length; s -= log(1 - draw_uniform(&r)) / (w->rate_Hz * (1 + w->background))) {
            double along = fmod(s, SCAN_S) / SCAN_S, incident = w->incident_from_eV + w->incident_span_eV * along, u = draw_uniform(&r);
            double line = oxygen.energy_eV + offset + moved(w, own, p, s) + w->excitation_eV * along + 5.2 / 2.3548 * draw_normal(&r);
            double energy = u * (1 + w->background) < 1 ? line : oxygen.energy_eV + l->reach_eV * (2 * draw_uniform(&r) - 1);
            assert_int_equal(line_lock_add(l, p, start_ns + (int64_t)(s * 1e9), energy, incident), STATUS_OK);
        }
    }
    assert_int_equal(line_lock_find(l), STATUS_OK);
    return l;
}

static const struct world plain = {.incident_from_eV = 770, .incident_span_eV = 35, .rate_Hz = 1.5, .background = 0.1, .n_scans = SCANS};

/* Rms over pixels and time of what is left of the movement, around its mean (the line's own place is not known). */
static double left_over(const struct world *w, const double *own, const struct line_lock *l, bool common) {
    double length = w->n_scans * SCAN_S, sum = 0, square = 0, n = 0;
    for (uint32_t p = 0; p < PIXELS; p++) {
        double mean = 0, sigma;
        for (int pass = 0; pass < 2; pass++)
            for (double s = 30; s < length; s += 60) {
                double e = oxygen.energy_eV + moved(w, own, p, s), now = e * (1 + (l ? line_lock_at(l, p, start_ns + (int64_t)(s * 1e9), &sigma) : 0)) - oxygen.energy_eV;
                if (pass == 0)
                    mean += now * 60 / length;
                else
                    square += (now - mean) * (now - mean), sum += mean, n++;
            }
    }
    return common ? sum / n : sqrt(square / n);
}

static void a_drift_is_taken_out(void **state) {
    (void)state;
    struct world w = plain;
    double own[PIXELS];
    w.common_eV = 1.2;
    w.pixel_eV = 0.5;
    struct line_lock *l = run(&w, own, 121);
    if (!l->stretches[0].locked)
        fail_msg("%s", l->stretches[0].reason);
    double before = left_over(&w, own, NULL, false), after = left_over(&w, own, l, false), mean_before = left_over(&w, own, NULL, true), mean_after = left_over(&w, own, l, true);
    printf("drift: rms movement %.3f -> %.3f eV, mean %.2f -> %.2f eV, %zu knots, excitation %+.2f(%.2f)\n", before, after, mean_before, mean_after, l->n_knots,
           l->stretches[0].excitation_eV, l->stretches[0].excitation_sigma_eV);
    assert_true(after < 0.55 * before && after < 0.17);
    assert_true(fabs(mean_after) < 0.7 * fabs(mean_before));   /* the reference leans on the times next to the calibrations */
    assert_int_equal(l->pixels_refused, 0);
    line_lock_free(l);
}

static void without_a_drift_nothing_changes(void **state) {
    (void)state;
    int moved_pixels = 0;
    for (uint64_t t = 0; t < 12; t++) {
        struct world w = plain;
        double own[PIXELS], sigma;
        struct line_lock *l = run(&w, own, 131 + t);
        for (uint32_t p = 0; p < PIXELS; p++) {
            bool any = false;
            for (double s = 10; s < SCANS * SCAN_S; s += 50) {
                double shift = oxygen.energy_eV * line_lock_at(l, p, start_ns + (int64_t)(s * 1e9), &sigma);
                any = any || fabs(shift) > 0;
                assert_true(fabs(shift) < 0.25);   /* the error of a pixel's window of 400 counts */
            }
            moved_pixels += any;
        }
        line_lock_free(l);
    }
    printf("no drift: %d of %d pixels touched\n", moved_pixels, 12 * PIXELS);
    assert_true(moved_pixels < 12 * PIXELS / 10);
}

static void guards_refuse(void **state) {
    (void)state;
    double own[PIXELS], sigma;
    static const struct { const char *what, *word; struct world w; } cases[] = {
        {"the line moves with the excitation", "incident energy", {.common_eV = 0.8, .excitation_eV = 0.9, .incident_from_eV = 770, .incident_span_eV = 35, .rate_Hz = 1.5, .background = 0.1, .n_scans = SCANS}},
        {"one scan", "cannot be told apart", {.common_eV = 0.8, .incident_from_eV = 770, .incident_span_eV = 35, .rate_Hz = 4, .background = 0.1, .n_scans = 1}},
        {"near its own edge", "too few counts", {.common_eV = 0.8, .incident_from_eV = 522, .incident_span_eV = 30, .rate_Hz = 1.5, .background = 0.1, .n_scans = SCANS}},
        {"hardly any counts", "too few counts", {.common_eV = 0.8, .incident_from_eV = 770, .incident_span_eV = 35, .rate_Hz = 0.05, .background = 0.1, .n_scans = SCANS}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct line_lock *l = run(&cases[i].w, own, 151 + i);
        printf("%s: '%s'\n", cases[i].what, l->stretches[0].reason);
        assert_false(l->stretches[0].locked);
        assert_non_null(strstr(l->stretches[0].reason, cases[i].word));
        for (uint32_t p = 0; p < PIXELS; p++)
            assert_true(!(fabs(line_lock_at(l, p, start_ns + 700 * second, &sigma)) > 0));
        line_lock_free(l);
    }
}

static void a_jumped_pixel_is_not_stretched(void **state) {
    (void)state;
    struct world w = plain;
    double own[PIXELS], sigma;
    w.common_eV = 0.8;
    w.jump_eV = 9;
    struct line_lock *l = run(&w, own, 161);
    assert_true(l->stretches[0].locked);
    double most = 0;
    for (double s = 10; s < SCANS * SCAN_S; s += 20)
        most = fmax(most, fabs(oxygen.energy_eV * line_lock_at(l, 3, start_ns + (int64_t)(s * 1e9), &sigma)));
    printf("a jump of 9 eV: moved by %.2f eV at most, %u refused\n", most, l->pixels_refused);
    assert_true(most <= 3);
    line_lock_free(l);
}

static void other_times_and_nothing_at_all(void **state) {
    (void)state;
    struct world w = plain;
    double own[PIXELS], sigma = 1;
    w.common_eV = 1;
    struct line_lock *l = run(&w, own, 171);
    assert_true(!(fabs(line_lock_at(l, 0, start_ns - 1, &sigma)) > 0) && !(sigma > 0));
    assert_true(!(fabs(line_lock_at(l, 0, start_ns + SCANS * SCAN_S * second, &sigma)) > 0));
    assert_true(fabs(line_lock_at(l, 0, start_ns + SCANS * SCAN_S * second / 2, &sigma)) > 0 && sigma > 0 && sigma * 524 < 0.3);
    line_lock_free(l);
    assert_int_equal(line_lock_new(&oxygen, 2, NULL, 0, 0, &l), STATUS_OK);
    assert_int_equal(line_lock_add(l, 0, start_ns, 524, 780), STATUS_OK);
    assert_int_equal(line_lock_find(l), STATUS_OK);
    assert_true(!(fabs(line_lock_at(l, 0, start_ns, &sigma)) > 0));
    line_lock_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_drift_is_taken_out), cmocka_unit_test(without_a_drift_nothing_changes), cmocka_unit_test(guards_refuse),
        cmocka_unit_test(a_jumped_pixel_is_not_stretched), cmocka_unit_test(other_times_and_nothing_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
