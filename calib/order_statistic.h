/* calib/order_statistic.h - quantile, median and robust spread of a few numbers. The arrays given are reordered. */
#ifndef TESD_CALIB_ORDER_STATISTIC_H
#define TESD_CALIB_ORDER_STATISTIC_H

#include <stddef.h>

/* Linear between order statistics; fraction 0..1. NaN for n = 0; values must not be NaN. */
double order_statistic_quantile(double *values, size_t n, double fraction);
double order_statistic_median(double *values, size_t n);
/* Standard deviation as 1.4826 x the median absolute deviation from `centre`. */
double order_statistic_mad_sigma(double *values, size_t n, double centre);

#endif
