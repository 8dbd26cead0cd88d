/* Which scans are repeats of one another, and their sum. Scans are put in order of sample, variable, edge, number of points and
 * number; each joins the first group before it, of the same four, whose set points it meets. Set points are compared in order of
 * energy, k-th with k-th, against the group's first scan, so that a chain of small differences cannot lead away from it. */
#include "calib/scan_live_time.h"
#include "calib/scan_products.h"
#include "calib/scan_repeat.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct repeat {
    const struct scan_products *products;
    struct scan_repeat of;
    size_t group;                  /* position of the group's first scan */
};

static int by_kind_and_number(const void *va, const void *vb) {
    const struct repeat *a = va, *b = vb;
    int c = scan_repeat_by_kind(&a->of, &b->of);
    if (c != 0)
        return c;
    int32_t s = a->products->scan->number, t = b->products->scan->number;
    return s < t ? -1 : s > t;
}

static void find_groups(struct repeat *r, size_t n) {
    for (size_t kind = 0, i = 0; i < n; i++) {
        if (scan_repeat_by_kind(&r[kind].of, &r[i].of) != 0)
            kind = i;
        r[i].group = i;
        for (size_t g = kind; g < i; g++)
            if (r[g].group == g && scan_repeat_meets(&r[g].of, &r[i].of)) {
                r[i].group = g;
                break;
            }
    }
}

static void name_group(char *out, size_t size, const struct repeat *first, bool taken) {
    char sample[sizeof first->products->scan->sample];
    const char *from = first->products->scan->sample;
    size_t n = 0;
    for (; n < sizeof sample - 1 && from[n] != '\0'; n++) {
        char c = from[n];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        sample[n] = plain ? c : '_';
    }
    sample[n] = '\0';
    const char *shown = n > 0 ? sample : "sample";
    if (taken)
        snprintf(out, size, "%s_%s_%u", shown, first->of.edge, (unsigned)first->products->scan->number);
    else
        snprintf(out, size, "%s_%s", shown, first->of.edge);
}

/* The summed scan starts as the first one, with times of its own: each point begins with that of the first scan and lasts as long
 * as all together. */
static enum status scan_of_sum(const struct scan_products *first, struct scan **out) {
    struct scan *s = calloc(1, sizeof *s);
    struct scan_point *points = calloc(first->n_points, sizeof *points);
    if (s == NULL || points == NULL) {
        free(s);
        free(points);
        return STATUS_NO_MEMORY;
    }
    *s = *first->scan;
    s->number = s->log_number = -1;
    s->label[0] = s->log_name[0] = '\0';
    s->n_extras = 0;
    s->extras = NULL;
    s->points = points;
    for (uint32_t k = 0; k < s->n_points; k++)
        points[k] = (struct scan_point){ .start_ns = first->scan->points[k].start_ns, .end_ns = first->scan->points[k].start_ns,
                                         .incident_eV = first->scan->points[k].incident_eV };
    *out = s;
    return STATUS_OK;
}

/* What the points of the scans add up to. Counts are divided by sum_k I0_k LT_k (doc/methods.md, Live time), so the I0 of the sum is the mean over
 * the live time of all: I0 x live time of the sum is what the scans were exposed to. A repeat that was live without an I0 above 0 leaves
 * the whole point without one: its counts are in the sum and cannot be taken out. */
struct exposure { double live_ns, i0_excess, variance; bool known; };

/* The mean as the first scan's and the mean distance from it: exact where all are equal. */
static void add_point(struct scan_point *into, const struct scan_point *first, const struct scan_point *from, double live_ns, size_t n_scans, struct exposure *e) {
    into->end_ns += from->end_ns - from->start_ns;
    into->incident_eV += (from->incident_eV - first->incident_eV) / (double)n_scans;
    e->live_ns += live_ns;
    e->i0_excess += live_ns * (from->i0 - first->i0);
    e->variance += live_ns * live_ns * from->i0_sigma * from->i0_sigma;
    e->known = e->known && (from->i0 > 0 || (live_ns <= 0 && isfinite(from->i0)));
}

static void settle_i0(struct scan_point *into, const struct scan_point *first, const struct exposure *e) {
    const bool several = e->live_ns > 0;
    into->i0 = e->known ? first->i0 + (several ? e->i0_excess / e->live_ns : 0) : (double)NAN;
    into->i0_sigma = several ? sqrt(e->variance) / e->live_ns : first->i0_sigma;
}

/* ---- what logs add: means over live time, as I0, so that their ratio to I0 is that of the sums ---- */

static const struct scan_extra *extra_named(const struct scan *s, const char *name) {
    for (uint32_t k = 0; k < s->n_extras; k++)
        if (strcmp(s->extras[k].name, name) == 0)
            return &s->extras[k];
    return NULL;
}

/* Those that all scans of group g among r[g..n) have. */
static enum status make_extras(const struct repeat *r, size_t n, size_t g, struct scan *sum) {
    const struct scan *first = r[g].products->scan;
    sum->extras = calloc(first->n_extras + (size_t)1, sizeof *sum->extras);
    if (sum->extras == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t k = 0; k < first->n_extras; k++) {
        bool all = true;
        for (size_t i = g; i < n && all; i++)
            all = r[i].group != g || extra_named(r[i].products->scan, first->extras[k].name) != NULL;
        struct scan_extra *x = &sum->extras[sum->n_extras];
        if (!all)
            continue;
        x->values = calloc(first->n_points + (size_t)1, sizeof *x->values);
        if (x->values == NULL)
            return STATUS_NO_MEMORY;
        memcpy(x->name, first->extras[k].name, sizeof x->name);
        sum->n_extras++;
    }
    return STATUS_OK;
}

static void add_extras(struct scan *sum, const struct scan *from, uint32_t from_row, uint32_t row, double live_ns) {
    for (uint32_t k = 0; k < sum->n_extras; k++)
        sum->extras[k].values[row] += live_ns * extra_named(from, sum->extras[k].name)->values[from_row];
}

static void settle_extras(struct scan *sum, const struct scan *first, uint32_t row, double live_ns) {
    for (uint32_t k = 0; k < sum->n_extras; k++) {
        double *value = &sum->extras[k].values[row];
        *value = live_ns > 0 ? *value / live_ns : extra_named(first, sum->extras[k].name)->values[row];
    }
}

static enum status add_repeat(struct scan_sum *sum, const struct repeat *first, const struct repeat *r, uint32_t *row_of, struct exposure *exposure) {
    uint32_t n = first->products->n_points;
    for (uint32_t k = 0; k < n; k++)
        row_of[r->of.set_points[k].row] = first->of.set_points[k].row;
    enum status s = scan_products_sum(sum->sum, r->products, row_of);
    if (s != STATUS_OK)
        return s;
    for (uint32_t k = 0; k < n; k++) {
        const double live_ns = scan_live_time_weighted_ns(r->products, k);
        add_extras(sum->scan, r->products->scan, k, row_of[k], live_ns);
        add_point(&sum->scan->points[row_of[k]], &first->products->scan->points[row_of[k]], &r->products->scan->points[k], live_ns, sum->n_scans, &exposure[row_of[k]]);
    }
    const struct scan *scan = r->products->scan;
    sum->scan->start_ns = scan->start_ns < sum->scan->start_ns ? scan->start_ns : sum->scan->start_ns;
    sum->scan->end_ns = scan->end_ns > sum->scan->end_ns ? scan->end_ns : sum->scan->end_ns;
    return STATUS_OK;
}

/* Empty products of the same axes, regions, grades and pixels as the first scan's. */
static enum status empty_like(const struct scan_products *first, const struct scan *scan, struct scan_products **out) {
    struct yield_region *regions = calloc(first->n_yields + 1, sizeof *regions);
    if (regions == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t r = 0; r < first->n_yields; r++)
        regions[r] = first->yields[r]->region;
    struct product_settings settings = { .emission = first->emission->axis, .loss = first->loss->axis, .n_regions = first->n_yields, .regions = regions };
    struct scan_products *p;
    enum status s = scan_products_new(scan, first->n_pixels, first->pixels_used, &settings, &p);
    free(regions);
    if (s != STATUS_OK)
        return s;
    p->emission->grades_used = first->emission->grades_used;
    p->loss->grades_used = first->loss->grades_used;
    for (uint32_t r = 0; r < p->n_yields; r++)
        p->yields[r]->grades_used = first->yields[r]->grades_used;
    memcpy(p->sensitivity, first->sensitivity, p->n_pixels * sizeof *p->sensitivity);
    memcpy(p->window_s, first->window_s, p->n_pixels * sizeof *p->window_s);
    memcpy(p->resolution_eV, first->resolution_eV, p->n_pixels * sizeof *p->resolution_eV);
    memcpy(p->unresolved_s, first->unresolved_s, p->n_pixels * sizeof *p->unresolved_s);
    memcpy(p->tail_s, first->tail_s, p->n_pixels * sizeof *p->tail_s);
    *out = p;
    return STATUS_OK;
}

/* The members of group g among r[g..n), in order of scan number. */
static enum status sum_make(const struct repeat *r, size_t n, size_t g, struct scan_sum *sum) {
    for (size_t i = g; i < n; i++)
        sum->n_scans += r[i].group == g;
    sum->scan_numbers = calloc(sum->n_scans, sizeof *sum->scan_numbers);
    const uint32_t n_points = r[g].products->n_points;
    uint32_t *row_of = calloc(n_points, sizeof *row_of);
    struct exposure *exposure = calloc(n_points, sizeof *exposure);
    enum status s = sum->scan_numbers != NULL && row_of != NULL && exposure != NULL ? scan_of_sum(r[g].products, &sum->scan) : STATUS_NO_MEMORY;
    for (uint32_t k = 0; exposure != NULL && k < n_points; k++)
        exposure[k].known = true;
    if (s == STATUS_OK)
        s = make_extras(r, n, g, sum->scan);
    if (s == STATUS_OK)
        s = empty_like(r[g].products, sum->scan, &sum->sum);
    uint32_t member = 0;
    for (size_t i = g; i < n && member < sum->n_scans && s == STATUS_OK; i++)
        if (r[i].group == g) {
            sum->scan_numbers[member++] = r[i].products->scan->number;
            s = add_repeat(sum, &r[g], &r[i], row_of, exposure);
        }
    for (uint32_t k = 0; k < n_points && s == STATUS_OK; k++) {
        settle_i0(&sum->scan->points[k], &r[g].products->scan->points[k], &exposure[k]);
        settle_extras(sum->scan, r[g].products->scan, k, exposure[k].live_ns);
    }
    if (s == STATUS_OK)
        scan_live_time_settle(sum->sum);
    free(exposure);
    free(row_of);
    return s;
}

static bool same_base(const struct repeat *a, const struct repeat *b) {
    char x[80], y[80];
    name_group(x, sizeof x, a, false);
    name_group(y, sizeof y, b, false);
    return strcmp(x, y) == 0;
}

/* A group whose plain name an earlier one has gets its first scan's number behind it, which no other group has. */
static bool name_taken(const struct repeat *r, size_t g) {
    for (size_t i = 0; i < g; i++)
        if (r[i].group == i && same_base(&r[i], &r[g]))
            return true;
    return false;
}

static enum status make_sums(struct repeat *r, size_t n, struct scan_sum **out, size_t *n_out) {
    find_groups(r, n);
    size_t n_groups = 0;
    for (size_t i = 0; i < n; i++)
        n_groups += r[i].group == i;
    struct scan_sum *sums = calloc(n_groups + 1, sizeof *sums);
    if (sums == NULL)
        return STATUS_NO_MEMORY;
    enum status s = STATUS_OK;
    size_t made = 0;
    for (size_t g = 0; g < n && s == STATUS_OK; g++)
        if (r[g].group == g) {
            name_group(sums[made].group, sizeof sums[made].group, &r[g], name_taken(r, g));
            s = sum_make(r, n, g, &sums[made++]);
        }
    if (s != STATUS_OK) {
        scan_sums_free(sums, made);
        return s;
    }
    *out = sums;
    *n_out = n_groups;
    return STATUS_OK;
}

enum status scan_sums_make(struct scan_products *const *products, size_t n_products, struct scan_sum **sums, size_t *n) {
    struct repeat *r = calloc(n_products + 1, sizeof *r);
    if (r == NULL)
        return STATUS_NO_MEMORY;
    enum status s = STATUS_OK;
    for (size_t i = 0; i < n_products && s == STATUS_OK; i++) {
        r[i].products = products[i];
        s = scan_repeat_new(products[i]->scan, &r[i].of);
    }
    if (s == STATUS_OK) {
        qsort(r, n_products, sizeof *r, by_kind_and_number);
        s = make_sums(r, n_products, sums, n);
    }
    for (size_t i = 0; i < n_products; i++)
        scan_repeat_done(&r[i].of);
    free(r);
    return s;
}

void scan_sums_free(struct scan_sum *sums, size_t n) {
    for (size_t i = 0; sums != NULL && i < n; i++) {
        free(sums[i].scan_numbers);
        scan_products_free(sums[i].sum);
        if (sums[i].scan != NULL)
            scan_done(sums[i].scan);
        free(sums[i].scan);
    }
    free(sums);
}
