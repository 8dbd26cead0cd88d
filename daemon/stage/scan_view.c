#include "daemon/stage/scan_view.h"

#include <stdlib.h>
#include <string.h>

#include "calib/scan_live_time.h"

enum { CHUNK = 65536 };

struct kept_photon { float energy_eV; uint32_t point; uint16_t pixel; uint8_t grade, flags; };
_Static_assert(sizeof(struct kept_photon) == SCAN_VIEW_PHOTON_BYTES, "its header says so");

struct scan_view {
    struct kept_photon **chunks;
    size_t n, most;
    bool too_many;                   /* not all photons are kept */
    bool shows;
    struct product_settings settings;
    struct yield_region *regions;    /* those of settings */
    struct rixs_map *emission, *loss;
    struct yield_spectrum **yields;
    uint32_t n_yields;
    struct scan_products seen;       /* the scan's own, with the maps and yields above */
};

bool scan_view_new(size_t most, struct scan_view **out) {
    struct scan_view *v = calloc(1, sizeof *v);
    if (v == NULL)
        return false;
    v->most = most;
    v->chunks = calloc(most / CHUNK + 1, sizeof(struct kept_photon *));
    if (v->chunks == NULL) {
        free(v);
        return false;
    }
    *out = v;
    return true;
}

static void free_yields(struct yield_spectrum **yields, uint32_t n) {
    for (uint32_t k = 0; yields != NULL && k < n; k++)
        yield_spectrum_free(yields[k]);
    free(yields);
}

static void hide(struct scan_view *v) {
    rixs_map_free(v->emission);
    rixs_map_free(v->loss);
    free_yields(v->yields, v->n_yields);
    free(v->regions);
    v->emission = v->loss = NULL;
    v->yields = NULL;
    v->regions = NULL;
    v->n_yields = 0;
    v->shows = false;
}

void scan_view_free(struct scan_view *v) {
    if (v == NULL)
        return;
    hide(v);
    for (size_t k = 0; k < v->most / CHUNK + 1; k++)
        free(v->chunks[k]);
    free(v->chunks);
    free(v);
}

/* ---- photons ---- */

static bool counts(const struct scan_products *p, const struct photon_block *b, size_t i) { return b->cuts[i] == 0 && b->point[i] >= 0 && p->pixels_used[b->pixel[i]] != 0; }

void scan_view_keep(struct scan_view *v, const struct scan_products *p, const struct photon_block *b, size_t i) {
    if (v->too_many || !counts(p, b, i))
        return;
    struct kept_photon **chunk = &v->chunks[v->n / CHUNK];
    if (v->n < v->most && *chunk == NULL)
        *chunk = malloc(CHUNK * sizeof **chunk);
    v->too_many = v->n >= v->most || *chunk == NULL;
    if (!v->too_many)
        (*chunk)[v->n++ % CHUNK] = (struct kept_photon){ b->energy_eV[i], (uint32_t)b->point[i], b->pixel[i], b->grade[i], b->flags[i] };
}

void scan_view_add(struct scan_view *v, const struct photon_block *b, size_t i) {
    if (!v->shows || b->cuts[i] != 0 || b->point[i] < 0)
        return;
    rixs_map_add(v->emission, b, i);
    rixs_map_add(v->loss, b, i);
    for (uint32_t k = 0; k < v->n_yields; k++)
        yield_spectrum_add(v->yields[k], b, i);
}

void scan_view_remove(struct scan_view *v, const struct photon_block *b, size_t i) {
    if (!v->shows || b->cuts[i] != 0 || b->point[i] < 0)
        return;
    rixs_map_remove(v->emission, b, i);
    rixs_map_remove(v->loss, b, i);
    for (uint32_t k = 0; k < v->n_yields; k++)
        yield_spectrum_remove(v->yields[k], b, i);
}

static void add_kept(struct scan_view *v, const struct scan *scan) {
    struct photon_block *one;
    if (v->n == 0 || photon_block_new(1, &one) != STATUS_OK)
        return;
    one->n = 1;
    one->cuts[0] = 0;
    for (size_t k = 0; k < v->n; k++) {
        const struct kept_photon *x = &v->chunks[k / CHUNK][k % CHUNK];
        one->energy_eV[0] = x->energy_eV;
        one->point[0] = (int32_t)x->point;
        one->pixel[0] = x->pixel;
        one->grade[0] = x->grade;
        one->flags[0] = x->flags;
        one->incident_eV[0] = (float)scan->points[x->point].incident_eV;
        scan_view_add(v, one, 0);
    }
    photon_block_free(one);
}

/* ---- what is shown ---- */

/* Products of the scan's points with other settings; only their maps and yields are wanted, which have no live time yet. */
static struct scan_products *make(const struct scan_products *p, const struct product_settings *settings) {
    struct scan_products *made;
    return scan_products_untimed(p->scan, p->n_pixels, p->pixels_used, settings, &made) == STATUS_OK ? made : NULL;
}

static void take(struct scan_view *v, struct scan_products *made) {
    v->emission = made->emission;
    v->loss = made->loss;
    v->yields = made->yields;
    v->n_yields = made->n_yields;
    made->emission = made->loss = NULL;
    made->yields = NULL;
    made->n_yields = 0;
    scan_products_free(made);
    v->shows = true;
}

bool scan_view_show(struct scan_view *v, struct scan_products *p, const struct product_settings *settings, const char **why) {
    struct yield_region *regions = calloc(settings->n_regions + (size_t)1, sizeof *regions);
    struct scan_products *made = make(p, settings);
    *why = v->too_many ? "the scan has more photons than control.recount_MiB has room for" : "out of memory";
    if (v->too_many || regions == NULL || made == NULL) {
        scan_products_free(made);
        free(regions);
        return false;
    }
    hide(v);
    v->settings = *settings;
    if (settings->n_regions > 0)
        memcpy(regions, settings->regions, settings->n_regions * sizeof *regions);
    v->settings.regions = v->regions = regions;
    take(v, made);
    add_kept(v, p->scan);
    scan_live_time_settle(scan_view_of(v, p));
    return true;
}

bool scan_view_grow(struct scan_view *v, const struct scan_products *grown) {
    if (!v->shows)
        return true;
    struct scan_products *made = make(grown, &v->settings);
    uint32_t n = v->emission->n_points, *row_of = calloc(n + (size_t)1, sizeof *row_of);
    if (made == NULL || row_of == NULL) {
        scan_products_free(made);
        free(row_of);
        hide(v);
        return false;
    }
    for (uint32_t r = 0; r < n; r++)
        row_of[r] = r;
    rixs_map_sum(made->emission, v->emission, row_of);
    rixs_map_sum(made->loss, v->loss, row_of);
    for (uint32_t k = 0; k < v->n_yields; k++) {
        memcpy(made->yields[k]->counts, v->yields[k]->counts, n * sizeof *v->yields[k]->counts);
        memcpy(made->yields[k]->live_time_s, v->yields[k]->live_time_s, n * sizeof *v->yields[k]->live_time_s);
        memcpy(made->yields[k]->crowding, v->yields[k]->crowding, n * sizeof *v->yields[k]->crowding);
    }
    free(row_of);
    struct yield_region *regions = v->regions;
    v->regions = NULL;
    hide(v);
    v->regions = regions;
    take(v, made);
    return true;
}

struct scan_products *scan_view_of(struct scan_view *v, struct scan_products *p) {
    if (!v->shows || p == NULL)
        return p;
    v->seen = *p;
    v->seen.emission = v->emission;
    v->seen.loss = v->loss;
    v->seen.yields = v->yields;
    v->seen.n_yields = v->n_yields;
    return &v->seen;
}

const struct product_settings *scan_view_settings(const struct scan_view *v) { return v->shows ? &v->settings : NULL; }
