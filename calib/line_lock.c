#include "calib/line_lock.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/line_lock_parts.h"
#include "calib/line_shape.h"

static const double ABOVE_EDGE = 30;      /* eV */
static const double REACH = 1.1;          /* x the line's width */

enum status line_lock_new(const struct reference_line *line, double resolution_eV, const struct lock_stretch *stretches, size_t n_stretches, uint32_t n_pixels,
                          struct line_lock **out) {
    struct line_lock *l = calloc(1, sizeof *l);
    struct line_shape shape;
    if (!l)
        return STATUS_NO_MEMORY;
    l->stretches = calloc(n_stretches + 1, sizeof *l->stretches);
    l->store = calloc(1, sizeof *l->store);
    if (!l->stretches || !l->store) {
        line_lock_free(l);
        return STATUS_NO_MEMORY;
    }
    line_shape_init(&shape, line);
    double fwhm = shape.total_is_gauss ? hypot(isnan(shape.intrinsic_fwhm_eV) ? 0 : shape.intrinsic_fwhm_eV, resolution_eV) : line_shape_fwhm(&shape, resolution_eV);
    if (n_stretches > 0)
        memcpy(l->stretches, stretches, n_stretches * sizeof *stretches);
    l->line = *line;
    l->reach_eV = REACH * fwhm;
    l->above_eV = line->excited_above_eV + ABOVE_EDGE;
    l->n_pixels = n_pixels;
    l->n_stretches = n_stretches;
    *out = l;
    return STATUS_OK;
}

static void store_free(struct lock_store *s) {
    if (!s)
        return;
    free(s->photons);
    free(s);
}

void line_lock_free(struct line_lock *l) {
    if (!l)
        return;
    store_free(l->store);
    free(l->stretches);
    free(l->knot_ns);
    free(l->common_eV);
    free(l->common_sigma_eV);
    free(l->shift_eV);
    free(l->sigma_eV);
    free(l);
}

static size_t stretch_at(const struct line_lock *l, int64_t time_ns) {
    size_t i = 0;
    while (i < l->n_stretches && time_ns >= l->stretches[i].end_ns)
        i++;
    return i < l->n_stretches && time_ns >= l->stretches[i].start_ns ? i : l->n_stretches;
}

/* Twice the reach is kept: the line may have moved, and the pixel may lie off. */
enum status line_lock_add(struct line_lock *l, uint32_t pixel, int64_t time_ns, double energy_eV, double incident_eV) {
    struct lock_store *s = l->store;
    if (!(incident_eV > l->above_eV) || !(fabs(energy_eV - l->line.energy_eV) < 2 * l->reach_eV) || fabs(incident_eV - l->line.energy_eV) < 4 * l->reach_eV)
        return STATUS_OK;
    size_t at = stretch_at(l, time_ns);
    if (at == l->n_stretches)
        return STATUS_OK;
    if (s->n == s->room) {
        size_t more = s->room ? 2 * s->room : 4096;
        struct lock_photon *bigger = realloc(s->photons, more * sizeof *bigger);
        if (!bigger)
            return STATUS_NO_MEMORY;
        s->photons = bigger;
        s->room = more;
    }
    s->photons[s->n++] = (struct lock_photon){.time_ns = time_ns, .energy_eV = (float)energy_eV, .incident_eV = (float)incident_eV, .pixel = pixel, .stretch = (uint32_t)at};
    return STATUS_OK;
}

static int by_stretch_and_time(const void *a, const void *b) {
    const struct lock_photon *x = a, *y = b;
    if (x->stretch != y->stretch)
        return x->stretch < y->stretch ? -1 : 1;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    return (x->pixel > y->pixel) - (x->pixel < y->pixel);
}

static enum status make_tables(struct line_lock *l) {
    size_t most = l->n_stretches * LOCK_MAX_KNOTS + 1;
    l->knot_ns = calloc(most, sizeof *l->knot_ns);
    l->common_eV = calloc(most, sizeof *l->common_eV);
    l->common_sigma_eV = calloc(most, sizeof *l->common_sigma_eV);
    l->shift_eV = calloc(most * l->n_pixels + 1, sizeof *l->shift_eV);
    l->sigma_eV = calloc(most * l->n_pixels + 1, sizeof *l->sigma_eV);
    return l->knot_ns && l->common_eV && l->common_sigma_eV && l->shift_eV && l->sigma_eV ? STATUS_OK : STATUS_NO_MEMORY;
}

/* While knots are being found, rows of pixels are as long as they can become; then they are joined. */
static void join_rows(struct line_lock *l) {
    size_t most = l->n_stretches * LOCK_MAX_KNOTS + 1;
    for (uint32_t p = 1; p < l->n_pixels; p++) {
        memmove(l->shift_eV + p * l->n_knots, l->shift_eV + p * most, l->n_knots * sizeof *l->shift_eV);
        memmove(l->sigma_eV + p * l->n_knots, l->sigma_eV + p * most, l->n_knots * sizeof *l->sigma_eV);
    }
}

static bool room_new(const struct line_lock *l, struct lock_room *room) {
    size_t n = l->store->n + 1;
    *room = (struct lock_room){.row = l->n_stretches * LOCK_MAX_KNOTS + 1, .scratch = malloc(n * sizeof(double)), .by_pixel = malloc(n * sizeof *room->by_pixel),
                               .first = calloc(l->n_pixels + (size_t)2, sizeof(size_t)), .offset_eV = calloc(l->n_pixels + (size_t)1, sizeof(double)),
                               .walk = {malloc(drift_room_doubles() * sizeof(double))}};
    return room->scratch && room->by_pixel && room->first && room->offset_eV && room->walk.matrix;
}

static void room_done(struct lock_room *room) {
    free(room->scratch);
    free(room->by_pixel);
    free(room->first);
    free(room->offset_eV);
    free(room->walk.matrix);
}

enum status line_lock_find(struct line_lock *l) {
    struct lock_store *s = l->store;
    struct lock_room room;
    enum status status = room_new(l, &room) ? make_tables(l) : STATUS_NO_MEMORY;
    if (s->n > 1)
        qsort(s->photons, s->n, sizeof *s->photons, by_stretch_and_time);
    size_t from = 0;
    for (size_t i = 0; i < l->n_stretches && status == STATUS_OK; i++) {
        size_t n = 0;
        while (from + n < s->n && s->photons[from + n].stretch == i)
            n++;
        line_lock_stretch(l, i, s->photons + from, n, &room);
        from += n;
    }
    if (status == STATUS_OK)
        join_rows(l);
    room_done(&room);
    store_free(s);
    l->store = NULL;
    return status;
}

double line_lock_at(const struct line_lock *l, uint32_t pixel, int64_t time_ns, double *sigma) {
    size_t at = stretch_at(l, time_ns);
    *sigma = 0;
    if (at == l->n_stretches || !l->stretches[at].locked)
        return 0;
    const struct lock_stretch *s = &l->stretches[at];
    const int64_t *t = l->knot_ns + s->first_knot;
    const float *shift = l->shift_eV + pixel * l->n_knots + s->first_knot, *error = l->sigma_eV + pixel * l->n_knots + s->first_knot;
    uint32_t k = 0;
    while (k + 2 < s->n_knots && time_ns >= t[k + 1])
        k++;
    double share = fmin(fmax((double)(time_ns - t[k]) / (double)(t[k + 1] - t[k]), 0), 1);
    *sigma = ((1 - share) * (double)error[k] + share * (double)error[k + 1]) / l->line.energy_eV;
    return -((1 - share) * (double)shift[k] + share * (double)shift[k + 1]) / l->line.energy_eV;
}
