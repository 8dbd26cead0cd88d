#include "pulse/residual_slices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/robust.h"

enum { KEPT_MAX = 65536, POPULATED = 20 };

struct slice {
    float *kept;
    uint32_t n, allocated;
    uint64_t seen, stride;
};

struct residual_slices {
    double width, highest;
    struct slice slices[OFF_SLICES_MAX];
};

enum status residual_slices_new(double slice_width, struct residual_slices **out) {
    if (!(slice_width > 0))
        return STATUS_BAD_VALUE;
    struct residual_slices *r = calloc(1, sizeof *r);
    if (r == NULL)
        return STATUS_NO_MEMORY;
    r->width = slice_width;
    for (size_t k = 0; k < OFF_SLICES_MAX; k++)
        r->slices[k].stride = 1;
    *out = r;
    return STATUS_OK;
}

void residual_slices_free(struct residual_slices *r) {
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

static void keep(struct slice *s, float residual) {
    if (s->seen++ % s->stride != 0)
        return;
    if (s->n == KEPT_MAX)
        thin(s);
    if (s->n == s->allocated) {
        uint32_t more = s->allocated ? 2 * s->allocated : 256;
        float *kept = realloc(s->kept, more * sizeof *kept);
        if (kept == NULL)
            return;
        s->kept = kept;
        s->allocated = more;
    }
    s->kept[s->n++] = residual;
}

void residual_slices_add(struct residual_slices *r, double height, double residual) {
    if (!isfinite(height) || !isfinite(residual))
        return;
    r->highest = fmax(r->highest, height);
    double place = height / r->width;
    if (place <= 0 || place >= OFF_SLICES_MAX || place == floor(place))
        return;
    keep(&r->slices[(size_t)place], (float)residual);
}

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

void residual_slices_apply(const struct residual_slices *r, struct pixel_model *m) {
    uint32_t n = 0;
    while (n < OFF_SLICES_MAX && (n + 1) * r->width < r->highest)
        n++;
    m->n_slices = n;
    m->slice_width = r->width;
    for (uint32_t k = 0; k < n; k++)
        m->slice_limit[k] = limit_of(&r->slices[k]);
}

/* Limits of slices between populated ones a < b, on the straight line between theirs. */
static void bridge(double *limit, uint32_t a, uint32_t b) {
    for (uint32_t k = a + 1; k < b; k++)
        limit[k] = limit[a] + (limit[b] - limit[a]) * (k - a) / (b - a);
}

void residual_slices_apply_smooth(const struct residual_slices *r, struct pixel_model *m) {
    uint32_t n = 0, last = OFF_SLICES_MAX;
    for (uint32_t k = 0; k < OFF_SLICES_MAX; k++) {
        if (r->slices[k].n < POPULATED)
            continue;
        m->slice_limit[k] = limit_of(&r->slices[k]);
        if (last == OFF_SLICES_MAX)
            for (uint32_t below = 0; below < k; below++)
                m->slice_limit[below] = m->slice_limit[k];
        else
            bridge(m->slice_limit, last, k);
        last = k;
        n = k + 1;
    }
    m->n_slices = n;
    m->slice_width = r->width;
}

double residual_slices_limit(const struct pixel_model *m, double height) {
    if (m->n_slices == 0)
        return INFINITY;
    double slice = ceil(height / m->slice_width - 0.5);
    if (!(slice > 0))
        return m->slice_limit[0];
    double last = m->n_slices - 1;
    if (slice <= last)
        return m->slice_limit[(uint32_t)slice];
    double beyond = height / ((last + 0.5) * m->slice_width);
    return m->slice_limit[m->n_slices - 1] * (m->coefficients ? 1 : beyond * beyond);
}
