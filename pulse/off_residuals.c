/* The residual cut of OFF records (doc/methods.md, Records): slices of 2,000 units of coefficient 2, limit median + 10 x 1.4826 MAD.
 * Bounded memory: 65,536 residuals per slice are kept; beyond that every second one, then every fourth, ... */
#include <math.h>
#include <stdlib.h>

#include "pulse/pixel_model.h"
#include "pulse/robust.h"

enum { KEPT_MAX = 65536 };
static const double slice_width = 2000;

struct slice {
    float *kept;
    uint32_t n, allocated;
    uint64_t seen, stride;
};

struct off_residuals {
    double highest;
    struct slice slices[OFF_SLICES_MAX];
};

enum status off_residuals_new(struct off_residuals **out) {
    struct off_residuals *r = calloc(1, sizeof *r);
    if (r == NULL)
        return STATUS_NO_MEMORY;
    for (size_t k = 0; k < OFF_SLICES_MAX; k++)
        r->slices[k].stride = 1;
    *out = r;
    return STATUS_OK;
}

void off_residuals_free(struct off_residuals *r) {
    if (r == NULL)
        return;
    for (size_t k = 0; k < OFF_SLICES_MAX; k++)
        free(r->slices[k].kept);
    free(r);
}

static void thin(struct slice *s) {
    for (uint32_t i = 0; 2 * i < s->n; i++)
        s->kept[i] = s->kept[2 * i];
    s->n = (s->n + 1) / 2;
    s->stride *= 2;
}

static bool grow(struct slice *s) {
    uint32_t more = s->allocated ? 2 * s->allocated : 256;
    float *kept = realloc(s->kept, more * sizeof *kept);
    if (kept == NULL)
        return false;
    s->kept = kept;
    s->allocated = more;
    return true;
}

static void keep(struct slice *s, float residual) {
    if (s->seen++ % s->stride != 0)
        return;
    if (s->n == KEPT_MAX)
        thin(s);
    if (s->n < s->allocated || grow(s))
        s->kept[s->n++] = residual;
}

/* Heights on a border between slices belong to none; those beyond the last possible slice have no limit of their own. */
void off_residuals_add(struct off_residuals *r, const struct off_record *record) {
    double height = record->coefficients[2], place = height / slice_width;
    if (!isfinite(height) || !isfinite(record->residual_sd))
        return;
    r->highest = fmax(r->highest, height);
    if (place > 0 && place < OFF_SLICES_MAX && place != floor(place))
        keep(&r->slices[(size_t)place], record->residual_sd);
}

/* An empty slice gets 0, which nothing keeps. */
static double limit_of(const struct slice *s) {
    double *values = s->n ? malloc(s->n * sizeof *values) : NULL;
    if (values == NULL)
        return 0;
    for (uint32_t i = 0; i < s->n; i++)
        values[i] = s->kept[i];
    struct robust_centre c = robust_centre(values, s->n);
    free(values);
    return c.median + 10 * c.sigma;
}

/* Slices that lie wholly below the largest height. */
void off_residuals_apply(const struct off_residuals *r, struct pixel_model *m) {
    uint32_t n = 0;
    while (n < OFF_SLICES_MAX && (n + 1) * slice_width < r->highest)
        n++;
    m->n_slices = n;
    m->slice_width = slice_width;
    for (uint32_t k = 0; k < n; k++)
        m->slice_limit[k] = limit_of(&r->slices[k]);
}
