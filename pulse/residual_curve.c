#include "pulse/residual_curve.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/robust.h"

enum { GROUP_MIN = 20, GROUPS_MAX = 40 };

struct curve { size_t n; struct residual_point nodes[GROUPS_MAX]; };

static int by_height(const void *a, const void *b) {
    const struct residual_point *p = a, *q = b;
    return (p->height > q->height) - (p->height < q->height);
}

static struct residual_point middle_of(const struct residual_point *points, size_t n, double *scratch) {
    for (size_t i = 0; i < n; i++)
        scratch[i] = points[i].residual;
    return (struct residual_point){ .height = points[n / 2].height, .residual = robust_median(scratch, n) };
}

static struct curve curve_through(const struct residual_point *points, size_t n, double *scratch) {
    struct curve c = { .n = n / GROUP_MIN < GROUPS_MAX ? n / GROUP_MIN : GROUPS_MAX };
    for (size_t g = 0; g < c.n; g++) {
        size_t from = g * n / c.n, to = (g + 1) * n / c.n;
        c.nodes[g] = middle_of(points + from, to - from, scratch);
    }
    return c;
}

/* Straight between nodes; level below the first; above the last it goes on as it rose, and does not fall. */
static double curve_at(const struct curve *c, double height) {
    const struct residual_point *nodes = c->nodes;
    if (height <= nodes[0].height)
        return nodes[0].residual;
    size_t k = 1;
    while (k + 1 < c->n && height > nodes[k].height)
        k++;
    double run = nodes[k].height - nodes[k - 1].height, share = run > 0 ? (height - nodes[k - 1].height) / run : 1;
    double value = nodes[k - 1].residual + share * (nodes[k].residual - nodes[k - 1].residual);
    return share > 1 ? fmax(value, nodes[k].residual) : value;
}

/* Largest value in (low, high]: at an end or at a node. */
static double largest_between(const struct curve *c, double low, double high) {
    double most = fmax(curve_at(c, low), curve_at(c, high));
    for (size_t k = 0; k < c->n; k++)
        if (c->nodes[k].height > low && c->nodes[k].height < high)
            most = fmax(most, c->nodes[k].residual);
    return most;
}

enum status residual_curve_learn(struct residual_point *points, size_t n, struct pixel_model *m) {
    if (n < 2 * GROUP_MIN)
        return STATUS_TOO_FEW;
    double *scratch = malloc(n * sizeof *scratch);
    if (scratch == NULL)
        return STATUS_NO_MEMORY;
    qsort(points, n, sizeof *points, by_height);
    struct curve c = curve_through(points, n, scratch);
    for (size_t i = 0; i < n; i++)
        scratch[i] = points[i].residual / curve_at(&c, points[i].height) - 1;
    struct robust_centre spread = robust_centre(scratch, n);
    free(scratch);
    double factor = 1 + fmax(0, spread.median) + 10 * fmax(spread.sigma, 0.05);
    m->n_slices = OFF_SLICES_MAX;
    m->slice_width = 1.25 * points[n - 1 - n / 200].height / OFF_SLICES_MAX;
    for (uint32_t k = 0; k < m->n_slices; k++)
        m->slice_limit[k] = factor * largest_between(&c, (k - 0.5) * m->slice_width, (k + 0.5) * m->slice_width);
    return STATUS_OK;
}

double residual_curve_limit(const struct pixel_model *m, double height) {
    if (m->n_slices == 0)
        return INFINITY;
    double slice = ceil(height / m->slice_width - 0.5), last = m->n_slices - 1;
    if (!(slice > 0))
        return m->slice_limit[0];
    if (slice <= last)
        return m->slice_limit[(uint32_t)slice];
    double beyond = height / ((last + 0.5) * m->slice_width);
    return m->slice_limit[m->n_slices - 1] * (m->coefficients ? 1 : beyond * beyond);
}
