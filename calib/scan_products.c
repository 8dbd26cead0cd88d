#include "calib/scan_products.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static enum status make_counters(struct scan_products *p, const uint8_t *pixels_used) {
    p->pixels_used = calloc(p->n_pixels ? p->n_pixels : 1, 1);
    p->photons = calloc(p->n_points, sizeof *p->photons);
    p->moving = calloc(p->n_points, sizeof *p->moving);
    p->live_time_s = calloc(p->n_points, sizeof *p->live_time_s);
    if (p->pixels_used == NULL || p->photons == NULL || p->moving == NULL || p->live_time_s == NULL)
        return STATUS_NO_MEMORY;
    memcpy(p->pixels_used, pixels_used, p->n_pixels);
    for (uint32_t i = 0; i < p->n_points; i++)
        p->live_time_s[i] = (double)(p->scan->points[i].end_ns - p->scan->points[i].start_ns) / 1e9;
    return STATUS_OK;
}

static enum status make_map(const struct scan_products *p, enum rixs_axis kind, struct energy_axis axis, struct rixs_map **out) {
    enum status s = rixs_map_new(kind, p->n_points, axis, p->n_pixels, UINT32_C(1) << GRADE_HIGH, out);
    if (s == STATUS_OK)
        memcpy((*out)->pixels_used, p->pixels_used, p->n_pixels);
    return s;
}

static enum status make_yields(struct scan_products *p, const struct product_settings *settings) {
    p->yields = calloc(settings->n_regions ? settings->n_regions : 1, sizeof(struct yield_spectrum *));
    if (p->yields == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t r = 0; r < settings->n_regions; r++) {
        enum status s = yield_spectrum_new(&settings->regions[r], p->n_points, p->n_pixels, &p->yields[r]);
        if (s != STATUS_OK)
            return s;
        memcpy(p->yields[r]->pixels_used, p->pixels_used, p->n_pixels);
        p->n_yields = r + 1;
    }
    return STATUS_OK;
}

enum status scan_products_new(const struct scan *scan, uint32_t n_pixels, const uint8_t *pixels_used, const struct product_settings *settings, struct scan_products **out) {
    if (scan->n_points == 0)
        return STATUS_TOO_FEW;
    struct scan_products *p = calloc(1, sizeof *p);
    if (p == NULL)
        return STATUS_NO_MEMORY;
    *p = (struct scan_products){ .scan = scan, .n_points = scan->n_points, .n_pixels = n_pixels };
    enum status s = make_counters(p, pixels_used);
    if (s == STATUS_OK)
        s = make_map(p, RIXS_EMISSION, settings->emission, &p->emission);
    if (s == STATUS_OK)
        s = make_map(p, RIXS_LOSS, settings->loss, &p->loss);
    if (s == STATUS_OK)
        s = make_yields(p, settings);
    if (s != STATUS_OK) {
        scan_products_free(p);
        return s;
    }
    *out = p;
    return STATUS_OK;
}

void scan_products_free(struct scan_products *p) {
    if (p == NULL)
        return;
    for (uint32_t r = 0; r < p->n_yields; r++)
        yield_spectrum_free(p->yields[r]);
    free(p->yields);
    rixs_map_free(p->emission);
    rixs_map_free(p->loss);
    free(p->pixels_used);
    free(p->photons);
    free(p->moving);
    free(p->live_time_s);
    free(p);
}

void scan_products_add(struct scan_products *p, const struct photon_block *b, size_t i, int32_t after) {
    if (b->cuts[i] != 0)
        return;
    if (b->point[i] < 0) {
        assert(after >= 0 && (uint32_t)after < p->n_points);
        p->moving[after]++;
        return;
    }
    p->photons[b->point[i]]++;
    rixs_map_add(p->emission, b, i);
    rixs_map_add(p->loss, b, i);
    double energy_eV = (double)b->energy_eV[i];
    for (uint32_t r = 0; r < p->n_yields; r++)
        if (energy_eV >= p->yields[r]->region.lo_eV && energy_eV < p->yields[r]->region.hi_eV)
            yield_spectrum_add(p->yields[r], b, i);
}

void scan_products_prepare(const struct scan_products *p, const struct photon_block *b, size_t i) {
    rixs_map_prepare(p->emission, b, i);
    rixs_map_prepare(p->loss, b, i);
}

static void add_points(uint32_t *into, const uint32_t *from, uint32_t n, const uint32_t *row_of) {
    for (uint32_t r = 0; r < n; r++)
        if (row_of[r] != UINT32_MAX)
            into[row_of[r]] += from[r];
}

static bool same_yields(const struct scan_products *a, const struct scan_products *b) {
    if (a->n_yields != b->n_yields || a->n_pixels != b->n_pixels)
        return false;
    for (uint32_t r = 0; r < a->n_yields; r++) {
        const struct yield_spectrum *x = a->yields[r], *y = b->yields[r];
        if (strcmp(x->region.name, y->region.name) != 0 || x->grades_used != y->grades_used ||
            !(x->region.lo_eV == y->region.lo_eV && x->region.hi_eV == y->region.hi_eV))
            return false;
    }
    return true;
}

enum status scan_products_sum(struct scan_products *into, const struct scan_products *from, const uint32_t *row_of) {
    if (!same_yields(into, from) || !rixs_map_addable(into->loss, from->loss, row_of))
        return STATUS_BAD_VALUE;
    enum status s = rixs_map_sum(into->emission, from->emission, row_of);
    if (s != STATUS_OK)
        return s;
    s = rixs_map_sum(into->loss, from->loss, row_of);
    assert(s == STATUS_OK);
    add_points(into->photons, from->photons, from->n_points, row_of);
    add_points(into->moving, from->moving, from->n_points, row_of);
    for (uint32_t r = 0; r < into->n_yields; r++)
        add_points(into->yields[r]->counts, from->yields[r]->counts, from->n_points, row_of);
    for (uint32_t p = 0; p < into->n_pixels; p++) {
        into->pixels_used[p] |= from->pixels_used[p];
        for (uint32_t r = 0; r < into->n_yields; r++)
            into->yields[r]->pixels_used[p] |= from->yields[r]->pixels_used[p];
    }
    return s;
}
