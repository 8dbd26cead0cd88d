/* pulse/normal_equations.h - small least squares: rows are added one by one, then solved by Cholesky.
 *   minimises sum of weight (value/weight - row . x)^2:  (sum weight row row') x = sum value row
 * Plain struct, up to NORMAL_MAX unknowns, no allocation. */
#ifndef TESD_PULSE_NORMAL_EQUATIONS_H
#define TESD_PULSE_NORMAL_EQUATIONS_H

#include <stddef.h>

#include "pulse/status.h"

enum { NORMAL_MAX = 13 };

struct normal_equations {
    unsigned n;                              /* unknowns, 1..NORMAL_MAX */
    double matrix[NORMAL_MAX * NORMAL_MAX];  /* n x n, lower triangle */
    double right[NORMAL_MAX];
};

void normal_equations_init(struct normal_equations *e, unsigned n);   /* all zero */
void normal_equations_add(struct normal_equations *e, const double *row, double weight, double value);
/* `count` rows, one behind the other, with weights and values: the same sums to the bit, sooner. */
void normal_equations_add_rows(struct normal_equations *e, const double *rows, const double *weight, const double *value, size_t count);

/* Replaces the matrix by its Cholesky factor. STATUS_NOT_POSITIVE: an unknown is not determined (the pivot is below 1e-12 of its
 * diagonal); the matrix is then of no more use. */
enum status normal_equations_factor(struct normal_equations *e);
/* x of matrix x = right, after _factor. right and x may be the same. */
void normal_equations_solve(const struct normal_equations *e, const double *right, double *x);
/* The covariance of x when `right` has the (lower) matrix of `variance` for its covariance, after _factor: inverse x variance x inverse, n x n. */
void normal_equations_covariance(const struct normal_equations *e, const struct normal_equations *variance, double *covariance);

#endif
