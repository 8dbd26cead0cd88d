#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "calib/spectrum_group.h"

static void add_calibration(struct scan_timeline *t, int32_t number, int64_t start_ns, const char *sample, double mono_eV) {
    struct complaint why;
    struct scan s = { .calibration = true, .number = number, .log_number = number, .start_ns = start_ns, .end_ns = start_ns + 100, .mono_eV = mono_eV };
    snprintf(s.sample, sizeof s.sample, "%s", sample);
    snprintf(s.label, sizeof s.label, "CAL%d", number);
    assert_int_equal(scan_timeline_add(t, &s, &why), STATUS_OK);
}

static void add_scan(struct scan_timeline *t, int32_t number, int64_t start_ns, const char *sample, double from_eV) {
    struct complaint why;
    struct scan s = { .log_number = number, .mono_eV = NAN, .n_points = 10, .points = calloc(10, sizeof *s.points) };
    for (int k = 0; k < 10; k++)
        s.points[k] = (struct scan_point){ .start_ns = start_ns + 10 * k, .end_ns = start_ns + 10 * k + 9, .incident_eV = from_eV + k };
    snprintf(s.sample, sizeof s.sample, "%s", sample);
    snprintf(s.log_name, sizeof s.log_name, "log%d", number);
    assert_int_equal(scan_timeline_add(t, &s, &why), STATUS_OK);
}

static struct spectrum_groups *groups_of(struct scan_timeline *t) {
    struct complaint why;
    struct spectrum_groups *g;
    assert_int_equal(scan_timeline_finish(t, &why), STATUS_OK);
    assert_int_equal(spectrum_groups_new(t, &g), STATUS_OK);
    return g;
}

static void like_goes_with_like(void **state) {
    (void)state;
    struct scan_timeline *t;
    assert_int_equal(scan_timeline_new(&t), STATUS_OK);
    add_calibration(t, 0, 0, "mix", 1000);
    add_scan(t, 1, 200, "a", 520);
    add_scan(t, 2, 400, "a", 770);
    add_scan(t, 3, 600, "b", 520.5);
    add_calibration(t, 1, 800, "mix", 1000.5);
    add_calibration(t, 2, 1000, "mix", 600);
    add_scan(t, 4, 1200, "a", 520);
    struct spectrum_groups *g = groups_of(t);
    struct spectrum_group at[7], none = spectrum_groups_at(g, 150);
    for (int i = 0; i < 7; i++)
        at[i] = spectrum_groups_at(g, 200 * i + 50);
    assert_int_equal(at[0].like, at[4].like);
    assert_int_not_equal(at[0].like, at[5].like);
    assert_int_equal(at[1].like, at[6].like);
    assert_int_not_equal(at[1].like, at[3].like);
    assert_int_equal(at[1].coarse, at[3].coarse);
    assert_int_not_equal(at[1].coarse, at[2].coarse);
    assert_int_not_equal(at[0].coarse, at[1].coarse);
    assert_int_equal(none.like, SPECTRUM_GROUP_NONE);
    assert_true(at[0].place == 0 && at[4].place == 0 && none.place == 0);
    assert_int_equal(spectrum_groups_at(g, -5).coarse, SPECTRUM_GROUP_NONE);
    assert_int_equal(spectrum_groups_at(g, 5000).like, SPECTRUM_GROUP_NONE);
    spectrum_groups_free(g);
    scan_timeline_free(t);
}

/* A scan of one point each 10 ns, at those energies. */
static void add_energies(struct scan_timeline *t, int32_t number, int64_t start_ns, const double *energies_eV, uint32_t n) {
    struct complaint why;
    struct scan s = { .log_number = number, .mono_eV = NAN, .n_points = n, .points = calloc(n, sizeof *s.points) };
    assert_non_null(s.points);
    for (uint32_t k = 0; k < n; k++)
        s.points[k] = (struct scan_point){ .start_ns = start_ns + 10 * k, .end_ns = start_ns + 10 * k + 9, .incident_eV = energies_eV[k] };
    snprintf(s.log_name, sizeof s.log_name, "log%d", number);
    assert_int_equal(scan_timeline_add(t, &s, &why), STATUS_OK);
}

/* Steps of 10 and of 0.1 eV; the same ones downwards, up and down within one scan, and as a motor said them; another edge. */
static void a_point_is_known_by_its_energy(void **state) {
    (void)state;
    enum { N = 8 };
    const double up[N] = { 520, 530, 530.1, 530.2, 530.3, 540, 550, 580 }, other[3] = { 700, 510, 535 };
    const uint16_t place_up[N] = { 2, 3, 4, 5, 6, 8, 9, 10 }, place_other[3] = { 11, 1, 7 };
    double down[N], both[2 * N], said[N];
    for (int k = 0; k < N; k++) {
        down[N - 1 - k] = both[k] = both[2 * N - 1 - k] = up[k];
        said[k] = up[k] + (k % 2 ? 0.015 : -0.015);
    }
    struct scan_timeline *t;
    assert_int_equal(scan_timeline_new(&t), STATUS_OK);
    add_energies(t, 0, 0, up, N);
    add_energies(t, 1, 1000, down, N);
    add_energies(t, 2, 2000, both, 2 * N);
    add_energies(t, 3, 3000, said, N);
    add_energies(t, 4, 4000, other, 3);
    struct spectrum_groups *g = groups_of(t);
    for (int k = 0; k < N; k++) {
        assert_int_equal(spectrum_groups_at(g, 10 * k).place, place_up[k]);
        assert_int_equal(spectrum_groups_at(g, 1000 + 10 * (N - 1 - k) + 5).place, place_up[k]);
        assert_int_equal(spectrum_groups_at(g, 2000 + 10 * k).place, place_up[k]);
        assert_int_equal(spectrum_groups_at(g, 2000 + 10 * (2 * N - 1 - k)).place, place_up[k]);
        assert_int_equal(spectrum_groups_at(g, 3000 + 10 * k).place, place_up[k]);
    }
    assert_int_equal(spectrum_groups_at(g, 19).place, place_up[1]);   /* moving: the point before */
    for (int k = 0; k < 3; k++)
        assert_int_equal(spectrum_groups_at(g, 4000 + 10 * k).place, place_other[k]);
    spectrum_groups_free(g);
    scan_timeline_free(t);
}

static void more_points_than_places_share_with_their_neighbours(void **state) {
    (void)state;
    enum { N = 3 * SPECTRUM_PLACES_MAX };
    static double energies_eV[N];
    for (int k = 0; k < N; k++)
        energies_eV[k] = k == N / 2 ? (double)NAN : 500 + 0.1 * k;
    struct scan_timeline *t;
    assert_int_equal(scan_timeline_new(&t), STATUS_OK);
    add_energies(t, 0, 0, energies_eV, N);
    struct spectrum_groups *g = groups_of(t);
    assert_int_equal(spectrum_groups_at(g, 0).place, 1);
    assert_int_equal(spectrum_groups_at(g, 10 * (N - 1)).place, SPECTRUM_PLACES_MAX);
    assert_int_equal(spectrum_groups_at(g, 10 * (N / 2)).place, 0);
    for (int k = 1; k < N; k++)
        if (k != N / 2 && k != N / 2 + 1) {
            int step = spectrum_groups_at(g, 10 * k).place - spectrum_groups_at(g, 10 * (k - 1)).place;
            assert_true(step == 0 || step == 1);
        }
    spectrum_groups_free(g);
    scan_timeline_free(t);
}

static void without_scans_calibrations_divide_the_rest(void **state) {
    (void)state;
    struct scan_timeline *t;
    assert_int_equal(scan_timeline_new(&t), STATUS_OK);
    add_calibration(t, 0, 100, "mix", NAN);
    add_calibration(t, 1, 500, "mix", NAN);
    struct spectrum_groups *g = groups_of(t);
    assert_int_equal(spectrum_groups_at(g, 150).like, spectrum_groups_at(g, 550).like);
    uint16_t before = spectrum_groups_at(g, 0).like, between = spectrum_groups_at(g, 300).like, behind = spectrum_groups_at(g, 900).like;
    assert_true(before != between && between != behind && before != spectrum_groups_at(g, 150).like && behind != SPECTRUM_GROUP_NONE);
    spectrum_groups_free(g);
    scan_timeline_free(t);
    assert_int_equal(scan_timeline_new(&t), STATUS_OK);
    g = groups_of(t);
    assert_true(spectrum_groups_at(g, 7).like == 0 && spectrum_groups_at(g, 1000).coarse == 0);
    spectrum_groups_free(g);
    scan_timeline_free(t);
    spectrum_groups_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = { 
        cmocka_unit_test(like_goes_with_like), cmocka_unit_test(a_point_is_known_by_its_energy),
        cmocka_unit_test(more_points_than_places_share_with_their_neighbours), cmocka_unit_test(without_scans_calibrations_divide_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
