/* calib/scan_sensitivity.h - sensitivities of an array from all its scans, with calibrations where scans alone are too short.
 *   high photons and high live times of every scan and calibration --scan_sensitivity_fit--> eps (sensitivity.h)
 * The same rule when records are replayed and when files are merged, so that both give the same live times. Pure. */
#ifndef TESD_CALIB_SCAN_SENSITIVITY_H
#define TESD_CALIB_SCAN_SENSITIVITY_H

#include "calib/scan_products.h"

/* Calibrations as one more scan: photons of grade high and the time in which one more would have been one, [pixel x n + calibration]. */
struct calibration_counts {
    uint32_t n_pixels, n;
    uint32_t *photons;
    int64_t *high_ns;
    uint8_t *used;               /* n_pixels */
};
enum status calibration_counts_new(uint32_t n_pixels, uint32_t n, struct calibration_counts *out);   /* zeroed; free with _done */
void calibration_counts_done(struct calibration_counts *c);

/* eps: n_pixels values, mean 1. calibrations NULL or n 0: none. They count when the points of all scans last less than 300 s together. */
enum status scan_sensitivity_fit(struct scan_products *const *products, size_t n_products, uint32_t n_pixels, const struct calibration_counts *calibrations, double *eps);

#endif
