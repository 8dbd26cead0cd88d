/* One stretch of scans. Centres are repeated medians, as in pixel_monitor.c. With w windows of the common mode, values c, errors s:
 *   true scatter in time  S^2 = max(0, var(c) - mean s^2),   what is believed of a deviation: S^2 / (S^2 + s^2)
 * and the same over pixels and their windows for the pixels' own part. A movement with the incident energy x is looked for as b in
 *   c = polynomial of third degree in time + b x
 * which repeated scans separate and a single one does not. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "calib/line_lock_parts.h"
#include "pulse/linear.h"
#include "pulse/robust.h"

enum { WINDOW_COUNTS = 1500, PIXEL_COUNTS = 400, LEAST_WINDOWS = 3, PIXEL_MAX_WINDOWS = 40, CENTRE_ROUNDS = 10, FEWEST = 40, TERMS = 5 };
static const double LEAST_WINDOW_S = 20;
static const double STEP_LIMIT = 0.2, TOTAL_LIMIT = 3.0;     /* eV */
static const double EXCITATION = 0.25, EXCITATION_SIGMAS = 4;   /* eV over the range of incident energies */
static const double DRIFT_PER_HOUR = 0.5;                    /* eV rms in an hour away from a calibration */
static const double CENTRE_SIGMA = 1.4 * 1.2533;             /* of a repeated median over that of a mean; pixel_monitor.c */
static const double BACKGROUND = 0.5;                        /* of the counts at most may lie outside the reach */

struct centre { double value, sigma; size_t n; };

/* Of photons [0, n): those of one pixel, or of all with their pixels' offsets taken out (pixel UINT32_MAX). */
static struct centre centre_of(const struct line_lock *l, const struct lock_photon *p, size_t n, uint32_t pixel, struct lock_room *room) {
    struct centre c = {l->line.energy_eV, NAN, 0};
    double moved = l->reach_eV;
    for (int round = 0; round < CENTRE_ROUNDS && moved > 1e-3; round++) {
        size_t m = 0;
        for (size_t i = 0; i < n; i++) {
            double e = (double)p[i].energy_eV - (pixel == UINT32_MAX ? room->offset_eV[p[i].pixel] : 0);
            if ((pixel == UINT32_MAX || p[i].pixel == pixel) && fabs(e - c.value) <= l->reach_eV)
                room->scratch[m++] = e;
        }
        c.n = m;
        if (m < FEWEST)
            return c;
        double now = robust_median(room->scratch, m);
        moved = fabs(now - c.value);
        c.value = now;
    }
    struct robust_centre spread = robust_centre(room->scratch, c.n);
    c.sigma = CENTRE_SIGMA * spread.sigma / sqrt((double)c.n);
    return c;
}

static void find_offsets(const struct line_lock *l, const struct lock_photon *p, size_t n, struct lock_room *room) {
    memset(room->offset_eV, 0, room->n_pixels * sizeof *room->offset_eV);
    struct centre all = centre_of(l, p, n, UINT32_MAX, room);
    for (uint32_t i = 0; i < room->n_pixels; i++) {
        struct centre own = centre_of(l, p, n, i, room);
        room->offset_eV[i] = own.sigma > 0 ? own.value - all.value : 0;
    }
}

/* Windows of equal counts. */
struct window { double time_s, incident_eV, value, sigma; };

static uint32_t make_windows(const struct line_lock *l, const struct lock_photon *p, size_t n, uint32_t wanted, struct lock_room *room, struct window *out) {
    uint32_t made = 0;
    for (uint32_t k = 0; k < wanted; k++) {
        size_t from = n * k / wanted, to = n * (k + 1) / wanted;
        struct window w = {0};
        for (size_t i = from; i < to; i++) {
            w.time_s += (double)(p[i].time_ns - p[0].time_ns) * 1e-9 / (double)(to - from);
            w.incident_eV += (double)p[i].incident_eV / (double)(to - from);
        }
        struct centre c = centre_of(l, p + from, to - from, UINT32_MAX, room);
        w.value = c.value;
        w.sigma = c.sigma;
        if (w.sigma > 0)
            out[made++] = w;
    }
    return made;
}

static bool is_above_background(const struct line_lock *l, const struct lock_photon *p, size_t n) {
    size_t inside = 0;
    for (size_t i = 0; i < n; i++)
        inside += fabs((double)p[i].energy_eV - l->line.energy_eV) < l->reach_eV;
    return (double)(n - inside) < BACKGROUND * (double)inside;
}

/* b of the head comment over the whole range of incident energies, with its error; b NaN when nothing varies. */
static void find_excitation(const struct window *w, uint32_t n, struct lock_stretch *s) {
    double low = INFINITY, high = -INFINITY, normal[TERMS * TERMS] = {0}, right[TERMS * (TERMS + 1)] = {0};
    s->excitation_eV = s->excitation_sigma_eV = NAN;
    for (uint32_t i = 0; i < n; i++) {
        low = fmin(low, w[i].incident_eV);
        high = fmax(high, w[i].incident_eV);
    }
    if (!(high - low > 1))
        return;
    for (uint32_t i = 0; i < n; i++) {
        double t = 2 * w[i].time_s / w[n - 1].time_s - 1, v = 1 / (w[i].sigma * w[i].sigma);
        double row[TERMS] = {1, t, t * t, t * t * t, (w[i].incident_eV - low) / (high - low)};
        for (int a = 0; a < TERMS; a++) {
            right[a * (TERMS + 1)] += v * row[a] * (w[i].value - w[0].value);
            for (int b = 0; b < TERMS; b++)
                normal[a * TERMS + b] += v * row[a] * row[b];
        }
    }
    for (int a = 0; a < TERMS; a++)
        right[a * (TERMS + 1) + 1 + a] = 1;
    if (linear_dense(normal, TERMS, right, TERMS + 1) != STATUS_OK) {
        s->excitation_sigma_eV = INFINITY;
        return;
    }
    s->excitation_eV = right[(TERMS - 1) * (TERMS + 1)];
    s->excitation_sigma_eV = sqrt(right[(TERMS - 1) * (TERMS + 1) + TERMS]);
}

/* Covariance of what the calibrations cannot know at two times: a Brownian bridge between the two, or a walk away from the only one. */
static double ignorance(const struct lock_stretch *s, double a_ns, double b_ns) {
    const double hour = 3.6e12, early = fmin(a_ns, b_ns), late = fmax(a_ns, b_ns);
    bool before = s->before_ns != INT64_MIN, after = s->after_ns != INT64_MAX;
    double hours = a_ns < b_ns || a_ns > b_ns ? 0 : 1;
    if (before && after)
        hours = fabs(early - (double)s->before_ns) / hour * fabs((double)s->after_ns - late) / fabs((double)(s->after_ns - s->before_ns));
    else if (before)
        hours = fabs(early - (double)s->before_ns) / hour;
    else if (after)
        hours = fabs((double)s->after_ns - late) / hour;
    return DRIFT_PER_HOUR * DRIFT_PER_HOUR * hours;
}

/* Where the line would be without drift: generalised least squares of a constant. The windows next to the calibrations decide. */
static double reference_of(const struct lock_stretch *s, double start_ns, const struct window *w, uint32_t n, struct lock_room *room) {
    double *weight = room->weights, sum = 0, all = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < n; k++)
            room->matrix[i * n + k] = ignorance(s, start_ns + 1e9 * w[i].time_s, start_ns + 1e9 * w[k].time_s);
        room->matrix[i * n + i] += w[i].sigma * w[i].sigma;
        weight[i] = 1;
    }
    if (linear_dense(room->matrix, n, weight, 1) != STATUS_OK)
        for (uint32_t i = 0; i < n; i++)
            weight[i] = 1;
    for (uint32_t i = 0; i < n; i++) {
        sum += weight[i] * w[i].value;
        all += weight[i];
    }
    return sum / all;
}

/* Values become deviations from their reference, shrunk by what is scatter of the errors alone; steps limited. Returns the share that was
 * believed, 0: no drift seen. */
static double settle(const struct lock_stretch *s, double start_ns, struct window *w, uint32_t n, struct lock_room *room) {
    double mean = 0, variance = 0, noise = 0, reference = reference_of(s, start_ns, w, n, room);
    for (uint32_t i = 0; i < n; i++)
        mean += w[i].value / n;
    for (uint32_t i = 0; i < n; i++) {
        variance += (w[i].value - mean) * (w[i].value - mean) / (n - 1);
        noise += w[i].sigma * w[i].sigma / n;
    }
    double drift = variance - noise * (1 + 3 * sqrt(2.0 / (n - 1)));   /* three sigma of the scatter's own error */
    double share = drift > 0 ? drift / (drift + noise) : 0;
    for (uint32_t i = 0; i < n; i++) {
        w[i].value = share * (w[i].value - reference);
        w[i].sigma *= share;
        if (i > 0 && fabs(w[i].value - w[i - 1].value) > STEP_LIMIT)
            w[i].value = w[i - 1].value + copysign(STEP_LIMIT, w[i].value - w[i - 1].value);
    }
    return share;
}

static double between(const struct window *w, uint32_t n, double time_s, bool sigma) {
    uint32_t k = 0;
    while (k + 2 < n && time_s >= w[k + 1].time_s)
        k++;
    double share = n < 2 ? 0 : fmin(fmax((time_s - w[k].time_s) / (w[k + 1].time_s - w[k].time_s), 0), 1);
    double a = sigma ? w[k].sigma : w[k].value, b = n < 2 ? a : sigma ? w[k + 1].sigma : w[k + 1].value;
    return (1 - share) * a + share * b;
}

/* A pixel's own windows: centres less its offset and the common movement. */
static uint32_t pixel_windows(const struct line_lock *l, uint32_t pixel, const struct lock_photon *p, size_t n, const struct window *common, uint32_t n_common,
                              struct lock_room *room, struct window *out) {
    size_t own = 0, from = 0;
    uint32_t made = 0;
    for (size_t i = 0; i < n; i++)
        own += p[i].pixel == pixel;
    uint32_t wanted = (uint32_t)fmin((double)(own / PIXEL_COUNTS), PIXEL_MAX_WINDOWS);
    for (uint32_t k = 0; k < wanted && wanted > 1; k++) {
        size_t to = from, taken = 0, share = own * (k + 1) / wanted - own * k / wanted;
        double time_s = 0;
        for (; to < n && taken < share; to++)
            if (p[to].pixel == pixel) {
                time_s += (double)(p[to].time_ns - p[0].time_ns) * 1e-9;
                taken++;
            }
        struct centre c = centre_of(l, p + from, to - from, pixel, room);
        from = to;
        if (!(c.sigma > 0) || taken == 0)
            continue;
        time_s /= (double)taken;
        out[made++] = (struct window){.time_s = time_s, .value = c.value - l->line.energy_eV - between(common, n_common, time_s, false), .sigma = c.sigma};
    }
    return made;
}

/* Puts a pixel's movement at the knots; one that is too large to be a drift is refused. */
static void put_pixel(struct line_lock *l, struct lock_stretch *s, uint32_t pixel, const struct window *common, const struct window *own, uint32_t n_own, size_t row) {
    float *shift = l->shift_eV + pixel * row + s->first_knot, *sigma = l->sigma_eV + pixel * row + s->first_knot;
    bool refused = false;
    for (uint32_t k = 0; k < s->n_knots; k++) {
        double mine = n_own > 0 ? between(own, n_own, common[k].time_s, false) : 0, error = n_own > 0 ? between(own, n_own, common[k].time_s, true) : 0;
        shift[k] = (float)(common[k].value + mine);
        sigma[k] = (float)hypot(common[k].sigma, error);
        refused = refused || fabs((double)shift[k]) > TOTAL_LIMIT;
    }
    for (uint32_t k = 0; k < s->n_knots && refused; k++)
        shift[k] = sigma[k] = 0;
    l->pixels_refused += refused;
}

static void lock_pixels(struct line_lock *l, struct lock_stretch *s, const struct lock_photon *p, size_t n, const struct window *common, struct lock_room *room) {
    for (uint32_t i = 0; i < l->n_pixels; i++) {
        struct window own[PIXEL_MAX_WINDOWS];
        uint32_t n_own = pixel_windows(l, i, p, n, common, s->n_knots, room, own);
        double share = n_own >= LEAST_WINDOWS ? settle(s, (double)p[0].time_ns, own, n_own, room) : 0;
        put_pixel(l, s, i, common, own, share > 0 ? n_own : 0, room->row);
    }
}

static bool may_lock(const struct line_lock *l, struct lock_stretch *s, const struct lock_photon *p, size_t n, const struct window *w, uint32_t n_windows) {
    if (n_windows < LEAST_WINDOWS)
        snprintf(s->reason, sizeof s->reason, "too few counts of %s at incident energies above %.0f eV: %zu, %d are needed", l->line.name, l->above_eV, n, LEAST_WINDOWS * WINDOW_COUNTS);
    else if (!is_above_background(l, p, n))
        snprintf(s->reason, sizeof s->reason, "%s does not stand out of its background", l->line.name);
    else
        find_excitation(w, n_windows, s);
    if (s->reason[0])
        return false;
    bool moves = fabs(s->excitation_eV) > EXCITATION && fabs(s->excitation_eV) > EXCITATION_SIGMAS * s->excitation_sigma_eV;
    if (s->excitation_sigma_eV > EXCITATION)
        snprintf(s->reason, sizeof s->reason, "a drift in time and a movement with the incident energy cannot be told apart (%u scan%s)", s->n_scans, s->n_scans == 1 ? "" : "s");
    else if (moves)
        snprintf(s->reason, sizeof s->reason, "%s moves with the incident energy, by %+.2f(%.2f) eV over the scan", l->line.name, s->excitation_eV, s->excitation_sigma_eV);
    return s->reason[0] == 0;
}

void line_lock_stretch(struct line_lock *l, size_t index, const struct lock_photon *photons, size_t n, struct lock_room *room) {
    struct lock_stretch *s = &l->stretches[index];
    struct window w[LOCK_MAX_KNOTS];
    s->photons = n;
    s->excitation_eV = s->excitation_sigma_eV = NAN;
    double length_s = n > 0 ? (double)(photons[n - 1].time_ns - photons[0].time_ns) * 1e-9 : 0;
    uint32_t wanted = (uint32_t)fmin(fmin((double)(n / WINDOW_COUNTS), length_s / LEAST_WINDOW_S), LOCK_MAX_KNOTS), n_windows = 0;
    if (wanted >= LEAST_WINDOWS) {
        find_offsets(l, photons, n, room);
        n_windows = make_windows(l, photons, n, wanted, room, w);
    }
    if (!may_lock(l, s, photons, n, w, n_windows))
        return;
    s->first_knot = (uint32_t)l->n_knots;
    s->n_knots = n_windows;
    double reference = reference_of(s, (double)photons[0].time_ns, w, n_windows, room);
    for (uint32_t k = 0; k < n_windows; k++) {
        l->knot_ns[l->n_knots] = photons[0].time_ns + (int64_t)(1e9 * w[k].time_s);
        l->common_eV[l->n_knots] = w[k].value - reference;
        l->common_sigma_eV[l->n_knots++] = w[k].sigma;
    }
    settle(s, (double)photons[0].time_ns, w, n_windows, room);
    lock_pixels(l, s, photons, n, w, room);
    s->locked = true;
}
