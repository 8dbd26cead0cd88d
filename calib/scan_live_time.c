#include "calib/scan_live_time.h"

#include <math.h>
#include <stdbool.h>

#include "pulse/livetime.h"

enum { GRADED = 1u << GRADE_HIGH | 1u << GRADE_MID | 1u << GRADE_TAIL | 1u << GRADE_LOW };

static double pixel_live_ns(const struct scan_products *p, uint32_t pixel, uint32_t point, uint32_t grades) {
    const int64_t *row = p->grade_time_ns + ((size_t)pixel * p->n_points + point) * N_LIVETIME_COLUMNS;
    int64_t ns = 0;
    for (unsigned g = 0; g < N_GRADES; g++)
        ns += grades >> g & 1 ? row[g] : 0;
    return (double)ns;
}

/* sum_p eps LT: what counts are divided by. */
static double weighted_live_ns(const struct scan_products *p, const uint8_t *pixels_used, uint32_t point, uint32_t grades) {
    double sum = 0;
    for (uint32_t pixel = 0; pixel < p->n_pixels; pixel++)
        if (pixels_used[pixel])
            sum += p->sensitivity[pixel] * pixel_live_ns(p, pixel, point, grades);
    return sum;
}

static double weighted_live_s(const struct scan_products *p, const uint8_t *pixels_used, uint32_t point, uint32_t grades) {
    return weighted_live_ns(p, pixels_used, point, grades) / 1e9;
}

static double weight_of(const struct scan_products *p, const uint8_t *pixels_used) {
    double sum = 0;
    for (uint32_t pixel = 0; pixel < p->n_pixels; pixel++)
        sum += pixels_used[pixel] ? p->sensitivity[pixel] : 0;
    return sum;
}

static void set_live_time(const struct scan_products *p, const uint8_t *pixels_used, uint32_t grades, double *live_time_s) {
    double weight = weight_of(p, pixels_used);
    for (uint32_t i = 0; i < p->n_points; i++)
        live_time_s[i] = weight > 0 ? weighted_live_ns(p, pixels_used, i, grades) / weight / 1e9 : 0;
}

static double graded_events(const struct scan_products *p, uint32_t point) {
    double n = 0;
    for (unsigned g = 0; g < N_GRADES; g++)
        n += GRADED >> g & 1 ? p->events[(size_t)point * N_GRADES + g] : 0;
    return n;
}

static double rate_of(double counts, double live_s) {
    return live_s > 0 ? counts / live_s : 0;
}

/* kappa of a pixel of event rate r: the mean time around a photon in which another one is lost or kept with it. */
static double kappa_s(double rate_Hz, double window_s) {
    return rate_Hz > 0 ? -2 * expm1(-rate_Hz * window_s) / rate_Hz : 2 * window_s;
}

static double crowding_of(const struct scan_products *p, const struct yield_spectrum *y, uint32_t point) {
    double live_s = weighted_live_s(p, y->pixels_used, point, y->grades_used);
    double counted_Hz = rate_of(y->counts[point], live_s);
    double events_Hz = rate_of(graded_events(p, point), weighted_live_s(p, p->pixels_used, point, GRADED));
    double sum = 0;
    for (uint32_t pixel = 0; pixel < p->n_pixels && live_s > 0; pixel++)
        if (y->pixels_used[pixel]) {
            double eps = p->sensitivity[pixel], share = eps * pixel_live_ns(p, pixel, point, y->grades_used) / 1e9 / live_s;
            sum += share * eps * counted_Hz * kappa_s(eps * events_Hz, p->window_s[pixel]);
        }
    return sum;
}

void scan_live_time_settle(struct scan_products *p) {
    set_live_time(p, p->pixels_used, p->emission->grades_used, p->live_time_s);
    for (uint32_t k = 0; k < p->n_yields; k++) {
        struct yield_spectrum *y = p->yields[k];
        set_live_time(p, y->pixels_used, y->grades_used, y->live_time_s);
        for (uint32_t i = 0; i < p->n_points; i++)
            y->crowding[i] = crowding_of(p, y, i);
    }
}

static double mean_window_s(const struct scan_products *p) {
    double sum = 0, n = 0;
    for (uint32_t pixel = 0; pixel < p->n_pixels; pixel++)
        if (p->pixels_used[pixel]) {
            sum += p->window_s[pixel];
            n++;
        }
    return n > 0 ? sum / n : 0;
}

/* What point i leads to expect in each grade, by the rate of high photons that the other pixels saw: a pixel's own counts and its
 * times of lesser grades rise together, so its own rate would expect too much of them. False: no other pixel was live. */
static bool expect_point(const struct scan_products *p, uint32_t i, double *expected) {
    double counts = 0, live_s = weighted_live_s(p, p->pixels_used, i, 1u << GRADE_HIGH);
    for (uint32_t pixel = 0; pixel < p->n_pixels; pixel++)
        counts += p->pixels_used[pixel] ? p->high_photons[(size_t)pixel * p->n_points + i] : 0;
    bool known = false;
    for (uint32_t pixel = 0; pixel < p->n_pixels; pixel++) {
        double eps = p->sensitivity[pixel], others_s = live_s - eps * pixel_live_ns(p, pixel, i, 1u << GRADE_HIGH) / 1e9;
        if (!p->pixels_used[pixel] || !(others_s > 1e-6 * live_s))
            continue;
        known = true;
        double rate_Hz = (counts - p->high_photons[(size_t)pixel * p->n_points + i]) / others_s;
        for (unsigned g = 0; g < GRADE_NONE; g++)
            expected[g] += eps * rate_Hz * pixel_live_ns(p, pixel, i, 1u << g) / 1e9;
    }
    return known;
}

struct grade_agreement scan_live_time_agreement(const struct scan_products *p) {
    double seen[N_GRADES] = { 0 }, expected[N_GRADES] = { 0 }, all_seen = 0, all_expected = 0, live_s = 0;
    for (uint32_t i = 0; i < p->n_points; i++) {
        if (!expect_point(p, i, expected))
            continue;
        live_s += weighted_live_s(p, p->pixels_used, i, GRADED);
        for (unsigned g = 0; g < GRADE_NONE; g++)
            seen[g] += p->events[(size_t)i * N_GRADES + g];
    }
    for (unsigned g = 0; g < GRADE_NONE; g++) {
        all_seen += expected[g] > 0 ? seen[g] : 0;
        all_expected += expected[g];
    }
    double rate_Hz = rate_of(all_seen, live_s), crowding = rate_Hz * kappa_s(rate_Hz, mean_window_s(p));
    struct grade_agreement a = { .chi2 = NAN };
    for (unsigned g = 0; g < GRADE_NONE; g++)
        if (expected[g] > 0) {
            double here = expected[g] * all_seen / all_expected;
            a.chi2 = (a.n_grades++ ? a.chi2 : 0) + (seen[g] - here) * (seen[g] - here) / (here * (1 + crowding));
        }
    return a;
}

double scan_live_time_pixel(const struct scan_products *p, uint32_t pixel, unsigned grade) {
    double sum = 0;
    for (uint32_t i = 0; i < p->n_points; i++)
        sum += pixel_live_ns(p, pixel, i, 1u << grade);
    return sum / 1e9;
}
