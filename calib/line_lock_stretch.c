/* One stretch of scans. Centres are repeated medians, as in pixel_monitor.c. A movement with the incident energy x is looked for as b in
 *   centre = polynomial of third degree in time + b x
 * which repeated scans separate and a single one does not. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/line_lock_parts.h"
#include "pulse/linear.h"
#include "pulse/robust.h"

enum { WINDOW_COUNTS = 400, LEAST_WINDOWS = 6, PIXEL_LEAST_WINDOWS = 3, PIXEL_MAX_WINDOWS = 40, CENTRE_ROUNDS = 10, FEWEST = 40, TERMS = 5 };
static const double LEAST_WINDOW_S = 20;
static const double STEP_LIMIT = 0.2, TOTAL_LIMIT = 3.0;     /* eV */
static const double EXCITATION = 0.25, EXCITATION_SIGMAS = 4;   /* eV over the range of incident energies */
static const double CENTRE_SIGMA = 1.4 * 1.2533;             /* of a repeated median over that of a mean; pixel_monitor.c */
static const double BACKGROUND = 0.5;                        /* of the counts at most may lie outside the reach */
static const double INSIST = 4.0;                            /* ln likelihood by which a drift must be better than none */
static const double drifts_eV[] = {0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2};   /* rms in an hour */
enum { N_DRIFTS = sizeof drifts_eV / sizeof drifts_eV[0] };

struct centre { double value, sigma; size_t n; };

/* Of photons whose pixels' offsets are taken out. */
static struct centre centre_of(const struct line_lock *l, const struct lock_photon *p, size_t n, struct lock_room *room) {
    struct centre c = {l->line.energy_eV, NAN, 0};
    double moved = l->reach_eV;
    for (int round = 0; round < CENTRE_ROUNDS && moved > 1e-3; round++) {
        size_t m = 0;
        for (size_t i = 0; i < n; i++) {
            double e = (double)p[i].energy_eV - room->offset_eV[p[i].pixel];
            if (fabs(e - c.value) <= l->reach_eV)
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

static int by_pixel_and_time(const void *a, const void *b) {
    const struct lock_photon *x = a, *y = b;
    if (x->pixel != y->pixel)
        return x->pixel < y->pixel ? -1 : 1;
    return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

static void find_offsets(const struct line_lock *l, const struct lock_photon *p, size_t n, struct lock_room *room) {
    memcpy(room->by_pixel, p, n * sizeof *p);
    qsort(room->by_pixel, n, sizeof *p, by_pixel_and_time);
    memset(room->offset_eV, 0, l->n_pixels * sizeof *room->offset_eV);
    for (size_t i = 0, k = 0; k <= l->n_pixels; k++) {
        while (i < n && room->by_pixel[i].pixel < k)
            i++;
        room->first[k] = i;
    }
    struct centre all = centre_of(l, p, n, room);
    for (uint32_t k = 0; k < l->n_pixels; k++) {
        struct centre own = centre_of(l, room->by_pixel + room->first[k], room->first[k + 1] - room->first[k], room);
        room->offset_eV[k] = own.sigma > 0 ? own.value - all.value : 0;
    }
}

/* Windows of equal counts of some photons by time; incident_eV of each, NULL: not asked. */
static uint32_t make_windows(const struct line_lock *l, const struct lock_photon *p, size_t n, uint32_t wanted, int64_t origin_ns, struct lock_room *room,
                             struct drift_point *out, double *incident_eV) {
    uint32_t made = 0;
    for (uint32_t k = 0; k < wanted; k++) {
        size_t from = n * k / wanted, to = n * (k + 1) / wanted;
        double time_s = 0, incident = 0;
        for (size_t i = from; i < to; i++) {
            time_s += (double)(p[i].time_ns - origin_ns) * 1e-9 / (double)(to - from);
            incident += (double)p[i].incident_eV / (double)(to - from);
        }
        struct centre c = centre_of(l, p + from, to - from, room);
        if (!(c.sigma > 0))
            continue;
        if (incident_eV)
            incident_eV[made] = incident;
        out[made++] = (struct drift_point){time_s, c.value - l->line.energy_eV, c.sigma};
    }
    return made;
}

static bool is_above_background(const struct line_lock *l, const struct lock_photon *p, size_t n) {
    size_t inside = 0;
    for (size_t i = 0; i < n; i++)
        inside += fabs((double)p[i].energy_eV - l->line.energy_eV) < l->reach_eV;
    return (double)(n - inside) < BACKGROUND * (double)inside;
}

/* b of the head comment over the whole range of incident energies, with its error; NaN when nothing varies. */
static void find_excitation(const struct drift_point *w, const double *incident_eV, uint32_t n, struct lock_stretch *s) {
    double low = INFINITY, high = -INFINITY, normal[TERMS * TERMS] = {0}, right[TERMS * (TERMS + 1)] = {0};
    for (uint32_t i = 0; i < n; i++) {
        low = fmin(low, incident_eV[i]);
        high = fmax(high, incident_eV[i]);
    }
    if (!(high - low > 1))
        return;
    for (uint32_t i = 0; i < n; i++) {
        double t = 2 * w[i].time_s / w[n - 1].time_s - 1, v = 1 / (w[i].sigma * w[i].sigma);
        double row[TERMS] = {1, t, t * t, t * t * t, (incident_eV[i] - low) / (high - low)};
        for (int a = 0; a < TERMS; a++) {
            right[a * (TERMS + 1)] += v * row[a] * (w[i].value - w[0].value);
            for (int b = 0; b < TERMS; b++)
                normal[a * TERMS + b] += v * row[a] * row[b];
        }
    }
    for (int a = 0; a < TERMS; a++)
        right[a * (TERMS + 1) + 1 + a] = 1;
    bool told = linear_dense(normal, TERMS, right, TERMS + 1) == STATUS_OK;
    s->excitation_eV = told ? right[(TERMS - 1) * (TERMS + 1)] : 0;
    s->excitation_sigma_eV = told ? sqrt(right[(TERMS - 1) * (TERMS + 1) + TERMS]) : INFINITY;
}

static bool may_lock(const struct line_lock *l, struct lock_stretch *s, const struct lock_photon *p, size_t n, const struct drift_point *w, const double *incident_eV,
                     uint32_t n_windows) {
    if (n_windows < LEAST_WINDOWS)
        snprintf(s->reason, sizeof s->reason, "too few counts of %s at incident energies above %.0f eV: %zu, %d are needed", l->line.name, l->above_eV, n, LEAST_WINDOWS * WINDOW_COUNTS);
    else if (!is_above_background(l, p, n))
        snprintf(s->reason, sizeof s->reason, "%s does not stand out of its background", l->line.name);
    else
        find_excitation(w, incident_eV, n_windows, s);
    if (s->reason[0])
        return false;
    bool moves = fabs(s->excitation_eV) > EXCITATION && fabs(s->excitation_eV) > EXCITATION_SIGMAS * s->excitation_sigma_eV;
    if (s->excitation_sigma_eV > EXCITATION)
        snprintf(s->reason, sizeof s->reason, "a drift in time and a movement with the incident energy cannot be told apart (%u scan%s)", s->n_scans, s->n_scans == 1 ? "" : "s");
    else if (moves)
        snprintf(s->reason, sizeof s->reason, "%s moves with the incident energy, by %+.2f(%.2f) eV over the scan", l->line.name, s->excitation_eV, s->excitation_sigma_eV);
    return s->reason[0] == 0;
}

static struct drift_ends ends_of(const struct lock_stretch *s, int64_t origin_ns) {
    return (struct drift_ends){s->before_ns == INT64_MIN ? -INFINITY : (double)(s->before_ns - origin_ns) * 1e-9,
                               s->after_ns == INT64_MAX ? INFINITY : (double)(s->after_ns - origin_ns) * 1e-9};
}

/* The drift, in eV rms per hour, that the gains in likelihood over none speak for; 0: none. */
static double best_drift(const double gain[N_DRIFTS]) {
    double best = INSIST, drift = 0;
    for (int i = 0; i < N_DRIFTS; i++)
        if (gain[i] > best) {
            best = gain[i];
            drift = drifts_eV[i];
        }
    return drift;
}

static void add_likelihoods(const struct drift_point *w, uint32_t n, struct drift_ends ends, struct drift_room room, double gain[N_DRIFTS]) {
    double none = drift_walk_likelihood(w, n, ends, 0, room);
    for (int i = 0; i < N_DRIFTS && isfinite(none); i++)
        gain[i] += drift_walk_likelihood(w, n, ends, drifts_eV[i] * drifts_eV[i], room) - none;
}

/* Points become the walk, its steps limited; 0 where there is no drift. */
static void follow(struct drift_point *w, uint32_t n, struct drift_ends ends, double drift, struct drift_room room) {
    bool walks = drift > 0 && drift_walk_smooth(w, n, ends, drift * drift, room) == STATUS_OK;
    for (uint32_t i = 0; i < n; i++) {
        if (!walks)
            w[i].value = w[i].sigma = 0;
        else if (i > 0 && fabs(w[i].value - w[i - 1].value) > STEP_LIMIT)
            w[i].value = w[i - 1].value + copysign(STEP_LIMIT, w[i].value - w[i - 1].value);
    }
}

static double between(const struct drift_point *w, uint32_t n, double time_s, bool sigma) {
    uint32_t k = 0;
    if (n == 0)
        return 0;
    while (k + 2 < n && time_s >= w[k + 1].time_s)
        k++;
    double share = n < 2 ? 0 : fmin(fmax((time_s - w[k].time_s) / (w[k + 1].time_s - w[k].time_s), 0), 1);
    double a = sigma ? w[k].sigma : w[k].value, b = n < 2 ? a : sigma ? w[k + 1].sigma : w[k + 1].value;
    return (1 - share) * a + share * b;
}

/* A pixel's own windows, less the common movement. 0: too few counts. */
static uint32_t pixel_windows(const struct line_lock *l, uint32_t pixel, const struct drift_point *common, uint32_t n_common, int64_t origin_ns, struct lock_room *room,
                              struct drift_point *out) {
    size_t n = room->first[pixel + 1] - room->first[pixel];
    uint32_t wanted = (uint32_t)fmin((double)(n / WINDOW_COUNTS), PIXEL_MAX_WINDOWS);
    if (wanted < PIXEL_LEAST_WINDOWS)
        return 0;
    uint32_t made = make_windows(l, room->by_pixel + room->first[pixel], n, wanted, origin_ns, room, out, NULL);
    for (uint32_t k = 0; k < made; k++)
        out[k].value -= between(common, n_common, out[k].time_s, false);
    return made;
}

/* Puts a pixel's movement at the knots; one that is too large to be a drift is refused. */
static void put_pixel(struct line_lock *l, const struct lock_stretch *s, uint32_t pixel, const struct drift_point *common, const struct drift_point *own, uint32_t n_own, size_t row) {
    float *shift = l->shift_eV + pixel * row + s->first_knot, *sigma = l->sigma_eV + pixel * row + s->first_knot;
    bool refused = false;
    for (uint32_t k = 0; k < s->n_knots; k++) {
        shift[k] = (float)(common[k].value + between(own, n_own, common[k].time_s, false));
        sigma[k] = (float)hypot(common[k].sigma, between(own, n_own, common[k].time_s, true));
    }
    for (uint32_t k = 0; k < n_own; k++)
        refused = refused || fabs(own[k].value + between(common, s->n_knots, own[k].time_s, false)) > TOTAL_LIMIT;
    for (uint32_t k = 0; k < s->n_knots && refused; k++)
        shift[k] = sigma[k] = 0;
    l->pixels_refused += refused;
}

/* Whether a pixel's line is somewhere no drift would bring it: not to be followed, and no witness for the others. */
static bool has_jumped(const struct drift_point *own, uint32_t n) {
    double low = INFINITY, high = -INFINITY;
    for (uint32_t k = 0; k < n; k++) {
        low = fmin(low, own[k].value);
        high = fmax(high, own[k].value);
    }
    return high - low > TOTAL_LIMIT;
}

static void lock_pixels(struct line_lock *l, const struct lock_stretch *s, const struct drift_point *common, int64_t origin_ns, struct lock_room *room) {
    double gain[N_DRIFTS] = {0};
    struct drift_point own[PIXEL_MAX_WINDOWS];
    struct drift_ends ends = ends_of(s, origin_ns);
    for (uint32_t i = 0; i < l->n_pixels; i++) {
        uint32_t n = pixel_windows(l, i, common, s->n_knots, origin_ns, room, own);
        if (n >= PIXEL_LEAST_WINDOWS && !has_jumped(own, n))
            add_likelihoods(own, n, ends, room->walk, gain);
    }
    double drift = best_drift(gain);
    for (uint32_t i = 0; i < l->n_pixels; i++) {
        uint32_t n = pixel_windows(l, i, common, s->n_knots, origin_ns, room, own);
        if (has_jumped(own, n)) {
            l->pixels_refused++;   /* its row stays 0 */
            continue;
        }
        follow(own, n, ends, n >= PIXEL_LEAST_WINDOWS ? drift : 0, room->walk);
        put_pixel(l, s, i, common, own, n, room->row);
    }
}

void line_lock_stretch(struct line_lock *l, size_t index, const struct lock_photon *photons, size_t n, struct lock_room *room) {
    struct lock_stretch *s = &l->stretches[index];
    struct drift_point w[LOCK_MAX_KNOTS];
    double incident_eV[LOCK_MAX_KNOTS], gain[N_DRIFTS] = {0};
    int64_t origin_ns = n > 0 ? photons[0].time_ns : 0;
    s->photons = n;
    s->excitation_eV = s->excitation_sigma_eV = NAN;
    double length_s = n > 0 ? (double)(photons[n - 1].time_ns - origin_ns) * 1e-9 : 0;
    uint32_t wanted = (uint32_t)fmin(fmin((double)(n / WINDOW_COUNTS), length_s / LEAST_WINDOW_S), LOCK_MAX_KNOTS), made = 0;
    if (wanted >= LEAST_WINDOWS) {
        find_offsets(l, photons, n, room);
        made = make_windows(l, photons, n, wanted, origin_ns, room, w, incident_eV);
    }
    if (!may_lock(l, s, photons, n, w, incident_eV, made))
        return;
    s->first_knot = (uint32_t)l->n_knots;
    s->n_knots = made;
    for (uint32_t k = 0; k < made; k++) {
        l->knot_ns[l->n_knots] = origin_ns + (int64_t)(1e9 * w[k].time_s);
        l->common_eV[l->n_knots] = w[k].value;
        l->common_sigma_eV[l->n_knots++] = w[k].sigma;
    }
    add_likelihoods(w, made, ends_of(s, origin_ns), room->walk, gain);
    follow(w, made, ends_of(s, origin_ns), best_drift(gain), room->walk);
    lock_pixels(l, s, w, origin_ns, room);
    s->locked = true;
}
