#include "calib/order_statistic.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double order_statistic_quantile(double *values, size_t n, double fraction) {
    if (n == 0)
        return NAN;
    qsort(values, n, sizeof *values, ascending);
    double at = fraction * (double)(n - 1);
    size_t i = (size_t)at;
    if (i + 1 >= n)
        return values[n - 1];
    return values[i] + (at - (double)i) * (values[i + 1] - values[i]);
}

double order_statistic_median(double *values, size_t n) {
    return order_statistic_quantile(values, n, 0.5);
}

double order_statistic_mad_sigma(double *values, size_t n, double centre) {
    for (size_t i = 0; i < n; i++)
        values[i] = fabs(values[i] - centre);
    return 1.4826 * order_statistic_median(values, n);
}
