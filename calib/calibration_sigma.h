/* calib/calibration_sigma.h - how well the energies of an array are known when its pixels are added. Errors of the pixels' own fits are
 * independent and average away with their number; what the line table is wrong by is the same in all of them and does not. */
#ifndef TESD_CALIB_CALIBRATION_SIGMA_H
#define TESD_CALIB_CALIBRATION_SIGMA_H

#include "calib/calibration_table.h"

struct energy_sigma {
    double pixel_eV;    /* 1 sigma of one pixel's own part: root mean square over the pixels */
    double common_eV;   /* of the table's part, shared by all: median over the pixels */
    double sum_eV;      /* of the pixels added with equal weight: hypot(common, root of the mean square / n) */
    uint32_t n_pixels;  /* behind it */
};

/* Of one curve at an energy: pixel_eV and common_eV. NaN where the curve has no height for it. */
struct energy_sigma calibration_sigma_of(const struct calibration_curve *curve, double energy_eV);

/* Over the pixels with a curve among pixels_used (n_pixels bytes 0 or 1; NULL: all). NaN with n_pixels 0 when there are none or no memory. */
struct energy_sigma calibration_sigma_at(const struct calibration_table *t, const uint8_t *pixels_used, double energy_eV);

#endif
