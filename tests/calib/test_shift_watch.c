/* Photons of a simulated beamtime (calibrations, two edges, two conditions of the sample), blurred by each pixel's own resolution: pixels that stay are never called off,
 * pixels that jump are, soon and by about so much, and are well again when they come back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "calib/beamtime_sim.h"
#include "calib/shift_watch.h"
#include "tests/calib/simulated_lines.h"
#include "tests/dice.h"

enum { PIXELS = 48 };

struct event { int64_t time_ns; float energy_eV; uint32_t pixel; };

struct array { size_t n; struct event *events; struct beamtime_sim *plan; };

static int by_time(const void *va, const void *vb) {
    const struct event *a = va, *b = vb;
    return (a->time_ns > b->time_ns) - (a->time_ns < b->time_ns);
}

/* Resolutions of 1.2 to 4 eV, drifts of up to 1.5 eV, sensitivities of 0.5 to 2; every eighth sees little below 350 eV. */
static struct array meet(struct dice *d, double rate_Hz, double scale) {
    struct array a = { 0 };
    struct line_table *lines = simulated_lines();
    const struct beamtime_settings s = { .seed = (uint64_t)dice_below(d, 1000000), .start_ns = INT64_C(1772442000) * 1000000000, .rate_Hz = rate_Hz, .n_edges = 2, .edges = { &rixs_edges[0], &rixs_edges[2] }, .n_conditions = 2,
                                         .conditions = { "a", "b" }, .feature_strength = { 0, 0.2 }, .n_repeats = 2, .n_points = 41, .dwell_s = scale * 3, .move_s = 0.2, .calibration_s = scale * 300, .mono_eV = 1000, .lines = lines };
    assert_int_equal(beamtime_sim_new(&s, &a.plan), STATUS_OK);
    for (uint32_t i = 0; i < PIXELS; i++) {
        struct sim_photon *photons;
        size_t n;
        assert_int_equal(beamtime_sim_photons(a.plan, i, 0.5 + 1.5 * dice_unit(d), i % 8 == 7 ? 0.05 : 1, &photons, &n), STATUS_OK);
        a.events = realloc(a.events, (a.n + n + 1) * sizeof *a.events);
        assert_non_null(a.events);
        const double sigma = (1.2 + 2.8 * dice_unit(d) * dice_unit(d)) / 2.355, drift = 1.5 * (2 * dice_unit(d) - 1);
        for (size_t k = 0; k < n; k++) {
            const double gauss = sqrt(-2 * log(1 - dice_unit(d))) * cos(2 * M_PI * dice_unit(d)), along = (double)k / (double)n;
            a.events[a.n++] = (struct event){ photons[k].time_ns, (float)(photons[k].energy_eV + sigma * gauss + drift * along), i };
        }
        free(photons);
    }
    qsort(a.events, a.n, sizeof *a.events, by_time);
    line_table_free(lines);
    return a;
}

static void array_done(struct array *a) {
    beamtime_sim_free(a->plan);
    free(a->events);
}

static void nobody_is_called_off(void **state) {
    (void)state;
    struct dice d = dice_new();
    const double rates[] = { 0.5, 3, 60 }, scales[] = { 1, 1, 0.1 };
    for (int r = 0; r < 3; r++) {
        struct array a = meet(&d, rates[r], scales[r]);
        struct shift_watch *w;
        assert_int_equal(shift_watch_new(PIXELS, &w), STATUS_OK);
        for (size_t k = 0; k < a.n; k++) {
            shift_watch_add(w, a.events[k].pixel, a.events[k].time_ns, a.events[k].energy_eV);
            assert_true(shift_watch_pixel(w, a.events[k].pixel).shift_eV == 0);
        }
        printf("%g/s: %zu photons in %.1f pixel x hours\n", rates[r], a.n, PIXELS * (double)(a.events[a.n - 1].time_ns - a.events[0].time_ns) / 3.6e12);
        shift_watch_free(w);
        array_done(&a);
    }
}

/* Every sixth pixel is off from a third to two thirds of the run. */
static bool jumps(uint32_t pixel) { return pixel % 6 == 1; }

static void jumps_are_told(void **state) {
    (void)state;
    struct dice d = dice_new();
    const double by[] = { 20, -20, 12, -12, 40, -40 };
    for (int r = 0; r < 6; r++) {
        struct array a = meet(&d, 3, 1);
        struct shift_watch *w;
        uint32_t behind[PIXELS] = { 0 }, delay[PIXELS] = { 0 }, back[PIXELS] = { 0 }, n = 0;
        const int64_t begin = a.events[0].time_ns, length = a.events[a.n - 1].time_ns - begin;
        assert_int_equal(shift_watch_new(PIXELS, &w), STATUS_OK);
        for (size_t k = 0; k < a.n; k++) {
            const struct event *e = &a.events[k];
            const bool away = jumps(e->pixel) && e->time_ns - begin > length / 3 && e->time_ns - begin < length / 3 * 2, over = jumps(e->pixel) && e->time_ns - begin >= length / 3 * 2;
            shift_watch_add(w, e->pixel, e->time_ns, e->energy_eV + (away ? (float)by[r] : 0));
            const struct pixel_shift s = shift_watch_pixel(w, e->pixel);
            assert_true(s.shift_eV == 0 || away || over);
            behind[e->pixel] += away;
            if (away && s.shift_eV != 0 && delay[e->pixel] == 0) {
                delay[e->pixel] = behind[e->pixel];
                assert_true(fabs(s.shift_eV - by[r]) <= 0.5 * fabs(by[r]));
                assert_true(s.since_ns > begin + length / 3 - INT64_C(60000000000));
            }
            back[e->pixel] += over && s.shift_eV != 0;
        }
        uint32_t longest = 0, longest_back = 0, told = 0, sum = 0;
        for (uint32_t i = 0; i < PIXELS; i++)
            if (jumps(i)) {
                n++;
                told += delay[i] > 0;
                sum += delay[i];
                longest = delay[i] > longest ? delay[i] : longest;
                longest_back = back[i] > longest_back ? back[i] : longest_back;
            }
        printf("by %+g eV: %u of %u told, after %u photons on average, %u at most; well again after %u at most\n", by[r], told, n, told > 0 ? sum / told : 0, longest, longest_back);
        assert_int_equal(told, n);
        assert_true(longest < 400 && longest_back < 400);
        shift_watch_free(w);
        array_done(&a);
    }
}

/* A few pixels with a few photons, energies from anywhere, stamps that step back. */
static void nothing_is_said_of_little(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct shift_watch *w;
    assert_int_equal(shift_watch_new(2, &w), STATUS_OK);
    const float odd[] = { NAN, INFINITY, -1, 0, 99, 1300, 1e9f };
    for (int k = 0; k < 300; k++)
        shift_watch_add(w, (uint32_t)(k % 2), (INT64_C(1) << 60) + (k % 7) * INT64_C(3000000000), k % 2 == 0 ? odd[k / 2 % 7] : 500 + (float)(300 * dice_unit(&d)));
    assert_true(shift_watch_pixel(w, 0).shift_eV == 0 && shift_watch_pixel(w, 1).shift_eV == 0);
    shift_watch_free(w);
    shift_watch_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(nobody_is_called_off), cmocka_unit_test(jumps_are_told), cmocka_unit_test(nothing_is_said_of_little) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
