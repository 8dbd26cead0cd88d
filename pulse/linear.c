/* Levinson's recursion (Golub and Van Loan, Matrix Computations, 4.7). a[0..m] is the prediction filter of order m, a[0] = 1;
 * its error falls by 1 - k^2 at each order and stays positive exactly as long as the leading blocks are positive definite.
 * Tried by others and rejected: Cholesky and LU (n^3, and a dense matrix of 8 MB for 1,024 samples). */
#include "pulse/linear.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* sum of a[i] x column[m - i], i = 0..m-1. Four sums, since each addition waits for the one before it. */
static double convolve(const double *a, const double *column, size_t m) {
    double sum[4] = { 0, 0, 0, 0 };
    size_t i = 0;
    for (; i + 4 <= m; i += 4)
        for (size_t j = 0; j < 4; j++)
            sum[j] += a[i + j] * column[m - i - j];
    for (; i < m; i++)
        sum[0] += a[i] * column[m - i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* sum of x[i] x y[i] */
static double product(const double *x, const double *y, size_t n) {
    double sum[4] = { 0, 0, 0, 0 };
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t j = 0; j < 4; j++)
            sum[j] += x[i + j] * y[i + j];
    for (; i < n; i++)
        sum[0] += x[i] * y[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* a of order m-1 -> order m with reflection k: a[i] + k a[m-i], in place from both ends. */
static void extend(double *a, size_t m, double k) {
    a[m] = 0;
    for (size_t i = 0, j = m; i <= j; i++, j--) {
        double front = a[i], back = a[j];
        a[i] = front + k * back;
        a[j] = back + k * front;
        if (j == 0)
            break;
    }
}

/* The solution of order m+1 from that of order m. */
static void improve(double *x, const double *a, const double *column, size_t m, double b, double error) {
    double gain = (b - convolve(x, column, m)) / error;
    for (size_t i = 0; i < m; i++)
        x[i] += gain * a[m - i];
    x[m] = gain;
}

enum status linear_toeplitz(const double *column, size_t n, const double *rhs, size_t n_rhs, double *solution) {
    if (n == 0 || !(column[0] > 0))
        return STATUS_NOT_POSITIVE;
    double least = (double)n * DBL_EPSILON * column[0];
    double *a = calloc(n * (n_rhs + 1), sizeof *a);
    if (a == NULL)
        return STATUS_NO_MEMORY;
    double *x = a + n, error = column[0];
    a[0] = 1;
    for (size_t r = 0; r < n_rhs; r++)
        x[r * n] = rhs[r * n] / error;
    for (size_t m = 1; m < n; m++) {
        double k = -convolve(a, column, m) / error;
        error *= 1 - k * k;
        if (!(error > least)) {
            free(a);
            return STATUS_NOT_POSITIVE;
        }
        extend(a, m, k);
        for (size_t r = 0; r < n_rhs; r++)
            improve(x + r * n, a, column, m, rhs[r * n + m], error);
    }
    memcpy(solution, x, n_rhs * n * sizeof *x);
    free(a);
    return STATUS_OK;
}

void linear_prediction(const double *column, size_t order, double *a, double *error) {
    memset(a, 0, (order + 1) * sizeof *a);
    a[0] = 1;
    *error = column[0];
    for (size_t m = 1; m <= order; m++) {
        double k = -convolve(a, column, m) / *error, less = *error * (1 - k * k);
        if (!(less > 1e-9 * column[0]))
            return;
        extend(a, m, k);
        *error = less;
    }
}

double linear_toeplitz_form(const double *column, const double *x, size_t n) {
    double total = 0;
    for (size_t lag = 0; lag < n; lag++)
        total += (lag ? 2 : 1) * product(x, x + lag, n - lag) * column[lag];
    return total;
}

enum status linear_toeplitz_zero_sum(const double *column, size_t n, const double *rhs, size_t n_rhs, double *solution) {
    enum status s = linear_toeplitz(column, n, rhs, n_rhs, solution);
    if (s != STATUS_NOT_POSITIVE || !(column[0] > 0))
        return s;
    double *raised = malloc(n * sizeof *raised);
    if (raised == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < n; i++)
        raised[i] = column[i] + 20 * column[0];
    s = linear_toeplitz(raised, n, rhs, n_rhs, solution);
    free(raised);
    return s;
}

static void swap_rows(double *a, size_t n, size_t i, size_t j) {
    for (size_t k = 0; k < n; k++) {
        double kept = a[i * n + k];
        a[i * n + k] = a[j * n + k];
        a[j * n + k] = kept;
    }
}

static size_t pivot_row(const double *a, size_t n, size_t column) {
    size_t best = column;
    for (size_t i = column + 1; i < n; i++)
        if (fabs(a[i * n + column]) > fabs(a[best * n + column]))
            best = i;
    return best;
}

static void subtract_row(double *a, size_t n, size_t from, size_t row, double times) {
    for (size_t k = 0; k < n; k++)
        a[from * n + k] -= times * a[row * n + k];
}

enum status linear_dense(double *a, size_t n, double *rhs, size_t n_rhs) {
    for (size_t c = 0; c < n; c++) {
        size_t pivot = pivot_row(a, n, c);
        if (!(fabs(a[pivot * n + c]) > 0) || !isfinite(a[pivot * n + c]))
            return STATUS_NOT_POSITIVE;
        swap_rows(a, n, c, pivot);
        swap_rows(rhs, n_rhs, c, pivot);
        for (size_t i = 0; i < n; i++) {
            double times = a[i * n + c] / a[c * n + c];
            if (i == c)
                continue;
            subtract_row(a, n, i, c, times);
            subtract_row(rhs, n_rhs, i, c, times);
        }
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n_rhs; k++)
            rhs[i * n_rhs + k] /= a[i * n + i];
    return STATUS_OK;
}
