#include "calib/scan_crowding.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { GRADED = 1u << GRADE_HIGH | 1u << GRADE_MID | 1u << GRADE_TAIL | 1u << GRADE_LOW };

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

/* Yields of the same grades, whose photons spoil each other alike. */
enum { ALIKE = 8 };
struct alike {
    struct yield_spectrum *const *yields;
    unsigned n;
    uint32_t grades;
    double live_s[ALIKE][LIVE_POINTS], counted_Hz[ALIKE][LIVE_POINTS], sum[ALIKE][LIVE_POINTS];
    bool counts[LIVE_POINTS];          /* any of them, there */
};

static void begin(const struct scan_products *p, struct live_points of, struct alike *a) {
    memset(a->counts, 0, sizeof a->counts);
    for (unsigned k = 0; k < a->n; k++) {
        const struct yield_spectrum *y = a->yields[k];
        live_weights_ns(p, y->pixels_used, of, a->grades, a->live_s[k]);
        for (uint32_t i = 0; i < of.n; i++) {
            a->live_s[k][i] /= 1e9;
            a->counted_Hz[k][i] = rate_of(y->counts[of.first + i], a->live_s[k][i]);
            a->counts[i] |= a->counted_Hz[k][i] > 0;
            a->sum[k][i] = 0;
        }
    }
}

static void add_pixel(const struct scan_products *p, struct live_points of, const double *events_Hz, uint32_t pixel, struct alike *a) {
    const double eps = p->sensitivity[pixel];
    double live_ns[LIVE_POINTS], kappa[LIVE_POINTS];
    live_weights_of_pixel(p, pixel, of, a->grades, live_ns);
    for (uint32_t i = 0; i < of.n; i++)
        kappa[i] = a->counts[i] ? kappa_of(p, pixel, a->grades, eps * events_Hz[i]) : 0;
    for (unsigned k = 0; k < a->n; k++)
        for (uint32_t i = 0; i < of.n && a->yields[k]->pixels_used[pixel]; i++)
            if (a->counted_Hz[k][i] > 0)
                a->sum[k][i] += eps * live_ns[i] / 1e9 / a->live_s[k][i] * eps * a->counted_Hz[k][i] * kappa[i];
}

static bool used_by_any(const struct alike *a, uint32_t pixel) {
    bool used = false;
    for (unsigned k = 0; k < a->n; k++)
        used |= a->yields[k]->pixels_used[pixel] != 0;
    return used;
}

static void end(const struct scan_products *p, struct live_points of, const struct alike *a) {
    for (unsigned k = 0; k < a->n; k++)
        for (uint32_t i = 0; i < of.n; i++) {
            const uint32_t point = of.first + i;
            const double events = p->shared_excess[point] > 0 ? scan_products_events(p, point) : 0;
            a->yields[k]->crowding[point] = a->sum[k][i] + (events > 0 ? p->shared_excess[point] * a->yields[k]->counts[point] / events : 0);
        }
}

/* Yields from the first on that have its grades. */
static unsigned alike_from(const struct scan_products *p, uint32_t first) {
    unsigned n = 1;
    while (n < ALIKE && first + n < p->n_yields && p->yields[first + n]->grades_used == p->yields[first]->grades_used)
        n++;
    return n;
}

void scan_crowding_settle(struct scan_products *p, struct live_points of) {
    double events_Hz[LIVE_POINTS];
    struct alike a;
    live_weights_ns(p, p->pixels_used, of, GRADED, events_Hz);
    for (uint32_t i = 0; i < of.n; i++)
        events_Hz[i] = rate_of(graded_events(p, of.first + i), events_Hz[i] / 1e9);
    for (uint32_t first = 0; first < p->n_yields; first += a.n) {
        a.yields = p->yields + first;
        a.n = alike_from(p, first);
        a.grades = p->yields[first]->grades_used;
        begin(p, of, &a);
        for (uint32_t pixel = 0; pixel < p->n_pixels; pixel++)
            if (used_by_any(&a, pixel))
                add_pixel(p, of, events_Hz, pixel, &a);
        end(p, of, &a);
    }
}
