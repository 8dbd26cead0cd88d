#include "daemon/grade_plan.h"

#include <stdlib.h>
#include <string.h>

static bool cells_new(struct time_cells *c, size_t most) {
    c->start_ns = calloc(most + 1, sizeof *c->start_ns);
    c->end_ns = calloc(most + 1, sizeof *c->end_ns);
    return c->start_ns != NULL && c->end_ns != NULL;
}

static void add_cell(struct time_cells *c, int64_t start_ns, int64_t end_ns) {
    c->start_ns[c->n] = start_ns;
    c->end_ns[c->n++] = end_ns;
}

uint32_t time_cell_around(const struct time_cells *c, int64_t time_ns, struct time_span *same) {
    uint32_t lo = 0, hi = c->n;
    while (lo < hi) {
        uint32_t middle = lo + (hi - lo) / 2;
        if (c->end_ns[middle] <= time_ns)
            lo = middle + 1;
        else
            hi = middle;
    }
    bool inside = lo < c->n && c->start_ns[lo] <= time_ns;
    int64_t free_from_ns = lo > 0 ? c->end_ns[lo - 1] : INT64_MIN, free_until_ns = lo < c->n ? c->start_ns[lo] : INT64_MAX;
    *same = inside ? (struct time_span){ c->start_ns[lo], c->end_ns[lo] } : (struct time_span){ free_from_ns, free_until_ns };
    return inside ? lo : UINT32_MAX;
}

uint32_t time_cell_of(const struct time_cells *c, int64_t time_ns) {
    struct time_span ignored;
    return time_cell_around(c, time_ns, &ignored);
}

static bool add_points(struct grade_plan *p, struct scan_products *const *products, size_t n) {
    size_t n_points = 0;
    for (size_t k = 0; k < n; k++)
        n_points += products[k]->n_points;
    if (!cells_new(&p->points, n_points))
        return false;
    for (size_t k = 0; k < n; k++)
        for (uint32_t i = 0; i < products[k]->n_points; i++)
            add_cell(&p->points, products[k]->scan->points[i].start_ns, products[k]->scan->points[i].end_ns);
    return true;
}

static bool add_calibrations(struct grade_plan *p, const struct scan_timeline *t) {
    size_t n = scan_timeline_count(t);
    if (!cells_new(&p->calibrations, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct scan *s = scan_timeline_at(t, i);
        int64_t free_ns = p->calibrations.n > 0 ? p->calibrations.end_ns[p->calibrations.n - 1] : INT64_MIN;
        int64_t start_ns = s->start_ns > free_ns ? s->start_ns : free_ns;
        if (s->calibration && start_ns < s->end_ns)
            add_cell(&p->calibrations, start_ns, s->end_ns);
    }
    return true;
}

/* So that one walk over a channel's events serves both. */
static bool merge_cells(struct grade_plan *p) {
    const struct time_cells *a = &p->points, *b = &p->calibrations;
    uint32_t i = 0, k = 0;
    int64_t free_ns = INT64_MIN;
    p->place = calloc(a->n + (size_t)b->n + 1, sizeof *p->place);
    if (p->place == NULL || !cells_new(&p->all, a->n + (size_t)b->n))
        return false;
    while (i < a->n || k < b->n) {
        bool point = k == b->n || (i < a->n && a->start_ns[i] < b->start_ns[k]);
        int64_t start_ns = point ? a->start_ns[i] : b->start_ns[k], end_ns = point ? a->end_ns[i] : b->end_ns[k];
        if (start_ns < free_ns) {
            p->all.n = 0;
            return true;
        }
        p->place[p->all.n] = point ? i++ : a->n + k++;
        add_cell(&p->all, start_ns, free_ns = end_ns);
    }
    return true;
}

/* ---- runs ---- */

struct run_span { const char *path; size_t name; struct time_span span; };  /* path[0..name): what files of a run share */

static size_t run_name(const char *path) {
    const char *found = NULL;
    for (const char *at = strstr(path, "_chan"); at != NULL; at = strstr(at + 1, "_chan"))
        found = at;
    return found != NULL ? (size_t)(found - path) : strlen(path);
}

static int by_name(const void *va, const void *vb) {
    const struct run_span *a = va, *b = vb;
    int c = memcmp(a->path, b->path, a->name < b->name ? a->name : b->name);
    return c ? c : (a->name > b->name) - (a->name < b->name);
}

static int by_start(const void *va, const void *vb) {
    const struct time_span *a = va, *b = vb;
    return (a->start_ns > b->start_ns) - (a->start_ns < b->start_ns);
}

static void widen(struct time_span *into, struct time_span more) {
    into->start_ns = more.start_ns < into->start_ns ? more.start_ns : into->start_ns;
    into->end_ns = more.end_ns > into->end_ns ? more.end_ns : into->end_ns;
}

static size_t list_files(const struct run_input *in, struct run_span *out) {
    size_t n = 0;
    for (size_t c = 0; c < in->n_channels; c++)
        for (size_t f = 0; f < in->channels[c].n_files; f++) {
            const struct input_file *file = &in->channels[c].files[f];
            if (!file->has_records)
                continue;
            if (out != NULL)
                out[n] = (struct run_span){ file->path, run_name(file->path), { file->first_ns, file->last_ns + 1 } };
            n++;
        }
    return n;
}

static bool add_runs(struct grade_plan *p, const struct run_input *in) {
    size_t n = list_files(in, NULL);
    struct run_span *files = calloc(n + 1, sizeof *files);
    p->up = calloc(n + 1, sizeof *p->up);
    if (files == NULL || p->up == NULL) {
        free(files);
        return false;
    }
    list_files(in, files);
    qsort(files, n, sizeof *files, by_name);
    size_t n_runs = 0;
    for (size_t i = 0; i < n; i++)
        if (i > 0 && by_name(&files[i - 1], &files[i]) == 0)
            widen(&p->up[n_runs - 1], files[i].span);
        else
            p->up[n_runs++] = files[i].span;
    free(files);
    qsort(p->up, n_runs, sizeof *p->up, by_start);
    for (size_t i = 0; i < n_runs; i++)
        if (p->n_up > 0 && p->up[i].start_ns <= p->up[p->n_up - 1].end_ns)
            widen(&p->up[p->n_up - 1], p->up[i]);
        else
            p->up[p->n_up++] = p->up[i];
    return true;
}

bool grade_plan_make(const struct scan_timeline *timeline, struct scan_products *const *products, size_t n_products, const struct run_input *pulses, struct grade_plan *out) {
    struct grade_plan p = { .n_up = 0 };
    if (!add_points(&p, products, n_products) || !add_calibrations(&p, timeline) || !merge_cells(&p) || !add_runs(&p, pulses)) {
        grade_plan_done(&p);
        return false;
    }
    *out = p;
    return true;
}

void grade_plan_done(struct grade_plan *p) {
    free(p->points.start_ns);
    free(p->points.end_ns);
    free(p->calibrations.start_ns);
    free(p->calibrations.end_ns);
    free(p->all.start_ns);
    free(p->all.end_ns);
    free(p->place);
    free(p->up);
    *p = (struct grade_plan){ 0 };
}
