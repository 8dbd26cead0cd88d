#include "pulse/pulse_shape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/residual_scale.h"
#include "pulse/robust.h"

static const double FOLD_LEAVES = 3e-4;   /* of the reference height: a fifth of a good pixel's noise, so 2 % of its residual */

enum {
    COLUMNS = 8,    /* SHAPE_TERMS padded, so that compilers make the inner loop one of vectors */
    SHIFT_MOST = 3  /* samples; there are 4 before the shape's first */
};

enum status pulse_shape_new(uint32_t n_samples, uint32_t n_presamples, double reference, struct pulse_shape **out) {
    if (n_presamples < 8 || n_samples <= n_presamples || n_samples > UINT32_MAX - DOT_PAD || !(reference > 0))
        return STATUS_BAD_VALUE;
    struct pulse_shape *s = malloc(sizeof *s);
    if (s == NULL)
        return STATUS_NO_MEMORY;
    uint32_t first = n_presamples - 4;
    size_t stride = (n_samples - first + DOT_PAD - 1) / DOT_PAD * (size_t)DOT_PAD;
    *s = (struct pulse_shape){ .n_samples = n_samples, .first = first, .stride = stride, .reference = reference };
    s->rows = aligned_alloc(64, SHAPE_TERMS * stride * sizeof *s->rows);
    if (s->rows == NULL) {
        free(s);
        return STATUS_NO_MEMORY;
    }
    memset(s->rows, 0, SHAPE_TERMS * stride * sizeof *s->rows);
    *out = s;
    return STATUS_OK;
}

void pulse_shape_free(struct pulse_shape *s) {
    if (s == NULL)
        return;
    shape_fold_free(s->fold);
    free(s->rows);
    free(s);
}

enum status pulse_shape_from_template(const double *template_pulse, uint32_t n_samples, uint32_t n_presamples, double reference, struct pulse_shape **out) {
    struct pulse_shape *s;
    enum status status = pulse_shape_new(n_samples, n_presamples, reference, &s);
    if (status != STATUS_OK)
        return status;
    s->phase_low = -1.5;
    s->phase_high = 1.5;
    for (uint32_t k = s->first; k < n_samples; k++) {
        double next = template_pulse[k + 1 < n_samples ? k + 1 : k];
        s->rows[k - s->first] = (float)template_pulse[k];
        s->rows[s->stride + k - s->first] = (float)(-0.5 * (next - template_pulse[k - 1]));
    }
    *out = s;
    return pulse_shape_settle(s);
}

static double clip(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

static void factors(double h, double p, double u, double a[COLUMNS]) {
    const double f[COLUMNS] = { h, h * p, h * p * p, h * p * p * p, h * u, h * p * u, h * u * u, 0 };
    memcpy(a, f, sizeof f);
}

struct phase_bend phase_bend_of(double phase_at_one, double phase_at_two) {
    double one = phase_at_one - 1, two = phase_at_two - 2, quintic = (two - 8 * one) / 24, cubic = one - quintic;
    return cubic >= 0 && quintic >= 0 ? (struct phase_bend){ cubic, quintic } : (struct phase_bend){ 0, 0 };
}

/* Samples of which the filter says `phase`. Most are small, where the first step of the inversion is enough; Newton's method comes down from a point beyond
 * the zero of a convex function, so it cannot run away. */
static double arrival_of(const struct pulse_shape *s, double phase) {
    enum { STEPS = 6 };
    static const double SMALL = 1e-7;   /* what is left behind such a step is its square */
    double a = s->bend.cubic, b = s->bend.quintic, t = fabs(phase);
    if (!(t > 0.5))
        return phase - phase * phase * phase * (a + b * phase * phase);
    for (int i = 0; i < STEPS; i++) {
        double tt = t * t, step = (t * (1 + tt * (a + b * tt)) - fabs(phase)) / (1 + tt * (3 * a + 5 * b * tt));
        t -= step;
        if (step < SMALL)
            break;
    }
    return copysign(t, phase);
}

/* Whole samples of an arrival, 0 up to half a sample. */
static int32_t shift_of(double phase) {
    return isfinite(phase) ? (int32_t)lrint(clip(phase, -SHIFT_MOST, SHIFT_MOST)) : 0;
}

int32_t pulse_shape_terms(const struct pulse_shape *s, double height, double phase, float terms[SHAPE_TERMS]) {
    double a[COLUMNS];
    double arrival = isfinite(phase) ? arrival_of(s, phase) : 0;
    int32_t shift = shift_of(arrival);
    factors(height, isfinite(phase) ? clip(arrival - shift, s->phase_low, s->phase_high) : 0, clip(height / s->reference - 1, s->change_low, s->change_high), a);
    for (size_t j = 0; j < SHAPE_TERMS; j++)
        terms[j] = (float)a[j];
    return shift;
}

/* A grid over the heights and, since most arrive within half a sample, the usual arrivals that the shape knows. */
static void fold_pulses(const struct pulse_shape *s, double f[FOLD_PULSES][DOT_TERMS]) {
    enum { SIDE = 5 };
    double late = clip(s->phase_low, -0.6, 0), early = clip(s->phase_high, 0, 0.6), a[COLUMNS];
    for (size_t i = 0; i < SIDE; i++)
        for (size_t j = 0; j < SIDE; j++) {
            double p = late + (early - late) * (double)i / (SIDE - 1), u = s->change_low + (s->change_high - s->change_low) * (double)j / (SIDE - 1);
            factors(s->reference * (1 + u), p, u, a);
            memcpy(f[i * SIDE + j], a, sizeof f[0]);
        }
}

enum status pulse_shape_settle(struct pulse_shape *s) {
    double f[FOLD_PULSES][DOT_TERMS];
    shape_fold_free(s->fold);
    s->fold = NULL;
    fold_pulses(s, f);
    return shape_fold_new(s->rows, s->stride, s->n_samples - s->first, f, FOLD_LEAVES * s->reference, &s->fold);
}

float pulse_shape_residual(const struct pulse_shape *s, const struct dot_kernel *kernel, const sample_u16 *d, float base, double height, double phase) {
    float terms[SHAPE_TERMS];
    int32_t shift = pulse_shape_terms(s, height, phase, terms);
    uint32_t n = s->n_samples - s->first - (uint32_t)(shift > 0 ? shift : 0);
    d += shift;
    uint32_t head = s->fold != NULL && shape_fold_head(s->fold) < n ? shape_fold_head(s->fold) : n;
    float sum = kernel->residual(s->rows, s->stride, d + s->first, head, base, terms);
    if (head < n)
        sum += shape_fold_residual(s->fold, kernel, d + s->first + head, n - head, base, terms);
    return sum / (float)n;
}

/* ---- learning ---- */

/* Sums over the records in use, updated by adding or taking away a record. */
struct regression {
    double normal[COLUMNS][COLUMNS];
    double *right;                     /* n x COLUMNS: a[j] x sample */
    double inverse[COLUMNS][COLUMNS];  /* of the terms that can be told apart; 0 for the others */
};

/* One record to be added: its samples, each less base, times b. They are taken as many later as the pulse is late; the last one stands for those
 * behind it. */
struct addend { const sample_u16 *samples; int32_t shift; double base, b[COLUMNS]; };
enum { TOGETHER = 4 };

static struct addend addend_of(struct regression *g, const struct pulse_shape *s, const sample_u16 *d, const struct shape_point *p, double sign) {
    double a[COLUMNS], arrival = arrival_of(s, (double)p->phase);
    struct addend x = { .samples = d, .shift = shift_of(arrival), .base = (double)p->base };
    factors((double)p->height, arrival - x.shift, (double)p->height / s->reference - 1, a);
    for (size_t i = 0; i < COLUMNS; i++) {
        x.b[i] = sign * a[i];
        for (size_t j = 0; j < COLUMNS; j++)
            g->normal[i][j] += x.b[i] * a[j];
    }
    return x;
}

/* The sums are larger than a cache: some records share each walk through them, one after the other. */
static inline void add_samples(struct regression *g, const struct pulse_shape *s, const struct addend *x, size_t n) {
    int32_t last = (int32_t)s->n_samples - 1;
    for (uint32_t k = s->first; k < s->n_samples; k++) {
        double *sum = g->right + (size_t)(k - s->first) * COLUMNS, now[COLUMNS];
        memcpy(now, sum, sizeof now);
        for (size_t r = 0; r < n; r++) {
            int32_t at = (int32_t)k + x[r].shift;
            double y = x[r].samples[at < last ? at : last] - x[r].base;
            for (size_t j = 0; j < COLUMNS; j++)
                now[j] += x[r].b[j] * y;
        }
        memcpy(sum, now, sizeof now);
    }
}

static void take_away(struct regression *g, const struct pulse_shape *s, const sample_u16 *d, const struct shape_point *p) {
    struct addend x = addend_of(g, s, d, p, -1);
    add_samples(g, s, &x, 1);
}

static void add_all(struct regression *g, const struct pulse_shape *s, const struct record_store *pulses, const struct shape_point *points) {
    struct addend some[TOGETHER];
    size_t n = 0;
    for (uint32_t i = 0; i < pulses->n_records; i++) {
        if (!points[i].used)
            continue;
        some[n++] = addend_of(g, s, record_store_at(pulses, i).samples, &points[i], 1);
        if (n == TOGETHER) {
            add_samples(g, s, some, TOGETHER);
            n = 0;
        }
    }
    for (size_t r = 0; r < n; r++)
        add_samples(g, s, &some[r], 1);
}

/* One step of Gauss-Jordan on [A | inverse]; false when the pivot has nothing left of its own. */
static bool sweep(double a[COLUMNS][COLUMNS], size_t k, double least) {
    double d = a[k][k];
    if (!(d > least))
        return false;
    for (size_t j = 0; j < COLUMNS; j++)
        a[k][j] /= d;
    for (size_t i = 0; i < COLUMNS; i++) {
        double b = a[i][k];
        if (i == k)
            continue;
        for (size_t j = 0; j < COLUMNS; j++)
            a[i][j] -= b * a[k][j];
        a[i][k] = -b / d;
    }
    a[k][k] = 1 / d;
    return true;
}

/* Inverse of the normal matrix by the sweep operator, over the terms with at least 1e-5 of their size not explained by those before. */
static void invert(struct regression *g) {
    double a[COLUMNS][COLUMNS];
    bool in[COLUMNS];
    memcpy(a, g->normal, sizeof a);
    for (size_t k = 0; k < COLUMNS; k++)
        in[k] = sweep(a, k, 1e-5 * g->normal[k][k]);
    for (size_t i = 0; i < COLUMNS; i++)
        for (size_t j = 0; j < COLUMNS; j++)
            g->inverse[i][j] = in[i] && in[j] ? a[i][j] : 0;
}

static void solve(struct regression *g, struct pulse_shape *s) {
    invert(g);
    for (uint32_t k = 0; k < s->n_samples - s->first; k++)
        for (size_t j = 0; j < SHAPE_TERMS; j++) {
            double sum = 0;
            for (size_t i = 0; i < COLUMNS; i++)
                sum += g->inverse[j][i] * g->right[(size_t)k * COLUMNS + i];
            s->rows[j * s->stride + k] = (float)sum;
        }
}

/* Takes out records that the shape leaves too much of. Returns how many are left. */
static uint32_t reject(const struct record_store *pulses, struct shape_point *points, const struct pulse_shape *s, struct regression *g,
                       struct residual_point *scratch) {
    struct residual_scale scale;
    uint32_t n = 0, left = 0;
    for (uint32_t i = 0; i < pulses->n_records; i++) {
        if (!points[i].used)
            continue;
        struct pulse_record r = record_store_at(pulses, i);
        float mean_square = pulse_shape_residual(s, dot_kernel_best(), r.samples, points[i].base, (double)points[i].height, (double)points[i].phase);
        scratch[n++] = (struct residual_point){ (double)points[i].height, sqrt((double)mean_square) };
    }
    struct residual_point *copy = scratch + n;
    memcpy(copy, scratch, n * sizeof *copy);
    if (residual_scale_learn(copy, n, &scale) != STATUS_OK)
        return n;
    n = 0;
    for (uint32_t i = 0; i < pulses->n_records; i++) {
        if (!points[i].used)
            continue;
        struct residual_point p = scratch[n++];
        points[i].used = residual_scale_excess(&scale, p.height, p.residual) <= 5;
        left += points[i].used;
        struct pulse_record r = record_store_at(pulses, i);
        if (!points[i].used)
            take_away(g, s, r.samples, &points[i]);
    }
    return left;
}

/* A tenth of the middle range, `out` of the values left out at each end, is added on both sides. */
static void set_range(double *values, size_t n, double out, double *low, double *high) {
    double from = robust_quantile(values, n, out), to = robust_quantile(values, n, 1 - out);
    *low = from - 0.1 * (to - from);
    *high = to + 0.1 * (to - from);
}

/* Median height and ranges; records far outside of what pulses do are not used. Returns how many are. */
static uint32_t survey(struct shape_point *points, uint32_t n, double *scratch, struct pulse_shape *s) {
    uint32_t m = 0;
    for (uint32_t i = 0; i < n; i++)
        if (points[i].used)
            scratch[m++] = (double)points[i].height;
    double median = robust_median(scratch, m);
    m = 0;
    for (uint32_t i = 0; i < n; i++) {
        points[i].used = points[i].used && points[i].height > 0.05F * (float)median && points[i].height < 4 * (float)median && fabs(arrival_of(s, (double)points[i].phase)) < 2;
        if (points[i].used)
            scratch[m++] = (double)points[i].height / median - 1;
    }
    if (m < SHAPE_RECORDS_MIN)
        return m;
    s->reference = median;
    set_range(scratch, m, 0.01, &s->change_low, &s->change_high);
    m = 0;
    for (uint32_t i = 0; i < n; i++)
        if (points[i].used) {
            double arrival = arrival_of(s, (double)points[i].phase);
            scratch[m++] = arrival - shift_of(arrival);
        }
    set_range(scratch, m, 0, &s->phase_low, &s->phase_high);
    return m;
}

static enum status regress(const struct record_store *pulses, struct shape_point *points, struct regression *g, struct residual_point *scratch,
                           struct pulse_shape *s) {
    uint32_t left = survey(points, pulses->n_records, (double *)scratch, s);
    if (left >= SHAPE_RECORDS_MIN)
        add_all(g, s, pulses, points);
    for (int round = 0; left >= SHAPE_RECORDS_MIN && round <= SHAPE_REJECTIONS; round++) {
        solve(g, s);
        if (round < SHAPE_REJECTIONS)
            left = reject(pulses, points, s, g, scratch);
    }
    return left >= SHAPE_RECORDS_MIN ? pulse_shape_settle(s) : STATUS_TOO_FEW;
}

enum status pulse_shape_learn(const struct record_store *pulses, struct shape_point *points, struct phase_bend bend, struct pulse_shape **out) {
    struct pulse_shape *s;
    enum status status = pulse_shape_new(pulses->n_samples, pulses->n_presamples, 1, &s);
    if (status != STATUS_OK)
        return status;
    s->bend = bend;
    struct regression g = { .right = calloc((size_t)s->n_samples * COLUMNS, sizeof(double)) };
    struct residual_point *scratch = malloc(2 * ((size_t)pulses->n_records + 1) * sizeof *scratch);
    status = g.right && scratch ? regress(pulses, points, &g, scratch, s) : STATUS_NO_MEMORY;
    free(g.right);
    free(scratch);
    if (status == STATUS_OK)
        *out = s;
    else
        pulse_shape_free(s);
    return status;
}
