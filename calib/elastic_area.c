#include "calib/elastic_area.h"

#include <math.h>
#include <stdlib.h>

static const double FWHM_OF_SIGMA = 2.3548200450309493;
static const double WINDOW = 1.5;             /* x FWHM, on either side of the line */
static const double BETWEEN = 0.2;            /* relative error where it is interpolated: what an edge in between may do to it */
static const double ENOUGH = 400, ENOUGH_ABOVE = 100;   /* counts of a stretch: areas to 5 %, bounds to 10 % */

/* Neighbouring points by incident energy: measured ones, or ones with a bound. */
struct stretch { double energy_eV, area, sigma; };

struct search {
    const struct rixs_map *loss;
    const struct scan *scan;
    const double *exposure;
    const struct scan_elastic *e;
    const uint8_t *point_used;
    uint32_t n;                 /* points with an incident energy */
    uint32_t *order;            /* of them, by energy */
    uint32_t first, end;        /* bins of the window */
    double *weight, *wider;     /* of those bins: for the width found, and for one a standard deviation wider */
    struct stretch *stretches;
    uint32_t n_stretches;
};

static double below(double x, double fwhm) { return 0.5 * erfc(-x * FWHM_OF_SIGMA / (fwhm * sqrt(2))); }

static double incident(const struct search *s, uint32_t k) { return s->scan->points[s->order[k]].incident_eV; }

static bool exposed(const struct search *s, uint32_t k) { return s->exposure[s->order[k]] > 0 && isfinite(s->exposure[s->order[k]]); }

static void find_window(struct search *s) {
    const double centre = -s->e->offset_eV, half = WINDOW * s->e->fwhm_eV;
    s->first = s->end = 0;
    for (uint32_t b = 0; b < s->loss->n_bins; b++)
        if (s->loss->edges_eV[b] >= centre - half && s->loss->edges_eV[b + 1] <= centre + half) {
            s->first = s->end == 0 ? b : s->first;
            s->end = b + 1;
        }
}

/* Least squares for the area above a flat background: weights (g - mean g) / sum (g - mean g)^2. */
static void make_weights(const struct search *s, double fwhm, double *w) {
    const uint32_t n = s->end - s->first;
    double mean = 0, norm = 0;
    for (uint32_t b = 0; b < n; b++) {
        const double centre = -s->e->offset_eV;
        w[b] = below(s->loss->edges_eV[s->first + b + 1] - centre, fwhm) - below(s->loss->edges_eV[s->first + b] - centre, fwhm);
        mean += w[b] / n;
    }
    for (uint32_t b = 0; b < n; b++)
        norm += (w[b] - mean) * (w[b] - mean);
    for (uint32_t b = 0; b < n; b++)
        w[b] = (w[b] - mean) / norm;
}

/* Sums over the points of a stretch. */
struct sums { double counts, area, variance, wider, above, exposure, energy; };

static void add_point(const struct search *s, uint32_t k, struct sums *t) {
    const uint32_t *row = s->loss->counts + (size_t)s->order[k] * s->loss->n_bins;
    for (uint32_t b = s->first; b < s->end; b++) {
        const double n = row[b], w = s->weight[b - s->first];
        t->counts += n;
        t->area += n * w;
        t->variance += n * w * w;
        t->wider += n * s->wider[b - s->first];
        const double side = (-s->e->offset_eV - s->loss->edges_eV[b]) / (s->loss->edges_eV[b + 1] - s->loss->edges_eV[b]);
        t->above += n * fmin(fmax(side, 0), 1);
    }
    t->exposure += s->exposure[s->order[k]];
    t->energy += s->exposure[s->order[k]] * incident(s, k);
}

/* Closes a stretch; where the run of free points leaves too little for another one it is joined to the one before. */
static void close_stretch(struct search *s, struct sums *t, struct sums *before, bool joined) {
    if (joined) {
        s->n_stretches--;
        *t = (struct sums){ .counts = t->counts + before->counts, .area = t->area + before->area, .variance = t->variance + before->variance, .wider = t->wider + before->wider,
                            .exposure = t->exposure + before->exposure, .energy = t->energy + before->energy };
    }
    if (t->exposure > 0)
        s->stretches[s->n_stretches++] = (struct stretch){ t->energy / t->exposure, t->area / t->exposure, hypot(sqrt(fmax(t->variance, 1)), t->wider - t->area) / t->exposure };
    *before = *t;
    *t = (struct sums){ 0 };
}

static void measure(struct search *s) {
    struct sums t = { 0 }, before = { 0 };
    bool in_run = false;   /* `before` belongs to this run */
    for (uint32_t k = 0; k <= s->n; k++) {
        const bool ends = k == s->n || !s->point_used[s->order[k]];
        if (!ends && exposed(s, k))
            add_point(s, k, &t);
        if (t.exposure > 0 && (ends || t.counts >= ENOUGH)) {
            close_stretch(s, &t, &before, in_run && t.counts < ENOUGH);
            in_run = true;
        }
        in_run = in_run && !ends;
    }
}

static struct elastic_area interpolate(const struct search *s, double energy_eV) {
    const struct stretch *a = s->stretches, *last = a + s->n_stretches - 1;
    while (a < last && a[1].energy_eV < energy_eV)
        a++;
    if (a == last || energy_eV <= a->energy_eV)
        return (struct elastic_area){ .area = a->area, .sigma = a->sigma };
    const double f = (energy_eV - a->energy_eV) / (a[1].energy_eV - a->energy_eV);
    return (struct elastic_area){ .area = (1 - f) * a->area + f * a[1].area, .sigma = hypot((1 - f) * a->sigma, f * a[1].sigma) };
}

/* Points order[from .. to), where the line does not stand free, against their bound. */
static void bound(const struct search *s, uint32_t from, uint32_t to, const struct sums *t, struct elastic_area *out) {
    double expected = 0;
    for (uint32_t k = from; k < to; k++)
        expected += exposed(s, k) ? s->exposure[s->order[k]] * out[s->order[k]].area : 0;
    const double most = 2 * t->above, sigma = 2 * sqrt(t->above + 1), scale = most + sigma < expected ? most / expected : 1;
    const double more = fmax(most - expected, 0);
    for (uint32_t k = from; k < to; k++) {
        struct elastic_area *a = &out[s->order[k]];
        a->area *= scale;
        a->sigma = hypot(hypot(a->sigma, BETWEEN * a->area), (scale < 1 ? sigma : more) / t->exposure);
    }
}

static void bound_all(const struct search *s, struct elastic_area *out) {
    struct sums t = { 0 };
    for (uint32_t k = 0, from = 0; k <= s->n; k++) {
        const bool ends = k == s->n || s->point_used[s->order[k]];
        if (!ends && exposed(s, k))
            add_point(s, k, &t);
        if (!ends && t.above < ENOUGH_ABOVE)
            continue;
        if (t.exposure > 0)
            bound(s, from, ends ? k : k + 1, &t, out);
        t = (struct sums){ 0 };
        from = k + 1;
    }
}

static void sort_points(struct search *s) {
    for (uint32_t k = 0; k < s->scan->n_points; k++) {
        if (!isfinite(s->scan->points[k].incident_eV))
            continue;
        uint32_t at = s->n++;
        for (; at > 0 && incident(s, at - 1) > s->scan->points[k].incident_eV; at--)
            s->order[at] = s->order[at - 1];
        s->order[at] = k;
    }
}

static enum status find(struct search *s, struct elastic_area *out) {
    sort_points(s);
    make_weights(s, s->e->fwhm_eV, s->weight);
    make_weights(s, s->e->fwhm_eV + s->e->fwhm_sigma_eV, s->wider);
    measure(s);
    for (uint32_t k = 0; k < s->scan->n_points; k++)
        out[k] = (struct elastic_area){ .area = NAN, .sigma = NAN };
    if (s->n_stretches == 0)
        return STATUS_TOO_FEW;
    for (uint32_t k = 0; k < s->n; k++) {
        out[s->order[k]] = interpolate(s, incident(s, k));
        out[s->order[k]].measured = s->point_used[s->order[k]];
    }
    bound_all(s, out);
    return STATUS_OK;
}

enum status elastic_area_find(const struct rixs_map *loss, const struct scan *scan, const double *exposure, const struct scan_elastic *e, const uint8_t *point_used,
                              struct elastic_area *out) {
    struct search s = { .loss = loss, .scan = scan, .exposure = exposure, .e = e, .point_used = point_used };
    find_window(&s);
    if (!e->found || s.end < s.first + 4)
        return STATUS_TOO_FEW;
    s.order = calloc(scan->n_points + (size_t)1, sizeof *s.order);
    s.stretches = calloc(scan->n_points + (size_t)1, sizeof *s.stretches);
    s.weight = calloc(2 * (size_t)(s.end - s.first), sizeof *s.weight);
    enum status status = STATUS_NO_MEMORY;
    if (s.order != NULL && s.stretches != NULL && s.weight != NULL) {
        s.wider = s.weight + (s.end - s.first);
        status = find(&s, out);
    }
    free(s.order);
    free(s.stretches);
    free(s.weight);
    return status;
}
