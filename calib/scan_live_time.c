#include "calib/scan_live_time.h"

#include <math.h>
#include <stdbool.h>

#include "calib/scan_crowding.h"
#include "pulse/linear.h"
#include "pulse/livetime.h"

static double pixel_live_ns(const struct scan_products *p, uint32_t pixel, uint32_t point, uint32_t grades) {
    double live_ns[LIVE_POINTS];
    live_weights_of_pixel(p, pixel, (struct live_points){ point, 1 }, grades, live_ns);
    return live_ns[0];
}

/* sum_p eps LT: what counts are divided by. */
static double weighted_live_ns(const struct scan_products *p, const uint8_t *pixels_used, uint32_t point, uint32_t grades) {
    double sum_ns[LIVE_POINTS];
    live_weights_ns(p, pixels_used, (struct live_points){ point, 1 }, grades, sum_ns);
    return sum_ns[0];
}

static double weighted_live_s(const struct scan_products *p, const uint8_t *pixels_used, uint32_t point, uint32_t grades) {
    return weighted_live_ns(p, pixels_used, point, grades) / 1e9;
}

double scan_live_time_weight(const struct scan_products *p, const uint8_t *pixels_used) {
    double sum = 0;
    for (uint32_t pixel = 0; pixel < p->n_pixels; pixel++)
        sum += pixels_used[pixel] ? p->sensitivity[pixel] : 0;
    return sum;
}

double scan_live_time_weighted_ns(const struct scan_products *p, uint32_t point) {
    return weighted_live_ns(p, p->pixels_used, point, p->emission->grades_used);
}

static void set_live_time(const struct scan_products *p, struct live_points of, const uint8_t *pixels_used, uint32_t grades, double *live_time_s) {
    double weight = scan_live_time_weight(p, pixels_used), sum_ns[LIVE_POINTS];
    live_weights_ns(p, pixels_used, of, grades, sum_ns);
    for (uint32_t i = 0; i < of.n; i++)
        live_time_s[of.first + i] = weight > 0 ? sum_ns[i] / weight / 1e9 : 0;
}

void scan_live_time_settle_points(struct scan_products *p, uint32_t first, uint32_t end) {
    for (struct live_points of = live_points_from(first, end); of.n > 0; of = live_points_from(of.first + of.n, end)) {
        set_live_time(p, of, p->pixels_used, p->emission->grades_used, p->live_time_s);
        for (uint32_t k = 0; k < p->n_yields; k++)
            set_live_time(p, of, p->yields[k]->pixels_used, p->yields[k]->grades_used, p->yields[k]->live_time_s);
        scan_crowding_settle(p, of);
    }
}

void scan_live_time_settle(struct scan_products *p) { scan_live_time_settle_points(p, 0, p->n_points); }

/* ---- sampled at the array's events ---- */

/* Counts of instants into ns of the point; what is left of its dwell is dead. A point that no other pixel saw keeps its time by
 * intervals. */
static void scale_row(const int64_t *interval_ns, int64_t free_ns, int64_t dwell_ns, int64_t *row) {
    double all = 0;
    int64_t rest_ns = dwell_ns;
    for (unsigned c = 0; c < N_LIVETIME_COLUMNS; c++)
        all += (double)row[c];
    for (unsigned c = 0; c < LIVETIME_DEAD; c++) {
        int64_t ns = all > 0 ? llround((double)free_ns * fmax(0, (double)row[c] / all)) : interval_ns[c];
        row[c] = ns < rest_ns ? ns : rest_ns;
        rest_ns -= row[c];
    }
    row[LIVETIME_DEAD] = rest_ns;
}

void scan_live_time_scale_sampled(struct scan_products *p, uint32_t pixel, const int64_t *free_ns) {
    for (uint32_t i = 0; i < p->n_points; i++) {
        size_t row = ((size_t)pixel * p->n_points + i) * N_LIVETIME_COLUMNS;
        scale_row(p->grade_time_ns + row, free_ns[i], p->scan->points[i].end_ns - p->scan->points[i].start_ns, p->sampled_time_ns + row);
    }
}

static void set_all(const struct scan_products *p, double *live_time_s) {
    for (struct live_points of = live_points_from(0, p->n_points); of.n > 0; of = live_points_from(of.first + of.n, p->n_points))
        set_live_time(p, of, p->pixels_used, p->emission->grades_used, live_time_s);
}

void scan_live_time_both(const struct scan_products *p, double *interval_s, double *sampled_s) {
    struct scan_products with = *p;
    with.use_sampled = false;
    set_all(&with, interval_s);
    with.use_sampled = true;
    set_all(&with, sampled_s);
}

/* ---- do the grades agree? ---- */

enum { LESSER = GRADE_NONE - 1, LEAST_COUNTS = 20, LEAST_POINTS_PER_GRADE = 4 };

/* Events of each grade in one point, and what its rate leads to expect. */
struct grade_counts { double seen[GRADE_NONE], expected[GRADE_NONE]; };

/* Photons nearer than `unresolved` make one event: events of a grade come at rate (1 + rate x unresolved) in its time, to second
 * order. Grades weigh points and pixels by their rates differently, so this does not drop out of their comparison. */
static double with_pairs(double photons_Hz, double unresolved_s) {
    return photons_Hz * (1 + photons_Hz * unresolved_s);
}

static double without_pairs(double events_Hz, double unresolved_s) {
    return 2 * events_Hz / (1 + sqrt(1 + 4 * events_Hz * unresolved_s));
}

/* By the rate of high events that the other pixels saw: a pixel's own counts and its times of lesser grades rise together, so its own
 * rate would expect too much of them. False: no other pixel was live. */
static bool expect_point(const struct scan_products *p, uint32_t i, struct grade_counts *out) {
    double counts = 0, live_s = weighted_live_s(p, p->pixels_used, i, 1u << GRADE_HIGH);
    for (uint32_t pixel = 0; pixel < p->n_pixels; pixel++)
        counts += p->pixels_used[pixel] ? p->high_events[(size_t)pixel * p->n_points + i] : 0;
    bool known = false;
    *out = (struct grade_counts){ 0 };
    for (uint32_t pixel = 0; pixel < p->n_pixels; pixel++) {
        double eps = p->sensitivity[pixel], others_s = live_s - eps * pixel_live_ns(p, pixel, i, 1u << GRADE_HIGH) / 1e9;
        if (!p->pixels_used[pixel] || !(others_s > 1e-6 * live_s))
            continue;
        known = true;
        double events_Hz = (counts - p->high_events[(size_t)pixel * p->n_points + i]) / others_s, unresolved_s = p->unresolved_s[pixel];
        double own_Hz = with_pairs(eps * without_pairs(events_Hz, unresolved_s), unresolved_s);
        for (unsigned g = 0; g < GRADE_NONE; g++)
            out->expected[g] += own_Hz * pixel_live_ns(p, pixel, i, 1u << g) / 1e9;
    }
    for (unsigned g = 0; known && g < GRADE_NONE; g++)
        out->seen[g] = p->events[(size_t)i * N_GRADES + g];
    return known;
}

/* The lesser grades that were counted at all, and the sums over all points. */
struct comparison {
    struct grade_counts all;
    uint32_t n_points;
    unsigned n, grade[LESSER];
};

static struct comparison compare_all(const struct scan_products *p) {
    struct comparison c = { .n = 0 };
    struct grade_counts here;
    for (uint32_t i = 0; i < p->n_points; i++) {
        if (!expect_point(p, i, &here))
            continue;
        c.n_points++;
        for (unsigned g = 0; g < GRADE_NONE; g++) {
            c.all.seen[g] += here.seen[g];
            c.all.expected[g] += here.expected[g];
        }
    }
    for (unsigned g = GRADE_MID; g < GRADE_NONE; g++)
        if (c.all.expected[g] >= LEAST_COUNTS)
            c.grade[c.n++] = g;
    return c;
}

/* Scatter of the points' residuals about the scan's own relative excess of each grade. One close pair of photons is one event of grade
 * mid and one of low or tail, so the grades' residuals are not independent; the points' are. */
static void add_scatter(const struct scan_products *p, const struct comparison *c, double *scatter) {
    struct grade_counts here;
    for (uint32_t i = 0; i < p->n_points; i++) {
        double left[LESSER];
        if (!expect_point(p, i, &here))
            continue;
        for (unsigned k = 0; k < c->n; k++)
            left[k] = here.seen[c->grade[k]] - here.expected[c->grade[k]] * c->all.seen[c->grade[k]] / c->all.expected[c->grade[k]];
        for (unsigned k = 0; k < c->n * c->n; k++)
            scatter[k] += left[k / c->n] * left[k % c->n];
    }
}

struct grade_agreement scan_live_time_agreement(const struct scan_products *p) {
    struct comparison c = compare_all(p);
    double scatter[LESSER * LESSER] = { 0 }, excess[LESSER], solved[LESSER], chi2 = 0;
    struct grade_agreement a = { .chi2 = NAN, .n_grades = c.all.expected[GRADE_HIGH] > 0 ? c.n + 1 : 0 };
    if (a.n_grades < 2 || c.n_points < LEAST_POINTS_PER_GRADE * a.n_grades || !(c.all.seen[GRADE_HIGH] > 0))
        return a;
    add_scatter(p, &c, scatter);
    double factor = c.all.seen[GRADE_HIGH] / c.all.expected[GRADE_HIGH];
    for (unsigned k = 0; k < c.n; k++)
        excess[k] = solved[k] = c.all.seen[c.grade[k]] - factor * c.all.expected[c.grade[k]];
    if (linear_dense(scatter, c.n, solved, 1) != STATUS_OK)
        return a;
    for (unsigned k = 0; k < c.n; k++)
        chi2 += excess[k] * solved[k];
    /* scatter x n / (n - 1) is the covariance of the sums; (n - k) / (n - 1) makes Hotelling's T2 an F times k. */
    a.chi2 = chi2 * (c.n_points - c.n) / c.n_points;
    return a;
}

double scan_live_time_pixel(const struct scan_products *p, uint32_t pixel, unsigned grade) {
    double sum = 0;
    for (uint32_t i = 0; i < p->n_points; i++)
        sum += pixel_live_ns(p, pixel, i, 1u << grade);
    return sum / 1e9;
}
