#include "pulse/tail_residual.h"

#include <math.h>
#include <string.h>

#include "pulse/normal_equations.h"

static const double MUCH_LEFT = 0.02;   /* of the sum of squares: then the difference of float sums is good to 1e-4 */

enum { PIECE = 256, TERMS = 4, TERM_TAIL = 1, TERM_PULSE = 2, TERM_BENT = 3 };   /* the first is 1 */

struct tail_fit {
    const struct pulse_shape *shape;
    const struct dot_kernel *kernel;
    const sample_u16 *d;
    float base, per_height, end;         /* end: the shape's last sample, which stands for those behind it */
    float minus[SHAPE_TERMS];            /* terms of the shape, negative: the kernel takes away */
    int32_t behind;                      /* the shape's first row stands at this sample */
    double tail_samples;
    float fall[PIECE];                   /* exp(-k / tail_samples) */
};

struct piece {
    float left[PIECE], of[TERMS][PIECE];
};

static void begin(struct tail_fit *f, double height, double arrival) {
    enum { LANES = 4 };
    const struct pulse_shape *s = f->shape;
    const double step = exp(-LANES / f->tail_samples);
    double fall[PIECE], end = 0;
    float terms[SHAPE_TERMS];
    f->behind = (int32_t)s->first + pulse_shape_terms(s, height, arrival, terms);
    f->per_height = (float)(1 / height);
    for (size_t j = 0; j < SHAPE_TERMS; j++) {
        f->minus[j] = -terms[j];
        end += (double)terms[j] * (double)s->rows[j * s->stride + s->n_samples - s->first - 1];
    }
    f->end = (float)end;
    for (size_t k = 0; k < PIECE; k++) {
        fall[k] = k < LANES ? exp(-(double)k / f->tail_samples) : fall[k - LANES] * step;
        f->fall[k] = (float)fall[k];
    }
}

/* The pulse itself at n samples from `from` on. */
static void shape_at(const struct tail_fit *f, int32_t from, int32_t n, float *pulse) {
    const struct pulse_shape *s = f->shape;
    const int32_t rows = (int32_t)(s->n_samples - s->first), begins = f->behind > from ? f->behind - from : 0, there = f->behind + rows - from;
    const int32_t ends = there < 0 ? 0 : there < n ? there : n;
    memset(pulse, 0, (size_t)n * sizeof *pulse);
    if (begins < ends)
        f->kernel->less(pulse + begins, s->rows + (from + begins - f->behind), s->stride, f->minus, SHAPE_TERMS, (size_t)(ends - begins));
    for (int32_t k = ends; k < n; k++)
        pulse[k] = f->end;
}

static void fill(const struct tail_fit *f, uint32_t from, uint32_t n, struct piece *p) {
    const float at = (float)exp((f->shape->n_samples / 2.0 - from) / f->tail_samples);   /* 1 in the middle of the record */
    float *pulse = p->of[TERM_PULSE];
    shape_at(f, (int32_t)from, (int32_t)n, pulse);
    for (uint32_t k = 0; k < n; k++) {
        p->left[k] = (float)f->d[from + k] - f->base - pulse[k];
        p->of[0][k] = 1;
        p->of[TERM_TAIL][k] = at * f->fall[k];
        pulse[k] *= f->per_height;
        p->of[TERM_BENT][k] = pulse[k] * p->of[TERM_TAIL][k];
    }
}

static void add(const struct tail_fit *f, const struct piece *p, size_t n, struct normal_equations *e, double *square) {
    for (unsigned i = 0; i < TERMS; i++) {
        for (unsigned j = 0; j <= i; j++)
            e->matrix[i * TERMS + j] += (double)f->kernel->floats(p->of[i], p->of[j], n);
        e->right[i] += (double)f->kernel->floats(p->of[i], p->left, n);
    }
    *square += (double)f->kernel->floats(p->left, p->left, n);
}

static double rest_of(const struct tail_fit *f, const double x[TERMS]) {
    struct piece p;
    double rest = 0;
    const float times[TERMS] = { (float)x[0], (float)x[1], (float)x[2], (float)x[3] };
    for (uint32_t from = 0; from < f->shape->n_samples; from += PIECE) {
        uint32_t n = f->shape->n_samples - from < PIECE ? f->shape->n_samples - from : PIECE;
        fill(f, from, n, &p);
        f->kernel->less(p.left, p.of[0], PIECE, times, TERMS, n);
        rest += (double)f->kernel->floats(p.left, p.left, n);
    }
    return rest;
}

double tail_residual(const struct pulse_shape *shape, const struct dot_kernel *kernel, const sample_u16 *d, float base, double height, double arrival,
                     double tail_samples) {
    struct tail_fit f = { .shape = shape, .kernel = kernel, .d = d, .base = base, .tail_samples = tail_samples };
    struct normal_equations e;
    struct piece p;
    double square = 0, x[TERMS];
    begin(&f, height, arrival);
    normal_equations_init(&e, TERMS);
    for (uint32_t from = 0; from < shape->n_samples; from += PIECE) {
        uint32_t n = shape->n_samples - from < PIECE ? shape->n_samples - from : PIECE;
        fill(&f, from, n, &p);
        add(&f, &p, n, &e, &square);
    }
    if (normal_equations_factor(&e) == STATUS_OK) {
        normal_equations_solve(&e, e.right, x);
        double rest = square;
        for (unsigned k = 0; k < TERMS; k++)
            rest -= x[k] * e.right[k];
        square = rest > MUCH_LEFT * square ? rest : fmin(square, rest_of(&f, x));
    }
    return sqrt(square / shape->n_samples);
}
