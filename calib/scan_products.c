#include "calib/scan_products.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "calib/scan_live_time.h"
#include "pulse/cut.h"
#include "pulse/livetime.h"

static enum status make_counters(struct scan_products *p, const uint8_t *pixels_used) {
    p->pixels_used = calloc(p->n_pixels ? p->n_pixels : 1, 1);
    p->photons = calloc(p->n_points, sizeof *p->photons);
    p->moving = calloc(p->n_points, sizeof *p->moving);
    p->live_time_s = calloc(p->n_points, sizeof *p->live_time_s);
    p->events = calloc(p->n_points, N_GRADES * sizeof *p->events);
    p->shared_excess = calloc(p->n_points, sizeof *p->shared_excess);
    if (p->pixels_used == NULL || p->photons == NULL || p->moving == NULL || p->live_time_s == NULL || p->events == NULL || p->shared_excess == NULL)
        return STATUS_NO_MEMORY;
    memcpy(p->pixels_used, pixels_used, p->n_pixels);
    return STATUS_OK;
}

static enum status make_pixel_times(struct scan_products *p) {
    size_t n_pixels = p->n_pixels ? p->n_pixels : 1, n_cells = n_pixels * p->n_points;
    p->grade_time_ns = calloc(n_cells, N_LIVETIME_COLUMNS * sizeof *p->grade_time_ns);
    p->high_photons = calloc(n_cells, sizeof *p->high_photons);
    p->sensitivity = calloc(n_pixels, sizeof *p->sensitivity);
    p->high_events = calloc(n_cells, sizeof *p->high_events);
    p->window_s = calloc(n_pixels, sizeof *p->window_s);
    p->unresolved_s = calloc(n_pixels, sizeof *p->unresolved_s);
    p->tail_s = calloc(n_pixels, sizeof *p->tail_s);
    p->resolution_eV = calloc(n_pixels, sizeof *p->resolution_eV);
    if (p->grade_time_ns == NULL || p->high_photons == NULL || p->high_events == NULL || p->sensitivity == NULL || p->window_s == NULL || p->unresolved_s == NULL ||
        p->tail_s == NULL || p->resolution_eV == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t pixel = 0; pixel < p->n_pixels; pixel++) {
        p->sensitivity[pixel] = 1;
        p->resolution_eV[pixel] = NAN;
    }
    return STATUS_OK;
}

static void all_time_is_high(struct scan_products *p) {
    for (size_t cell = 0; cell < (size_t)p->n_pixels * p->n_points; cell++)
        p->grade_time_ns[cell * N_LIVETIME_COLUMNS + LIVETIME_HIGH] = p->scan->points[cell % p->n_points].end_ns - p->scan->points[cell % p->n_points].start_ns;
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
    yield_index_make(settings->regions, settings->n_regions, &p->yield_index);
    for (uint32_t r = 0; r < settings->n_regions; r++) {
        enum status s = yield_spectrum_new(&settings->regions[r], p->n_points, p->n_pixels, &p->yields[r]);
        if (s != STATUS_OK)
            return s;
        memcpy(p->yields[r]->pixels_used, p->pixels_used, p->n_pixels);
        if (settings->regions[r].hi_eV - settings->regions[r].lo_eV >= WIDE_REGION_EV)
            p->yields[r]->grades_used |= settings->wide_grades;
        p->n_yields = r + 1;
    }
    return STATUS_OK;
}

enum status scan_products_untimed(const struct scan *scan, uint32_t n_pixels, const uint8_t *pixels_used, const struct product_settings *settings, struct scan_products **out) {
    if (scan->n_points == 0)
        return STATUS_TOO_FEW;
    struct scan_products *p = calloc(1, sizeof *p);
    if (p == NULL)
        return STATUS_NO_MEMORY;
    *p = (struct scan_products){ .scan = scan, .n_points = scan->n_points, .n_pixels = n_pixels, .dispersion = NAN };
    enum status s = make_counters(p, pixels_used);
    if (s == STATUS_OK)
        s = make_pixel_times(p);
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

enum status scan_products_new(const struct scan *scan, uint32_t n_pixels, const uint8_t *pixels_used, const struct product_settings *settings, struct scan_products **out) {
    enum status s = scan_products_untimed(scan, n_pixels, pixels_used, settings, out);
    if (s == STATUS_OK) {
        all_time_is_high(*out);
        scan_live_time_settle(*out);
    }
    return s;
}

enum status scan_products_sampled(struct scan_products *p) {
    p->sampled_time_ns = calloc((size_t)p->n_pixels * p->n_points + 1, N_LIVETIME_COLUMNS * sizeof *p->sampled_time_ns);
    return p->sampled_time_ns != NULL ? STATUS_OK : STATUS_NO_MEMORY;
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
    free(p->grade_time_ns);
    free(p->sampled_time_ns);
    free(p->high_photons);
    free(p->high_events);
    free(p->events);
    free(p->shared_excess);
    free(p->sensitivity);
    free(p->window_s);
    free(p->unresolved_s);
    free(p->tail_s);
    free(p->resolution_eV);
    free(p);
}

/* What a row counts in, apart from maps and yields. sign: 1 or -1 (modulo 2^32, so taking back is exact). */
static void count_row(struct scan_products *p, const struct photon_block *b, size_t i, int32_t after, uint32_t sign) {
    bool photon = b->cuts[i] == 0;
    if (b->point[i] < 0) {
        assert(after >= 0 && (uint32_t)after < p->n_points);
        p->moving[after] += photon ? sign : 0;
        return;
    }
    size_t point = (size_t)b->point[i], cell = (size_t)b->pixel[i] * p->n_points + point;
    bool counts = (b->flags[i] & FLAG_LAST_OF_DEAD) == 0, high = counts && b->grade[i] == GRADE_HIGH;
    bool event = counts && (b->cuts[i] & (CUT_BIT(CUT_SECONDARY) | CUT_BIT(CUT_VETO))) == 0;
    if (event && p->pixels_used[b->pixel[i]])
        p->events[point * N_GRADES + b->grade[i]] += sign;
    p->photons[point] += photon ? sign : 0;
    p->high_photons[cell] += photon && high ? sign : 0;
    p->high_events[cell] += event && high ? sign : 0;
}

void scan_products_add(struct scan_products *p, const struct photon_block *b, size_t i, int32_t after) {
    count_row(p, b, i, after, 1);
    if (b->cuts[i] != 0 || b->point[i] < 0)
        return;
    rixs_map_add(p->emission, b, i);
    rixs_map_add(p->loss, b, i);
    for (uint64_t left = yield_index_at(&p->yield_index, (double)b->energy_eV[i])->may; left != 0; left &= left - 1)
        yield_spectrum_add(p->yields[__builtin_ctzll(left)], b, i);
    for (uint32_t r = YIELD_INDEXED; r < p->n_yields; r++)
        yield_spectrum_add(p->yields[r], b, i);
}

void scan_products_remove(struct scan_products *p, const struct photon_block *b, size_t i, int32_t after) {
    count_row(p, b, i, after, UINT32_MAX);
    if (b->cuts[i] != 0 || b->point[i] < 0)
        return;
    rixs_map_remove(p->emission, b, i);
    rixs_map_remove(p->loss, b, i);
    for (uint32_t r = 0; r < p->n_yields; r++)
        yield_spectrum_remove(p->yields[r], b, i);
}

static void add_points(uint32_t *into, const uint32_t *from, uint32_t n, const uint32_t *row_of) {
    for (uint32_t r = 0; r < n; r++)
        if (row_of[r] != UINT32_MAX)
            into[row_of[r]] += from[r];
}

const int64_t *scan_products_times(const struct scan_products *p) {
    return p->use_sampled ? p->sampled_time_ns : p->grade_time_ns;
}

/* Of a pixel not used its time is dead: its counts are not in the maps. */
static void add_pixel_times(struct scan_products *into, const struct scan_products *from, const uint32_t *row_of) {
    const int64_t *times = scan_products_times(from);
    for (uint32_t pixel = 0; pixel < into->n_pixels; pixel++)
        for (uint32_t r = 0; r < from->n_points; r++) {
            if (row_of[r] == UINT32_MAX)
                continue;
            size_t to = (size_t)pixel * into->n_points + row_of[r], cell = (size_t)pixel * from->n_points + r;
            for (unsigned g = 0; g < N_LIVETIME_COLUMNS; g++)
                into->grade_time_ns[to * N_LIVETIME_COLUMNS + (from->pixels_used[pixel] ? g : LIVETIME_DEAD)] += times[cell * N_LIVETIME_COLUMNS + g];
            into->high_photons[to] += from->high_photons[cell];
            into->high_events[to] += from->high_events[cell];
        }
}

double scan_products_events(const struct scan_products *p, uint32_t point) {
    double n = 0;
    for (unsigned g = 0; g < N_GRADES; g++)
        n += p->events[(size_t)point * N_GRADES + g];
    return n;
}

/* Excess is a mean over events. */
static void add_events(struct scan_products *into, const struct scan_products *from, const uint32_t *row_of) {
    for (uint32_t r = 0; r < from->n_points; r++) {
        const uint32_t to = row_of[r];
        if (to == UINT32_MAX)
            continue;
        const double before = scan_products_events(into, to), more = scan_products_events(from, r);
        if (more > 0)
            into->shared_excess[to] = (before * into->shared_excess[to] + more * from->shared_excess[r]) / (before + more);
        for (unsigned g = 0; g < N_GRADES; g++)
            into->events[(size_t)to * N_GRADES + g] += from->events[(size_t)r * N_GRADES + g];
    }
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
    into->array_rules |= from->array_rules;
    add_pixel_times(into, from, row_of);
    add_events(into, from, row_of);
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
