#include "pulse/tail_residual.h"

#include <math.h>
#include <string.h>

#include "pulse/normal_equations.h"

static const double MUCH_LEFT = 2e-3;   /* of the sum of squares: then the difference of float sums is good to 1e-4 */

enum { PIECE = 256, TERMS = 4 };   /* a constant, the tail, the pulse, the pulse as the tail bends it */

struct tail_fit {
    const struct pulse_shape *shape;
    const struct dot_kernel *kernel;
    const sample_u16 *d;
    float base, height, end;             /* end: the shape's last sample, which stands for those behind it, by count of the height */
    float minus[SHAPE_TERMS];            /* terms of the shape by count of the height, negative: the kernel takes away */
    int32_t behind;                      /* the shape's first row stands at this sample */
    double first, step, piece;           /* e at the first sample, and how it falls from sample to sample and from piece to piece: 1 in the middle of the record */
    float fall[PIECE];                   /* step^k */
};

struct piece {
    float left[PIECE], pulse[PIECE], tail[PIECE];
};

static void begin(struct tail_fit *f, double height, double arrival, double tail_samples) {
    const struct pulse_shape *s = f->shape;
    double fall[PIECE], end = 0, step = exp(-1 / tail_samples);
    float terms[SHAPE_TERMS];
    f->behind = (int32_t)s->first + pulse_shape_terms(s, height, arrival, terms);
    f->height = (float)height;
    for (size_t j = 0; j < SHAPE_TERMS; j++) {
        f->minus[j] = (float)(-(double)terms[j] / height);
        end -= (double)f->minus[j] * (double)s->rows[j * s->stride + s->n_samples - s->first - 1];
    }
    f->end = (float)end;
    f->first = exp(s->n_samples / (2 * tail_samples));
    f->step = f->piece = step;
    fall[0] = 1;
    for (size_t m = 1; m < PIECE; m *= 2, f->piece *= f->piece)   /* twice as many each time, none of which waits for another */
        for (size_t k = 0; k < m; k++)
            fall[m + k] = fall[k] * f->piece;
    for (size_t k = 0; k < PIECE; k++)
        f->fall[k] = (float)fall[k];
}

/* The pulse by count of its height at n samples from `from` on. */
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

/* at: e at the piece's first sample. */
static void fill(const struct tail_fit *f, uint32_t from, uint32_t n, float at, struct piece *p) {
    const sample_u16 *restrict d = f->d + from;
    const float *restrict fall = f->fall, *restrict pulse = p->pulse, base = f->base, height = f->height;
    float *restrict left = p->left, *restrict tail = p->tail;   /* none of them is another: or compilers make no vectors of it */
    shape_at(f, (int32_t)from, (int32_t)n, p->pulse);
    for (uint32_t k = 0; k < n; k++) {
        left[k] = (float)d[k] - base - height * pulse[k];
        tail[k] = at * fall[k];
    }
}

static uint32_t piece_from(const struct tail_fit *f, uint32_t from) {
    uint32_t rest = f->shape->n_samples - from;
    return rest < PIECE ? rest : PIECE;
}

static struct dot_bent sums_of(const struct tail_fit *f) {
    struct dot_bent sums = { 0 };
    float pulse[PIECE];
    double at = f->first;
    for (uint32_t from = 0; from < f->shape->n_samples; from += PIECE, at *= f->piece) {
        uint32_t n = piece_from(f, from);
        shape_at(f, (int32_t)from, (int32_t)n, pulse);
        f->kernel->bent(f->d + from, (struct dot_bend){ f->base, f->height, (float)at, pulse, f->fall }, n, &sums);
    }
    return sums;
}

/* Sums of e and e^2 are those of geometric series. */
static void set_equations(const struct tail_fit *f, const struct dot_bent *s, struct normal_equations *e) {
    const double last = 1 / f->first, tail = (f->first - last) / (1 - f->step), tails = (f->first * f->first - last * last) / (1 - f->step * f->step);
    const double matrix[TERMS][TERMS] = { { f->shape->n_samples }, { tail, tails }, { s->s, s->se, s->ss }, { s->se, s->see, s->sse, s->ssee } };
    const double right[TERMS] = { s->y, s->ye, s->ys, s->yse };
    normal_equations_init(e, TERMS);
    memcpy(e->matrix, matrix, sizeof matrix);
    memcpy(e->right, right, sizeof right);
}

static double rest_of(const struct tail_fit *f, const double x[TERMS]) {
    const float constant = (float)x[0], tail = (float)x[1], pulse = (float)x[2], bent = (float)x[3];
    struct piece p;
    double rest = 0, at = f->first;
    for (uint32_t from = 0; from < f->shape->n_samples; from += PIECE, at *= f->piece) {
        uint32_t n = piece_from(f, from);
        fill(f, from, n, (float)at, &p);
        for (uint32_t k = 0; k < n; k++)
            p.left[k] -= constant + tail * p.tail[k] + (pulse + bent * p.tail[k]) * p.pulse[k];
        rest += (double)f->kernel->floats(p.left, p.left, n);
    }
    return rest;
}

double tail_residual(const struct pulse_shape *shape, const struct dot_kernel *kernel, const sample_u16 *d, float base, double height, double arrival,
                     double tail_samples) {
    struct tail_fit f;
    struct normal_equations e;
    double x[TERMS];
    f.shape = shape;   /* field by field: most of it need not be cleared */
    f.kernel = kernel;
    f.d = d;
    f.base = base;
    begin(&f, height, arrival, tail_samples);
    struct dot_bent sums = sums_of(&f);
    double square = sums.yy;
    set_equations(&f, &sums, &e);
    if (normal_equations_factor(&e) == STATUS_OK) {
        normal_equations_solve(&e, e.right, x);
        double rest = square;
        for (unsigned k = 0; k < TERMS; k++)
            rest -= x[k] * e.right[k];
        square = rest > MUCH_LEFT * square ? rest : fmin(square, rest_of(&f, x));
    }
    return sqrt(square / shape->n_samples);
}
