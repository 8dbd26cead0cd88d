#include "pulse/shape_fold.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS = 10 };   /* of the iteration; each gains the ratio of two neighbouring variances, a hundred and more */

struct shape_fold {
    uint32_t head, n;                    /* n: samples behind the head */
    size_t stride;                       /* of rows: room for n */
    double left;
    float *rows;                         /* owned: DOT_FEW x stride, woven, 64-byte aligned */
    float mix[DOT_FEW][DOT_TERMS];       /* a row's term = sum over j of mix[j] x terms[j] */
};

/* Columns are the directions. */
struct basis { double of[FOLD_PULSES][DOT_FEW]; };

/* gram[i][j] = sum over the samples from `head` on of rows i and j. */
static void gram_of_rows(const float *rows, size_t stride, uint32_t head, uint32_t n, double gram[DOT_TERMS][DOT_TERMS]) {
    for (size_t i = 0; i < DOT_TERMS; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = 0;
            for (uint32_t k = head; k < n; k++)
                sum += (double)rows[i * stride + k] * (double)rows[j * stride + k];
            gram[i][j] = gram[j][i] = sum;
        }
}

/* half = factors x gram; all = half x factors': what the pulses have in common. */
static void gram_of_pulses(const double gram[DOT_TERMS][DOT_TERMS], const double factors[FOLD_PULSES][DOT_TERMS], double half[FOLD_PULSES][DOT_TERMS],
                           double all[FOLD_PULSES][FOLD_PULSES]) {
    for (size_t a = 0; a < FOLD_PULSES; a++)
        for (size_t j = 0; j < DOT_TERMS; j++) {
            half[a][j] = 0;
            for (size_t i = 0; i < DOT_TERMS; i++)
                half[a][j] += factors[a][i] * gram[i][j];
        }
    for (size_t a = 0; a < FOLD_PULSES; a++)
        for (size_t b = 0; b < FOLD_PULSES; b++) {
            all[a][b] = 0;
            for (size_t j = 0; j < DOT_TERMS; j++)
                all[a][b] += half[a][j] * factors[b][j];
        }
}

/* By Gram and Schmidt, twice; a direction of which nothing is left becomes 0. */
static void make_orthonormal(struct basis *w) {
    for (size_t c = 0; c < DOT_FEW; c++)
        for (int pass = 0; pass < 2; pass++) {
            double length = 0;
            for (size_t e = 0; e < c; e++) {
                double dot = 0;
                for (size_t a = 0; a < FOLD_PULSES; a++)
                    dot += w->of[a][e] * w->of[a][c];
                for (size_t a = 0; a < FOLD_PULSES; a++)
                    w->of[a][c] -= dot * w->of[a][e];
            }
            for (size_t a = 0; a < FOLD_PULSES; a++)
                length += w->of[a][c] * w->of[a][c];
            for (size_t a = 0; a < FOLD_PULSES; a++)
                w->of[a][c] = length > 0 ? w->of[a][c] / sqrt(length) : 0;
        }
}

/* The main directions of `all`, and what variance each has. */
static void main_directions(const double all[FOLD_PULSES][FOLD_PULSES], struct basis *w, double variance[DOT_FEW]) {
    for (size_t a = 0; a < FOLD_PULSES; a++)
        for (size_t c = 0; c < DOT_FEW; c++)
            w->of[a][c] = c == 0 ? 1 : cos(3.1 * (double)c * (double)a + (double)c);   /* anything that is not orthogonal to them */
    for (int turn = 0; turn < TURNS; turn++) {
        struct basis next = { { { 0 } } };
        for (size_t a = 0; a < FOLD_PULSES; a++)
            for (size_t b = 0; b < FOLD_PULSES; b++)
                for (size_t c = 0; c < DOT_FEW; c++)
                    next.of[a][c] += all[a][b] * w->of[b][c];
        *w = next;
        make_orthonormal(w);
    }
    for (size_t c = 0; c < DOT_FEW; c++) {
        variance[c] = 0;
        for (size_t a = 0; a < FOLD_PULSES; a++)
            for (size_t b = 0; b < FOLD_PULSES; b++)
                variance[c] += w->of[a][c] * all[a][b] * w->of[b][c];
    }
}

/* A direction as a row of samples of length 1, and the row's term for given terms. */
static void set_row(const float *rows, size_t stride, const double factors[FOLD_PULSES][DOT_TERMS], const double half[FOLD_PULSES][DOT_TERMS],
                    const struct basis *w, size_t c, double variance, struct shape_fold *f) {
    double terms[DOT_TERMS] = { 0 }, mix[DOT_TERMS] = { 0 }, scale = variance > 0 ? 1 / sqrt(variance) : 0;
    for (size_t a = 0; a < FOLD_PULSES; a++)
        for (size_t j = 0; j < DOT_TERMS; j++) {
            terms[j] += scale * w->of[a][c] * factors[a][j];
            mix[j] += scale * w->of[a][c] * half[a][j];
        }
    for (uint32_t k = 0; k < f->n; k++) {
        double sum = 0;
        for (size_t j = 0; j < DOT_TERMS; j++)
            sum += terms[j] * (double)rows[j * stride + f->head + k];
        f->rows[c * f->stride + dot_place(k)] = (float)sum;
    }
    for (size_t j = 0; j < DOT_TERMS; j++)
        f->mix[c][j] = (float)mix[j];
}

static double fold_at(const float *rows, size_t stride, const double factors[FOLD_PULSES][DOT_TERMS], struct shape_fold *f) {
    double gram[DOT_TERMS][DOT_TERMS], half[FOLD_PULSES][DOT_TERMS], all[FOLD_PULSES][FOLD_PULSES], variance[DOT_FEW], left = 0;
    struct basis w;
    gram_of_rows(rows, stride, f->head, f->head + f->n, gram);
    gram_of_pulses(gram, factors, half, all);
    main_directions(all, &w, variance);
    for (size_t a = 0; a < FOLD_PULSES; a++)
        left += all[a][a];
    for (size_t c = 0; c < DOT_FEW; c++) {
        left -= variance[c];
        set_row(rows, stride, factors, half, &w, c, variance[c], f);
    }
    return sqrt(fmax(0, left) / FOLD_PULSES / f->n);
}

enum status shape_fold_new(const float *rows, size_t stride, uint32_t n, const double factors[FOLD_PULSES][DOT_TERMS], double most_rms, struct shape_fold **out) {
    struct shape_fold *f = calloc(1, sizeof *f);
    size_t room = ((size_t)n / DOT_PAD + 1) * DOT_PAD;
    float *few = aligned_alloc(64, DOT_FEW * room * sizeof *few);
    *out = NULL;
    if (f == NULL || few == NULL) {
        free(f);
        free(few);
        return STATUS_NO_MEMORY;
    }
    f->rows = few;
    f->stride = room;
    for (uint32_t head = DOT_PAD; *out == NULL && head < n / 2; head += head < 4 * DOT_PAD ? DOT_PAD : 4 * DOT_PAD) {
        f->head = head;
        f->n = n - head;
        memset(few, 0, DOT_FEW * room * sizeof *few);
        f->left = fold_at(rows, stride, factors, f);
        if (f->left <= most_rms)
            *out = f;
    }
    if (*out == NULL)
        shape_fold_free(f);
    return STATUS_OK;
}

void shape_fold_free(struct shape_fold *f) {
    if (f == NULL)
        return;
    free(f->rows);
    free(f);
}

uint32_t shape_fold_head(const struct shape_fold *f) {
    return f->head;
}

double shape_fold_left(const struct shape_fold *f) {
    return f->left;
}

float shape_fold_residual(const struct shape_fold *f, const struct dot_kernel *kernel, const sample_u16 *x, uint32_t n, float base, const float terms[DOT_TERMS]) {
    float few[DOT_FEW];
    assert(n <= f->n);
    for (size_t c = 0; c < DOT_FEW; c++) {
        few[c] = 0;
        for (size_t j = 0; j < DOT_TERMS; j++)
            few[c] += f->mix[c][j] * terms[j];
    }
    return kernel->few(f->rows, f->stride, x, n, base, few);
}
