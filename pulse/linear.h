/* pulse/linear.h - the linear algebra that filters need: symmetric Toeplitz systems.
 * Levinson's recursion, O(n^2) time and O(n) memory: 1,024 unknowns take a few ms where a dense solver takes 50. */
#ifndef TESD_PULSE_LINEAR_H
#define TESD_PULSE_LINEAR_H

#include <stddef.h>

#include "pulse/status.h"

/* Solves T x = b for n_rhs right-hand sides, T[i][j] = column[|i-j|], i, j = 0..n-1. rhs and solution are n_rhs x n, row by row.
 * STATUS_NOT_POSITIVE: a leading block of T is not positive definite (judged at every order by the prediction error, against
 * rounding: n x 2.2e-16 x column[0]); solution is then untouched. */
enum status linear_toeplitz(const double *column, size_t n, const double *rhs, size_t n_rhs, double *solution);

/* The same for use in filters that sum to zero, which do not see a constant added to all lags: where T is positive definite only for
 * such filters, a constant is added and the system solved again. */
enum status linear_toeplitz_zero_sum(const double *column, size_t n, const double *rhs, size_t n_rhs, double *solution);

/* Prediction filter of that order (< n): a[0] = 1 .. a[order], so that sum of a[i] x[t - i] is white for noise of this covariance, of
 * variance *error. Stops at a lower order (a is 0 from there on) where T is no longer positive definite; column[0] > 0. */
void linear_prediction(const double *column, size_t order, double *a, double *error);

/* A x = b by elimination with pivoting, for a handful of unknowns: a is n x n, rhs n x n_rhs, both row by row and used up; the
 * solution takes the place of rhs. STATUS_NOT_POSITIVE: A is singular, or not a number. */
enum status linear_dense(double *a, size_t n, double *rhs, size_t n_rhs);

/* x' T x for the same T, by one pass per lag. */
double linear_toeplitz_form(const double *column, const double *x, size_t n);

#endif
