#include "calib/spectrum_group.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double same_energy_eV = 2, same_place_eV = 0.05;

struct stretch { int64_t start_ns, end_ns; struct spectrum_group group; };

struct spectrum_groups {
    const struct scan_timeline *timeline;
    size_t n;
    struct stretch *stretches;    /* of the timeline, by start */
    size_t n_energies;
    double *energies_eV;          /* lowest of each place, ascending */
    bool has_scans, has_calibrations;
};

static bool same(double a, double b) {
    return isfinite(a) == isfinite(b) && (!isfinite(a) || fabs(a - b) <= same_energy_eV);
}

static void range_of(const struct scan *s, double *low, double *high) {
    *low = INFINITY;
    *high = -INFINITY;
    for (uint32_t k = 0; k < s->n_points; k++) {
        *low = fmin(*low, s->points[k].incident_eV);
        *high = fmax(*high, s->points[k].incident_eV);
    }
}

/* The same excitation; for scans the same span of energies. A state without a log is like no other. */
static bool same_energies(const struct scan *a, const struct scan *b) {
    double low_a, high_a, low_b, high_b;
    if (a->calibration || b->calibration)
        return a->calibration == b->calibration && same(a->mono_eV, b->mono_eV);
    range_of(a, &low_a, &high_a);
    range_of(b, &low_b, &high_b);
    return a->n_points > 0 && b->n_points > 0 && strcmp(a->var_name, b->var_name) == 0 && same(low_a, low_b) && same(high_a, high_b);
}

/* Numbers in order of first appearance. */
static void number(const struct scan_timeline *t, struct spectrum_groups *g) {
    uint16_t n_like = 0, n_coarse = 0;
    for (size_t i = 0; i < g->n; i++) {
        const struct scan *s = scan_timeline_at(t, i);
        struct spectrum_group group = { SPECTRUM_GROUP_NONE, SPECTRUM_GROUP_NONE, 0 };
        for (size_t k = i; k-- > 0;) {
            const struct scan *other = scan_timeline_at(t, k);
            if (!same_energies(s, other))
                continue;
            group.coarse = g->stretches[k].group.coarse;
            if (strcmp(s->sample, other->sample) == 0)
                group.like = g->stretches[k].group.like;
        }
        if (group.coarse == SPECTRUM_GROUP_NONE)
            group.coarse = n_coarse++;
        if (group.like == SPECTRUM_GROUP_NONE)
            group.like = n_like++;
        g->stretches[i] = (struct stretch){ .start_ns = s->start_ns, .end_ns = s->end_ns, .group = group };
        g->has_scans = g->has_scans || !s->calibration;
        g->has_calibrations = g->has_calibrations || s->calibration;
    }
}

static size_t count_points(const struct spectrum_groups *g) {
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        n += scan_timeline_at(g->timeline, i)->n_points;
    return n;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Into energies_eV, which has room for all points. */
static void sort_energies(struct spectrum_groups *g) {
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) {
        const struct scan *s = scan_timeline_at(g->timeline, i);
        for (uint32_t k = 0; k < s->n_points && !s->calibration; k++)
            if (isfinite(s->points[k].incident_eV))
                g->energies_eV[n++] = s->points[k].incident_eV;
    }
    qsort(g->energies_eV, n, sizeof *g->energies_eV, by_size);
    for (size_t k = 0; k < n; k++)
        if (g->n_energies == 0 || g->energies_eV[k] > g->energies_eV[g->n_energies - 1] + same_place_eV)
            g->energies_eV[g->n_energies++] = g->energies_eV[k];
}

enum status spectrum_groups_new(const struct scan_timeline *t, struct spectrum_groups **out) {
    struct spectrum_groups *g = calloc(1, sizeof *g);
    if (g == NULL)
        return STATUS_NO_MEMORY;
    g->timeline = t;
    g->n = scan_timeline_count(t);
    g->n = g->n < SPECTRUM_GROUP_NONE / 2 ? g->n : SPECTRUM_GROUP_NONE / 2;
    g->stretches = calloc(g->n + 1, sizeof *g->stretches);
    g->energies_eV = malloc((count_points(g) + 1) * sizeof *g->energies_eV);
    if (g->stretches == NULL || g->energies_eV == NULL) {
        spectrum_groups_free(g);
        return STATUS_NO_MEMORY;
    }
    number(t, g);
    sort_energies(g);
    *out = g;
    return STATUS_OK;
}

void spectrum_groups_free(struct spectrum_groups *g) {
    if (g == NULL)
        return;
    free(g->stretches);
    free(g->energies_eV);
    free(g);
}

/* Places whose lowest energy is not above that one. */
static size_t rank_of(const struct spectrum_groups *g, double incident_eV) {
    size_t low = 0, high = g->n_energies;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (g->energies_eV[middle] <= incident_eV)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint16_t place_at(const struct spectrum_groups *g, int64_t time_ns) {
    struct scan_place at = scan_timeline_place(g->timeline, time_ns);
    double incident_eV = at.index < 0 || at.after < 0 ? (double)NAN : scan_timeline_at(g->timeline, (size_t)at.index)->points[at.after].incident_eV;
    size_t rank = isfinite(incident_eV) ? rank_of(g, incident_eV) : 0;
    if (rank == 0 || g->n_energies <= SPECTRUM_PLACES_MAX)
        return (uint16_t)rank;
    return (uint16_t)(1 + (rank - 1) * SPECTRUM_PLACES_MAX / g->n_energies);
}

struct spectrum_group spectrum_groups_at(const struct spectrum_groups *g, int64_t time_ns) {
    const struct spectrum_group none = { SPECTRUM_GROUP_NONE, SPECTRUM_GROUP_NONE, 0 };
    size_t low = 0, high = g->n;   /* stretches that began: [0, low) */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (g->stretches[middle].start_ns <= time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > 0 && time_ns < g->stretches[low - 1].end_ns) {
        struct spectrum_group found = g->stretches[low - 1].group;
        found.place = place_at(g, time_ns);
        return found;
    }
    if (g->has_scans)
        return none;
    uint16_t rest = (uint16_t)(g->n + low);
    return g->has_calibrations ? (struct spectrum_group){ rest, rest, 0 } : (struct spectrum_group){ 0, 0, 0 };
}
