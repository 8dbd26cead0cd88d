/* Which peak is which line: ours (spectra of the array laid over one another, then peaks scored with a gain model) against the peer's search, all choices of
 * lines among the tallest peaks, each inner line where straight interpolation between its neighbours puts it (doc/methods.md, Lines and curves: right in 7-12 of 16
 * real cases). Truth: pixels whose heights are made from known curves. With few pulses the peer's strict search is as right as on many, where ours leaves
 * lines out that are too weak to carry a curve; where a line is missing it takes another one for it. Ours is never wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "calib/calibration_table.h"
#include "calib/peak_find.h"
#include "calib/spectrum.h"
#include "tests/calib/line_mix.h"

enum { PIXELS = 24, LINES = 6, TALLEST = LINES + 8, ALL_PEAKS = 200 };
static const double anchor_eV[LINES] = { 278.21, 392.25, 524.45, 705.01, 848.85, 926.98 };
#define RIGHT_EV 8.0   /* as doc/methods.md, Lines and curves counts */

/* ---- the peer ---- */

static int taller(const void *a, const void *b) {
    double x = ((const struct peak *)a)->value, y = ((const struct peak *)b)->value;
    return (x < y) - (x > y);
}

static int lower(const void *a, const void *b) {
    double x = ((const struct peak *)a)->at, y = ((const struct peak *)b)->at;
    return (x > y) - (x < y);
}

/* Norm over the inner lines of (interpolated - actual) / (span of the neighbours), in heights. */
static double crookedness(const double *height) {
    double sum = 0;
    for (int k = 1; k + 1 < LINES; k++) {
        double share = (anchor_eV[k] - anchor_eV[k - 1]) / (anchor_eV[k + 1] - anchor_eV[k - 1]), span = height[k + 1] - height[k - 1];
        sum += pow((height[k - 1] + share * span - height[k]) / span, 2);
    }
    return sqrt(sum);
}

/* The straightest choice of LINES among n peaks, n <= TALLEST. */
static double straightest(struct peak *peaks, int n, double *best_height) {
    double best = INFINITY;
    qsort(peaks, (size_t)n, sizeof *peaks, lower);
    for (unsigned set = 0; set < 1u << n; set++) {
        double height[LINES];
        int k = 0;
        if (__builtin_popcount(set) != LINES)
            continue;
        for (int i = 0; i < n; i++)
            if (set >> i & 1)
                height[k++] = peaks[i].at;
        double c = crookedness(height);
        if (c < best) {
            best = c;
            memcpy(best_height, height, sizeof height);
        }
    }
    return best;
}

/* Heights of the lines; false: no choice is straight enough. Histogram and smoothing are the beamline's. */
static bool rival_match(const float *heights, size_t n, double accepted, double *height) {
    struct spectrum *s, *smooth;
    struct peak peaks[ALL_PEAKS], tall[TALLEST];
    assert_int_equal(spectrum_new(0, 4, 7500, &s), STATUS_OK);
    spectrum_fill(s, heights, n);
    assert_int_equal(spectrum_smooth(s, 30, &smooth), STATUS_OK);
    size_t found = peak_find(smooth, peaks, ALL_PEAKS);
    spectrum_free(s);
    spectrum_free(smooth);
    qsort(peaks, found, sizeof *peaks, taller);
    for (size_t m = LINES + 2; m <= TALLEST && m <= found; m += 3) {
        memcpy(tall, peaks, m * sizeof *tall);
        if (straightest(tall, (int)m, height) < accepted * sqrt(LINES))
            return true;
    }
    return false;
}

/* ---- the judge ---- */

struct tally { unsigned right, wrong, none; };   /* pixels: all six lines; at least one elsewhere; none found, or some left out */

static void count(struct tally *t, const struct mix_pixel *p, const double height[LINES], bool found) {
    bool right = found, wrong = false;
    for (int k = 0; k < LINES && found; k++) {
        double slope = (mix_height(p, anchor_eV[k] + 1) - mix_height(p, anchor_eV[k] - 1)) / 2;
        bool near = fabs(height[k] - mix_height(p, anchor_eV[k])) < RIGHT_EV * slope, absent = k == 0 && p->without != NULL;
        right = right && (absent ? isnan(height[k]) : near);
        wrong = wrong || (isfinite(height[k]) && (absent || !near));
    }
    t->right += right, t->wrong += wrong, t->none += !right && !wrong;
}

static void compare(size_t pulses, const char *without, double extra_eV, struct tally *ours, struct tally *strict, struct tally *loose) {
    struct seeded r = draw_start("rival_match", 101);
    struct line_table *lines = mix_table();
    struct mix_pixel pixel[PIXELS];
    struct calibration_heights h[PIXELS];
    struct calibration_table *t = NULL;
    for (int i = 0; i < PIXELS; i++) {
        pixel[i] = mix_pixel_random(&r);
        pixel[i].without = i % 4 == 3 ? without : NULL;
        pixel[i].extra_eV = i % 4 == 1 ? extra_eV : 0;
        h[i] = (struct calibration_heights){ .heights = mix_heights(&pixel[i], pulses, &r), .n = pulses };
    }
    assert_int_equal(calibration_table_learn(lines, 1000, h, PIXELS, NULL, &t, NULL), STATUS_OK);
    for (int i = 0; i < PIXELS; i++) {
        double height[LINES];
        const struct pixel_calibration *c = &t->pixels[i];
        for (int k = 0; k < LINES; k++) {
            height[k] = NAN;
            for (uint32_t f = 0; f < c->n_fits; f++)
                if ((c->fits[f].used || !c->curve) && fabs(c->fits[f].energy_eV - anchor_eV[k]) < 0.01)
                    height[k] = c->fits[f].height;
        }
        count(ours, &pixel[i], height, true);
        bool found = rival_match(h[i].heights, pulses, 0.015, height);
        count(strict, &pixel[i], height, found);
        found = rival_match(h[i].heights, pulses, 0.1, height);
        count(loose, &pixel[i], height, found);
        free((void *)(uintptr_t)h[i].heights);
    }
    printf("%zu pulses in each of %d pixels, %s missing in every fourth, a line at %.0f eV that nobody knows in another; right/wrong/not all: ours %u/%u/%u; peer within 0.015 %u/%u/%u, within 0.1 %u/%u/%u\n",
           pulses, PIXELS, without ? without : "nothing", extra_eV, ours->right, ours->wrong, ours->none,
           strict->right, strict->wrong, strict->none, loose->right, loose->wrong, loose->none);
    calibration_table_free(t);
    line_table_free(lines);
}

static void lines_are_told_apart(void **state) {
    (void)state;
    static const struct { size_t pulses; const char *without; double extra_eV; } cases[] = { { 600, NULL, 0 }, { 3000, "CKa", 0 }, { 3000, NULL, 650 } };
    unsigned wrong[2] = { 0 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tally ours = { 0 }, strict = { 0 }, loose = { 0 };
        compare(cases[i].pulses, cases[i].without, cases[i].extra_eV, &ours, &strict, &loose);
        assert_true(ours.wrong == 0 && (cases[i].pulses < 1000 || ours.right >= PIXELS - 1));
        wrong[0] += strict.wrong, wrong[1] += loose.wrong;
    }
    assert_true(wrong[0] >= 1 && wrong[1] >= 6);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(lines_are_told_apart) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
