#include "calib/scan_elastic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/line_fit.h"

static const double USUAL_RESOLUTION = 3.0;
static const double BLOCK = 4.0;                        /* eV of incident energy */
static const double CORE = 0.9, SIDE_FROM = 1.5, SIDE_TO = 2.7;   /* x resolution from loss 0: where the line is, and where it is not */
static const double ELSEWHERE = 2.5;                    /* x resolution: this far from loss 0 it is not the elastic line */
static const double FREE = 2.0, NO_LINE = 4.0;          /* the core must hold so many times what the fuller side, and what the fluorescence, says */
static const double CORE_SIGMAS = 3.0, CORE_LEAST = 6;
static const double MOVES = 1.5;                        /* x resolution from loss 0: counts whose place against the mono is asked for */
static const double STAYS = 0.3, SLOPE_SIGMA = 0.15;    /* eV of loss per eV of incident energy: 0 for the elastic line, 1 for a fluorescence line */
static const double FWHM_OF_SIGMA = 2.3548200450309493;
static const double WINDOW = 1.8;                       /* x resolution: of the fit, on either side; a wider one sees the flanks of other lines and narrows the Gaussian */
static const double CLEAN = 0.05, CLEAN_SIGMAS = 2;    /* no more than this share of the core on either side, as far as counts can tell: place and width come from there */
static const double WIDTH_NEEDS = 60;                   /* counts in the window for a width of its own */

/* Bins whose middles lie in [from, to). */
static double counts_between(const struct rixs_map *m, uint32_t point, double from_eV, double to_eV) {
    const uint32_t *row = m->counts + (size_t)point * m->n_bins;
    double first = ceil((from_eV - m->axis.lo_eV) / m->axis.bin_eV - 0.5), end = ceil((to_eV - m->axis.lo_eV) / m->axis.bin_eV - 0.5), sum = 0;
    for (uint32_t i = (uint32_t)fmin(fmax(first, 0), m->n_bins); i < (uint32_t)fmin(fmax(end, 0), m->n_bins); i++)
        sum += row[i];
    return sum;
}

/* Counts of the points of a block around loss 0, on either side as many as a core's width would hold, and what the other points have
 * where the block's elastic line lies: a fluorescence line that it would cross if the block excites it. */
struct block {
    double core, left, right, fluorescence;
    double n, e, ee, l, le;   /* sums over the counts around loss 0: 1, incident energy, its square, loss, both */
};

static double block_number(const struct scan *s, uint32_t point) {
    return floor(s->points[point].incident_eV / BLOCK);
}

static bool same_block(const struct scan *s, uint32_t a, uint32_t b) {
    return fabs(block_number(s, a) - block_number(s, b)) < 0.5;   /* NaN: no */
}

static double fluorescence_at(const struct rixs_map *m, const struct scan *s, double energy_eV, double resolution) {
    double sum = 0;
    uint32_t n = 0;
    for (uint32_t k = 0; k < s->n_points; k++) {
        double loss = s->points[k].incident_eV - energy_eV;
        if (!(fabs(loss) > ELSEWHERE * resolution))
            continue;
        sum += counts_between(m, k, loss - CORE * resolution, loss + CORE * resolution);
        n++;
    }
    return n > 0 ? sum / n : 0;
}

static void add_moments(struct block *b, const struct rixs_map *m, const struct scan *s, uint32_t point, double window_eV) {
    double incident = s->points[point].incident_eV - BLOCK * block_number(s, point);
    for (uint32_t i = 0; i < m->n_bins; i++) {
        double loss = 0.5 * (m->edges_eV[i] + m->edges_eV[i + 1]), n = m->counts[(size_t)point * m->n_bins + i];
        if (fabs(loss) > window_eV)
            continue;
        b->n += n;
        b->e += n * incident;
        b->ee += n * incident * incident;
        b->l += n * loss;
        b->le += n * loss * incident;
    }
}

static void add_point(struct block *b, const struct rixs_map *m, const struct scan *s, uint32_t point, double resolution) {
    double scale = 2 * CORE / (SIDE_TO - SIDE_FROM);
    b->core += counts_between(m, point, -CORE * resolution, CORE * resolution);
    b->left += scale * counts_between(m, point, -SIDE_TO * resolution, -SIDE_FROM * resolution);
    b->right += scale * counts_between(m, point, SIDE_FROM * resolution, SIDE_TO * resolution);
    b->fluorescence += fluorescence_at(m, s, s->points[point].incident_eV, resolution);
    add_moments(b, m, s, point, MOVES * resolution);
}

/* Against what lies on either side, and what the other points emit at the same energies. */
static bool is_alone(const struct block *b) {
    double other = fmax(fmax(b->left, b->right), b->fluorescence);
    return b->core > FREE * other && b->core > NO_LINE * b->fluorescence && b->core - other > CORE_SIGMAS * sqrt(other + 1);
}

/* A fluorescence line is not excited below its edge: what other points emit there says nothing then. The counts themselves do, where they go
 * with the mono and nearly nothing is on either side. */
static bool follows(const struct block *b, double resolution) {
    double other = fmax(b->left, b->right), spread = b->n > 0 ? b->ee - b->e * b->e / b->n : 0;
    if (!(resolution / FWHM_OF_SIGMA < SLOPE_SIGMA * sqrt(spread)) || !(b->core - NO_LINE * other > CORE_SIGMAS * sqrt(b->core + NO_LINE * NO_LINE * other)))
        return false;
    return fabs((b->le - b->l * b->e / b->n) / spread) < STAYS;
}

static bool stands_free(const struct block *b, double resolution) {
    return b->core >= CORE_LEAST && (is_alone(b) || follows(b, resolution));
}

/* Where the flank of another line is on one side, the flat background of a fit takes a part of the Gaussian with it. */
static bool is_clean(const struct block *b, double resolution) {
    const double other = fmax(b->left, b->right);
    (void)resolution;
    return other - CLEAN_SIGMAS * sqrt(other) < CLEAN * b->core;
}

/* Whether `point` is the first of its block that `state` marks with `value`. */
static bool is_first(const struct scan *s, uint32_t point, const uint8_t *state, uint8_t value) {
    for (uint32_t k = 0; k < point; k++)
        if (state[k] == value && same_block(s, k, point))
            return false;
    return isfinite(s->points[point].incident_eV) && state[point] == value;
}

typedef bool block_test(const struct block *b, double resolution);

/* Points marked `from` become `to` where their block passes, wherever in the scan they were taken. */
static void mark_blocks(const struct rixs_map *m, const struct scan *s, double resolution, block_test *passes, uint8_t from, uint8_t to, uint8_t *state) {
    for (uint32_t i = 0; i < s->n_points; i++) {
        struct block b = {0};
        if (!is_first(s, i, state, from))
            continue;
        for (uint32_t k = i; k < s->n_points; k++)
            if (state[k] == from && same_block(s, k, i))
                add_point(&b, m, s, k, resolution);
        for (uint32_t k = i + 1; k < s->n_points && passes(&b, resolution); k++)
            if (state[k] == from && same_block(s, k, i))
                state[k] = to;
        if (passes(&b, resolution))
            state[i] = to;
    }
}

static void choose_points(const struct rixs_map *m, const struct scan *s, double resolution, uint8_t *point_used) {
    memset(point_used, 0, s->n_points);
    mark_blocks(m, s, resolution, stands_free, 0, 1, point_used);
}

/* Sum of the chosen points within the window, into at most SCAN_ELASTIC_BINS bins of the map, joined to about an eighth of the
 * resolution. */
static void stack(const struct rixs_map *m, const uint8_t *point_used, uint8_t least, double resolution, struct scan_elastic *out) {
    uint32_t join = (uint32_t)fmax(1, floor(resolution / 8 / m->axis.bin_eV));
    double window = fmin(WINDOW * resolution, 0.5 * SCAN_ELASTIC_BINS * join * m->axis.bin_eV);
    uint32_t first = m->n_bins, last = 0;
    for (uint32_t i = 0; i < m->n_bins; i++)
        if (m->edges_eV[i] >= -window && m->edges_eV[i + 1] <= window) {
            first = i < first ? i : first;
            last = i + 1;
        }
    if (first >= last)
        return;
    out->n_bins = (last - first) / join;
    out->low_eV = m->edges_eV[first];
    out->bin_eV = join * m->axis.bin_eV;
    for (uint32_t p = 0; p < m->n_points; p++)
        for (uint32_t i = 0; i < out->n_bins * join && point_used[p] >= least; i++)
            out->stack[i / join] += m->counts[(size_t)p * m->n_bins + first + i];
}

static enum status fit_stack(const struct scan_elastic *e, double fwhm_eV, bool fixed, struct line_fit *f) {
    double counts[SCAN_ELASTIC_BINS] = {0}, total = 0;
    for (uint32_t i = 0; i < e->n_bins; i++)
        total += counts[i] = e->stack[i];
    struct spectrum histogram = {.low = e->low_eV, .width = e->bin_eV, .n = e->n_bins, .counts = counts, .total = total};
    struct line_shape shape;
    line_shape_init(&shape, &(struct reference_line){.name = "elastic", .energy_eV = 1000});
    struct line_fit_request request = {.histogram = &histogram, .shape = &shape, .start_fwhm_eV = fwhm_eV, .fixed_fwhm = fixed || total < WIDTH_NEEDS};
    const enum status status = line_fit(&request, f);
    return status == STATUS_OK && f->counts < 3 * f->counts_sigma ? STATUS_TOO_FEW : status;
}

/* Fitted to the clean ones of the points, its width held where they have too few counts for one of their own: what the others would say of it
 * is wrong. False: the line is not seen in them, or there are none. */
static bool fit_clean(const struct rixs_map *m, const struct scan *s, const uint8_t *point_used, double resolution, struct line_fit *f) {
    uint8_t *state = calloc(m->n_points + (size_t)1, 1);
    struct scan_elastic clean = {0};
    if (state == NULL)
        return false;
    memcpy(state, point_used, m->n_points);
    mark_blocks(m, s, resolution, is_clean, 1, 2, state);
    stack(m, state, 2, resolution, &clean);
    free(state);
    return clean.n_bins >= 8 && fit_stack(&clean, resolution, false, f) == STATUS_OK;
}

static void fit(const struct rixs_map *m, const struct scan *s, const uint8_t *point_used, double resolution, struct scan_elastic *out) {
    struct line_fit clean, f;
    const bool known = fit_clean(m, s, point_used, resolution, &clean);
    if (fit_stack(out, known ? clean.gauss_fwhm_eV : resolution, known, &f) != STATUS_OK) {
        double total = 0;
        for (uint32_t i = 0; i < out->n_bins; i++)
            total += out->stack[i];
        snprintf(out->reason, sizeof out->reason, "the fit of the elastic line found nothing in %.0f counts", total);
        return;
    }
    out->found = true;
    out->offset_eV = -(known ? clean.centre_eV : f.centre_eV);
    out->offset_sigma_eV = known ? clean.centre_sigma_eV : f.centre_sigma_eV;
    out->fwhm_eV = f.gauss_fwhm_eV;
    out->fwhm_sigma_eV = known ? clean.gauss_fwhm_sigma_eV : f.gauss_fwhm_sigma_eV;
    out->counts = f.counts;
    out->background = f.background_per_eV * out->bin_eV;
}

static double usable(double resolution_eV) { return resolution_eV > 0 && isfinite(resolution_eV) ? resolution_eV : USUAL_RESOLUTION; }

void scan_elastic_measure(const struct rixs_map *loss, const struct scan *scan, const uint8_t *point_used, double resolution_eV, struct scan_elastic *out) {
    const double resolution = usable(resolution_eV);
    *out = (struct scan_elastic){.offset_eV = NAN, .offset_sigma_eV = NAN, .fwhm_eV = NAN, .fwhm_sigma_eV = NAN, .counts = NAN, .background = NAN};
    for (uint32_t k = 0; k < loss->n_points; k++)
        out->n_points += point_used[k];
    if (out->n_points == 0) {
        snprintf(out->reason, sizeof out->reason, "at no incident energy does the elastic line stand free");
        return;
    }
    stack(loss, point_used, 1, resolution, out);
    if (out->n_bins < 8)
        snprintf(out->reason, sizeof out->reason, "the energy-loss axis does not reach around 0");
    else
        fit(loss, scan, point_used, resolution, out);
}

void scan_elastic_find(const struct rixs_map *loss, const struct scan *scan, double resolution_eV, uint8_t *point_used, struct scan_elastic *out) {
    choose_points(loss, scan, usable(resolution_eV), point_used);
    scan_elastic_measure(loss, scan, point_used, resolution_eV, out);
}

double scan_elastic_fitted(const struct scan_elastic *e, uint32_t i) {
    const double per_eV = FWHM_OF_SIGMA / (e->fwhm_eV * sqrt(2)), lo = e->low_eV + i * e->bin_eV + e->offset_eV;
    return e->background + 0.5 * e->counts * (erf((lo + e->bin_eV) * per_eV) - erf(lo * per_eV));
}
