#include "calib/array_activity.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_SLICES = 1 << 22 };
static const double SLICE_NS = 1e8, DEAD_AFTER_RECORDS = 25;

struct array_activity {
    int64_t first_ns;
    double slice_ns;
    size_t n;
    double *before;   /* n + 1: records of slice k until settled, then of all slices before k */
};

enum status array_activity_new(int64_t first_ns, int64_t last_ns, struct array_activity **out) {
    double span_ns = last_ns > first_ns ? (double)last_ns - (double)first_ns : 0;
    struct array_activity *a = calloc(1, sizeof *a);
    if (a == NULL)
        return STATUS_NO_MEMORY;
    a->first_ns = first_ns;
    a->slice_ns = fmax(SLICE_NS, ceil(span_ns / (MAX_SLICES - 1)));
    a->n = (size_t)(span_ns / a->slice_ns) + 1;
    a->before = calloc(a->n + 1, sizeof *a->before);
    if (a->before == NULL) {
        free(a);
        return STATUS_NO_MEMORY;
    }
    *out = a;
    return STATUS_OK;
}

void array_activity_free(struct array_activity *a) {
    if (a == NULL)
        return;
    free(a->before);
    free(a);
}

/* In slices from the start, 0 to n. */
static double place_of(const struct array_activity *a, int64_t time_ns) {
    double x = time_ns > a->first_ns ? (double)((uint64_t)time_ns - (uint64_t)a->first_ns) / a->slice_ns : 0;
    return x < (double)a->n ? x : (double)a->n;
}

void array_activity_add(struct array_activity *a, const int64_t *time_ns, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t k = (size_t)place_of(a, time_ns[i]);
        a->before[k < a->n ? k : a->n - 1]++;
    }
}

void array_activity_settle(struct array_activity *a) {
    double sum = 0;
    for (size_t k = 0; k <= a->n; k++) {
        double here = a->before[k];
        a->before[k] = sum;
        sum += here;
    }
}

static double records_before(const struct array_activity *a, int64_t time_ns) {
    double x = place_of(a, time_ns);
    size_t k = (size_t)x;
    return k >= a->n ? a->before[a->n] : a->before[k] + (x - (double)k) * (a->before[k + 1] - a->before[k]);
}

double array_activity_between(const struct array_activity *a, int64_t start_ns, int64_t end_ns) {
    return end_ns > start_ns ? records_before(a, end_ns) - records_before(a, start_ns) : 0;
}

void array_activity_judge(const struct array_activity *a, uint64_t n_records, const struct time_span *up, size_t n_up,
                          const struct time_span *silences, size_t n, bool *dead) {
    double otherwise = 0;
    for (size_t k = 0; k < n_up; k++)
        otherwise += array_activity_between(a, up[k].start_ns, up[k].end_ns);
    for (size_t k = 0; k < n; k++)
        otherwise -= array_activity_between(a, silences[k].start_ns, silences[k].end_ns);
    double share = otherwise > 0 ? (double)n_records / otherwise : 0;
    for (size_t k = 0; k < n; k++)
        dead[k] = share * array_activity_between(a, silences[k].start_ns, silences[k].end_ns) >= DEAD_AFTER_RECORDS;
}
