#include "pulse/normal_equations.h"

#include <assert.h>
#include <math.h>
#include <string.h>

void normal_equations_init(struct normal_equations *e, unsigned n) {
    assert(n > 0 && n <= NORMAL_MAX);
    e->n = n;
    memset(e->matrix, 0, (size_t)n * n * sizeof *e->matrix);
    memset(e->right, 0, n * sizeof *e->right);
}

void normal_equations_add(struct normal_equations *e, const double *row, double weight, double value) {
    unsigned n = e->n;
    double *restrict line = e->matrix, *restrict right = e->right;
    for (unsigned i = 0; i < n; i++, line += n) {
        double weighed = weight * row[i];
        for (unsigned j = 0; j <= i; j++)
            line[j] += weighed * row[j];
        right[i] += value * row[i];
    }
}

/* The sums are fetched and stored once for some rows, which are added one after the other. */
static void add_some(struct normal_equations *e, const double *rows, const double *weight, const double *value) {
    size_t n = e->n;
    const double *a = rows, *b = a + n, *c = b + n, *d = c + n;
    double *restrict line = e->matrix, *restrict right = e->right;
    for (size_t i = 0; i < n; i++, line += n) {
        double x = weight[0] * a[i], y = weight[1] * b[i], z = weight[2] * c[i], w = weight[3] * d[i];
        for (size_t j = 0; j <= i; j++)
            line[j] = line[j] + x * a[j] + y * b[j] + z * c[j] + w * d[j];
        right[i] = right[i] + value[0] * a[i] + value[1] * b[i] + value[2] * c[i] + value[3] * d[i];
    }
}

void normal_equations_add_rows(struct normal_equations *e, const double *rows, const double *weight, const double *value, size_t count) {
    enum { SOME = 4 };
    size_t at = 0;
    for (; at + SOME <= count; at += SOME)
        add_some(e, rows + at * e->n, weight + at, value + at);
    for (; at < count; at++)
        normal_equations_add(e, rows + at * e->n, weight[at], value[at]);
}

enum status normal_equations_factor(struct normal_equations *e) {
    size_t n = e->n;
    for (size_t j = 0; j < n; j++) {
        double *row = e->matrix + j * n, pivot = row[j];
        for (size_t k = 0; k < j; k++)
            pivot -= row[k] * row[k];
        if (!(pivot > 1e-12 * row[j]))
            return STATUS_NOT_POSITIVE;
        row[j] = sqrt(pivot);
        for (size_t i = j + 1; i < n; i++) {
            double *below = e->matrix + i * n, x = below[j];
            for (size_t k = 0; k < j; k++)
                x -= below[k] * row[k];
            below[j] = x / row[j];
        }
    }
    return STATUS_OK;
}

void normal_equations_solve(const struct normal_equations *e, const double *right, double *x) {
    size_t n = e->n;
    for (size_t i = 0; i < n; i++) {
        double sum = right[i];
        for (size_t k = 0; k < i; k++)
            sum -= e->matrix[i * n + k] * x[k];
        x[i] = sum / e->matrix[i * n + i];
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++)
            x[i] -= e->matrix[k * n + i] * x[k];
        x[i] /= e->matrix[i * n + i];
    }
}

void normal_equations_covariance(const struct normal_equations *e, const struct normal_equations *variance, double *covariance) {
    const size_t n = e->n;
    double inverse[NORMAL_MAX][NORMAL_MAX] = { { 0 } };
    for (size_t k = 0; k < n; k++) {
        inverse[k][k] = 1;
        normal_equations_solve(e, inverse[k], inverse[k]);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t k = 0; k < n; k++)
                for (size_t l = 0; l < n; l++)
                    sum += inverse[i][k] * variance->matrix[k >= l ? k * n + l : l * n + k] * inverse[j][l];
            covariance[i * n + j] = sum;
        }
}
