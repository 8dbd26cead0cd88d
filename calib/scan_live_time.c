#include "calib/scan_live_time.h"

#include <math.h>
#include <stdbool.h>

#include "pulse/linear.h"
#include "pulse/livetime.h"

enum { GRADED = 1u << GRADE_HIGH | 1u << GRADE_MID | 1u << GRADE_TAIL | 1u << GRADE_LOW };

static double pixel_live_ns(const struct scan_products *p, uint32_t pixel, uint32_t point, uint32_t grades) {
    const int64_t *row = scan_products_times(p) + ((size_t)pixel * p->n_points + point) * N_LIVETIME_COLUMNS;
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

double scan_live_time_weight(const struct scan_products *p, const uint8_t *pixels_used) {
    double sum = 0;
    for (uint32_t pixel = 0; pixel < p->n_pixels; pixel++)
        sum += pixels_used[pixel] ? p->sensitivity[pixel] : 0;
    return sum;
}

double scan_live_time_weighted_ns(const struct scan_products *p, uint32_t point) {
    return weighted_live_ns(p, p->pixels_used, point, p->emission->grades_used);
}

struct points { uint32_t first, end; };

static void set_live_time(const struct scan_products *p, struct points of, const uint8_t *pixels_used, uint32_t grades, double *live_time_s) {
    double weight = scan_live_time_weight(p, pixels_used);
    for (uint32_t i = of.first; i < of.end; i++)
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

/* What one more photon does to counts and live time at once. With f(x) = 1 where a photon at x counts, M = N - lambda LT has
 *     var M = lambda E[LT] + lambda^2 int int E[D_y f(x) D_x f(y)] dx dy,   D_y f(x): what an event at y changes of f(x)
 * (second order of Mecke's theorem), so only pairs that spoil each other matter: N (1 + lambda kappa). For windows b before and a behind
 * kappa = 2 (1 - exp(-r m)) / r, m the shorter of them. */
static double kappa_s(double rate_Hz, double window_s) {
    return rate_Hz > 0 ? -2 * expm1(-rate_Hz * window_s) / rate_Hz : 2 * window_s;
}

/* Grades high, mid and tail together are no box. Before the photon t .. t + s as tail, beyond as high or mid; behind it p as tail, c otherwise. A pair d apart,
 * c < d < p, spoils the second photon in any case (it stands too near to be tail) and the first where that stood on a tail:
 *     kappa = 2 (1 - exp(-r c)) / r + 2 I / Q,   in units of what comes t behind an event: Q = e^-rs e^-rc + (1 - e^-rs) e^-rp the chance to count,
 *     I = int_c^p e^-rd [(e^-r max(0, s - d) - e^-rs) e^-r(p - d) + (1 - e^-r max(0, s - d)) e^-rp] dd
 * whose brackets hold the first photon's place on the tail, and the second's window behind: c where it would be high or mid without the first, p where tail. */
static double kappa_with_tails_s(double r, double c, double p, double s) {
    if (!(r > 0))
        return 2 * c;
    double within = fmax(c, fmin(s, p)), e_s = exp(-r * s), e_p = exp(-r * p), e_c = exp(-r * c), e_within = exp(-r * within);
    double reaching = e_s * e_p * ((1 / e_within - 1 / e_c) / r - 2 * (within - c)) + e_p * (e_c - e_within) / r;
    double beyond = (1 - e_s) * e_p * (p - within);
    return kappa_s(r, c) + 2 * (reaching + beyond) / (e_s * e_c + (1 - e_s) * e_p);
}

/* With grade mid the window behind is what tells two pulses apart: three times to the maximum, of which photons that make one event have 0.9. */
static double kappa_of(const struct scan_products *p, uint32_t pixel, uint32_t grades, double rate_Hz) {
    const uint32_t tails = 1u << GRADE_HIGH | 1u << GRADE_MID | 1u << GRADE_TAIL;
    double clear_s = fmin(3 / 0.9 * p->unresolved_s[pixel], p->window_s[pixel]);
    if ((grades & GRADED) == tails)
        return kappa_with_tails_s(rate_Hz, clear_s, p->window_s[pixel], p->tail_s[pixel]);
    return kappa_s(rate_Hz, grades >> GRADE_MID & 1 ? clear_s : p->window_s[pixel]);
}

static double crowding_of(const struct scan_products *p, const struct yield_spectrum *y, uint32_t point) {
    double live_s = weighted_live_s(p, y->pixels_used, point, y->grades_used);
    double counted_Hz = rate_of(y->counts[point], live_s);
    double events_Hz = rate_of(graded_events(p, point), weighted_live_s(p, p->pixels_used, point, GRADED));
    double sum = 0;
    for (uint32_t pixel = 0; pixel < p->n_pixels && live_s > 0; pixel++)
        if (y->pixels_used[pixel]) {
            double eps = p->sensitivity[pixel], share = eps * pixel_live_ns(p, pixel, point, y->grades_used) / 1e9 / live_s;
            sum += share * eps * counted_Hz * kappa_of(p, pixel, y->grades_used, eps * events_Hz);
        }
    const double events = p->shared_excess[point] > 0 ? scan_products_events(p, point) : 0;
    return sum + (events > 0 ? p->shared_excess[point] * y->counts[point] / events : 0);
}

void scan_live_time_settle_points(struct scan_products *p, uint32_t first, uint32_t end) {
    const struct points of = { first, end };
    set_live_time(p, of, p->pixels_used, p->emission->grades_used, p->live_time_s);
    for (uint32_t k = 0; k < p->n_yields; k++) {
        struct yield_spectrum *y = p->yields[k];
        set_live_time(p, of, y->pixels_used, y->grades_used, y->live_time_s);
        for (uint32_t i = first; i < end; i++)
            y->crowding[i] = crowding_of(p, y, i);
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

void scan_live_time_both(const struct scan_products *p, double *interval_s, double *sampled_s) {
    struct scan_products with = *p;
    with.use_sampled = false;
    set_live_time(&with, (struct points){ 0, p->n_points }, p->pixels_used, p->emission->grades_used, interval_s);
    with.use_sampled = true;
    set_live_time(&with, (struct points){ 0, p->n_points }, p->pixels_used, p->emission->grades_used, sampled_s);
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
