#include "daemon/scan_elastics.h"

#include <stdlib.h>

#include "calib/scan_repeat.h"

typedef double resolution_fn(const void *context, int64_t time_ns);

static void find(const struct scan_products *p, resolution_fn *resolution_at, const void *context, struct scan_elastic *e, uint8_t *used) {
    scan_elastic_find(p->loss, p->scan, resolution_at(context, p->scan->start_ns), used, e);
}

/* The points of the sum as rows of one of its scans. False: no memory. */
static bool points_of_repeat(const struct scan *sum, const uint8_t *sum_used, const struct scan *s, uint8_t *used) {
    struct scan_repeat a = { 0 }, b = { 0 };
    const bool good = scan_repeat_new(sum, &a) == STATUS_OK && scan_repeat_new(s, &b) == STATUS_OK;
    for (uint32_t k = 0; good && k < s->n_points && k < sum->n_points; k++)
        used[b.set_points[k].row] = sum_used[a.set_points[k].row];
    scan_repeat_done(&a);
    scan_repeat_done(&b);
    return good;
}

static const struct scan_products *member(struct scan_products *const *products, size_t n, int32_t number, size_t *at) {
    for (*at = 0; *at < n; ++*at)
        if (products[*at]->scan->number == number)
            return products[*at];
    return NULL;
}

/* All scans of a group by what their sum knows. */
static bool find_repeats(struct scan_products *const *products, size_t n, const struct scan_sum *sum, const struct scan_elastic *of_sum, const uint8_t *sum_used,
                         resolution_fn *resolution_at, const void *context, struct scan_elastics *out) {
    bool good = true;
    for (uint32_t s = 0; good && s < sum->n_scans; s++) {
        size_t at;
        const struct scan_products *p = member(products, n, sum->scan_numbers[s], &at);
        if (p == NULL)
            continue;
        good = points_of_repeat(sum->scan, sum_used, p->scan, out->point_used[at]);
        if (good)
            scan_elastic_measure(p->loss, p->scan, out->point_used[at], of_sum->fwhm_sigma_eV > 0 ? of_sum->fwhm_eV : resolution_at(context, p->scan->start_ns), &out->of[at]);
    }
    return good;
}

static bool make_room(struct scan_products *const *products, const struct scan_sum *sums, struct scan_elastics *out) {
    const size_t n = out->n_scans + out->n_sums;
    out->of = calloc(n + 1, sizeof *out->of);
    out->point_used = calloc(n + 1, sizeof(uint8_t *));
    bool good = out->of != NULL && out->point_used != NULL;
    for (size_t k = 0; good && k < n; k++) {
        const struct scan_products *p = k < out->n_scans ? products[k] : sums[k - out->n_scans].sum;
        out->point_used[k] = calloc(p->n_points + (size_t)1, 1);
        good = out->point_used[k] != NULL;
    }
    return good;
}

bool scan_elastics_find(struct scan_products *const *products, size_t n_products, const struct scan_sum *sums, size_t n_sums, resolution_fn *resolution_at, const void *context,
                        struct scan_elastics *out) {
    *out = (struct scan_elastics){ .n_scans = n_products, .n_sums = n_sums };
    bool good = make_room(products, sums, out);
    for (size_t k = 0; good && k < n_products; k++)
        find(products[k], resolution_at, context, &out->of[k], out->point_used[k]);
    for (size_t k = 0; good && k < n_sums; k++) {
        struct scan_elastic *e = &out->of[n_products + k];
        uint8_t *used = out->point_used[n_products + k];
        find(sums[k].sum, resolution_at, context, e, used);
        if (e->found && sums[k].n_scans > 1)
            good = find_repeats(products, n_products, &sums[k], e, used, resolution_at, context, out);
    }
    if (!good)
        scan_elastics_done(out);
    return good;
}

void scan_elastics_done(struct scan_elastics *e) {
    for (size_t k = 0; e->point_used != NULL && k < e->n_scans + e->n_sums; k++)
        free(e->point_used[k]);
    free(e->point_used);
    free(e->of);
    *e = (struct scan_elastics){ 0 };
}
