#include "pulse/lag_products.h"

#include <stdlib.h>
#include <string.h>

struct lag_products {
    const struct noise_plan *plan;
    uint32_t n;
    double *reals;      /* 2N: record, then zeros */
    double *previous;   /* N+1 complex: transform of the last record */
    double *current;
    double *total;
    uint64_t records, borders;
};

enum status lag_products_new(const struct noise_plan *plan, struct lag_products **out) {
    struct lag_products *l = calloc(1, sizeof *l);
    if (l == NULL)
        return STATUS_NO_MEMORY;
    uint64_t n = noise_plan_n_samples(plan);
    *l = (struct lag_products){ .plan = plan, .n = (uint32_t)n, .reals = noise_plan_buffer(2 * n), .previous = noise_plan_buffer(2 * n + 2),
                                .current = noise_plan_buffer(2 * n + 2), .total = noise_plan_buffer(2 * n + 2) };
    if (!l->reals || !l->previous || !l->current || !l->total) {
        lag_products_free(l);
        return STATUS_NO_MEMORY;
    }
    *out = l;
    return STATUS_OK;
}

void lag_products_free(struct lag_products *l) {
    if (l == NULL)
        return;
    noise_plan_release(l->reals);
    noise_plan_release(l->previous);
    noise_plan_release(l->current);
    noise_plan_release(l->total);
    free(l);
}

/* total += sign x conj(a) b at frequency f. */
static inline void accumulate(double *total, const double *a, const double *b, double sign) {
    total[0] += sign * (a[0] * b[0] + a[1] * b[1]);
    total[1] += sign * (a[0] * b[1] - a[1] * b[0]);
}

void lag_products_add(struct lag_products *l, const double *x, bool touches) {
    memcpy(l->reals, x, l->n * sizeof *x);
    noise_plan_forward(l->plan, l->reals, l->current);
    bool border = touches && l->records > 0;
    for (size_t f = 0; f <= l->n; f++) {
        const double *now = l->current + 2 * f;
        accumulate(l->total + 2 * f, now, now, 1);
        if (border)
            accumulate(l->total + 2 * f, l->previous + 2 * f, now, f % 2 ? -1 : 1);
    }
    l->records++;
    l->borders += border;
    double *spare = l->previous;
    l->previous = l->current;
    l->current = spare;
}

void lag_products_finish(struct lag_products *l, double *sums, double *counts) {
    noise_plan_backward(l->plan, l->total, l->reals);
    for (size_t j = 0; j < l->n; j++) {
        sums[j] = l->reals[j] / (2.0 * l->n);
        counts[j] = (double)l->records * (double)(l->n - j) + (double)l->borders * (double)j;
    }
}
