#include "calib/rixs_map.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/wide_loop.h"

const char *const rixs_outside_names[N_OUTSIDE] = {
    [OUTSIDE_UNDER] = "under", [OUTSIDE_OVER] = "over", [OUTSIDE_FLAGGED] = "flagged", [OUTSIDE_GRADE] = "grade", [OUTSIDE_DEAD] = "dead",
};

enum { MAX_BINS = 1 << 24, MARGIN_ROUNDINGS = 8 };

static enum status make_edges(struct energy_axis axis, uint32_t *n_bins, double **out) {
    if (!isfinite(axis.lo_eV) || !isfinite(axis.hi_eV) || !isfinite(axis.bin_eV) || !(axis.bin_eV > 0) || !(axis.lo_eV < axis.hi_eV))
        return STATUS_BAD_VALUE;
    double bins = round((axis.hi_eV - axis.lo_eV) / axis.bin_eV);
    if (!(bins >= 1 && bins <= MAX_BINS))
        return STATUS_BAD_VALUE;
    uint32_t n = (uint32_t)bins;
    double *edges = calloc(n + 1, sizeof *edges);
    if (edges == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t k = 0; k <= n; k++)
        edges[k] = axis.lo_eV + k * axis.bin_eV;
    for (uint32_t k = 0; k < n; k++)
        if (!(edges[k] < edges[k + 1])) {
            free(edges);
            return STATUS_BAD_VALUE;
        }
    *n_bins = n;
    *out = edges;
    return STATUS_OK;
}

enum status rixs_map_new(enum rixs_axis kind, uint32_t n_points, struct energy_axis axis, uint32_t n_pixels, uint32_t grades_used, struct rixs_map **out) {
    uint32_t n_bins;
    double *edges;
    enum status s = make_edges(axis, &n_bins, &edges);
    if (s != STATUS_OK)
        return s;
    struct rixs_map *m = calloc(1, sizeof *m);
    if (m == NULL) {
        free(edges);
        return STATUS_NO_MEMORY;
    }
    *m = (struct rixs_map){ .kind = kind, .axis = axis, .n_points = n_points, .n_bins = n_bins, .edges_eV = edges, .bins_per_eV = n_bins / (edges[n_bins] - edges[0]), .grades_used = grades_used, .n_pixels = n_pixels };
    m->margin_single = (float)(MARGIN_ROUNDINGS * (FLT_EPSILON / 2) * (n_bins + fmax(fabs(edges[0]), fabs(edges[n_bins])) * m->bins_per_eV));
    size_t rows = n_points ? n_points : 1;
    m->counts = calloc(rows, n_bins * sizeof *m->counts);
    m->outside = calloc(rows, N_OUTSIDE * sizeof *m->outside);
    m->pixels_used = calloc(n_pixels ? n_pixels : 1, 1);
    if (m->counts == NULL || m->outside == NULL || m->pixels_used == NULL) {
        rixs_map_free(m);
        return STATUS_NO_MEMORY;
    }
    memset(m->pixels_used, 1, n_pixels);
    *out = m;
    return STATUS_OK;
}

void rixs_map_free(struct rixs_map *m) {
    if (m == NULL)
        return;
    free(m->edges_eV);
    free(m->counts);
    free(m->outside);
    free(m->pixels_used);
    free(m);
}

/* Bin of a value inside the axis. The product may be off by one where x lies on an edge; the edges decide, as any reader's
 * search over them does. */
static uint32_t bin_of(const struct rixs_map *m, double x) {
    double guess = (x - m->edges_eV[0]) * m->bins_per_eV;
    uint32_t k = guess >= m->n_bins ? m->n_bins - 1 : (uint32_t)guess;
    while (x < m->edges_eV[k])
        k--;
    while (x >= m->edges_eV[k + 1])
        k++;
    return k;
}

static double place_on_axis(const struct rixs_map *m, const struct photon_block *b, size_t i) {
    double energy_eV = (double)b->energy_eV[i];
    return m->kind == RIXS_LOSS ? (double)b->incident_eV[i] - energy_eV : energy_eV;
}

/* The last reason that applies; N_OUTSIDE: none, the photon is counted. A photon without energy (or, on the loss axis, without
 * incident energy) has no place on the axis: `flagged`, unless its grade or its pixel's death says more. */
static unsigned outside_reason(const struct rixs_map *m, const struct photon_block *b, size_t i, double x) {
    if (b->flags[i] & FLAG_LAST_OF_DEAD)
        return OUTSIDE_DEAD;
    if ((m->grades_used >> b->grade[i] & 1) == 0)
        return OUTSIDE_GRADE;
    if ((b->flags[i] & TRUST_MASK) >= TRUST_BEYOND || isnan(x))
        return OUTSIDE_FLAGGED;
    if (x >= m->edges_eV[m->n_bins])
        return OUTSIDE_OVER;
    return x < m->edges_eV[0] ? OUTSIDE_UNDER : N_OUTSIDE;
}

static uint32_t *counter_of(const struct rixs_map *m, const struct photon_block *b, size_t i) {
    assert(b->cuts[i] == 0 && b->point[i] >= 0 && (uint32_t)b->point[i] < m->n_points && b->pixel[i] < m->n_pixels && b->grade[i] < N_GRADES);
    if (!m->pixels_used[b->pixel[i]])
        return NULL;
    size_t point = (size_t)b->point[i];
    double x = place_on_axis(m, b, i);
    unsigned reason = outside_reason(m, b, i, x);
    return reason < N_OUTSIDE ? &m->outside[point * N_OUTSIDE + reason] : &m->counts[point * m->n_bins + bin_of(m, x)];
}

/* ---- many rows ---- */

/* Rows' bins, ~reason where they are outside; near: so near to an edge that single precision does not say. */
struct bins { int32_t bin[RIXS_MAP_PIECE], near[RIXS_MAP_PIECE]; };

/* In single precision, in which the least of a double's edges is not seen: what is near to one is asked again. Which rows are outside, of what, is as good
 * as random: nothing here asks. */
WIDE_LOOP static inline void find_bins_loop(const struct rixs_map *restrict m, bool loss, const float *restrict energy_eV, const float *restrict incident_eV, const uint8_t *restrict flags,
                                            const uint8_t *restrict grade, size_t n, struct bins *restrict to) {
    const float lo_eV = (float)m->edges_eV[0], per_eV = (float)m->bins_per_eV, end = (float)m->n_bins, last = end - 1, margin = m->margin_single;
    const float to_whole = 0x1.8p23F;   /* adding that rounds to whole numbers */
    const int32_t used = (int32_t)m->grades_used;
    for (size_t i = 0; i < n; i++) {
        const float x = loss ? incident_eV[i] - energy_eV[i] : energy_eV[i], at = (x - lo_eV) * per_eV, whole = (at + to_whole) - to_whole;
        float kept = at > 0 ? at : 0;   /* NaN too */
        kept = kept < last ? kept : last;
        int32_t bin = (int32_t)kept;
        bin = at < 0 ? ~OUTSIDE_UNDER : bin;
        bin = at >= end ? ~OUTSIDE_OVER : bin;
        bin = (flags[i] & TRUST_MASK) >= TRUST_BEYOND ? ~OUTSIDE_FLAGGED : bin;
        bin = x == x ? bin : ~OUTSIDE_FLAGGED;
        bin = (used >> grade[i] & 1) == 0 ? ~OUTSIDE_GRADE : bin;
        bin = flags[i] & FLAG_LAST_OF_DEAD ? ~OUTSIDE_DEAD : bin;
        to->bin[i] = bin;
        to->near[i] = (fabsf(at - whole) < margin) & (at > -1) & (at < end + 1);
    }
}

WIDE_LOOP_CHOSEN(find_bins, (const struct rixs_map *restrict m, bool loss, const float *restrict energy_eV, const float *restrict incident_eV, const uint8_t *restrict flags,
                             const uint8_t *restrict grade, size_t n, struct bins *restrict to), (m, loss, energy_eV, incident_eV, flags, grade, n, to))

static void ask_the_edges(const struct rixs_map *m, const struct photon_block *b, size_t first, size_t n, struct bins *to) {
    for (size_t i = 0; i < n; i++)
        if (to->near[i]) {
            const double x = place_on_axis(m, b, first + i);
            const unsigned reason = outside_reason(m, b, first + i, x);
            to->bin[i] = reason < N_OUTSIDE ? ~(int32_t)reason : (int32_t)bin_of(m, x);
        }
}

size_t rixs_map_counters(const struct rixs_map *m, const struct photon_block *b, size_t first, size_t n, uint32_t **out) {
    struct bins bins;
    size_t found = 0;
    assert(n <= RIXS_MAP_PIECE);
    if (!m->pixels_used[b->pixel[first]])
        return 0;
    find_bins(m, m->kind == RIXS_LOSS, b->energy_eV + first, b->incident_eV + first, b->flags + first, b->grade + first, n, &bins);
    ask_the_edges(m, b, first, n, &bins);
    for (size_t i = 0; i < n; i++) {
        const int32_t point = b->point[first + i], bin = bins.bin[i];
        const size_t row = point < 0 ? 0 : (size_t)point;
        uint32_t *inside = m->counts + row * m->n_bins, *outside = m->outside + row * N_OUTSIDE;
        out[found] = (bin >= 0 ? inside : outside) + (bin >= 0 ? bin : ~bin);
        found += (b->cuts[first + i] == 0) & (point >= 0);
    }
    return found;
}

void rixs_map_add(struct rixs_map *m, const struct photon_block *b, size_t i) {
    uint32_t *counter = counter_of(m, b, i);
    if (counter != NULL)
        (*counter)++;
}

void rixs_map_remove(struct rixs_map *m, const struct photon_block *b, size_t i) {
    uint32_t *counter = counter_of(m, b, i);
    if (counter != NULL)
        (*counter)--;
}

static bool same_axes(const struct rixs_map *a, const struct rixs_map *b) {
    return a->kind == b->kind && a->n_bins == b->n_bins && a->grades_used == b->grades_used && a->n_pixels == b->n_pixels &&
           memcmp(a->edges_eV, b->edges_eV, (a->n_bins + 1) * sizeof *a->edges_eV) == 0;
}

static void add_row(uint32_t *into, const uint32_t *from, size_t n) {
    for (size_t k = 0; k < n; k++)
        into[k] += from[k];
}

bool rixs_map_addable(const struct rixs_map *into, const struct rixs_map *from, const uint32_t *row_of) {
    bool good = same_axes(into, from);
    for (uint32_t r = 0; r < from->n_points; r++)
        good = good && (row_of[r] == UINT32_MAX || row_of[r] < into->n_points);
    return good;
}

enum status rixs_map_sum(struct rixs_map *into, const struct rixs_map *from, const uint32_t *row_of) {
    if (!rixs_map_addable(into, from, row_of))
        return STATUS_BAD_VALUE;
    for (uint32_t r = 0; r < from->n_points; r++)
        if (row_of[r] != UINT32_MAX) {
            add_row(into->counts + (size_t)row_of[r] * into->n_bins, from->counts + (size_t)r * from->n_bins, into->n_bins);
            add_row(into->outside + (size_t)row_of[r] * N_OUTSIDE, from->outside + (size_t)r * N_OUTSIDE, N_OUTSIDE);
        }
    for (uint32_t p = 0; p < into->n_pixels; p++)
        into->pixels_used[p] |= from->pixels_used[p];
    return STATUS_OK;
}
