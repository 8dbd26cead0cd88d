#include "calib/beam_steadiness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int64_t SLICE_NS = 10000000;
enum { LEAST_SLICES = 10, LEAST_COUNTS = 10 };

struct beam_steadiness {
    uint32_t n_points;
    int64_t *start_ns, *end_ns;
    size_t *first;               /* slice of each point, n_points + 1; what is left of a point behind its last whole slice is not looked at */
    uint32_t *counts;
};

enum status beam_steadiness_new(const int64_t *start_ns, const int64_t *end_ns, uint32_t n_points, struct beam_steadiness **out) {
    struct beam_steadiness *b = calloc(1, sizeof *b);
    if (b == NULL)
        return STATUS_NO_MEMORY;
    b->n_points = n_points;
    b->start_ns = calloc(n_points + (size_t)1, sizeof *b->start_ns);
    b->end_ns = calloc(n_points + (size_t)1, sizeof *b->end_ns);
    b->first = calloc(n_points + (size_t)1, sizeof *b->first);
    if (b->start_ns != NULL && b->end_ns != NULL && b->first != NULL) {
        memcpy(b->start_ns, start_ns, n_points * sizeof *start_ns);
        memcpy(b->end_ns, end_ns, n_points * sizeof *end_ns);
        for (uint32_t k = 0; k < n_points; k++)
            b->first[k + 1] = b->first[k] + (size_t)((end_ns[k] - start_ns[k]) / SLICE_NS);
        b->counts = calloc(b->first[n_points] + 1, sizeof *b->counts);
    }
    if (b->counts == NULL) {
        beam_steadiness_free(b);
        return STATUS_NO_MEMORY;
    }
    *out = b;
    return STATUS_OK;
}

void beam_steadiness_free(struct beam_steadiness *b) {
    if (b == NULL)
        return;
    free(b->start_ns);
    free(b->end_ns);
    free(b->first);
    free(b->counts);
    free(b);
}

void beam_steadiness_add(struct beam_steadiness *b, const int64_t *time_ns, size_t n) {
    uint32_t k = 0;
    for (size_t i = 0; i < n; i++) {
        while (k > 0 && time_ns[i] < b->start_ns[k])
            k--;
        while (k < b->n_points && time_ns[i] >= b->end_ns[k])
            k++;
        if (k == b->n_points) {
            k -= b->n_points > 0;
            continue;
        }
        if (time_ns[i] < b->start_ns[k])
            continue;
        size_t slice = b->first[k] + (size_t)((time_ns[i] - b->start_ns[k]) / SLICE_NS);
        if (slice < b->first[k + 1])
            b->counts[slice]++;
    }
}

double beam_steadiness_dispersion(const struct beam_steadiness *b, uint32_t first, uint32_t n) {
    double squares = 0, means = 0, counts = 0, slices = 0;
    for (uint32_t k = first; k < first + n; k++) {
        double sum = 0, square = 0, m = (double)(b->first[k + 1] - b->first[k]);
        for (size_t i = b->first[k]; i < b->first[k + 1]; i++) {
            sum += b->counts[i];
            square += (double)b->counts[i] * b->counts[i];
        }
        if (m < 2)
            continue;
        squares += square - sum * sum / m;
        means += sum / m * (m - 1);
        counts += sum;
        slices += m;
    }
    return slices >= LEAST_SLICES && counts >= LEAST_COUNTS ? squares / means : (double)NAN;
}
