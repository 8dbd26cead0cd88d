#include "calib/yield_region.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool name_is_good(const char *name) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    size_t n = strspn(name, letters);
    return n > 0 && name[n] == '\0';
}

enum status yield_spectrum_new(const struct yield_region *r, uint32_t n_points, uint32_t n_pixels, struct yield_spectrum **out) {
    if (!(r->lo_eV < r->hi_eV) || memchr(r->name, 0, sizeof r->name) == NULL || !name_is_good(r->name))
        return STATUS_BAD_VALUE;
    struct yield_spectrum *y = calloc(1, sizeof *y);
    if (y == NULL)
        return STATUS_NO_MEMORY;
    *y = (struct yield_spectrum){ .region = *r, .n_points = n_points, .n_pixels = n_pixels, .grades_used = UINT32_C(1) << GRADE_HIGH };
    y->counts = calloc(n_points ? n_points : 1, sizeof *y->counts);
    y->pixels_used = calloc(n_pixels ? n_pixels : 1, 1);
    y->live_time_s = calloc(n_points ? n_points : 1, sizeof *y->live_time_s);
    y->crowding = calloc(n_points ? n_points : 1, sizeof *y->crowding);
    if (y->counts == NULL || y->pixels_used == NULL || y->live_time_s == NULL || y->crowding == NULL) {
        yield_spectrum_free(y);
        return STATUS_NO_MEMORY;
    }
    memset(y->pixels_used, 1, n_pixels);
    *out = y;
    return STATUS_OK;
}

void yield_spectrum_free(struct yield_spectrum *y) {
    if (y == NULL)
        return;
    free(y->counts);
    free(y->pixels_used);
    free(y->live_time_s);
    free(y->crowding);
    free(y);
}

static bool counts_row(const struct yield_spectrum *y, const struct photon_block *b, size_t i) {
    assert(b->cuts[i] == 0 && b->point[i] >= 0 && (uint32_t)b->point[i] < y->n_points && b->pixel[i] < y->n_pixels && b->grade[i] < N_GRADES);
    bool trusted = (b->flags[i] & TRUST_MASK) < TRUST_BEYOND && (b->flags[i] & FLAG_LAST_OF_DEAD) == 0;
    double energy_eV = (double)b->energy_eV[i];
    return y->pixels_used[b->pixel[i]] && trusted && (y->grades_used >> b->grade[i] & 1) && energy_eV >= y->region.lo_eV && energy_eV < y->region.hi_eV;
}

void yield_spectrum_add(struct yield_spectrum *y, const struct photon_block *b, size_t i) {
    y->counts[b->point[i]] += counts_row(y, b, i);
}

void yield_spectrum_remove(struct yield_spectrum *y, const struct photon_block *b, size_t i) {
    y->counts[b->point[i]] -= counts_row(y, b, i);
}

/* Gehrels, ApJ 303, 336 (1986), eq. 7: upper 1-sigma limit, which stays above 0 when nothing was counted. */
static double counts_error(uint32_t counts) {
    return counts < 10 ? sqrt(counts + 0.75) + 1 : sqrt(counts);
}

struct yield_value yield_value_of(uint32_t counts, enum yield_norm norm, double i0, double i0_sigma, double live_time_s, double crowding) {
    bool by_i0 = norm == YIELD_PER_I0_LIVE_TIME;
    double q = by_i0 ? i0 * live_time_s : live_time_s;
    if (!(live_time_s > 0) || (by_i0 && !(i0 > 0)) || !isfinite(q) || q == 0)
        return (struct yield_value){ .yield = NAN, .error = NAN };
    double relative_i0 = by_i0 && i0_sigma > 0 ? i0_sigma / i0 : 0;
    double yield = counts / q;
    return (struct yield_value){ .yield = yield, .error = hypot(counts_error(counts) * sqrt(1 + crowding) / q, yield * relative_i0) };
}
