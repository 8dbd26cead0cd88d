#include "pulse/neighbour_judge.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/correction_terms.h"
#include "pulse/random_stream.h"
#include "pulse/sharpening.h"

enum { PAIRS_MIN = 300, GROUP_MIN = 60, BISECTIONS = 12, DRAW_JUDGE = 601, REPEATS = 4 };

struct bench {
    size_t n, n_groups, group_end[GROUPS_MAX];
    double *height[2], *noise, *sum;      /* noise: REPEATS x n */
    struct sharpening_points points;
    struct density *density;
};

static void bench_done(struct bench *b) {
    density_free(b->density);
    free(b->height[0]);
}

static enum status bench_init(const struct height_pair *pairs, size_t n, double sigma, struct bench *b) {
    size_t count[GROUPS_MAX] = { 0 };
    *b = (struct bench){ .n = 0 };
    double *memory = malloc((4 + REPEATS) * (n + 1) * sizeof *memory);
    if (memory == NULL)
        return STATUS_NO_MEMORY;
    b->height[0] = memory;
    b->height[1] = memory + n;
    b->sum = memory + 2 * n;
    b->noise = memory + 3 * n;
    for (size_t i = 0; i < n; i++)
        if (pairs[i].group < GROUPS_MAX)
            count[pairs[i].group]++;
    for (uint16_t g = 0; g < GROUPS_MAX; g++) {
        for (size_t i = 0; i < n && count[g] >= GROUP_MIN; i++)
            if (pairs[i].group == g) {
                b->height[0][b->n] = pairs[i].first;
                b->height[1][b->n++] = pairs[i].second;
            }
        if (count[g] >= GROUP_MIN)
            b->group_end[b->n_groups++] = b->n;
    }
    if (b->n < PAIRS_MIN)
        return STATUS_TOO_FEW;
    struct random_stream r;
    random_stream_init(&r, 1, 0, DRAW_JUDGE);
    for (size_t i = 0; i < REPEATS * b->n; i++)
        b->noise[i] = random_stream_normal(&r);
    b->points = (struct sharpening_points){ .n = b->n, .n_groups = b->n_groups, .sigma = sigma, .height = b->height[0], .group_end = b->group_end };
    return density_new(&b->points, &b->density);
}

/* Entropy of one estimate with noise of that variance, mean over a few draws. */
static double entropy(struct bench *b, int which, double variance) {
    double sum = 0, deviation = sqrt(variance);
    int repeats = variance > 0 ? REPEATS : 1;
    for (int r = 0; r < repeats; r++) {
        for (size_t i = 0; i < b->n; i++)
            b->sum[i] = b->height[which][i] + deviation * b->noise[(size_t)r * b->n + i];
        b->points.height = b->sum;
        sum += sharpening_entropy(b->density, &b->points, NULL);
    }
    return sum / repeats;
}

/* Positive: with noise v between them, the second is the sharper one. */
static double difference(struct bench *b, double v) {
    return entropy(b, 0, fmax(0, -v)) - entropy(b, 1, fmax(0, v));
}

enum status neighbour_judge(const struct height_pair *pairs, size_t n, double first_sigma, double second_sigma, struct line_verdict *out) {
    struct bench b;
    enum status s = bench_init(pairs, n, first_sigma, &b);
    if (s == STATUS_OK) {
        double high = first_sigma * first_sigma, low = -3 * high;
        for (int i = 0; i < BISECTIONS; i++) {
            double middle = 0.5 * (low + high);
            if (difference(&b, middle) > 0)
                low = middle;
            else
                high = middle;
        }
        double v = 0.5 * (low + high);
        *out = (struct line_verdict){ .pulses = b.n, .variance = v, .pull = sqrt(fmax(0, first_sigma * first_sigma - v)) / second_sigma };
    }
    bench_done(&b);
    return s;
}
