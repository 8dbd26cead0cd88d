#include "pulse/residual_scale.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/robust.h"

static int by_height(const void *a, const void *b) {
    const struct residual_point *p = a, *q = b;
    return (p->height > q->height) - (p->height < q->height);
}

static void add_node(const struct residual_point *points, size_t n, double *scratch, struct residual_scale *s) {
    for (size_t i = 0; i < n; i++)
        scratch[i] = points[i].residual;
    struct robust_centre c = robust_centre(scratch, n);
    s->height[s->n_nodes] = points[n / 2].height;
    s->middle[s->n_nodes] = c.median;
    s->sigma[s->n_nodes++] = fmax(c.sigma, 0.01 * c.median);
}

static double middle_of(double a, double b, double c) {
    return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

/* The spread of 40 values is known to 15 % only: each takes the middle one of itself and its neighbours. */
static void calm(struct residual_scale *s) {
    double before = s->sigma[0];
    for (uint32_t i = 1; i + 1 < s->n_nodes; i++) {
        double own = s->sigma[i];
        s->sigma[i] = fmax(middle_of(before, own, s->sigma[i + 1]), 0.01 * s->middle[i]);
        before = own;
    }
}

enum status residual_scale_learn(struct residual_point *points, size_t n, struct residual_scale *out) {
    size_t groups = n / RESIDUAL_GROUP_MIN < RESIDUAL_NODES_MAX ? n / RESIDUAL_GROUP_MIN : RESIDUAL_NODES_MAX;
    if (groups == 0)
        return STATUS_TOO_FEW;
    double *scratch = malloc(n * sizeof *scratch);
    if (scratch == NULL)
        return STATUS_NO_MEMORY;
    struct residual_scale s = { .n_nodes = 0 };
    qsort(points, n, sizeof *points, by_height);
    for (size_t g = 0; g < groups; g++)
        add_node(points + g * n / groups, (g + 1) * n / groups - g * n / groups, scratch, &s);
    calm(&s);
    free(scratch);
    *out = s;
    return STATUS_OK;
}

double residual_scale_excess(const struct residual_scale *s, double height, double residual) {
    if (isnan(residual))
        return INFINITY;
    if (s->n_nodes == 0)
        return 0;
    uint32_t k = 0, last = s->n_nodes - 1;
    if (!(height > s->height[0]))
        return (residual - s->middle[0]) / s->sigma[0];
    if (height >= s->height[last]) {
        double growth = height / s->height[last];
        return (residual / (growth * growth) - s->middle[last]) / s->sigma[last];
    }
    for (uint32_t i = 1; i < last; i++)   /* all of them: which one it is differs from record to record, and a wrong guess costs more */
        k += height >= s->height[i];
    double share = (height - s->height[k]) / (s->height[k + 1] - s->height[k]);
    double middle = s->middle[k] + share * (s->middle[k + 1] - s->middle[k]), sigma = s->sigma[k] + share * (s->sigma[k + 1] - s->sigma[k]);
    return (residual - middle) / sigma;
}
