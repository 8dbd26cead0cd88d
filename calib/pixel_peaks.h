/* calib/pixel_peaks.h - the peaks of one pixel's heights, for people without a line table: they may make one from it.
 *   heights --list--> fits[] named peak1, peak2, ... by prominence: height, and the prominence in counts; no energy, no curve */
#ifndef TESD_CALIB_PIXEL_PEAKS_H
#define TESD_CALIB_PIXEL_PEAKS_H

#include "calib/calibration_table.h"

/* Verdict "no table"; with too few pulses "bad". Fills all of *out. */
enum status pixel_peaks_list(const struct calibration_heights *heights, struct pixel_calibration *out);

#endif
